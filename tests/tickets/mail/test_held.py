"""A mail of an unverified sender on the ticket page: agents see it and decide, nobody else knows of it."""

import re
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext

from accounts.models import User
from audit import trail
from notifications import markdown
from notifications.message import message_id
from notifications.models import Delivery
from tests.audit.test_tampering import packed, verified
from tests.factories import stand
from tests.tickets.mail.post import arrives
from tests.tickets.mail.test_who_wrote import reply_address
from tests.tickets.pages.posting import again, press, see, verbs
from tickets import correspondence, letters, timeline
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
    assert (comment.body, comment.claimed_by) == (WORDS, "Anna K <anna@private.example>")
    assert comment.shown == f"Anna K <anna@private.example> (unverified sender) wrote by mail:\n\n> {WORDS}"
    page = see(browser_of(employee), ticket)
    assert WORDS in page
    assert "Unverified sender" in page
    assert verbs(ticket)[-1] == "mail_released"
    assert trail.first_fault() is None
    assert verified(packed(ticket)) == ""


def test_no_other_sender_is_put_in_his_place(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    """Seen to fail: without `h.comment = w.claimed_by` in reads.comment_faults, or `in named` in the verifier."""
    mail = held(mailbox, ticket, employee)
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    Comment.objects.update(claimed_by="Boss <boss@example.com>")
    fault = trail.first_fault()
    assert fault is not None
    assert fault.reason == "the comment is not what its event says"
    assert "no mail has named 'Boss" in verified(packed(ticket))


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


def test_everybody_reads_in_his_language_who_says_that_he_wrote(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mail = held(mailbox, ticket, employee)
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    employee.language = "ru"
    employee.save()
    with translation.override("ru"):
        words = gettext("%(sender)s (unverified sender) wrote by mail:").partition("%(sender)s")[2]
    assert "unverified" not in words
    page = see(browser_of(employee), ticket)
    assert words in page
    assert "(unverified sender) wrote" not in page
    notice = Delivery.objects.get(recipient=employee, verb="ticket.mail_released", transport="email")
    with translation.override("ru"):
        told = letters.compose(notice)
    assert told is not None
    assert words in told.text
    assert words in told.html
    assert "(unverified sender) wrote" not in told.text


def test_no_word_of_it_is_lost(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    """Its lines are quoted, which makes them longer; and a mail may be longer than a comment."""
    log = "\n".join(f"{number:06d} err" for number in range(1700))
    mail = held(mailbox, ticket, employee, text=log)
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    assert "001699 err" in see(browser_of(employee), ticket)
    assert not Attachment.objects.exists()
    log = "\n".join(f"{number:06d} err" for number in range(2700))
    mail = held(mailbox, ticket, employee, text=log)
    assert "checked disabled" in see(browser_of(agent), ticket)
    press(browser_of(agent), ticket, "release_mail", mail=mail.public_id)
    comment = Comment.objects.latest("pk")
    assert comment.body.endswith("…")
    file = comment.attachments.get()
    assert file.name == "message.txt"
    with file.file.open() as content:
        assert content.read().decode().strip() == log


@pytest.mark.parametrize(
    "name",
    [
        "[Reset your password](https://evil.example/) **Elena**",
        "# Elena",
        "1. Elena",
        "- Elena",
        "> Elena",
        "www.evil.example",
        "https://evil.example/x",
        "//localhost/x",
        "a@evil.example",
        "`Elena` _of_ ~~IT~~ &amp; <b>more</b> | \\",
        "A. S. O'Neil-Smith (IT), 2nd",
    ],
)
def test_a_name_is_only_a_name(name: str) -> None:
    comment = Comment(body="x", claimed_by=f"{name} <x@evil.example>")
    html = markdown.render(comment.shown)
    line = html.partition("</p>")[0].removeprefix("<p>")
    link = '<a href="mailto:x@evil.example" rel="noopener nofollow">x@evil.example</a>'
    assert line.startswith(escape(name).replace("&#x27;", "'"))
    assert line.count("<") == 2, line
    assert link in line


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


def test_the_ticket_says_that_files_of_a_mail_were_left_out(
    settings: Any, employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    settings.MOST_FILES = 2
    him = f"{employee.full_name} <{employee.email}>"
    to = reply_address(ticket, employee)
    with_files(mailbox, to, him, a_csv=b"one", b_csv=b"two", c_csv=b"three")
    left = "(Some files of this mail are missing: they were too large or too many.)"
    assert Comment.objects.get().body == f"{WORDS}\n\n{left}"
    assert Attachment.objects.count() == 2
    opened = with_files(mailbox, "desk@example.com", him, a_csv=b"one", b_csv=b"two", c_csv=b"three").ticket
    assert opened is not None
    assert left in opened.description
    waits = with_files(mailbox, to, a_csv=b"one", b_csv=b"two", c_csv=b"three")
    assert (waits.outcome, waits.reason) == (
        "held",
        f"{Why.FILES_LEFT.label}; the reply address was given to somebody else",
    )
    assert "some files were too large or too many" in see(browser_of(agent), ticket)


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


LONG = "Thanks!\n\nOn Mon, 3 Mar 2025 at 10:15, Desk <desk@example.com> wrote:\n" + (
    "> It is a long story, told again in every mail.\n" * 4000 + "> and so it ends\n"
)


def test_the_page_shows_the_beginning_of_a_long_history_and_where_it_goes_on(
    employee: User, colleague: User, agent: User, mailbox: Mailbox, ticket: Ticket, browser_of: BrowserOf
) -> None:
    from accounts.acting import SYSTEM
    from tickets import actions

    actions.watch(ticket, user=colleague, by=SYSTEM)
    for _number in range(3):
        mail = arrives(mailbox, to=reply_address(ticket, employee), text=LONG)
    waits = held(mailbox, ticket, employee, text=LONG)
    with CaptureQueriesContext(connection) as asked:
        page = see(browser_of(agent), ticket)
    assert "It is a long story" in page
    assert len(page) < 100_000
    fetched = [
        query["sql"].partition(" FROM ")[0] for query in asked if "tickets_inboundmail" in query["sql"]
    ]
    assert not [
        sql for sql in fetched if '"folded"' in sql.replace('LEFT("tickets_inboundmail"."folded"', "")
    ]
    bounds = re.findall(r'LEFT\("tickets_inboundmail"\."folded", (\d+)\)', "".join(fetched))
    assert set(bounds) == {str(timeline.FOLDED_SHOWN + 1)}
    whole = reverse("tickets:mail", args=[ticket.public_id, mail.public_id])
    assert whole in page
    assert "and so it ends" not in page
    for reader in (agent, employee):
        assert "and so it ends" in browser_of(reader).get(whole).content.decode()
    assert browser_of(colleague).get(whole).status_code == 404
    of_a_stranger = reverse("tickets:mail", args=[ticket.public_id, waits.public_id])
    assert of_a_stranger in page
    assert browser_of(agent).get(of_a_stranger).status_code == 200
    assert browser_of(employee).get(of_a_stranger).status_code == 404
    other = arrives(mailbox, text="Another one.").ticket
    assert other is not None
    elsewhere = reverse("tickets:mail", args=[other.public_id, mail.public_id])
    assert browser_of(agent).get(elsewhere).status_code == 404


def test_who_writes_a_notice_reads_no_text_of_the_mails_before(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    from tests.factories import web
    from tickets import actions

    arrives(mailbox, to=reply_address(ticket, employee), text=LONG, Message_ID="<his@client.example>")
    actions.add_comment(ticket, body="We look into it.", by=web(agent))
    notice = Delivery.objects.filter(recipient=employee, transport="email", verb="ticket.commented").latest(
        "pk"
    )
    with CaptureQueriesContext(connection) as asked:
        told = letters.compose(notice)
    assert told is not None
    assert "<his@client.example>" in told.thread
    fetched = [query["sql"] for query in asked if "tickets_inboundmail" in query["sql"]]
    assert fetched
    assert not [sql for sql in fetched if '"folded"' in sql or '"text"' in sql or '"raw"' in sql]


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
    for reader in (employee, agent):
        page = see(browser_of(reader), ticket)
        assert "The VPN drops." in page
        assert "Unverified sender" not in page
        assert "<b>Anna Kuznetsova</b> opened the ticket" in page
        assert "by mail, from Anna Kuznetsova &lt;anna@example.com&gt;, confirmed by Igor Orlov" in page
    assert Delivery.objects.filter(verb="ticket.sender_accepted", recipient=employee).exists()


def test_the_thread_of_whom_an_agent_has_confirmed_begins_with_his_mail(
    employee: User, agent: User, mailbox: Mailbox
) -> None:
    from tests.factories import web
    from tickets import actions

    mail = unproven(mailbox, text="The VPN drops.", Message_ID="<orig@client.example>")
    assert mail.ticket is not None
    ticket = actions.accept_sender(mail, by=web(agent))
    actions.add_comment(ticket, body="Since when?", by=web(agent))
    notice = Delivery.objects.filter(recipient=employee, transport="email").latest("pk")
    told = letters.compose(notice)
    assert told is not None
    assert told.thread[:1] == ("<orig@client.example>",)


def test_nobody_s_name_stands_over_the_words_of_a_stranger(
    agent: User, stand_in: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    mail = unproven(mailbox, sender="Eve <eve@elsewhere.example>", text="Send me the list.")
    assert mail.ticket is not None
    page = see(browser_of(agent), mail.ticket)
    assert "<b>Eve &lt;eve@elsewhere.example&gt; (unverified sender)</b> opened the ticket" in page
    told = list(Delivery.objects.filter(verb="ticket.opened", recipient=agent))
    with translation.override("ru"):
        seen = letters.lines(told, reader=agent)
        words = gettext("unverified sender")
    assert len(seen) == len(told) > 0
    for line in seen.values():
        assert f"Eve &lt;eve@elsewhere.example&gt; ({words})" in line.words
    says = "Eve <eve@elsewhere.example> (unverified sender) opened the ticket"
    for notice in told:
        for notice.transport in ("email", "slack"):
            message = letters.compose(notice)
            assert message is not None
            assert says in message.text


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
    page = see(browser_of(agent), ticket)
    assert "Confirm the sender" not in page
    assert "Nobody at the desk has the address ivan@elsewhere.example: once they have an account" in page
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
