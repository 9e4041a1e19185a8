"""The pages about oneself say how things stand, and no more than is true."""

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import unquote

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import User
from accounts.providers import social_login
from tests.authenticators import code, with_app

type BrowserOf = Callable[[User], Client]
CODES, APP = "/account/second-factor/codes/", "/account/second-factor/app/"


def set_up(browser: Client) -> str:
    page = browser.get(APP).content.decode()
    secret = re.findall(r'class="sf-key">([A-Z2-7 ]+)<', page)[0].replace(" ", "")
    signed = re.findall(r'name="secret" value="([^"]+)"', page)[0]
    return browser.post(APP, {"secret": signed, "code": code(secret)}).content.decode()


def test_recovery_codes_are_kept_as_a_file_without_a_script(employee: User, browser_of: BrowserOf) -> None:
    """Seen to fail before there was a link: what can be pressed without a script copied nothing."""
    page = set_up(browser_of(employee))
    shown = re.findall(r"<li><code>([^<]+)</code>", page)
    [(name, address)] = re.findall(r'download="([^"]+)" href="data:text/plain;charset=utf-8,([^"]+)"', page)
    kept = unquote(unescape(address))
    assert (len(shown), name) == (10, "recovery-codes.txt")
    assert kept.splitlines()[2:] == shown
    assert employee.email in kept.splitlines()[0]


def test_the_first_codes_have_no_earlier_ones(employee: User, browser_of: BrowserOf) -> None:
    """Seen to fail with the sentence under every list of codes."""
    browser = browser_of(employee)
    assert "Earlier codes" not in set_up(browser)
    assert "Earlier codes no longer work" in browser.post(CODES).content.decode()


def test_the_profile_tells_how_the_account_stands(employee: User, browser_of: BrowserOf) -> None:
    """Seen to fail with one text for those who have a second factor and those who have none."""
    browser = browser_of(employee)
    page = browser.get("/account/").content.decode()
    assert "Off. An app or a passkey" in page
    assert "1 place<" in page
    with_app(employee)
    employee.refresh_from_db()
    page = browser_of(employee).get("/account/").content.decode()
    assert "Off. An app" not in page
    assert 'aria-label="Manage second factors"' in page


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_name_with_a_full_stop_ends_no_sentence(language: str) -> None:
    """Seen to fail with "You have not signed in with Example Inc.." and its like."""
    with translation.override(language):
        for why in social_login.TEXTS:
            assert ".." not in social_login.text_of(why, "Example Inc.")
