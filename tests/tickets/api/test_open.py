"""POST /tickets: a program opens a ticket for somebody."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from audit.models import Event
from tickets.models import Service, Ticket

TICKETS = "/api/v1/tickets"


def test_anna_s_script_opens_a_ticket_for_her(program_of: Any, employee: User, service: Service) -> None:
    response = program_of(employee).post(
        TICKETS,
        {
            "title": "  VPN drops ",
            "description": "At home.",
            "service": str(service.public_id),
            "tags": ["VPN"],
        },
        headers={"x-request-id": "r-1"},
    )
    assert response.status_code == 201
    told = response.json()
    ticket = Ticket.objects.get()
    assert response["Location"] == f"/api/v1/tickets/{ticket.public_id}"
    assert response["ETag"] == '"1"'
    assert told["number"] == ticket.reference
    assert (told["title"], told["status"], told["priority"], told["source"]) == (
        "VPN drops",
        "NEW",
        "NORMAL",
        "API",
    )
    assert told["requester"] == {
        "id": str(employee.public_id),
        "full_name": employee.full_name,
        "email": employee.email,
    }
    assert told["service"] == {"id": str(service.public_id), "name": "VPN access"}
    assert told["team"]["name"] == "IT"
    assert told["tags"] == ["vpn"]
    assert told["assignee"] is None
    assert told["allowed"] == {"verbs": ["cancel_own", "edit", "comment", "manage_watchers"], "statuses": []}
    event = Event.objects.get(subject_id=ticket.public_id)
    assert (event.verb, event.door, event.request_id) == ("ticket.opened", "api", "r-1")
    assert event.api_key_prefix


def test_it_is_there_under_the_address_it_was_given(program_of: Any, employee: User) -> None:
    program = program_of(employee)
    made = program.post(TICKETS, {"title": "Broken chair"})
    assert program.get(made["Location"]).json() == made.json()
    assert program.get(f"{TICKETS}/{made.json()['number']}").json() == made.json()


@pytest.mark.parametrize("reference", ["anna@example.com", "ANNA@example.com", "id"])
def test_an_agent_opens_one_for_anna_by_whatever_name(
    program_of: Any, agent: User, employee: User, reference: str
) -> None:
    named = str(employee.public_id) if reference == "id" else reference
    told = (
        program_of(agent).post(TICKETS, {"title": "New laptop", "requester": named, "assignee": "me"}).json()
    )
    assert told["requester"]["full_name"] == "Anna Kuznetsova"
    assert (told["author"]["full_name"], told["assignee"]["full_name"]) == ("Igor Orlov", "Igor Orlov")


def test_anna_cannot_choose_who_works_on_it(program_of: Any, employee: User, agent: User, team: Team) -> None:
    program = program_of(employee)
    for choice in ({"assignee": agent.email}, {"team": str(team.public_id)}):
        response = program.post(TICKETS, {"title": "Broken chair", **choice})
        assert (response.status_code, response.json()["code"]) == (403, "not_permitted")
    assert not Ticket.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "ab"),
        ("title", "   a   "),
        ("title", "x" * 256),
        ("title", 12345),
        ("title", None),
        ("title", ["abc"]),
        ("title", {"a": "b"}),
        ("title", True),
        ("description", "x" * 20_001),
        ("priority", "urgent"),
        ("priority", 3),
        ("priority", ["HIGH"]),
        ("service", "0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1"),
        ("service", "VPN"),
        ("service", 1),
        ("team", "IT"),
        ("requester", "nobody@example.com"),
        ("requester", None),
        ("requester", 1),
        ("assignee", "0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1"),
        ("tags", "vpn"),
        ("tags", [1]),
        ("tags", [["a"]]),
        ("tags", ["x" * 51]),
        ("tags", [f"t{n}" for n in range(21)]),
        ("due_at", "tomorrow"),
        ("due_at", "0001-01-01T00:00:00+14:00"),
        ("due_at", "9999-12-31T23:59:59-14:00"),
        ("due_at", 1772438400),
        ("status", "DONE"),
        ("surprise", 1),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(
    program_of: Any, admin: User, field: str, value: object
) -> None:
    response = program_of(admin).post(TICKETS, {"title": "Broken chair", field: value})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    named = [name for name in response.json()["errors"] if name.split(".")[0] == field]
    assert named, response.json()
    assert not Ticket.objects.exists()


def test_every_field_at_fault_is_named_at_once(program_of: Any, employee: User) -> None:
    told = program_of(employee).post(TICKETS, {"title": "x", "priority": "SOON", "colour": "red"}).json()
    assert set(told["errors"]) == {"title", "priority", "colour"}
    assert told["code"] == "unknown_field"


def test_boris_hears_it_in_russian(program_of: Any, colleague: User) -> None:
    response = program_of(colleague).post(TICKETS, {})
    assert response.json()["errors"]["title"] == ["Обязательное поле."]
    assert response["Content-Language"] == "ru"


def test_opening_takes_few_queries(
    program_of: Any, employee: User, service: Service, django_assert_max_num_queries: Any
) -> None:
    program = program_of(employee)
    program.get(f"{TICKETS}/SF-0")  # the key's last use is written down once a minute
    with django_assert_max_num_queries(8):
        assert program.post(TICKETS, {"title": "VPN", "service": str(service.public_id)}).status_code == 201


def test_a_service_without_a_form_takes_no_answers_to_its_fields(employee: User, program_of: Any) -> None:
    program = program_of(employee)
    assert program.post(TICKETS, {"title": "No answers at all", "fields": {}}).status_code == 201
    refused = program.post(TICKETS, {"title": "An answer nobody asked for", "fields": {"size": "XL"}})
    assert refused.status_code == 400
    assert "fields" in refused.json()["errors"]


EVERYTHING = frozenset({"requester", "assignee", "service", "team", "tags"})


@pytest.mark.parametrize("by_id", [False, True])
@pytest.mark.parametrize(
    ("named", "key", "most"),
    [
        (frozenset(), None, 8),
        (EVERYTHING, None, 8),
        (EVERYTHING - {"team"}, "laptop", 9),
        (EVERYTHING, "laptop", 10),  # to keep the answer takes one before and one after
    ],
)
def test_opening_asks_little(
    program_of: Any,
    agent: User,
    employee: User,
    service: Service,
    team: Team,
    by_id: bool,
    named: set[str],
    key: str | None,
    most: int,
) -> None:
    """The transaction's own words apart; the people it names are looked up together."""
    program = program_of(agent)
    program.get(TICKETS)  # the key notes now and then that it is in use
    requester, assignee = (str(who.public_id) if by_id else who.email.upper() for who in (employee, agent))
    whole = {
        "requester": requester,
        "assignee": assignee,
        "team": str(team.public_id),
        "service": str(service.public_id),
        "tags": ["vpn", "laptop"],
    }
    body = {"title": "New laptop"} | {name: whole[name] for name in named}
    with CaptureQueriesContext(connection) as captured:
        told = program.post(TICKETS, body, headers={"idempotency-key": key} if key else {})
    assert told.status_code == 201, told.content
    assert told.json()["requester"]["email"] == (employee if "requester" in named else agent).email
    asked = [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) <= most, asked
