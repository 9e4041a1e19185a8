"""PATCH /tickets/{id}/status: start, wait, resolve, cancel."""

from typing import Any

import pytest

from accounts.models import User
from audit.models import Event
from tests.factories import stand
from tickets.models import Comment, Ticket


def address(ticket: Ticket) -> str:
    return f"/api/v1/tickets/{ticket.public_id}/status"


def test_igor_asks_and_waits(program_of: Any, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    wanted = {"status": "WAITING", "waiting_for": "REQUESTER", "comment": "Which version?"}
    response = program_of(agent).patch(address(ticket), wanted)
    assert response.status_code == 200
    told = response.json()
    assert (told["status"], told["waiting_for"]) == ("WAITING", "REQUESTER")
    assert response["ETag"] == f'"{told["version"]}"'
    assert Comment.objects.get().body == "Which version?"


def test_taking_and_starting_is_one_call(program_of: Any, agent: User, ticket: Ticket) -> None:
    told = program_of(agent).patch(address(ticket), {"status": "IN_PROGRESS", "assignee": "me"}).json()
    assert (told["status"], told["assignee"]["full_name"], told["version"]) == (
        "IN_PROGRESS",
        "Igor Orlov",
        3,
    )


def test_an_illegal_change_says_what_would_be_legal(program_of: Any, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    response = program_of(agent).patch(address(ticket), {"status": "IN_PROGRESS"})
    assert response.status_code == 409
    told = response.json()
    assert told["code"] == "illegal_status_change"
    assert (told["from"], told["to"]) == ("IN_PROGRESS", "IN_PROGRESS")
    assert told["allowed"] == ["WAITING", "DONE", "CANCELED"]
    assert told["status"] == 409


def test_a_refusal_changes_nothing(program_of: Any, agent: User, lead: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    program, events = program_of(lead), Event.objects.filter(subject_type="ticket")
    before = events.count()
    response = program.patch(address(ticket), {"status": "CANCELED", "assignee": "me"})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["comment"])
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee) == ("IN_PROGRESS", agent)
    assert events.count() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "FINISHED"}, "status"),
        ({"status": "done"}, "status"),
        ({"status": 4}, "status"),
        ({"status": ["DONE"]}, "status"),
        ({"status": "DONE", "waiting_for": "REQUESTER"}, "waiting_for"),
        ({"status": "WAITING", "waiting_for": "GODOT"}, "waiting_for"),
        ({"status": "DONE", "comment": "x" * 20_001}, "comment"),
        ({"status": "DONE", "priority": "LOW"}, "priority"),
    ],
)
def test_what_is_wrong_is_named(
    program_of: Any, agent: User, ticket: Ticket, body: dict[str, object], field: str
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    response = program_of(agent).patch(address(ticket), body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])


def test_anna_sees_it_and_may_not(program_of: Any, employee: User, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    response = program_of(employee).patch(address(ticket), {"status": "DONE"})
    assert (response.status_code, response.json()["code"]) == (403, "not_permitted")


def test_boris_does_not_even_see_it(program_of: Any, colleague: User, ticket: Ticket) -> None:
    assert program_of(colleague).patch(address(ticket), {"status": "DONE"}).status_code == 404


def test_a_change_takes_few_queries(
    program_of: Any, agent: User, ticket: Ticket, django_assert_max_num_queries: Any
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    program = program_of(agent)
    program.get(address(ticket))
    with django_assert_max_num_queries(11):
        assert program.patch(address(ticket), {"status": "DONE"}).status_code == 200
