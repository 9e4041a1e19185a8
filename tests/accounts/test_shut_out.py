"""Who is deactivated is out at once: by every way in there is, each tried before and after.

Each was seen to fail with its guard removed: the session with the salt, `drop_all` and the question for is_active in
EmailBackend.get_user taken away together, the key with revoke_all and the condition of api_keys._USABLE, a link with
the state and is_active in link_tokens.is_good, a reply address with the salt in correspondence._essence.
"""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import actions
from accounts.acting import SYSTEM
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.models import Link, Purpose, User
from tests.accounts.mailbox import Mailbox, followed
from tests.factories import PASSWORD, UserFactory, web
from tickets import correspondence
from tickets.models import Ticket


@pytest.fixture(params=["deactivated", "let in again"])
def shut_out(request: pytest.FixtureRequest, admin: User) -> Callable[[User], None]:
    """Deactivate somebody; once more, and let him in again: nothing of before is his."""

    def shut(user: User) -> None:
        actions.deactivate(user, by=web(admin))
        if request.param == "let in again":
            actions.activate(user, by=web(admin))

    return shut


type ShutOut = Callable[[User], None]


def test_his_sessions(employee: User, shut_out: ShutOut) -> None:
    browser = Client()
    browser.post("/account/sign-in/", {"email": employee.email, "password": PASSWORD})
    assert browser.get("/account/").status_code == 200
    shut_out(employee)
    assert browser.get("/account/").status_code == 302
    assert not Session.objects.filter(session_key__in=UserSession.objects.values("session_key")).exists()


def test_his_keys(employee: User, shut_out: ShutOut, key_of: Callable[..., str]) -> None:
    program = Client(headers={"x-api-key": key_of(employee)})
    assert program.get("/api/v1/users/me").status_code == 200
    shut_out(employee)
    assert program.get("/api/v1/users/me").status_code == 401


@pytest.mark.parametrize("purpose", list(Purpose))
def test_his_links(employee: User, shut_out: ShutOut, purpose: Purpose) -> None:
    link = link_tokens.make(employee, purpose, email="new@example.com", former_email=employee.email)
    tokens = [link_tokens.token(link)] + [link_tokens.token(link, link_tokens.STOP)] * (
        purpose == Purpose.EMAIL
    )
    assert all(followed(Client(), f"/account/link/{token}/") for token in tokens)
    shut_out(employee)
    assert [followed(Client(), f"/account/link/{token}/") for token in tokens] == [""] * len(tokens)


def test_the_pages_of_links_that_he_has_followed(employee: User, shut_out: ShutOut) -> None:
    link = link_tokens.make(employee, Purpose.RESET, email=employee.email)
    browser = Client()
    followed(browser, f"/account/link/{link_tokens.token(link)}/")
    shut_out(employee)
    new = {"password": "another long password", "repeated": "another long password"}
    assert browser.post("/account/new-password/", new).status_code == 410
    employee.refresh_from_db()
    assert employee.check_password(PASSWORD)


def test_the_mails_that_are_on_their_way(employee: User, shut_out: ShutOut, mailbox: Mailbox) -> None:
    Client().post("/account/forgot/", {"email": employee.email})
    link_actions.ask_for_address(employee, email="new@example.com", by=web(employee))
    shut_out(employee)
    sent = [*mailbox.all_to("new@example.com"), *mailbox.all_to(employee.email)]
    resets = Link.objects.filter(purpose=Purpose.RESET).count()  # of who is let in again: a new wish
    assert len(sent) == resets


def test_an_invitation(admin: User, shut_out: ShutOut, mailbox: Mailbox) -> None:
    nina = UserFactory.create(email="nina@example.com", has_password=False)
    link_actions.invite(nina, by=web(admin))
    link = mailbox.link_to("nina@example.com")
    shut_out(nina)
    assert followed(Client(), link) == ""


def test_the_addresses_that_answers_go_to(employee: User, ticket: Ticket, shut_out: ShutOut) -> None:
    address = correspondence.reply_to(ticket, employee)
    assert correspondence.person_of(address) == (ticket, employee)
    shut_out(employee)
    assert correspondence.person_of(address) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda user: actions.change_password(user, password="another long password", by=SYSTEM),
        lambda user: actions.change_email(user, email="other@example.com", by=SYSTEM),
        lambda user: actions.deactivate(user, by=SYSTEM),
    ],
    ids=["another password", "another address", "deactivation"],
)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_links_die_with_what_they_were_made_for(
    employee: User, admin: User, purpose: Purpose, change: Callable[[User], Any]
) -> None:
    """Seen to fail with any of the four parts of link_tokens.state_of taken away."""
    link = link_tokens.make(employee, purpose, email="new@example.com", former_email=employee.email)
    token = link_tokens.token(link)
    assert link_tokens.find(token) is not None
    change(employee)
    assert link_tokens.find(token) is None


def test_another_name_or_language_leaves_them_alone(employee: User) -> None:
    link = link_tokens.make(employee, Purpose.RESET, email=employee.email)
    actions.change_profile(employee, full_name="A. B.", language="ru", time_zone="UTC", by=web(employee))
    assert link_tokens.find(link_tokens.token(link)) is not None
