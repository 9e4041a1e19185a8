"""PATCH and DELETE /tickets/{id}: a field is a verb; all of them or none."""

from typing import Any

import pytest

from accounts.models import User
from audit.models import Event
from tests.factories import stand
from tickets.models import Service, Ticket


def address(ticket: Ticket) -> str:
    return f"/api/v1/tickets/{ticket.public_id}"


def test_several_fields_are_several_verbs(program_of: Any, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    seen = Event.objects.filter(subject_id=ticket.public_id).count()
    response = program_of(agent).patch(
        address(ticket),
        {
            "title": "VPN drops",
            "description": "Every ten minutes.",
            "priority": "HIGH",
            "tags": ["vpn", "Home"],
            "due": "2030-01-01T12:00:00+03:00",
            "service": None,
        },
    )
    assert response.status_code == 200
    told = response.json()
    assert (told["title"], told["priority"], told["service"]) == ("VPN drops", "HIGH", None)
    assert (told["tags"], told["due_at"]) == (["home", "vpn"], "2030-01-01T09:00:00Z")
    verbs = Event.objects.filter(subject_id=ticket.public_id).order_by("seq").values_list("verb", flat=True)
    assert list(verbs)[seen:] == [
        "ticket.edited",
        "ticket.priority_set",
        "ticket.service_set",
        "ticket.tags_set",
        "ticket.due_set",
    ]


def test_one_that_is_refused_takes_the_others_along(program_of: Any, employee: User, ticket: Ticket) -> None:
    response = program_of(employee).patch(address(ticket), {"title": "VPN is fine", "priority": "URGENT"})
    assert (response.status_code, response.json()["verb"]) == (403, "set_priority")
    ticket.refresh_from_db()
    assert (ticket.version, ticket.title) == (1, "VPN drops every ten minutes")


@pytest.mark.parametrize("body", [{}, {"priority": "NORMAL"}])
def test_no_change_is_no_event(program_of: Any, admin: User, ticket: Ticket, body: dict[str, str]) -> None:
    response = program_of(admin).patch(address(ticket), body)
    assert (response.status_code, response["ETag"]) == (200, '"1"')
    assert Event.objects.filter(subject_id=ticket.public_id).count() == 1


@pytest.mark.parametrize(
    ("field", "where"), [("status", "/status"), ("assignee", "/hand-over"), ("team", "/hand-over")]
)
def test_what_has_a_call_of_its_own_is_told_where(
    program_of: Any, admin: User, ticket: Ticket, field: str, where: str
) -> None:
    response = program_of(admin).patch(address(ticket), {field: "x"})
    assert response.status_code == 400
    assert where in response.json()["errors"][field][0]


def test_a_new_service_brings_its_team(
    program_of: Any, admin: User, ticket: Ticket, confidential: Service
) -> None:
    told = program_of(admin).patch(address(ticket), {"service": str(confidential.public_id)}).json()
    assert (told["service"]["name"], told["team"]["name"]) == ("Payroll", "HR")


@pytest.mark.parametrize("way", ["body", "query"])
def test_maria_deletes_with_a_reason(program_of: Any, admin: User, ticket: Ticket, way: str) -> None:
    program = program_of(admin)
    assert list(program.delete(address(ticket)).json()["errors"]) == ["reason"]
    if way == "body":
        response = program.delete(address(ticket), {"reason": "A test."})
    else:
        response = program.delete(f"{address(ticket)}?reason=A+test.")
    assert (response.status_code, response.content) == (204, b"")
    assert program.get(address(ticket)).status_code == 404
    assert program.delete(address(ticket), {"reason": "Again."}).status_code == 404
    assert Event.objects.get(verb="ticket.deleted").comment == "A test."


def test_nobody_else_deletes(program_of: Any, lead: User, employee: User, ticket: Ticket) -> None:
    for person in (lead, employee):
        assert program_of(person).delete(address(ticket), {"reason": "x"}).status_code == 403


def test_the_due_date_goes_by_either_name_but_not_by_both(
    program_of: Any, admin: User, ticket: Ticket
) -> None:
    program, moment = program_of(admin), "2030-01-01T12:00:00Z"
    assert program.patch(address(ticket), {"due_at": moment}).json()["due_at"] == moment
    assert program.patch(address(ticket), {"due": None}).json()["due_at"] is None
    both = program.patch(address(ticket), {"due": moment, "due_at": moment})
    assert (both.status_code, set(both.json()["errors"])) == (400, {"due", "due_at"})


@pytest.mark.parametrize("name", ["due", "due_at"])
def test_the_name_that_was_sent_is_blamed(program_of: Any, admin: User, ticket: Ticket, name: str) -> None:
    response = program_of(admin).patch(address(ticket), {name: "1999-12-31T23:59:59Z"})
    assert (response.status_code, list(response.json()["errors"])) == (400, [name])
