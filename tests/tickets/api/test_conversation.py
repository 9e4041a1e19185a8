"""/tickets/{id}/comments, /watchers and /history: what was said and done, and who follows."""

from typing import Any

import pytest

from accounts.models import User
from tests.factories import stand, web
from tickets import actions
from tickets.models import Ticket


def address(ticket: Ticket, what: str) -> str:
    return f"/api/v1/tickets/{ticket.public_id}/{what}"


def test_anna_and_igor_talk(program_of: Any, employee: User, agent: User, ticket: Ticket) -> None:
    response = program_of(employee).post(address(ticket, "comments"), {"body": "Any news?"})
    assert response.status_code == 201
    told = response.json()
    assert (told["body"], told["internal"], told["source"], told["seq"]) == ("Any news?", False, "API", 2)
    program_of(agent).post(address(ticket, "comments"), {"body": "She is in a hurry.", "internal": True})
    assert [
        each["body"] for each in program_of(agent).get(address(ticket, "comments")).json()["results"]
    ] == [
        "Any news?",
        "She is in a hurry.",
    ]
    assert [
        each["body"] for each in program_of(employee).get(address(ticket, "comments")).json()["results"]
    ] == ["Any news?"]


def test_anna_writes_no_internal_notes(program_of: Any, employee: User, ticket: Ticket) -> None:
    response = program_of(employee).post(address(ticket, "comments"), {"body": "x", "internal": True})
    assert (response.status_code, response.json()["verb"]) == (403, "note")


@pytest.mark.parametrize(
    "body", [{}, {"body": ""}, {"body": "  "}, {"body": 5}, {"body": "x", "internal": "no"}]
)
def test_a_comment_says_something(program_of: Any, employee: User, ticket: Ticket, body: Any) -> None:
    assert program_of(employee).post(address(ticket, "comments"), body).status_code == 400


def test_anna_s_answer_brings_it_back_to_work(
    program_of: Any, employee: User, agent: User, ticket: Ticket
) -> None:
    stand(ticket, "WAITING", assignee=agent)
    program = program_of(employee)
    program.post(address(ticket, "comments"), {"body": "Version 5."})
    assert program.get(address(ticket, "")[:-1]).json()["status"] == "IN_PROGRESS"


def test_the_history_is_complete_and_oldest_first(
    program_of: Any, employee: User, agent: User, ticket: Ticket
) -> None:
    program = program_of(agent)
    program.post(address(ticket, "claim"), headers={"x-request-id": "r-7"})
    program.post(address(ticket, "comments"), {"body": "Note to self.", "internal": True})
    program.patch(address(ticket, "status"), {"status": "IN_PROGRESS"})
    told = program.get(address(ticket, "history")).json()["results"]
    assert [event["seq"] for event in told] == [1, 2, 3, 4]
    assert told[1] | {"at": ""} == {
        "seq": 2,
        "at": "",
        "actor": {"id": str(agent.public_id), "name": "Igor Orlov"},
        "door": "API",
        "verb": "ticket.claimed",
        "changes": {"assignee": [None, {"id": str(agent.public_id), "name": "Igor Orlov"}]},
        "comment": "",
        "request_id": "r-7",
    }
    hers = program_of(employee).get(address(ticket, "history")).json()["results"]
    assert [event["seq"] for event in hers] == [1, 2, 4]


def test_the_history_is_paged(program_of: Any, agent: User, ticket: Ticket) -> None:
    program = program_of(agent)
    for n in range(4):
        program.post(address(ticket, "comments"), {"body": f"{n}"})
    first = program.get(address(ticket, "history?limit=3")).json()
    second = program.get(first["next"]).json()
    assert [event["seq"] for event in first["results"] + second["results"]] == [1, 2, 3, 4, 5]


def test_boris_follows_and_stops(program_of: Any, employee: User, colleague: User, ticket: Ticket) -> None:
    hers, his = program_of(employee), program_of(colleague)
    response = hers.put(address(ticket, f"watchers/{colleague.email}"))
    assert (response.status_code, response.json()["full_name"]) == (200, "Борис Белов")
    assert his.get(address(ticket, "watchers/me")).status_code == 200
    assert [each["email"] for each in hers.get(address(ticket, "watchers")).json()["results"]] == [
        colleague.email
    ]
    assert hers.put(address(ticket, f"watchers/{colleague.public_id}")).status_code == 200  # again
    assert his.delete(address(ticket, "watchers/me")).status_code == 204
    assert his.get(address(ticket, "watchers/me")).status_code == 404
    assert hers.get(address(ticket, "watchers/boris@example.com")).status_code == 404


def test_a_watcher_has_to_be_somebody(program_of: Any, agent: User, ticket: Ticket) -> None:
    for nobody in ("nobody@example.com", "0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1", "x"):
        assert program_of(agent).put(address(ticket, f"watchers/{nobody}")).status_code == 404


def test_a_watcher_adds_no_watchers(
    program_of: Any, agent: User, colleague: User, employee: User, ticket: Ticket
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    assert program_of(colleague).put(address(ticket, f"watchers/{agent.email}")).status_code == 403


@pytest.mark.parametrize("what", ["comments", "history", "watchers", "watchers/me"])
def test_what_boris_does_not_see_has_nothing(
    program_of: Any, colleague: User, ticket: Ticket, what: str
) -> None:
    assert program_of(colleague).get(address(ticket, what)).status_code == 404


@pytest.mark.parametrize("rows", [3, 30])
def test_a_conversation_takes_the_same_queries(
    program_of: Any, agent: User, ticket: Ticket, rows: int, django_assert_num_queries: Any
) -> None:
    for n in range(rows):
        actions.add_comment(ticket, body=f"{n}", by=web(agent))
    program = program_of(agent)
    program.get(address(ticket, "comments"))
    for what, queries in (("comments", 5), ("history", 4), ("watchers", 4)):
        with django_assert_num_queries(queries):
            program.get(address(ticket, what))
