"""POST /tickets/bulk: one verb, many tickets, one result for each."""

from typing import Any

import pytest

from accounts.models import StoredAnswer, User
from audit.models import Event
from tests.factories import opened, stand
from tickets.models import Service, Ticket

BULK = "/api/v1/tickets/bulk"
NOBODY_S = "0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1"


@pytest.fixture
def three(employee: User, service: Service) -> list[Ticket]:
    return [opened(by=employee, title=f"ticket {n}", service=service) for n in range(3)]


def ids(tickets: list[Ticket]) -> list[str]:
    return [str(ticket.public_id) for ticket in tickets]


def test_igor_takes_three_and_hears_of_each(
    program_of: Any, agent: User, other_agent: User, three: list[Ticket]
) -> None:
    stand(three[1], "IN_PROGRESS", assignee=other_agent)
    response = program_of(agent).post(BULK, {"ids": [*ids(three), NOBODY_S], "verb": "claim"})
    assert response.status_code == 200
    told = response.json()["results"]
    assert [each["id"] for each in told] == [*ids(three), NOBODY_S]
    assert [each["status"] for each in told] == [200, 409, 200, 404]
    assert [each["ok"] for each in told] == [True, False, True, False]
    assert told[0] == {"id": ids(three)[0], "ok": True, "status": 200, "changed": True, "version": 2}
    assert told[1]["code"] == "already_claimed"
    assert Ticket.objects.filter(assignee=agent).count() == 2


def test_a_dry_run_says_the_same_and_does_nothing(
    program_of: Any, agent: User, other_agent: User, three: list[Ticket]
) -> None:
    stand(three[1], "IN_PROGRESS", assignee=other_agent)
    told = program_of(agent).post(BULK, {"ids": ids(three), "verb": "claim", "dry_run": True}).json()
    assert told["dry_run"] is True
    assert [each["status"] for each in told["results"]] == [200, 409, 200]
    assert not Event.objects.filter(verb="ticket.claimed").exists()
    assert not Ticket.objects.filter(assignee=agent).exists()


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("assign", {"assignee": "igor@example.com"}),
        ("hand_over", {"assignee": "igor@example.com", "comment": "Yours."}),
        ("change_status", {"status": "CANCELED", "comment": "A drill."}),
        ("set_priority", {"priority": "HIGH"}),
        ("set_tags", {"tags": ["drill"]}),
        ("set_service", {"service": None}),
        ("set_due", {"due": "2030-01-01T12:00:00Z"}),
        ("set_due", {"due_at": "2030-01-01T12:00:00Z"}),
        ("comment", {"body": "We are on it.", "internal": False}),
    ],
)
def test_every_verb_works(
    program_of: Any, admin: User, agent: User, three: list[Ticket], verb: str, arguments: dict[str, Any]
) -> None:
    told = program_of(admin).post(BULK, {"ids": ids(three), "verb": verb, "arguments": arguments}).json()
    assert [each.get("detail", each["version"]) for each in told["results"]] == [2, 2, 2]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": "all"}, "ids"),
        ({"ids": ["SF-1"]}, "ids.0"),
        ({"ids": [NOBODY_S] * 501}, "ids"),
        ({"verb": "delete"}, "verb"),
        ({"verb": 5}, "verb"),
        ({"arguments": {}}, "arguments.priority"),
        ({"arguments": {"priority": "SOON"}}, "arguments.priority"),
        ({"arguments": {"priority": "LOW", "status": "DONE"}}, "arguments.status"),
        ({"arguments": []}, "arguments"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"force": True}, "force"),
    ],
)
def test_what_is_wrong_is_named(program_of: Any, admin: User, change: dict[str, Any], field: str) -> None:
    body = {"ids": [NOBODY_S], "verb": "set_priority", "arguments": {"priority": "LOW"}} | change
    response = program_of(admin).post(BULK, body, headers={"idempotency-key": "k"})
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert not StoredAnswer.objects.exists()


def test_sent_twice_it_is_done_once(program_of: Any, admin: User, three: list[Ticket]) -> None:
    program = program_of(admin)
    body = {"ids": ids(three), "verb": "comment", "arguments": {"body": "We are on it."}}
    first = program.post(BULK, body, headers={"idempotency-key": "k"})
    second = program.post(BULK, body, headers={"idempotency-key": "k"})
    assert second["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()
    assert Event.objects.filter(verb="ticket.commented").count() == 3


def test_an_outcome_nobody_knows_is_not_repeated(program_of: Any, admin: User, three: list[Ticket]) -> None:
    program = program_of(admin)
    body = {"ids": ids(three), "verb": "comment", "arguments": {"body": "We are on it."}}
    program.post(BULK, body, headers={"idempotency-key": "k"})
    StoredAnswer.objects.update(status=0)  # as a worker leaves it that was killed midway
    response = program.post(BULK, body, headers={"idempotency-key": "k"})
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_outcome_unknown")


def test_what_allowed_calls_a_verb_is_one_here_too(program_of: Any, agent: User, three: list[Ticket]) -> None:
    for ticket in three:
        stand(ticket, "IN_PROGRESS", assignee=agent)
    program = program_of(agent)
    assert "resolve" in program.get(f"/api/v1/tickets/{three[0].public_id}").json()["allowed"]["verbs"]
    told = program.post(
        BULK, {"ids": ids(three), "verb": "wait", "arguments": {"waiting_for": "THIRD_PARTY"}}
    )
    assert {each["status"] for each in told.json()["results"]} == {200}
    refused = program.post(BULK, {"ids": ids(three), "verb": "resolve", "arguments": {"status": "NEW"}})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["arguments.status"])
    told = program.post(BULK, {"ids": ids(three), "verb": "resolve"})
    assert {each["status"] for each in told.json()["results"]} == {200}
    assert set(Ticket.objects.values_list("status", flat=True)) == {"DONE"}
    told = program.post(BULK, {"ids": ids(three), "verb": "cancel"})
    assert {each["ok"] for each in told.json()["results"]} == {False}
