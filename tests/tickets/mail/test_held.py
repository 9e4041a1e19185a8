"""A mail of an unverified sender on the ticket page: agents see it and decide, nobody else knows of it."""

import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from accounts.models import User
from audit import trail
from notifications.message import message_id
from notifications.models import Delivery
from tests.factories import stand
from tests.tickets.mail.post import arrives
from tests.tickets.mail.test_who_wrote import reply_address
from tests.tickets.pages.posting import again, press, see, verbs
from tickets import correspondence, letters
from tickets.mail import bounded
from tickets.models import Attachment, Comment, InboundMail, Mailbox, Ticket
from tickets.models.mail import Why

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


def test_an_answer_to_a_note_is_put_on_the_ticket_as_a_note(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee, to=correspondence.reply_to(ticket, agent, note=True))
    page = see(browser_of(agent), ticket)
    assert "This mail answers an internal note" in page
    before = Delivery.objects.order_by("pk").last()
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    comment = Comment.objects.get()
    assert comment.internal
    assert WORDS not in see(browser_of(employee), ticket)
    told = Delivery.objects.filter(pk__gt=before.pk if before else 0)
    assert not told.filter(recipient=employee).exists()
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
    assert mail.outcome == "ignored"
    assert mail.reason == "the reply address was given to somebody else; refused by Igor Orlov"
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


def with_files(mailbox: Mailbox, to: str, sender: str = "x@private.example", **files: bytes) -> InboundMail:
    """A mail with files of these names (_ for .)."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, "Re"
    message["Message-ID"] = make_msgid(domain="elsewhere.example")
    message.set_content(WORDS)
    for name, content in files.items():
        name = name.replace("_", ".")
        message.add_attachment(content, maintype="text", subtype="csv", filename=name)
    return arrives(mailbox, message.as_bytes())


def test_of_its_files_those_come_along_that_an_agent_ticks(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), список_csv=b"one,two", other_csv=b"three")
    assert mail.outcome == "held"
    assert not Attachment.objects.exists()
    page = see(browser_of(agent), ticket)
    assert "список.csv" in page
    assert "other.csv" in page
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id, chosen=[0])
    file = Attachment.objects.get()
    assert (file.name, file.internal) == ("список.csv", False)
    assert file.comment == Comment.objects.get()


def test_its_files_stay_away_unless_somebody_ticks_them(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), a_csv=b"one")
    assert press(browser_of(agent), ticket, "release_mail", mail=mail.public_id).status_code == 303
    assert Comment.objects.count() == 1
    assert not Attachment.objects.exists()


def test_files_that_cannot_be_read_now_keep_the_mail_waiting(
    monkeypatch: pytest.MonkeyPatch,
    employee: User,
    agent: User,
    mailbox: Mailbox,
    ticket: Ticket,
    browser_of: BrowserOf,
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), a_csv=b"one")

    def slow(raw: bytes) -> Any:
        raise bounded.NotRead("slow", seconds=5)

    monkeypatch.setattr(bounded, "read", slow)
    answer = press(browser_of(agent), ticket, "release_mail", mail=mail.public_id, chosen=[0])
    assert answer.status_code == 409
    assert "The files of this mail cannot be read just now" in answer.content.decode()
    mail.refresh_from_db()
    assert mail.outcome == "held"
    assert not Comment.objects.exists()


def test_files_that_the_ticket_has_no_room_for_keep_the_mail_waiting(
    settings: Any, employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), a_csv=b"one")
    settings.FILES_PER_TICKET = 2
    answer = press(browser_of(agent), ticket, "release_mail", mail=mail.public_id, chosen=[0])
    assert answer.status_code == 409
    mail.refresh_from_db()
    assert mail.outcome == "held"


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_slow_keeps_no_row_locked(
    monkeypatch: pytest.MonkeyPatch,
    employee: User,
    agent: User,
    mailbox: Mailbox,
    ticket: Ticket,
    browser_of: BrowserOf,
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), a_csv=b"one")
    seen: dict[str, bool] = {}
    read, save = bounded.read, default_storage.save

    def reads(raw: bytes) -> Any:
        seen["read"] = connection.in_atomic_block
        return read(raw)

    def saves(*told: Any) -> str:
        seen["stored"] = connection.in_atomic_block
        return str(save(*told))

    monkeypatch.setattr(bounded, "read", reads)
    monkeypatch.setattr(default_storage, "save", saves)
    answer = press(browser_of(agent), ticket, "release_mail", mail=mail.public_id, chosen=[0])
    assert answer.status_code == 303
    assert seen == {"read": False, "stored": False}
    opened = default_storage.open

    def opens(*told: Any) -> Any:
        seen["opened"] = connection.in_atomic_block
        return opened(*told)

    monkeypatch.setattr(default_storage, "open", opens)
    answer = browser_of(agent).get(reverse("tickets:file", args=[Attachment.objects.get().public_id]))
    assert b"".join(answer) == b"one"
    assert seen["opened"] is False


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_being_read_again_waits_for_no_decision(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    """Whoever reads holds the mail and goes on to the ticket; whoever decides holds the ticket."""
    mail = held(mailbox, ticket, employee)
    answers: list[int] = []

    def decide() -> None:
        answers.append(press(browser_of(agent), ticket, "refuse_mail", mail=mail.public_id).status_code)
        connection.close()

    with transaction.atomic():
        InboundMail.objects.select_for_update().get(pk=mail.pk)
        thread = threading.Thread(target=decide)
        thread.start()
        thread.join(60)
        assert answers == [409]


# --- A ticket that has no room ---------------------------------------------------------------------


def test_an_answer_whose_files_do_not_fit_is_a_comment_without_them(
    settings: Any, employee: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    settings.FILES_PER_TICKET = 2
    employee.language = "ru"
    employee.save()
    him = f"{employee.full_name} <{employee.email}>"
    mail = with_files(mailbox, reply_address(ticket, employee), him, a_csv=b"one")
    assert (mail.outcome, mail.reason) == (
        "comment",
        "its files did not fit onto the ticket: they are in the source",
    )
    with translation.override("ru"):
        missing = gettext(
            "(The files of this mail are missing: those of this ticket have reached their limit.)"
        )
    assert Comment.objects.get().body == f"{WORDS}\n\n{missing}"
    assert not Attachment.objects.exists()


def test_a_file_that_is_called_as_ours_is_a_file(mailbox: Mailbox) -> None:
    mail = with_files(mailbox, "desk@example.com", message_txt=b"one")
    assert mail.ticket is not None
    assert mail.ticket.attachments.get().name == "message.txt"
    assert "files" not in mail.reason


def test_every_reason_is_kept_beside_the_others(employee: User, mailbox: Mailbox, ticket: Ticket) -> None:
    first = arrives(mailbox, text="One", Message_ID="<same@elsewhere.example>")
    reused = f"its Message-ID was used before, with another text: {first.public_id}"
    mail = held(mailbox, ticket, employee, Message_ID="<same@elsewhere.example>")
    assert mail.reason == f"{reused}; the reply address was given to somebody else"
    mailbox.unverified = "quarantine"
    mailbox.save()
    mail = arrives(mailbox, text="Three", Message_ID="<same@elsewhere.example>")
    assert mail.outcome == "quarantined"
    assert mail.reason == f"{reused}; nobody vouches for the sender"
    with translation.override("ru"):
        assert mail.reason == "; ".join(
            [str(Why.REUSED.label) % {"copy_of": first.public_id}, str(Why.UNVOUCHED.label)]
        )


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
    from tickets import actions

    stand(ticket, "IN_PROGRESS", assignee=agent)
    actions.add_comment(ticket, body="Is he on holiday?", internal=True, by=web(other_agent))
    notice = Delivery.objects.get(recipient=agent, verb="ticket.noted", transport="email")
    arrives(
        mailbox,
        sender="igor@example.com",
        to=reply_address(ticket, agent),
        text="Until Monday.",
        In_Reply_To=message_id(notice.public_id),
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
