"""What programs write is never answered and never moves a ticket, and two desks do not talk for ever."""

import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from notifications.message import message_id
from notifications.models import Delivery, State, Transport
from tests.factories import stand
from tests.tickets.mail.post import arrives, crude, letter
from tests.tickets.mail.test_who_wrote import ANNA, PASSES, reply_address
from tickets import letters
from tickets.inbound_email import receiving
from tickets.models import InboundMail, Mailbox, Ticket

FLOOD = int(os.environ.get("FLOOD", "100"))  # a thousand take half a minute
ANSWERS = {
    "RFC 3834": ["Auto-Submitted: auto-replied"],
    "a subject in English": ["Subject: Automatic reply: VPN", "X-Auto-Response-Suppress: All"],
    "a subject in Russian": [
        "Subject: =?utf-8?B?0JDQstGC0L7QvtGC0LLQtdGCOiBWUE4=?=",
        "Auto-Submitted: auto-generated",
    ],
    "a subject and Precedence": ["Subject: Out of office", "Precedence: bulk"],
    "Exchange of old": ["X-Autoreply: yes"],
    "Precedence": ["Precedence: auto_reply"],
    "RFC 3464": ['Content-Type: multipart/report; report-type=delivery-status; boundary="b"'],
    "a receipt of reading": [
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"'
    ],
    "a daemon": ["X-Failed-Recipients: x@example.com"],
}
PROGRAMS = {
    "a program": ["Auto-Submitted: auto-generated"],
    "a null return path": ["Return-Path: <>"],
    "a list": ["List-Id: <staff.example.com>"],
    "bulk": ["Precedence: bulk"],
    "whoever wants no answers": ["X-Auto-Response-Suppress: OOF, AutoReply"],
    "a loop": ["X-Loop: elsewhere"],
    "nothing but the subject": ["Subject: Automatic reply: VPN"],
    "nothing but the subject in Russian": ["Subject: =?utf-8?B?0JDQstGC0L7QvtGC0LLQtdGCOiBWUE4=?="],
}


def receipts_to(person: User) -> int:
    """Send what is due, and count the mails that acknowledge one."""
    told = Delivery.objects.filter(recipient=person, transport=Transport.EMAIL, reason="sender")
    return sum(letters.compose(delivery) is not None for delivery in told)


@pytest.mark.parametrize("lines", ANSWERS.values(), ids=ANSWERS)
def test_an_answering_program_makes_nothing_of_a_done_ticket(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, lines: list[str]
) -> None:
    done = stand(ticket, "DONE", assignee=agent)
    told = Delivery.objects.count()
    mail = arrives(mailbox, crude(PASSES, *lines, ANNA, f"To: {reply_address(done, employee)}"))
    assert (mail.outcome, mail.ticket) == ("ignored", None)
    assert mail.reason.startswith("an automatic answer")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.version) == ("DONE", done.version)
    assert Delivery.objects.count() == told


@pytest.mark.parametrize("lines", PROGRAMS.values(), ids=PROGRAMS)
def test_what_a_program_says_moves_nothing(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, lines: list[str]
) -> None:
    waiting = stand(ticket, "WAITING", assignee=agent)
    mail = arrives(mailbox, crude(PASSES, *lines, ANNA, f"To: {reply_address(waiting, employee)}"))
    assert mail.outcome == "comment"
    ticket.refresh_from_db()
    assert (ticket.status, ticket.waiting_for) == ("WAITING", "REQUESTER")


@pytest.mark.parametrize("lines", PROGRAMS.values(), ids=PROGRAMS)
def test_what_a_program_opens_is_not_acknowledged(employee: User, mailbox: Mailbox, lines: list[str]) -> None:
    mail = arrives(mailbox, crude(PASSES, *lines, ANNA, "Subject: Disk is full"))
    assert mail.outcome == "ticket"
    assert receipts_to(employee) == 0


@pytest.mark.parametrize(
    "subject",
    [
        "Вне офиса не работает VPN",
        "Нет на месте монитора в переговорной 3",
        "Автоответчик на телефоне сломан",
        "Automatic reply in Outlook cannot be switched off",
        "Auto response form is broken",
        "Out of office printer: no paper",
    ],
)
def test_who_writes_about_answering_programs_is_none(employee: User, mailbox: Mailbox, subject: str) -> None:
    mail = arrives(mailbox, proven=True, subject=subject)
    assert (mail.outcome, mail.machine) == ("ticket", "")
    assert receipts_to(employee) == 1


def test_a_person_is_told_that_his_mail_has_arrived(employee: User, mailbox: Mailbox) -> None:
    arrives(mailbox, proven=True)
    assert receipts_to(employee) == 1


def test_who_names_a_ticket_in_a_new_mail_is_told_that_it_is_another(
    employee: User, colleague: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    subject = f"[{ticket.reference}] and now the printer"
    mail = arrives(mailbox, proven=True, subject=subject)
    assert mail.ticket is not None
    assert mail.ticket != ticket
    assert f"The subject names {ticket.reference}." in mail.ticket.description
    assert receipts_to(employee) == 1
    Delivery.objects.filter(reason="sender").update(state=State.SENT)
    # What may be an answer to that receipt gets none: two desks would go on for ever.
    arrives(mailbox, proven=True, subject=f"Re: {subject}", text="Your request has been received.")
    assert receipts_to(employee) == 1
    # Of a ticket that he may not see nothing is said.
    other = arrives(mailbox, sender=colleague.email, proven=True, subject=subject, text="?")
    assert other.ticket is not None
    assert other.ticket.description == "?"


def test_the_reply_of_a_requester_does_not_reopen_by_itself(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    done = stand(ticket, "DONE", assignee=agent)
    assert arrives(mailbox, to=reply_address(done, employee)).outcome == "comment"
    ticket.refresh_from_db()
    assert ticket.status == "DONE"


# --- Our own mail ----------------------------------------------------------------------------------


def test_our_own_mail_that_comes_back_is_ignored(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    ours = Delivery.objects.filter(transport=Transport.EMAIL).first()
    assert ours is not None
    mail = arrives(mailbox, proven=True, Message_ID=message_id(ours.public_id))
    assert (mail.outcome, mail.reason) == ("ignored", "our own mail came back")


@pytest.mark.parametrize("sender", ["desk@example.com", "Desk <DESK+1-abc@example.com>", settings.MAIL_FROM])
def test_a_mail_from_our_own_address_is_ignored(mailbox: Mailbox, sender: str) -> None:
    assert arrives(mailbox, sender=sender, proven=True).outcome == "ignored"
    assert not Ticket.objects.exists()


def test_nothing_automatic_goes_to_a_mailbox_of_the_desk(employee: User, mailbox: Mailbox) -> None:
    """Somebody may have given an account the address of a mailbox that was added later."""
    arrives(mailbox, proven=True)
    Mailbox.objects.update(address="anna@example.com")
    assert receipts_to(employee) == 0


# --- Floods ----------------------------------------------------------------------------------------


def test_acknowledgements_are_few_an_hour_and_few_a_day(employee: User, mailbox: Mailbox) -> None:
    receipts = Delivery.objects.filter(recipient=employee, reason="sender")
    hourly = []
    for _hour in range(6):
        for number in range(12):
            arrives(mailbox, proven=True, subject=f"Number {number}")
        due = list(receipts.filter(state=State.PENDING).order_by("pk"))
        for receipt in due:
            receipt.state = State.SENT if letters.compose(receipt) else State.SKIPPED
            receipt.save(update_fields=["state"])
        hourly.append(sum(receipt.state == State.SENT for receipt in due))
        receipts.update(created_at=F("created_at") - timedelta(minutes=61))
    assert hourly == [10, 10, 10, 10, 0, 0]


def test_many_mails_that_claim_one_sender_write_to_nobody(employee: User, mailbox: Mailbox) -> None:
    for number in range(FLOOD):
        arrives(mailbox, letter(subject=f"Number {number}"))
    to_him = Delivery.objects.filter(recipient=employee, transport=Transport.EMAIL)
    assert sum(letters.compose(delivery) is not None for delivery in to_him) == 0
    # A flood stops being tickets, and waits for somebody to look at it.
    assert Ticket.objects.count() == 30


def test_many_senders_on_one_ticket_do_not_wake_its_agent_for_ever(
    agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    tag = f"Re: [{held.reference}] VPN"
    mails = [arrives(mailbox, sender=f"x{number}@elsewhere.example", subject=tag) for number in range(15)]
    assert [mail.outcome for mail in mails] == 10 * ["held"] + 5 * ["quarantined"]
    assert mails[-1].reason == f"too many unverified mails for {held.reference}"
    told = Delivery.objects.filter(recipient=agent, verb="ticket.mail_held", transport="email")
    assert told.count() == 1  # the others wait until he has looked


@pytest.mark.parametrize("marked", [True, False], ids=["that marks its mails", "that marks nothing"])
def test_two_desks_stop_talking(employee: User, mailbox: Mailbox, marked: bool) -> None:
    """Anna's address is another desk, which answers every mail at once, for a hundred rounds."""
    sent: list[Delivery] = []
    fields = {"Auto_Submitted": "auto-generated"} if marked else {}
    arrives(mailbox, proven=True, subject="Hello", **fields)
    received = 1
    seen: set[int] = set()
    for _round in range(100):
        due = Delivery.objects.filter(recipient=employee, transport=Transport.EMAIL).exclude(pk__in=seen)
        answers = []
        for delivery in due:
            seen.add(delivery.pk)
            message = letters.compose(delivery)
            if message is None:
                Delivery.objects.filter(pk=delivery.pk).update(state=State.SKIPPED)
                continue
            sent.append(delivery)
            answers.append(f"Re: {message.subject}")
        for subject in answers:
            received += 1
            # It answers to the From address and knows nothing of threads: the worst there is.
            arrives(mailbox, proven=True, subject=subject, text="Your request has been received.", **fields)
    assert len(sent) <= 2
    assert received <= 2 + len(sent)


def test_how_many_there_were_lately_is_read_from_an_index(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    """Whoever floods the desk makes it count among all the mails there ever were."""
    monkeypatch.setattr(receiving, "MOST_ON_TICKET", 1000)  # or it would look no further
    first = arrives(mailbox, sender="x@private.example")
    with connection.cursor() as cursor:
        columns = [str(field.column) for field in InboundMail._meta.concrete_fields if field.column != "id"]
        own = {
            "public_id": "gen_random_uuid()",
            "uid": "number + 1000",
            "sender": "'u' || mod(number, 500) || '@private.example'",
            "received_at": "received_at - number * interval '1 minute'",
            "raw": "''",
        }
        chosen = ", ".join(own.get(name, name) for name in columns)
        cursor.execute(
            f"INSERT INTO tickets_inboundmail ({', '.join(columns)}) SELECT {chosen} "
            "FROM tickets_inboundmail, generate_series(1, 20000) number WHERE id = %s",
            [first.pk],
        )
        cursor.execute("ANALYZE tickets_inboundmail")
    ticket = first.ticket
    with CaptureQueriesContext(connection) as asked:
        receiving._too_many(first, ticket)
    plans = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert len(plans) == 3
    for plan, name in zip(plans, ("of_sender", "of_ticket", "of_box"), strict=True):
        assert f"mail_unproven_{name}" in plan, plan
