"""One's own API keys."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import ApiKey, User
from audit.models import Event
from tests.factories import PASSWORD

type BrowserOf = Callable[[User], Client]
KEYS = "/account/keys/"
WANTED: dict[str, Any] = {"name": "Backup script", "scopes": ["read", "write"], "days": 30}


def issue(browser: Client, **changed: Any) -> Any:
    return browser.post(KEYS, WANTED | {"form_name": browser.get(KEYS).context["form_name"]} | changed)


def raw_key(answer: Any) -> str:
    found = re.search(r'value="(sf_[a-z0-9]{8}_[\w-]{43})"', answer.content.decode())
    assert found is not None
    return found[1]


def test_anna_issues_a_key_and_sees_it_once(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    answer = issue(browser)
    raw = raw_key(answer)
    assert answer["Cache-Control"] == "no-store"
    key = api_keys.find(raw)
    assert key is not None
    assert (key.user, key.name, key.scopes) == (employee, "Backup script", ["read", "write"])
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)
    page = browser.get(KEYS).content.decode()
    assert f"sf_{key.prefix}…" in page
    assert raw not in page
    assert Event.objects.get().verb == "api_key.issued"


def test_a_reload_issues_no_second_key_and_shows_none(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    name = browser.get(KEYS).context["form_name"]
    issue(browser, form_name=name)
    again = issue(browser, form_name=name)
    assert again["Location"] == KEYS
    assert ApiKey.objects.count() == 1
    assert "A key is shown only once" in browser.get(KEYS).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 101), ("scopes", []), ("scopes", ["everything"]), ("days", 0), ("days", 366),
        ("days", "9" * 40), ("days", "soon"), ("form_name", "made up"),
    ],
)  # fmt: skip
def test_faults_are_said_and_no_key_comes_of_them(
    employee: User, browser_of: BrowserOf, field: str, value: Any
) -> None:
    answer = issue(browser_of(employee), **{field: value})
    assert answer.status_code == 200
    assert "Please correct this" in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_for_managing_people_is_for_administrators(
    employee: User, admin: User, browser_of: BrowserOf
) -> None:
    assert issue(browser_of(employee), scopes=["admin"]).context["form"].errors["scopes"]
    assert raw_key(issue(browser_of(admin), scopes=["admin"]))


def test_a_key_is_replaced_in_one_step_and_once(employee: User, browser_of: BrowserOf) -> None:
    key, raw = api_keys.issue(employee, name="Backup script", scopes=["read"], by=SYSTEM)
    browser = browser_of(employee)
    answer = browser.post(f"{KEYS}{key.public_id}/rotate/")
    assert "which works until" in answer.content.decode()
    assert api_keys.find(raw) is not None
    assert api_keys.find(raw_key(answer)) is not None
    assert browser.post(f"{KEYS}{key.public_id}/rotate/")["Location"] == KEYS
    assert ApiKey.objects.count() == 2
    page = browser.get(KEYS).content.decode()
    assert "Works until" in page
    assert page.count("/rotate/") == 1
    assert page.count("/revoke/") == 2
    browser.post(f"{KEYS}{key.public_id}/revoke/")
    assert api_keys.find(raw) is None


@pytest.mark.parametrize(("hours", "days"), [("0", 0), ("24", 1), ("168", 7), ("", 1)])
def test_when_the_old_key_ends_is_her_choice(
    employee: User, browser_of: BrowserOf, hours: str, days: int
) -> None:
    key, raw = api_keys.issue(employee, name="Backup script", scopes=["read"], by=SYSTEM)
    answer = browser_of(employee).post(f"{KEYS}{key.public_id}/rotate/", {"overlap": hours})
    assert ("which no longer works" in answer.content.decode()) == (not days)
    key.refresh_from_db()
    assert key.state[0] == ("replaced" if days else "revoked")
    if days:
        assert timedelta(0) <= timedelta(days=days) - (key.expires_at - timezone.now()) < timedelta(minutes=1)
    assert (api_keys.find(raw) is None) == (not days)


@pytest.mark.parametrize("hours", ["1", "-24", "9" * 30, "soon"])
def test_another_choice_is_none(employee: User, browser_of: BrowserOf, hours: str) -> None:
    key, _raw = api_keys.issue(employee, name="Backup script", scopes=["read"], by=SYSTEM)
    assert browser_of(employee).post(f"{KEYS}{key.public_id}/rotate/", {"overlap": hours}).status_code == 400
    assert ApiKey.objects.count() == 1


def test_a_key_is_revoked(employee: User, browser_of: BrowserOf) -> None:
    key, raw = api_keys.issue(employee, name="Backup script", scopes=["read"], by=SYSTEM)
    browser = browser_of(employee)
    assert browser.post(f"{KEYS}{key.public_id}/revoke/")["Location"] == KEYS
    assert api_keys.find(raw) is None
    page = browser.get(KEYS).content.decode()
    assert "revoked" in page
    assert "/rotate/" not in page


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_somebody_elses_key_is_not_there(
    employee: User, admin: User, browser_of: BrowserOf, verb: str
) -> None:
    key, raw = api_keys.issue(employee, name="Backup script", scopes=["read"], by=SYSTEM)
    assert browser_of(admin).post(f"{KEYS}{key.public_id}/{verb}/").status_code == 404
    assert api_keys.find(raw) is not None
    assert key.prefix not in browser_of(admin).get(KEYS).content.decode()


@pytest.mark.parametrize("verb", ["revoke", "rotate"])
def test_only_a_post_changes_a_key(employee: User, browser_of: BrowserOf, verb: str) -> None:
    key, _raw = api_keys.issue(employee, name="Backup script", scopes=["read"], by=SYSTEM)
    assert browser_of(employee).get(f"{KEYS}{key.public_id}/{verb}/").status_code == 405


def test_strangers_are_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get(KEYS)["Location"] == f"/account/sign-in/?next={KEYS}"


# --- The password once more ----------------------------------------------------------------------


@pytest.fixture
def left_open(employee: User, browser_of: BrowserOf) -> Client:
    """A browser at which somebody signed in sixteen minutes ago."""
    browser = browser_of(employee)
    session = browser.session
    session["password_shown_at"] -= 16 * 60
    session.save()
    return browser


def test_a_browser_left_open_gives_nobody_a_key(left_open: Client, employee: User) -> None:
    key, _raw = api_keys.issue(employee, name="Old", scopes=["read"], by=SYSTEM)
    for answer in (issue(left_open), left_open.post(f"{KEYS}{key.public_id}/rotate/")):
        assert answer["Location"] == "/account/confirm/?next=%2Faccount%2Fkeys%2F"
    assert left_open.post("/account/confirm/", {"password": "a wrong guess at it"}).status_code == 200
    assert issue(left_open).status_code == 302
    assert ApiKey.objects.count() == 1


def test_with_the_password_once_more_it_goes_on_where_it_was(left_open: Client) -> None:
    issue(left_open, name="Typed before")
    answer = left_open.post("/account/confirm/", {"password": PASSWORD, "next": KEYS})
    assert answer["Location"] == KEYS
    page = left_open.get(KEYS)
    assert 'value="Typed before"' in page.content.decode()
    assert raw_key(left_open.post(KEYS, WANTED | {"form_name": page.context["form_name"]}))


def test_guessing_there_is_slow_and_leads_nowhere_else(left_open: Client, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign_in": 1}
    sent = {"password": "a wrong guess at it", "next": "https://evil.example/"}
    assert "evil" not in left_open.post("/account/confirm/", sent).content.decode()
    assert left_open.post("/account/confirm/", sent).status_code == 429
