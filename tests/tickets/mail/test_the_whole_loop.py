"""The whole loop over real servers: a mail becomes a ticket, an answer becomes a mail, and all of it is one thread.

The company's mail server is aiosmtpd in front of pymap: what is sent to the desk lies in its IMAP mailbox, stamped by
the receiving host; what is sent to people lies in theirs. The desk is gunicorn and a worker. His mail program
is Python's smtplib and email, which keep to In-Reply-To and References as all of them do.
"""

import email
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection

from accounts.models import User
from tests.served import Desk, running
from tests.tickets.mail import imap
from tests.tickets.mail.post import BELIEVED
from tests.working import Workshop, until, working
from tickets.inbound_email.collecting import visit_all
from tickets.models import Comment, InboundMail, Mailbox, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Company:
    """The company's mail server."""

    imap_port: int
    smtp_port: int
    delivered: dict[str, list[EmailMessage]] = field(default_factory=dict)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        for address in envelope.rcpt_tos:
            local, _at, domain = address.partition("@")
            if local.partition("+")[0] == "desk":
                seen = f"Delivered-To: {address}\r\n"
                seen += f"Authentication-Results: {BELIEVED}; dmarc=pass header.from={domain}\r\n"
                imap.put(self.imap_port, [seen.encode() + envelope.original_content])
            else:
                mail = email.message_from_bytes(envelope.original_content, policy=SMTP)
                assert isinstance(mail, EmailMessage)
                self.delivered.setdefault(address, []).append(mail)
        return "250 taken"


@pytest.fixture
def company() -> Iterator[Company]:
    with imap.server() as port:
        company = Company(port, smtp_port=imap.free_port())
        controller = Controller(company, hostname="127.0.0.1", port=company.smtp_port)
        controller.start()
        try:
            yield company
        finally:
            controller.stop()


@pytest.fixture
def environment(company: Company) -> dict[str, str]:
    return {
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(company.smtp_port),
        "MAIL_SECURITY": "NONE",
        "MAIL_FROM": "Service desk <desk@example.com>",
    }


@pytest.fixture
def open_desk(environment: dict[str, str], tmp_path: Path) -> Iterator[Desk]:
    with running(connection.settings_dict["NAME"], tmp_path / "web", **environment) as desk:
        yield desk


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[Workshop]:
    with working(connection.settings_dict["NAME"], tmp_path / "jobs", **environment) as shop:
        yield shop


def send(company: Company, mail: EmailMessage) -> EmailMessage:
    """As a mail program does."""
    with smtplib.SMTP("127.0.0.1", company.smtp_port) as server:
        server.send_message(mail)
    return mail


def written(to: str, text: str, *, subject: str = "No network on the third floor") -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Anna Kuznetsova <anna@example.com>", to, subject
    mail["Message-ID"] = make_msgid(domain="example.com")
    mail.set_content(text)
    return mail


def answer(to: EmailMessage, text: str) -> EmailMessage:
    """RFC 5322, 3.6.4."""
    mail = written(to["Reply-To"] or to["From"], "", subject=f"Re: {to['Subject']}")
    mail["In-Reply-To"] = to["Message-ID"]
    mail["References"] = " ".join([*(to["References"] or "").split(), to["Message-ID"]])
    body = to.get_body(("plain",))
    assert body is not None
    quoted = "\n".join(f"> {line}" for line in body.get_content().splitlines())
    mail.set_content(
        f"{text}\n\nOn Mon, 23 Nov 2026 at 10:05, Service desk <desk@example.com> wrote:\n{quoted}\n"
    )
    return mail


def threads(mails: list[EmailMessage]) -> int:
    """How many conversations a mail program would show: mails that name each other are one."""
    groups: list[set[str]] = []
    for mail in mails:
        mine = {mail["Message-ID"], *(mail["References"] or "").split(), *(mail["In-Reply-To"] or "").split()}
        joined = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine] + [mine.union(*joined)]
    return len(groups)


def test_five_messages_one_thread_one_ticket(
    company: Company,
    open_desk: Desk,
    worker: Workshop,
    mailbox: Mailbox,
    employee: User,
    agent: User,
    key_of: Callable[..., str],
) -> None:
    imap.points_at(mailbox, company.imap_port)

    def box() -> list[EmailMessage]:
        return company.delivered.get(employee.email, [])

    program = open_desk.visitor()
    program.headers["X-API-Key"] = key_of(agent)

    def arrives(number: int) -> EmailMessage:
        until(lambda: len(box()) >= number, f"mail {number} did not arrive", process=worker)
        return box()[number - 1]

    # He writes, and hears that it has arrived.
    first = send(company, written("desk@example.com", "Nobody on the third floor has a network."))
    visit_all()
    receipt = arrives(1)
    [ticket] = Ticket.objects.all()
    assert (ticket.requester, ticket.title, ticket.source) == (employee, first["Subject"], "mail")
    assert ticket.description == "Nobody on the third floor has a network."
    assert receipt["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"] in receipt["References"]

    # The agent answers by the API; he reads it in his mail program and answers there.
    place = f"/api/v1/tickets/{ticket.public_id}"
    told = program.post(f"{place}/comments", json={"body": "Is the switch in room **3.14** dark?"})
    assert told.status_code == 201, told.text
    question = arrives(2)
    body = question.get_body(("plain",))
    assert body is not None
    assert "Is the switch in room" in body.get_content()
    reply = send(company, answer(question, "Yes, it is dark."))
    visit_all()
    until(lambda: ticket.comments.count() == 2, "the answer did not arrive", process=worker)
    said = Comment.objects.latest("id")
    assert (said.body, said.author, said.source, said.internal) == (
        "Yes, it is dark.",
        employee,
        "mail",
        False,
    )

    # It is solved, and he hears of that, too.
    assert program.post(f"{place}/claim").status_code == 200
    for status in ("IN_PROGRESS", "DONE"):
        assert program.patch(f"{place}/status", json={"status": status}).status_code == 200
    solved = arrives(3)
    assert threads([first, receipt, question, reply, solved]) == 1
    assert {mail["List-Id"] for mail in (receipt, question, solved)} == {receipt["List-Id"]}
    assert {mail["Subject"] for mail in (receipt, question, solved)} == {
        f"[{ticket.reference}] {first['Subject']}"
    }

    # And nothing else has happened.
    assert worker.stop() == 0
    assert len(box()) == 3
    assert Ticket.objects.get().status == "DONE"
    assert sorted(InboundMail.objects.values_list("outcome", flat=True)) == ["comment", "ticket"]
