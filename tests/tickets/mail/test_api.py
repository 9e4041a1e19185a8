"""GET /tickets/{id}/mails and what an agent's program does with them: release, refuse, confirm the sender."""

from typing import Any

import pytest

from accounts.models import User
from tests.tickets.mail.post import arrives
from tests.tickets.mail.test_held import WORDS, held, with_files
from tests.tickets.mail.test_who_wrote import reply_address
from tickets.models import Attachment, Comment, InboundMail, Mailbox, Ticket


def address(ticket: Ticket | None, mail: InboundMail | None = None, verb: str = "") -> str:
    assert ticket is not None
    return f"/api/v1/tickets/{ticket.public_id}/mails" + (f"/{mail.public_id}/{verb}" if mail else "")


def test_an_agent_s_program_reads_what_waits(
    program_of: Any, employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), a_csv=b"one")
    arrives(mailbox, to=reply_address(ticket, employee), sender=f"Anna <{employee.email}>", text="Proven.")
    [told] = program_of(agent).get(address(ticket)).json()["results"]
    assert told["id"] == str(mail.public_id)
    assert (told["outcome"], told["sender"], told["text"]) == ("HELD", "x@private.example", WORDS)
    assert told["files"] == [{"name": "a.csv", "size": 3}]
    assert told["reason"] == "the reply address was given to somebody else"
    opened = arrives(mailbox, text="A ticket of whom nobody vouches for.")
    [told] = program_of(agent).get(address(opened.ticket)).json()["results"]
    assert (told["id"], told["outcome"]) == (str(opened.public_id), "TICKET")


def test_it_is_released_with_the_files_that_are_named_and_once(
    program_of: Any, employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = with_files(mailbox, reply_address(ticket, employee), a_csv=b"one", b_csv=b"two")
    program = program_of(agent)
    key = {"idempotency-key": "release-one"}
    answer = program.post(address(ticket, mail, "release"), {"files": [1]}, headers=key)
    assert answer.status_code == 201
    told = answer.json()
    assert told["unverified_sender"] == "x@private.example"
    assert told["body"].endswith(f"> {WORDS}")
    assert [file["name"] for file in told["attachments"]] == ["b.csv"]
    again = program.post(address(ticket, mail, "release"), {"files": [1]}, headers=key)
    assert (again.status_code, again.json()) == (201, told)
    assert (Comment.objects.count(), Attachment.objects.count()) == (1, 1)
    answer = program.post(address(ticket, mail, "release"), {})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_held")


def test_it_is_refused(
    program_of: Any, employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = held(mailbox, ticket, employee)
    answer = program_of(agent).post(address(ticket, mail, "refuse"))
    assert answer.status_code == 200
    assert answer["ETag"] == f'"{Ticket.objects.get(pk=ticket.pk).version}"'
    mail.refresh_from_db()
    assert mail.outcome == "ignored"
    assert program_of(agent).get(address(ticket)).json()["results"] == []


def test_its_sender_is_confirmed(program_of: Any, employee: User, agent: User, mailbox: Mailbox) -> None:
    mail = arrives(mailbox, text="The VPN drops.")
    answer = program_of(agent).post(address(mail.ticket, mail, "confirm"))
    assert answer.status_code == 200
    assert answer.json()["requester"]["email"] == employee.email
    assert program_of(agent).get(address(mail.ticket)).json()["results"] == []


@pytest.mark.parametrize("verb", ["release", "refuse", "confirm"])
def test_nobody_but_agents_learns_that_it_is_there(
    program_of: Any,
    employee: User,
    colleague: User,
    agent: User,
    mailbox: Mailbox,
    ticket: Ticket,
    verb: str,
) -> None:
    mail = held(mailbox, ticket, employee)
    for reader, status in ((employee, 403), (colleague, 404)):
        program = program_of(reader)
        assert program.get(address(ticket)).status_code == status
        assert program.post(address(ticket, mail, verb), {}).status_code == status
    other = arrives(mailbox, text="Another one.").ticket
    assert program_of(agent).post(address(other, mail, verb), {}).status_code == 404
    stale = program_of(agent).post(address(ticket, mail, verb), {}, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    mail.refresh_from_db()
    assert mail.outcome == "held"


@pytest.mark.parametrize("files", [[-1], [10], ["a"], [0], "0", [0] * 11, None])
def test_a_place_is_a_place(
    program_of: Any, employee: User, agent: User, mailbox: Mailbox, ticket: Ticket, files: Any
) -> None:
    mail = held(mailbox, ticket, employee)
    answer = program_of(agent).post(address(ticket, mail, "release"), {"files": files})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert all(name.startswith("files") for name in answer.json()["errors"])
