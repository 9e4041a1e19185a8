"""What mails about accounts say: first what is, then when it is to be worried about, then what to do."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import translation

from accounts import letters
from accounts.factors import actions as factors
from accounts.models import User
from tests.accounts.mailbox import Mailbox, text_of
from tests.authenticators import with_app
from tests.factories import PASSWORD, web

TOLD = set(letters.TOLD) - {"address_wanted"}


@pytest.fixture
def told(employee: User, admin: User, mailbox: Mailbox, settings: Any) -> dict[str, tuple[str, str]]:
    """Text and HTML of each mail about something that was done, by its subject."""
    User.objects.filter(pk=employee.pk).update(time_zone="Asia/Yekaterinburg")
    browser = Client(REMOTE_ADDR="203.0.113.7")
    browser.post("/account/sign-in/", {"email": employee.email, "password": PASSWORD})
    new = {
        "current_password": PASSWORD,
        "password": "another long password",
        "repeated": "another long password",
    }
    assert browser.post("/account/password/", new).status_code == 302
    employee.refresh_from_db()
    with_app(employee)
    codes = factors.renew_codes(employee, by=web(employee))
    assert factors.show_code(employee, code=codes[0], by=web(employee))
    factors.remove(employee, which="app", by=web(employee))
    with_app(employee)
    factors.reset(employee, by=web(admin))
    mails = mailbox.all_to(employee.email)
    return {mail["Subject"]: (text_of(mail), text_of(mail, "html")) for mail in mails}


def test_each_says_when_and_from_where_in_the_zone_of_its_reader(told: dict[str, tuple[str, str]]) -> None:
    """Seen to fail without `event` in the calls of letters.post: nothing knew when it was."""
    assert len(told) == len(TOLD) == 6
    for subject, (text, html) in told.items():
        assert "UTC+5" in text, subject
        assert "UTC+5" in html, subject
    assert "203.0.113.7" in told["Your password has changed"][0]
    by_maria = told["Your second factor was reset"][0]
    assert "Maria Petrova" in by_maria


def test_each_tells_first_when_there_is_nothing_to_do_and_its_button_is_quiet(
    told: dict[str, tuple[str, str]],
) -> None:
    for subject, (text, html) in told.items():
        assert 0 < text.index("nothing to do") < text.index("http://"), subject
        assert "background:#066fd1" not in html.partition("nothing to do")[2], subject


def test_a_mail_that_was_asked_for_keeps_its_button(employee: User, mailbox: Mailbox) -> None:
    Client().post("/account/forgot/", {"email": employee.email})
    assert "background:#066fd1" in text_of(mailbox.last_to(employee.email), "html")


def test_every_kind_has_a_name_and_words_in_both_languages(employee: User) -> None:
    kinds = {*letters.PLAIN, *letters.BRINGING, *letters.TELLING, *letters.TOLD}
    assert kinds == set(letters.NAMES)
    for language in ("en", "ru"):
        with translation.override(language):
            for kind in {*letters.PLAIN, *letters.TOLD}:
                # One that was on its way before letters knew of events, or whose event cannot be read, is sent as well.
                assert letters.compose(kind, uuid4(), to=employee) is not None
