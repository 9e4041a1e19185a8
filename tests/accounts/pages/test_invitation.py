"""An invitation: sent by an administrator, accepted once by whoever reads the mailbox."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.utils import timezone

from accounts import actions
from accounts.acting import Forbidden, Refused
from accounts.links import actions as link_actions
from accounts.models import Link, User
from audit.models import Event
from tests.accounts.mailbox import Mailbox, followed, text_of
from tests.factories import UserFactory, web
from tests.racing import at_once

INVITATION, SIGN_IN = "/account/invitation/", "/account/sign-in/"
CHOSEN = {
    "full_name": " Nina  Keller ",
    "language": "en",
    "password": "another long password",
    "repeated": "another long password",
}


@pytest.fixture
def nina(db: None) -> User:
    """Somebody whom an administrator has just made known to the desk."""
    user: User = UserFactory.create(
        email="nina@example.com", full_name="N. Keller", language="ru", has_password=False
    )
    return user


def page_of(user: User) -> str:
    return f"/admin/accounts/user/{user.pk}/invitation/"


def test_maria_invites_nina_who_chooses_her_name_and_password_and_is_in(
    nina: User, admin: User, browser_of: Callable[[User], Client], mailbox: Mailbox
) -> None:
    maria = browser_of(admin)
    assert page_of(nina) in maria.get(f"/admin/accounts/user/{nina.pk}/change/").content.decode()
    assert maria.post(page_of(nina))["Location"] == f"/admin/accounts/user/{nina.pk}/change/"
    browser = Client()
    assert followed(browser, mailbox.link_to("nina@example.com")) == INVITATION
    assert 'value="N. Keller"' in browser.get(INVITATION).content.decode()
    assert browser.post(INVITATION, CHOSEN)["Location"] == "/"
    assert browser.get("/account/").status_code == 200
    nina.refresh_from_db()
    assert (nina.full_name, nina.language) == ("Nina Keller", "en")
    assert nina.check_password("another long password")
    events = Event.objects.order_by("id").values_list("verb", "actor_name", "door")
    assert list(events) == [
        ("user.invited", "Maria Petrova", "admin"),
        ("user.invitation_accepted", "N. Keller", "web"),
        ("user.signed_in", "Nina Keller", "web"),
    ]


def test_who_is_made_known_without_a_password_is_invited_next(
    admin: User, browser_of: Callable[[User], Client]
) -> None:
    fields = {
        "email": "new@example.com", "full_name": "New", "language": "en", "time_zone": "UTC", "role": "EMPLOYEE",
        "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = browser_of(admin).post("/admin/accounts/user/add/", fields)
    assert answer["Location"] == page_of(User.objects.get(email="new@example.com"))


def test_the_mail_is_in_her_language(nina: User, admin: User, mailbox: Mailbox) -> None:
    link_actions.invite(nina, by=web(admin))
    mail = mailbox.last_to("nina@example.com")
    assert '<html lang="ru">' in text_of(mail, "html")
    assert "nina@example.com" in text_of(mail)


def test_it_is_good_for_three_days_and_once(nina: User, admin: User, mailbox: Mailbox) -> None:
    """Seen to fail without the password in link_tokens.state_of."""
    link = link_actions.invite(nina, by=web(admin))
    assert (link.expires_at - link.created_at).total_seconds() == 72 * 3600
    path = mailbox.link_to("nina@example.com")
    browser, other = Client(), Client()
    followed(browser, path)
    followed(other, path)
    assert browser.post(INVITATION, CHOSEN).status_code == 302
    assert other.post(INVITATION, CHOSEN | {"full_name": "Somebody else"}).status_code == 410
    assert followed(Client(), path) == ""


def test_the_next_one_takes_its_place(nina: User, admin: User, mailbox: Mailbox) -> None:
    """Seen to fail without link_tokens.end in link_actions.invite."""
    link_actions.invite(nina, by=web(admin))
    first = mailbox.link_to("nina@example.com")
    link_actions.invite(nina, by=web(admin))
    second = mailbox.link_to("nina@example.com")
    assert first != second
    assert [followed(Client(), path) for path in (first, second)] == ["", INVITATION]


def test_who_has_lost_it_and_asks_for_a_password_is_sent_another(
    nina: User, admin: User, mailbox: Mailbox
) -> None:
    """Seen to fail with "no_password" for everybody who has none: she read of a service that she has never used;
    and, for the first, with tokens.end in links.actions._invitation: whoever asked in her name ended what was open."""
    link_actions.invite(nina, by=web(admin))
    first = mailbox.link_to("nina@example.com")
    stranger = Client(REMOTE_ADDR="203.0.113.7")
    assert stranger.post("/account/forgot/", {"email": "nina@example.com"}).status_code == 302
    another = mailbox.link_to("nina@example.com")
    invited, again = mailbox.all_to("nina@example.com")
    assert "203.0.113.7" in text_of(again)
    assert "203.0.113.7" not in text_of(invited)
    assert Event.objects.filter(verb="user.invited").count() == 2
    first_open, another_open = Client(), Client()
    assert followed(first_open, first) == followed(another_open, another) == INVITATION
    assert first_open.post(INVITATION, CHOSEN).status_code == 302
    assert another_open.post(INVITATION, CHOSEN).status_code == 410


def test_nobody_who_was_invited_long_ago_is_sent_another(nina: User, admin: User, mailbox: Mailbox) -> None:
    """Nor does asking time and again prolong it. Seen to fail with any earlier invitation, as it was."""
    link_actions.invite(nina, by=web(admin))
    Link.objects.update(created_at=timezone.now() - link_actions.INVITED_FOR + timedelta(hours=1))
    Client().post("/account/forgot/", {"email": "nina@example.com"})
    assert len(mailbox.all_to("nina@example.com")) == 2
    Link.objects.filter(asked_from=None).update(created_at=timezone.now() - link_actions.INVITED_FOR)
    Client().post("/account/forgot/", {"email": "nina@example.com"})
    mail = mailbox.last_to("nina@example.com")
    assert "/account/link/" not in text_of(mail)


def test_who_was_never_invited_is_told_whom_to_ask(nina: User, mailbox: Mailbox) -> None:
    User.objects.filter(pk=nina.pk).update(language="en")
    assert Client().post("/account/forgot/", {"email": "nina@example.com"}).status_code == 302
    [mail] = mailbox.all_to("nina@example.com")
    assert "ask an administrator" in text_of(mail).lower()
    assert "another service" not in text_of(mail)
    assert "/account/link/" not in text_of(mail)


def test_a_short_password_and_a_slip_in_it_are_told_together(
    nina: User, admin: User, mailbox: Mailbox
) -> None:
    """Seen to fail without the question for its strength in NewPasswordForm.clean: one was told after the other."""
    link_actions.invite(nina, by=web(admin))
    browser = Client()
    followed(browser, mailbox.link_to("nina@example.com"))
    page = browser.post(INVITATION, CHOSEN | {"password": "short", "repeated": "shirt"}).content.decode()
    assert "at least 12 characters" in page
    assert "not the same" in page
    assert page.count('aria-invalid="true"') == 2


def test_one_that_died_before_it_was_sent_is_not_sent(nina: User, admin: User, mailbox: Mailbox) -> None:
    """Seen to fail: without link_tokens.is_good in letters._words."""
    link_actions.invite(nina, by=web(admin))
    link_actions.invite(nina, by=web(admin))
    assert len(mailbox.all_to("nina@example.com")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_does(admin: User) -> None:
    """Seen to fail without the call of `is_good` in link_actions._taken."""
    for _round in range(10):
        user = UserFactory.create(has_password=False)
        link = link_actions.invite(user, by=web(admin))
        results = at_once(
            *(
                partial(
                    link_actions.accept_invitation, link, full_name=name, language="en",
                    password="another long password", by=web(user),
                )
                for name in ("Nina", "Mallory")
            )
        )  # fmt: skip
        assert sorted(type(one).__name__ for one in results) == ["Over", "User"]


def test_without_mail_maria_is_shown_the_link_once(
    nina: User, admin: User, browser_of: Callable[[User], Client]
) -> None:
    maria = browser_of(admin)
    assert "sends no mail" in maria.get(page_of(nina)).content.decode()
    answer = maria.post(page_of(nina))
    assert "no-store" in answer["Cache-Control"]
    from accounts.links import tokens as link_tokens

    address = link_tokens.address(Link.objects.get())
    assert address in answer.content.decode()
    assert address not in maria.get(page_of(nina)).content.decode()
    assert followed(Client(), address.removeprefix("http://127.0.0.1:8000")) == INVITATION


def test_a_browser_that_was_left_open_shows_nobody_a_link(nina: User, admin: User) -> None:
    """Seen to fail without reauthentication.is_fresh in UserAdmin.invite."""
    browser = Client()
    browser.force_login(admin)
    assert browser.post(page_of(nina))["Location"].startswith("/account/confirm/")
    assert not Link.objects.exists()


def test_only_administrators_invite(nina: User, agent: User, browser_of: Callable[[User], Client]) -> None:
    """Seen to fail: without require_admin_still in link_actions.invite."""
    with pytest.raises(Forbidden):
        link_actions.invite(nina, by=web(agent))
    assert browser_of(agent).post(page_of(nina)).status_code in {302, 403}
    assert not Link.objects.exists()


def test_who_has_a_password_or_is_shut_out_is_not_invited(
    employee: User, nina: User, admin: User, browser_of: Callable[[User], Client]
) -> None:
    """Seen to fail: without either refusal of link_actions.invite."""
    actions.deactivate(nina, by=web(admin))
    for user, code in ((employee, "has_password"), (nina, "person_inactive")):
        with pytest.raises(Refused) as refusal:
            link_actions.invite(user, by=web(admin))
        assert refusal.value.code == code
    assert "has a password already" in browser_of(admin).post(page_of(employee)).content.decode()


def test_accepting_it_needs_the_token_of_its_form(nina: User, admin: User, mailbox: Mailbox) -> None:
    """Seen to fail: without CsrfViewMiddleware."""
    link_actions.invite(nina, by=web(admin))
    browser = Client(enforce_csrf_checks=True)
    followed(browser, mailbox.link_to("nina@example.com"))
    assert browser.post(INVITATION, CHOSEN).status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("full_name", "\u200b", "required"),
        ("full_name", "", "required"),
        ("language", "xx", "valid choice"),
        ("password", "short", "too short"),
    ],
)
def test_faults_are_said_beside_the_field(
    nina: User, admin: User, mailbox: Mailbox, field: str, value: str, said: str
) -> None:
    link_actions.invite(nina, by=web(admin))
    browser = Client(headers={"accept-language": "en"})
    followed(browser, mailbox.link_to("nina@example.com"))
    fields = CHOSEN | {field: value} | ({"repeated": value} if field == "password" else {})
    answer = browser.post(INVITATION, fields)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    nina.refresh_from_db()
    assert not nina.has_usable_password()


def test_a_program_invites_too(
    nina: User, admin: User, employee: User, program_of: Callable[..., Client], mailbox: Mailbox
) -> None:
    """Seen to fail: with any scope enough in PeopleCall; without all three require_admin on the way of an employee."""
    address = f"/api/v1/users/{nina.public_id}/invitation"
    told = program_of(admin).post(address).json()
    assert (told["sent_to"], told["link"]) == ("nina@example.com", None)
    assert followed(Client(), mailbox.link_to("nina@example.com")) == INVITATION
    assert program_of(employee).post(address).status_code == 403
    assert program_of(admin, "read").post(address).status_code == 403


def test_a_program_is_given_the_link_where_no_mail_is_sent(
    nina: User, admin: User, program_of: Callable[..., Client]
) -> None:
    told = program_of(admin).post(f"/api/v1/users/{nina.public_id}/invitation").json()
    assert followed(Client(), told["link"].removeprefix("http://127.0.0.1:8000")) == INVITATION
