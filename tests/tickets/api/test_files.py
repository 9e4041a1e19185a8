"""Files by the API: put on a ticket, said something with, listed, taken away."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from accounts.models import User
from audit.models import Event
from tests.factories import web
from tests.invariants import check
from tests.program import Program
from tests.tickets.actions.test_attach import kept
from tickets import actions, files
from tickets.models import Attachment, Ticket

type ProgramOf = Callable[..., Program]


def named(
    name: str = "log.txt", content: bytes = b"one\ntwo\n", kind: str = "text/plain"
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def sent(program: Program, ticket: Ticket, *uploads: Any, to: str = "attachments", **fields: Any) -> Any:
    headers = fields.pop("headers", {})
    return program.post(
        f"/api/v1/tickets/{ticket.public_id}/{to}",
        {"file": uploads, **fields},
        format="multipart",
        headers=headers,
    )


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_files_are_put_on_a_ticket_and_taken_away_again(
    program_of: ProgramOf, ticket: Ticket, employee: User, agent: User
) -> None:
    answer = sent(
        program_of(employee), ticket, named(), named("Счёт №5.pdf", b"%PDF-1.7\n", "application/pdf")
    )
    assert answer.status_code == 201
    log, bill = answer.json()["results"]
    assert (log["name"], log["size"], log["state"], log["comment"]) == ("log.txt", 8, "CLEAN", None)
    assert (bill["name"], bill["content_type"]) == ("Счёт №5.pdf", "application/pdf")
    program = program_of(agent)
    listed = program.get(f"/api/v1/tickets/{ticket.public_id}/attachments").json()["results"]
    assert listed == [log, bill]
    taken = program.get(f"/api/v1/attachments/{log['id']}/content")
    assert content(taken) == b"one\ntwo\n"
    event = Event.objects.get(verb="attachment.downloaded")
    assert (str(event.subject_id), event.actor_name, event.door) == (log["id"], agent.full_name, "api")
    ticket.refresh_from_db()
    assert ticket.version == 2
    assert check(connection) == []


def test_a_download_is_nothing_but_a_download(program_of: ProgramOf, ticket: Ticket, employee: User) -> None:
    program = program_of(employee)
    page = named("page.html", b"<script>alert(1)</script>", "text/html")
    [file] = sent(program, ticket, page).json()["results"]
    answer = program.get(f"/api/v1/attachments/{file['id']}/content", headers={"Range": "bytes=0-3"})
    assert answer.status_code == 200
    assert content(answer) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Length"] == "25"


def test_looking_whether_it_is_there_is_no_download(
    program_of: ProgramOf, ticket: Ticket, employee: User
) -> None:
    program = program_of(employee)
    [file] = sent(program, ticket, named()).json()["results"]
    answer = program.head(f"/api/v1/attachments/{file['id']}/content")
    assert (answer.status_code, answer["Content-Length"], content(answer)) == (200, "8", b"")
    assert not Event.objects.filter(verb="attachment.downloaded").exists()


def test_what_one_may_not_see_is_not_there(
    program_of: ProgramOf, ticket: Ticket, agent: User, employee: User, colleague: User
) -> None:
    [hidden] = actions.attach(ticket, files=[files.incoming("memo.txt", b"x")], internal=True, by=web(agent))
    [public] = actions.attach(ticket, files=[files.incoming("all.txt", b"x")], by=web(agent))
    address = "/api/v1/attachments/{}/content"
    assert content(program_of(agent).get(address.format(hidden.public_id))) == b"x"
    assert program_of(employee).get(address.format(hidden.public_id)).status_code == 404
    assert content(program_of(employee).get(address.format(public.public_id))) == b"x"
    assert program_of(colleague).get(address.format(public.public_id)).status_code == 404
    assert program_of(agent).get(address.format(uuid4())).status_code == 404
    listed = program_of(employee).get(f"/api/v1/tickets/{ticket.public_id}/attachments").json()["results"]
    assert [file["name"] for file in listed] == ["all.txt"]
    history = program_of(employee).get(f"/api/v1/tickets/{ticket.public_id}/history").content
    assert b"memo" not in history
    before = kept()
    assert sent(program_of(colleague), ticket, named()).status_code == 404
    assert kept() == before


def test_a_comment_brings_files(program_of: ProgramOf, ticket: Ticket, agent: User, employee: User) -> None:
    answer = sent(program_of(agent), ticket, named(), to="comments", body="true", internal="true")
    assert answer.status_code == 201
    assert [file["name"] for file in answer.json()["attachments"]] == ["log.txt"]
    assert answer.json()["attachments"][0]["internal"] is True
    listed = program_of(agent).get(f"/api/v1/tickets/{ticket.public_id}/comments").json()["results"]
    assert listed[0]["attachments"] == answer.json()["attachments"]
    assert program_of(employee).get(f"/api/v1/tickets/{ticket.public_id}/comments").json()["results"] == []


def test_a_comment_joins_files_that_are_there(program_of: ProgramOf, ticket: Ticket, employee: User) -> None:
    program = program_of(employee)
    [file] = sent(program, ticket, named()).json()["results"]
    address = f"/api/v1/tickets/{ticket.public_id}/comments"
    answer = program.post(address, {"body": "This one.", "attachments": [file["id"]]})
    assert answer.status_code == 201
    assert answer.json()["attachments"] == [file | {"comment": answer.json()["id"]}]
    again = program.post(address, {"body": "This one.", "attachments": [file["id"]]})
    assert again.status_code == 400
    assert again.json()["errors"].keys() == {"attachments"}


def test_an_upload_that_is_sent_twice_is_done_once(
    program_of: ProgramOf, ticket: Ticket, employee: User
) -> None:
    program, key = program_of(employee), {"Idempotency-Key": "once"}
    first = sent(program, ticket, named(), headers=key)
    before = kept()
    second = sent(program, ticket, named(), headers=key)
    assert (second.status_code, second.content) == (201, first.content)
    assert second["Idempotency-Replayed"] == "true"
    assert (Attachment.objects.count(), kept()) == (1, before)
    other = sent(program, ticket, named(content=b"three"), headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("uploads", "fields", "status", "code"),
    [
        ([], {}, 400, "invalid"),
        ([named()], {"internal": "yes"}, 400, "invalid"),
        ([named()], {"colour": "red"}, 400, "unknown_field"),
        ([named()] * 11, {}, 413, "too_many_files"),
    ],
)
def test_what_is_wrong_is_named(
    program_of: ProgramOf, ticket: Ticket, agent: User, uploads: Any, fields: Any, status: int, code: str
) -> None:
    before = kept()
    answer = sent(program_of(agent), ticket, *uploads, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert kept() == before


def test_too_large_a_file_is_413(
    settings: Any, program_of: ProgramOf, ticket: Ticket, employee: User
) -> None:
    settings.LARGEST_FILE, settings.FILES_PER_TICKET = 10, 15
    program = program_of(employee)
    assert sent(program, ticket, named(content=b"x" * 11)).json()["code"] == "file_too_large"
    assert sent(program, ticket, named(content=b"x" * 10)).status_code == 201
    full = sent(program, ticket, named(content=b"x" * 6))
    assert (full.status_code, full.json()["code"]) == (413, "ticket_full")
    assert full.json()["errors"].keys() == {"file"}


def test_files_come_in_forms_only(program_of: ProgramOf, ticket: Ticket, employee: User) -> None:
    answer = program_of(employee).post(f"/api/v1/tickets/{ticket.public_id}/attachments", {"file": "x"})
    assert answer.status_code == 415


def test_who_only_reads_attaches_nothing(program_of: ProgramOf, ticket: Ticket, employee: User) -> None:
    assert sent(program_of(employee, "read"), ticket, named()).status_code == 403


def test_what_the_scanner_has_not_passed_is_held(
    program_of: ProgramOf, ticket: Ticket, employee: User
) -> None:
    program = program_of(employee)
    [file] = sent(program, ticket, named()).json()["results"]
    for state, code in (("held", "file_held"), ("refused", "file_refused")):
        Attachment.objects.update(state=state)
        answer = program.get(f"/api/v1/attachments/{file['id']}/content")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert not Event.objects.filter(verb="attachment.downloaded").exists()


def test_a_file_that_cannot_be_read_is_503(program_of: ProgramOf, ticket: Ticket, employee: User) -> None:
    program = program_of(employee)
    [file] = sent(program, ticket, named()).json()["results"]
    files.take_out(str(Attachment.objects.get().file.name))
    answer = program.get(f"/api/v1/attachments/{file['id']}/content")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


def test_a_body_that_is_no_form_is_refused_in_the_callers_language(
    employee: User, ticket: Ticket, program_of: ProgramOf
) -> None:
    User.objects.filter(pk=employee.pk).update(language="ru")
    employee.refresh_from_db()
    for call in ("attachments", "comments"):
        refused = program_of(employee).post(
            f"/api/v1/tickets/{ticket.reference}/{call}", b"no form", content_type="multipart/form-data"
        )
        assert (refused.status_code, refused.json()["detail"]) == (400, "Запрос не удалось понять.")
