"""Language and theme: everybody's choice, remembered."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from audit.models import Event

type BrowserOf = Callable[[User], Client]
THEME, LANGUAGE = "/account/theme/", "/account/language/"


def test_a_stranger_chooses_russian_and_dark_before_signing_in(client: Client, db: None) -> None:
    client.post(LANGUAGE, {"language": "ru", "next": "/account/sign-in/"})
    answer = client.post(THEME, {"theme": "dark", "next": "/account/sign-in/"})
    assert answer["Location"] == "/account/sign-in/"
    page = client.get("/account/sign-in/").content.decode()
    assert '<html lang="ru" data-theme="dark"' in page
    for name in ("language", "theme"):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["secure"]  # the tests' desk has no TLS


def test_annas_choice_is_hers_on_every_machine(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    browser.post(LANGUAGE, {"language": "ru"})
    browser.post(THEME, {"theme": "dark"})
    employee.refresh_from_db()
    assert (employee.language, employee.theme) == ("ru", "dark")
    assert [event.verb for event in Event.objects.all()] == ["user.profile_changed"] * 2
    assert '<html lang="ru" data-theme="dark"' in browser_of(employee).get("/account/").content.decode()


def test_back_to_what_the_system_says(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    browser.post(THEME, {"theme": "light"})
    browser.post(THEME, {"theme": "system"})
    employee.refresh_from_db()
    assert employee.theme == ""


@pytest.mark.parametrize("address", [THEME, LANGUAGE])
def test_only_a_post_changes_anything(client: Client, db: None, address: str) -> None:
    assert client.get(address).status_code == 405


def test_who_comes_back_to_an_address_that_takes_a_form_gets_a_page(client: Client, db: None) -> None:
    """Seen to fail without explain_refused_methods: browsers show a page of their own for an empty answer."""
    answer = client.get(THEME)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "it is no page" in answer.text
    assert "Content-Security-Policy" in answer


@pytest.mark.parametrize("value", ["", "purple", "x" * 5000])
def test_what_is_no_choice_is_refused(client: Client, db: None, value: str) -> None:
    assert client.post(THEME, {"theme": value}).status_code == 400
    assert client.post(LANGUAGE, {"language": value}).status_code == 400


def test_the_way_back_stays_here(client: Client, db: None) -> None:
    assert client.post(THEME, {"theme": "dark", "next": "//evil.example/"})["Location"] == "/"
