"""Idempotency-Key: what is sent twice is done once, and the first answer comes again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import StoredAnswer, User
from accounts.rest import safe_writing
from accounts.sealed import seal
from audit.models import Event
from tests.program import Program
from tickets.models import Comment, Ticket

TICKETS = "/api/v1/tickets"
ONCE = {"idempotency-key": "order-66"}


def test_the_first_answer_comes_again(program_of: Any, employee: User) -> None:
    program = program_of(employee)
    first = program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    second = program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert (second.status_code, second.content) == (201, first.content)
    for header in ("Location", "ETag", "Content-Type"):
        assert second[header] == first[header]
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("other", ["body", "path", "method"])
def test_the_same_key_for_something_else_is_refused(
    program_of: Any, admin: User, ticket: Ticket, other: str
) -> None:
    program = program_of(admin)
    address = f"{TICKETS}/{ticket.public_id}"
    assert program.patch(address, {"priority": "HIGH"}, headers=ONCE).status_code == 200
    response = {
        "body": lambda: program.patch(address, {"priority": "LOW"}, headers=ONCE),
        "path": lambda: program.patch(f"{TICKETS}/{ticket.reference}", {"priority": "HIGH"}, headers=ONCE),
        "method": lambda: program.post(address, {"priority": "HIGH"}, headers=ONCE),
    }[other]()
    expected = (405, "method_not_allowed") if other == "method" else (409, "idempotency_key_reused")
    assert (response.status_code, response.json()["code"]) == expected
    ticket.refresh_from_db()
    assert ticket.priority == "HIGH"


def test_a_slash_more_is_the_same_call(program_of: Any, employee: User) -> None:
    program = program_of(employee)
    program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    assert program.post(f"{TICKETS}/", {"title": "Broken chair"}, headers=ONCE).status_code == 201
    assert Ticket.objects.count() == 1


def test_everybody_has_keys_of_his_own(program_of: Any, employee: User, colleague: User) -> None:
    for person in (employee, colleague):
        program_of(person).post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_nothing_is_kept_of_a_failure(
    program_of: Any, employee: User, colleague: User, ticket: Ticket, status: int
) -> None:
    address = f"{TICKETS}/{ticket.public_id}"
    response = {
        400: lambda: program_of(employee).post(TICKETS, {"title": "x"}, headers=ONCE),
        403: lambda: program_of(employee).patch(address, {"priority": "HIGH"}, headers=ONCE),
        404: lambda: program_of(colleague).patch(address, {"title": "Mine now"}, headers=ONCE),
        409: lambda: program_of(employee).post(f"{address}/reopen", headers=ONCE),
    }[status]()
    assert response.status_code == status
    assert not StoredAnswer.objects.exists()
    assert program_of(employee).post(TICKETS, {"title": "Broken chair"}, headers=ONCE).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_1_to_255_characters(program_of: Any, employee: User, key: str) -> None:
    response = program_of(employee).post(TICKETS, {"title": "Chair"}, headers={"idempotency-key": key})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")
    longest = program_of(employee).post(TICKETS, {"title": "Chair"}, headers={"idempotency-key": "x" * 255})
    assert longest.status_code == 201


def test_a_day_later_the_key_is_free_again(program_of: Any, employee: User) -> None:
    program = program_of(employee)
    program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    StoredAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert program.post(TICKETS, {"title": "Another chair"}, headers=ONCE).json()["title"] == "Another chair"
    assert StoredAnswer.objects.count() == 1


def test_what_is_kept_nobody_can_read(program_of: Any, employee: User) -> None:
    program_of(employee).post(TICKETS, {"title": "A secret wish"}, headers=ONCE)
    kept = StoredAnswer.objects.get()
    assert b"secret" not in bytes(kept.body)
    assert "order-66" not in kept.key


def test_an_answer_of_before_an_upgrade_is_given_after_it(program_of: Any, employee: User) -> None:
    """Seen to fail with another name in safe_writing.PURPOSE: 409, the answer is lost."""
    program = program_of(employee)
    first = program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    StoredAnswer.objects.update(body=seal(first.content, purpose="accounts.safe_writing"))
    assert program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE).content == first.content


def test_a_new_secret_key_reads_old_answers(program_of: Any, employee: User, settings: Any) -> None:
    program = program_of(employee)
    first = program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-" * 5
    lost = program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE)
    assert (lost.status_code, lost.json()["code"]) == (409, "idempotency_answer_lost")
    settings.SECRET_KEY_FALLBACKS = [old]
    assert program.post(TICKETS, {"title": "Broken chair"}, headers=ONCE).content == first.content


def test_an_empty_answer_comes_again_too(program_of: Any, agent: User) -> None:
    program = program_of(agent)
    for replayed in (False, True):
        response = program.post(f"{TICKETS}/claim-next", headers=ONCE)
        assert (response.status_code, "Idempotency-Replayed" in response) == (204, replayed)


def test_the_answer_counts_even_when_the_world_has_moved_on(
    program_of: Any, agent: User, ticket: Ticket
) -> None:
    program = program_of(agent)
    address = f"{TICKETS}/{ticket.public_id}/claim"
    program.post(address, headers=ONCE | {"if-match": '"1"'})
    again = program.post(address, headers=ONCE | {"if-match": '"1"'})
    assert (again.status_code, again["ETag"]) == (200, '"2"')
    assert Event.objects.filter(verb="ticket.claimed").count() == 1


def in_parallel(program: Program, path: str, bodies: list[dict[str, str]]) -> list[Any]:
    """All bodies sent at the same moment, each by a thread and connection of its own."""
    start = Barrier(len(bodies))

    def send(body: dict[str, str]) -> Any:
        try:
            start.wait(timeout=20)
            return program.post(path, body, headers=ONCE)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


@pytest.mark.django_db(transaction=True)
def test_of_eight_twins_one_works_and_all_get_its_answer(program_of: Any, employee: User) -> None:
    answers = in_parallel(program_of(employee), TICKETS, [{"title": "Broken chair"}] * 8)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sorted("Idempotency-Replayed" in answer for answer in answers) == [False] + [True] * 7
    assert Ticket.objects.count() == 1
    assert Event.objects.filter(verb="ticket.opened").count() == 1


@pytest.mark.django_db(transaction=True)
def test_twins_that_differ_are_told_so(program_of: Any, employee: User) -> None:
    answers = in_parallel(program_of(employee), TICKETS, [{"title": f"Chair {n}"} for n in range(4)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert Ticket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_twin_does_the_work_of_one_that_failed(
    program_of: Any, employee: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, failures = safe_writing._keep, iter([True])

    def fail_once(*args: Any) -> None:
        if next(failures, False):
            raise RuntimeError("killed before the answer was kept")
        keep(*args)

    monkeypatch.setattr(safe_writing, "_keep", fail_once)
    program = program_of(employee)
    program.raise_request_exception = False
    address = f"{TICKETS}/{ticket.public_id}/comments"
    answers = in_parallel(program, address, [{"body": "Any news?"}] * 3)
    assert sorted(answer.status_code for answer in answers) == [201, 201, 500]
    assert Comment.objects.count() == 1


def test_a_twin_of_bulk_work_that_was_refused_meanwhile_has_its_turn(
    program_of: Any, agent: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve, twins = safe_writing._reserve, ["at work"]

    def taken_at_first(*args: Any) -> int | None:
        # The twin has the key at this moment, and has been refused and let go of it before the next.
        if not twins:
            return reserve(*args)
        twins.clear()
        return None

    monkeypatch.setattr(safe_writing, "_reserve", taken_at_first)
    body = {"ids": [str(ticket.public_id)], "verb": "claim", "arguments": {}}
    answer = program_of(agent).post(f"{TICKETS}/bulk", body, headers=ONCE)
    assert answer.status_code == 200, answer.content
    assert "Idempotency-Replayed" not in answer
    assert StoredAnswer.objects.get().status == 200
