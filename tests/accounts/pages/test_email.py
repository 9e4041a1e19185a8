"""Another address: asked for by whoever has just shown his password, confirmed in the new mailbox."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import actions
from accounts.acting import SYSTEM, Invalid
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.models import Link, Purpose, User
from audit.models import Event
from tests.accounts.mailbox import Mailbox, followed, path_in, text_of
from tests.factories import PASSWORD, UserFactory, web

EMAIL, CONFIRM, STOP = "/account/email/", "/account/email/confirm/", "/account/email/stop/"
OLD, NEW = "anna@example.com", "anna.new@example.com"

type BrowserOf = Callable[[User], Client]


def test_anna_confirms_in_the_new_mailbox_and_the_old_one_hears_of_it(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    browser = browser_of(employee)
    assert browser.post(EMAIL, {"email": NEW})["Location"] == EMAIL
    employee.refresh_from_db()
    assert employee.email == OLD, "nothing changes before the new mailbox has answered"
    assert NEW in browser.get(EMAIL).content.decode()
    assert followed(browser, mailbox.link_to(NEW)) == CONFIRM
    assert browser.post(CONFIRM)["Location"] == "/account/"
    employee.refresh_from_db()
    assert employee.email == NEW
    asked, changed = mailbox.all_to(OLD)
    assert NEW in text_of(asked)
    assert (changed["Subject"], changed["To"]) == ("Your e-mail address has changed", OLD)
    assert "administrator" in text_of(changed)
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == [
        "user.email_change_asked",
        "user.email_changed",
    ]
    assert Client().post("/account/sign-in/", {"email": NEW, "password": PASSWORD})["Location"] == "/"


def test_the_old_mailbox_says_no(employee: User, browser_of: BrowserOf, mailbox: Mailbox) -> None:
    """Seen to fail: without tokens.end in links.actions.stop_address; and with a page that does it at a look."""
    browser = browser_of(employee)
    browser.post(EMAIL, {"email": NEW})
    confirm, stop = mailbox.link_to(NEW), mailbox.link_to(OLD)
    at_the_old_mailbox = Client()
    assert followed(at_the_old_mailbox, stop) == STOP
    assert at_the_old_mailbox.get(STOP).status_code == 200
    assert followed(browser, confirm) == CONFIRM, "looking stops nothing"
    assert at_the_old_mailbox.post(STOP)["Location"] == "/account/forgot/"
    assert browser.post(CONFIRM).status_code == 410
    assert [followed(Client(), link) for link in (confirm, stop)] == ["", ""]
    employee.refresh_from_db()
    assert employee.email == OLD


def test_neither_link_does_what_the_other_is_for(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """Seen to fail with a MAC that leaves out the door, and without the question for it in _arrived."""
    browser = browser_of(employee)
    browser.post(EMAIL, {"email": NEW})
    followed(browser, mailbox.link_to(OLD))
    assert browser.post(CONFIRM).status_code == 410
    employee.refresh_from_db()
    assert employee.email == OLD


def test_no_other_page_takes_it_either(employee: User, browser_of: BrowserOf, mailbox: Mailbox) -> None:
    """Seen to fail: without the question for the door in links.views._arrived."""
    browser = browser_of(employee)
    browser.post(EMAIL, {"email": NEW})
    followed(browser, mailbox.link_to(NEW))
    both = {"password": "another long password", "repeated": "another long password"}
    assert browser.post("/account/new-password/", both).status_code == 410
    assert browser.post("/account/invitation/", both).status_code == 410


def test_the_verbs_ask_what_a_link_is_for(employee: User) -> None:
    """Whichever page it came to. Seen to fail: without the purpose in link_actions._taken."""
    link = link_tokens.make(employee, Purpose.EMAIL, email=NEW)
    with pytest.raises(link_actions.Over):
        link_actions.reset_password(link, password="another long password", by=web(employee))
    reset = link_tokens.make(employee, Purpose.RESET, email=OLD)
    for verb in (link_actions.take_address, link_actions.stop_address):
        with pytest.raises(link_actions.Over):
            verb(reset, by=web(employee))


def test_whoever_reads_a_mailbox_by_mistake_gets_nothing(
    employee: User, colleague: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """A slip of the pen must not give the account away. Seen to fail without the question
    who it is in link_actions.take_address; the page asks, too."""
    browser_of(employee).post(EMAIL, {"email": NEW})
    link = mailbox.link_to(NEW)
    stranger, other = Client(), browser_of(colleague)
    for browser in (stranger, other):
        followed(browser, link)
    assert stranger.post(CONFIRM)["Location"].startswith("/account/sign-in/")
    assert other.post(CONFIRM).status_code == 403
    with pytest.raises(link_actions.Over):
        link_actions.take_address(Link.objects.get(), by=web(colleague))
    employee.refresh_from_db()
    assert employee.email == OLD


def test_whoever_opens_it_as_somebody_else_may_sign_in_as_the_one_who_asked(
    employee: User, colleague: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """Seen to fail with `over` of links.views for both: the page called a good link dead."""
    browser_of(employee).post(EMAIL, {"email": NEW})
    browser = browser_of(colleague)
    assert followed(browser, mailbox.link_to(NEW)) == CONFIRM
    answer = browser.get(CONFIRM)
    page = answer.content.decode()
    assert (answer.status_code, "no longer" in page) == (403, False)
    assert OLD not in page, "it may be somebody who reads this mailbox by mistake"
    to_sign_in = browser.post(CONFIRM, {"as_another": "yes"})["Location"]
    assert to_sign_in.startswith("/account/sign-in/")
    assert "_auth_user_id" not in browser.session
    answer = browser.post(to_sign_in, {"email": OLD, "password": PASSWORD})
    assert answer["Location"] == CONFIRM
    assert browser.post(CONFIRM)["Location"] == "/account/"
    assert Event.objects.filter(verb="user.signed_out").count() == 1


@pytest.mark.parametrize("has_followed_before", [False, True])
def test_who_says_no_too_late_is_told_what_to_do(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox, has_followed_before: bool
) -> None:
    """Seen to fail with the words for every link that has died, which offered a password for the wrong account."""
    browser, late = browser_of(employee), Client()
    browser.post(EMAIL, {"email": NEW})
    stop = mailbox.link_to(OLD)
    if has_followed_before:
        late.get(stop)
    followed(browser, mailbox.link_to(NEW))
    browser.post(CONFIRM)
    answer = late.post(STOP) if has_followed_before else late.get(stop)
    page = answer.content.decode()
    assert answer.status_code == 410
    assert "The address has changed already" in page
    assert "tell an administrator" in page
    assert "/account/forgot/" not in page


def test_who_says_no_twice_is_not_alarmed(employee: User, browser_of: BrowserOf, mailbox: Mailbox) -> None:
    browser_of(employee).post(EMAIL, {"email": NEW})
    stop = mailbox.link_to(OLD)
    browser = Client()
    followed(browser, stop)
    browser.post(STOP)
    assert followed(Client(), stop) == ""


def test_who_has_to_sign_in_first_goes_on_from_there(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    browser_of(employee).post(EMAIL, {"email": NEW})
    elsewhere = Client()
    assert followed(elsewhere, mailbox.link_to(NEW)) == CONFIRM
    to_sign_in = elsewhere.get(CONFIRM)["Location"]
    answer = elsewhere.post(to_sign_in, {"email": OLD, "password": PASSWORD, "next": CONFIRM})
    assert answer["Location"] == CONFIRM
    assert elsewhere.post(CONFIRM)["Location"] == "/account/"


def test_a_browser_that_was_left_open_moves_nobody(employee: User, mailbox: Mailbox) -> None:
    """Seen to fail without reauthentication.is_fresh in the view. What was typed waits until the password is shown."""
    browser = Client()
    browser.force_login(employee)
    page = browser.get(EMAIL).content.decode()
    name = page.split('name="form_name" value="')[1].split('"')[0]
    answer = browser.post(EMAIL, {"email": NEW, "form_name": name})
    assert answer["Location"].startswith("/account/confirm/")
    assert not Link.objects.exists()
    browser.post("/account/confirm/", {"password": PASSWORD, "next": EMAIL})
    assert f'value="{NEW}"' in browser.get(EMAIL).content.decode()


def test_nobody_learns_who_has_an_account_by_asking_for_his_address(
    employee: User, colleague: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """Seen to fail with Invalid for an address that is taken in link_actions.ask_for_address: the page said so."""
    browser = browser_of(employee)
    seen = []
    for address in (colleague.email.upper(), NEW):
        answer = browser.post(EMAIL, {"email": address})
        page = browser.get(EMAIL).content.decode()
        about = mailbox.last_to(OLD)["Subject"], len(mailbox.all_to(OLD))
        seen.append((answer.status_code, answer["Location"], page.lower().count(address.lower()), about))
    hint = "Your e-mail address is about to change"
    assert seen == [(302, EMAIL, 2, (hint, 1)), (302, EMAIL, 2, (hint, 2))]
    told = mailbox.last_to(colleague.email)
    assert "/account/link/" not in text_of(told) + text_of(told, "html")
    assert employee.full_name not in text_of(told)


def test_one_who_is_shut_out_hears_nothing_of_it(
    employee: User, colleague: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """Seen to fail: without is_active where notifications.outbox composes a delivery."""
    actions.deactivate(colleague, by=SYSTEM)
    assert browser_of(employee).post(EMAIL, {"email": colleague.email})["Location"] == EMAIL
    assert mailbox.all_to(colleague.email) == []


def test_an_address_that_was_taken_meanwhile_is_not_given(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """Whoever asks for an address keeps nobody from it. Seen to fail: with changing.address_taken not said."""
    browser = browser_of(employee)
    browser.post(EMAIL, {"email": NEW})
    followed(browser, mailbox.link_to(NEW))
    UserFactory.create(email=NEW.upper())
    assert browser.post(CONFIRM)["Location"] == EMAIL
    with pytest.raises(Invalid):
        link_actions.take_address(Link.objects.get(), by=web(employee))
    employee.refresh_from_db()
    assert employee.email == OLD


def test_another_wish_takes_its_place(employee: User, browser_of: BrowserOf, mailbox: Mailbox) -> None:
    """Seen to fail: without link_tokens.end in link_actions.ask_for_address."""
    browser = browser_of(employee)
    browser.post(EMAIL, {"email": NEW})
    first = mailbox.link_to(NEW)
    browser.post(EMAIL, {"email": "third@example.com"})
    assert followed(browser, first) == ""
    assert followed(browser, mailbox.link_to("third@example.com")) == CONFIRM


def test_a_change_by_an_administrator_ends_it(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    """Seen to fail: without both the address in link_tokens.state_of and link_tokens.end in link_tokens.told."""
    browser_of(employee).post(EMAIL, {"email": NEW})
    links = [path_in(mailbox.last_to(address)) for address in (NEW, OLD)]
    actions.change_email(employee, email="fourth@example.com", by=SYSTEM)
    assert [followed(Client(), link) for link in links] == ["", ""]


def test_a_desk_without_mail_sends_to_an_administrator(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    assert "sends no mail" in browser.get(EMAIL).content.decode()
    assert browser.post(EMAIL, {"email": NEW}).status_code == 200
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    "typed", ["", "no address", "a" * 300 + "@example.com", "x@example.com\r\nBcc: y@example.com"]
)
def test_what_is_no_address_is_refused(
    employee: User, browser_of: BrowserOf, mailbox: Mailbox, typed: str
) -> None:
    """By the page and by the verb. Seen to fail: without check_email in link_actions.ask_for_address."""
    with pytest.raises(Invalid):
        link_actions.ask_for_address(employee, email=typed, by=web(employee))
    assert 'aria-invalid="true"' in browser_of(employee).post(EMAIL, {"email": typed}).content.decode()
    assert not Link.objects.exists()
