"""The page that asks once more who it is, and the way out of it."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from accounts.models import User
from tests.authenticators import with_app

type BrowserOf = Callable[[User], Client]
FACTORS = "/account/second-factor/"


@pytest.fixture
def left_open(admin: User) -> Client:
    """Maria's browser, an hour after she has shown who she is."""
    browser = Client()
    browser.force_login(admin)
    return browser


def way_out(page: bytes) -> str:
    [link] = re.findall(r'<a class="btn btn-quiet" href="([^"]+)">Cancel</a>', page.decode())
    return unescape(link)


@pytest.mark.parametrize("has_app", [False, True])
@pytest.mark.parametrize(
    ("asked", "back"),
    [
        (f"{FACTORS}app/?next=/tickets/new/", f"{FACTORS}?next=%2Ftickets%2Fnew%2F"),
        (f"{FACTORS}passkey/", FACTORS),
        ("/admin/accounts/apikey/add/", "/admin/accounts/apikey/"),
        ("/admin/accounts/user/{pk}/password/", "/admin/accounts/user/{pk}/change/"),
        ("/admin/accounts/user/{pk}/second-factor/", "/admin/accounts/user/{pk}/change/"),
    ],
)
def test_cancel_leads_to_a_page_that_asks_for_nothing(
    left_open: Client,
    admin: User,
    employee: User,
    browser_of: BrowserOf,
    has_app: bool,
    asked: str,
    back: str,
) -> None:
    """Seen to fail with Cancel to the goal itself, which only asked again."""
    browser = left_open
    if has_app:
        with_app(admin)
        admin.refresh_from_db()
        browser = browser_of(admin)
        session = browser.session
        session["password_shown_at"] -= 16 * 60
        session.save()
    page = browser.get(asked.format(pk=employee.pk), follow=True)
    assert page.redirect_chain[-1][0].startswith("/account/confirm/")
    out = way_out(page.content)
    assert out == back.format(pk=employee.pk)
    assert browser.get(out).status_code == 200


def test_a_form_that_was_sent_is_gone_back_to(left_open: Client) -> None:
    fields = {"name": "x", "scopes": "read", "days": "90"}
    page = left_open.post("/account/keys/", fields, follow=True)
    assert way_out(page.content) == "/account/keys/"


def test_whoever_comes_by_himself_gets_out_to_his_profile(left_open: Client) -> None:
    page = left_open.get("/account/confirm/", {"next": f"{FACTORS}app/"})
    assert way_out(page.content) == "/account/"
