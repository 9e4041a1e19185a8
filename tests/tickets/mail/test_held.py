"""A mail of an unverified sender on the ticket page: agents see it and decide, nobody else knows of it."""

from collections.abc import Callable

from django.test import Client

from accounts.models import User
from audit import trail
from notifications.models import Delivery
from tests.factories import stand
from tests.tickets.mail.post import arrives, letter
from tests.tickets.mail.test_who_wrote import reply_address
from tests.tickets.pages.posting import again, press, see, verbs
from tickets import letters
from tickets.models import Attachment, Comment, InboundMail, Mailbox, Ticket

BrowserOf = Callable[[User], Client]
WORDS = "I am Anna, write me from my private address."


def held(mailbox: Mailbox, ticket: Ticket, employee: User, **more: str) -> InboundMail:
    told = {"sender": "Anna K <anna@private.example>", "text": WORDS, "to": reply_address(ticket, employee)}
    mail = arrives(mailbox, **told | more)
    assert mail.outcome == "held"
    return mail


def test_agents_see_it_and_nobody_else(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    before = Delivery.objects.count()
    held(mailbox, ticket, employee)
    page = see(browser_of(agent), ticket)
    assert WORDS in page
    assert "anna@private.example" in page
    assert "Unverified sender" in page
    assert WORDS in see(browser_of(agent), ticket, "?show=conversation")
    hers = see(browser_of(employee), ticket)
    assert WORDS not in hers
    assert "private.example" not in hers
    told = Delivery.objects.filter(pk__gt=before, verb="ticket.mail_held")
    assert not told.filter(recipient=employee).exists()


def test_an_agent_puts_it_on_the_ticket_as_what_it_is(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    answer = press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    assert answer.status_code == 303
    mail.refresh_from_db()
    comment = Comment.objects.get()
    assert (mail.outcome, mail.comment) == ("comment", comment)
    assert comment.author == agent
    assert comment.body == f"Anna K <anna@private.example> (unverified sender) wrote by mail:\n\n> {WORDS}"
    page = see(browser_of(employee), ticket)
    assert WORDS in page
    assert "Unverified sender" in page
    assert verbs(ticket)[-1] == "mail_released"
    assert trail.first_fault() is None


def test_releasing_moves_nothing_and_answers_nothing(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    stand(ticket, "WAITING", assignee=agent)
    mail = held(mailbox, ticket, employee)
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    now = again(ticket)
    assert (now.status, now.first_responded_at) == ("WAITING", None)


def test_an_agent_refuses_it(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    press(browser_of(agent), ticket, "refuse_mail", mail=mail.public_id)
    mail.refresh_from_db()
    assert (mail.outcome, mail.reason) == ("ignored", "refused by Igor Orlov")
    assert not Comment.objects.exists()
    assert verbs(ticket)[-1] == "mail_refused"
    assert "private.example" not in see(browser_of(employee), ticket)
    assert bytes(mail.raw)


def test_it_is_decided_once(
    employee: User, agent: User, other_agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    answer = press(browser_of(other_agent), ticket, "refuse_mail", mail=mail.public_id)
    assert answer.status_code == 409
    assert Comment.objects.count() == 1


def test_the_requester_decides_nothing(
    employee: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    for button in ("release_mail", "refuse_mail"):
        assert press(browser_of(employee), ticket, button, mail=mail.public_id).status_code == 403
    mail.refresh_from_db()
    assert mail.outcome == "held"


def test_whoever_does_not_see_the_ticket_does_not_find_it(
    employee: User, colleague: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    assert press(browser_of(colleague), ticket, "release_mail", mail=mail.public_id).status_code == 404


def test_a_mail_of_another_ticket_is_not_released_here(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    other = arrives(mailbox, text="Another one.").ticket
    assert other is not None
    answer = press(browser_of(agent), other, "release_mail", mail=mail.public_id)
    assert answer.status_code == 409
    assert not Comment.objects.exists()


def test_its_files_come_along(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    from email import message_from_bytes, policy

    raw = letter("x@private.example", to=reply_address(ticket, employee))
    message = message_from_bytes(raw, policy=policy.default)
    message.add_attachment(b"one,two", maintype="text", subtype="csv", filename="список.csv")
    mail = arrives(mailbox, message.as_bytes())
    assert mail.outcome == "held"
    assert not Attachment.objects.exists()
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    file = Attachment.objects.get()
    assert (file.name, file.internal) == ("список.csv", False)
    assert file.comment == Comment.objects.get()


def test_a_ticket_of_a_stranger_says_so(agent: User, mailbox: Mailbox, browser_of: BrowserOf) -> None:
    mail = arrives(mailbox, sender="Anna K <anna@private.example>", text="No sound.")
    assert mail.ticket is not None
    page = see(browser_of(agent), mail.ticket)
    assert "Unverified sender" in page
    assert "anna@private.example" in page


HISTORY = "Thanks!\n\nOn Mon, 3 Mar 2025 at 10:15, Desk <desk@example.com> wrote:\n> an internal word\n"


def test_the_history_unfolds_for_agents_and_for_its_writer_only(
    employee: User, colleague: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    from accounts.acting import SYSTEM
    from tickets import actions

    actions.watch(ticket, user=colleague, by=SYSTEM)
    arrives(mailbox, to=reply_address(ticket, employee), text=HISTORY)
    assert Comment.objects.get().body == "Thanks!"
    assert "an internal word" in see(browser_of(agent), ticket)
    assert "an internal word" in see(browser_of(employee), ticket)
    assert "an internal word" not in see(browser_of(colleague), ticket)


def test_an_agent_s_answer_to_a_note_is_a_note(
    employee: User, agent: User, other_agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    from tests.factories import web
    from tickets import actions, correspondence

    stand(ticket, "IN_PROGRESS", assignee=agent)
    actions.add_comment(ticket, body="Is he on holiday?", internal=True, by=web(other_agent))
    notice = Delivery.objects.get(recipient=agent, verb="ticket.noted", transport="email")
    arrives(
        mailbox,
        sender="igor@example.com",
        to=reply_address(ticket, agent),
        text="Until Monday.",
        In_Reply_To=correspondence.message_id(notice),
    )
    assert [comment.internal for comment in Comment.objects.order_by("pk")] == [True, True]
    # A mail program, or a relay that renames our mails, may lose what is answered: the address knows.
    told = letters.compose(notice)
    assert told is not None
    arrives(mailbox, sender="igor@example.com", to=told.reply_to, text="He is fired.")
    assert Comment.objects.latest("pk").internal
    changed = told.reply_to.replace(f"+{ticket.number}n-", f"+{ticket.number}-")
    assert changed != told.reply_to
    assert arrives(mailbox, sender="igor@example.com", to=changed, text="Hello?").proof == ""


# --- A ticket that nobody vouches for --------------------------------------------------------------


def unproven(mailbox: Mailbox, **told: str) -> InboundMail:
    mail = arrives(mailbox, **told)
    assert (mail.outcome, mail.is_proven) == ("ticket", False)
    return mail


def test_an_agent_says_whose_request_it_is(
    employee: User, agent: User, stand_in: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    mail = unproven(mailbox, text="The VPN drops.")
    ticket = mail.ticket
    assert ticket is not None
    assert ticket.requester == stand_in
    assert browser_of(employee).get(f"/tickets/{ticket.public_id}/").status_code == 404
    page = see(browser_of(agent), ticket)
    assert "Confirm the sender" in page
    answer = press(browser_of(agent), ticket, "accept_sender", mail=mail.public_id)
    assert answer.status_code == 303
    ticket.refresh_from_db()
    mail.refresh_from_db()
    assert (ticket.requester, ticket.author, mail.proof) == (employee, stand_in, "agent")
    assert verbs(ticket)[-1] == "sender_accepted"
    assert trail.first_fault() is None
    page = see(browser_of(employee), ticket)
    assert "The VPN drops." in page
    assert "Unverified sender" not in page
    assert Delivery.objects.filter(verb="ticket.sender_accepted", recipient=employee).exists()


def test_it_is_said_once(employee: User, agent: User, mailbox: Mailbox, browser_of: BrowserOf) -> None:
    mail = unproven(mailbox)
    ticket = mail.ticket
    assert ticket is not None
    for status in (303, 409):
        answer = press(browser_of(agent), ticket, "accept_sender", mail=mail.public_id)
        assert answer.status_code == status
    assert verbs(ticket).count("sender_accepted") == 1


def test_whom_nobody_knows_is_nobodys_requester(
    agent: User, stand_in: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    mail = unproven(mailbox, sender="Ivan <ivan@elsewhere.example>")
    ticket = mail.ticket
    assert ticket is not None
    answer = press(browser_of(agent), ticket, "accept_sender", mail=mail.public_id)
    assert "Nobody at the desk has the address ivan@elsewhere.example." in answer.content.decode()
    ticket.refresh_from_db()
    assert (ticket.requester, ticket.version) == (stand_in, 1)


def test_an_employee_confirms_nothing(
    employee: User, agent: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    mail = unproven(mailbox)
    ticket = mail.ticket
    assert ticket is not None
    assert press(browser_of(employee), ticket, "accept_sender", mail=mail.public_id).status_code == 404
    ticket.watches.create(user=employee)
    page = see(browser_of(employee), ticket)
    assert "Confirm the sender" not in page
    assert press(browser_of(employee), ticket, "accept_sender", mail=mail.public_id).status_code == 403
