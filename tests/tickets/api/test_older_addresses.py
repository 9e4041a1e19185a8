"""POST /requests and PATCH /requests/{id}/status: what older integrations call goes on working."""

from typing import Any

import pytest

from accounts.models import User
from tests.factories import stand
from tests.program import Program
from tickets.models import Comment, Ticket


@pytest.mark.parametrize("path", ["/requests", "/requests/"])
def test_an_older_script_opens_a_request(program_of: Any, employee: User, path: str) -> None:
    response = program_of(employee).post(
        path, {"title": "Printer", "description": "Jammed.", "client": "v0.3"}
    )
    assert response.status_code == 201
    ticket = Ticket.objects.get()
    assert response.json()["id"] == str(ticket.public_id)
    assert response["Location"] == f"/api/v1/tickets/{ticket.public_id}"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("form", ["{0.public_id}", "{0.reference}"])
def test_and_moves_it(program_of: Any, agent: User, ticket: Ticket, form: str, slash: str) -> None:
    path = f"/requests/{form.format(ticket)}/status{slash}"
    wanted = {"status": "IN_PROGRESS", "assignee": agent.email, "comment": "On it.", "source": "script"}
    response = program_of(agent).patch(path, wanted)
    assert (response.status_code, response.json()["status"]) == (200, "IN_PROGRESS")
    assert Comment.objects.get().body == "On it."


def test_its_mistakes_are_mistakes_here_too(
    program_of: Any, employee: User, agent: User, ticket: Ticket
) -> None:
    assert Program().post("/requests", {"title": "Printer"}).status_code == 401
    assert program_of(employee).post("/requests", {"title": "x"}).json()["errors"].keys() == {"title"}
    stand(ticket, "IN_PROGRESS", assignee=agent)
    response = program_of(agent).patch(f"/requests/{ticket.reference}/status", {"status": "NEW"})
    assert (response.status_code, response.json()["allowed"]) == (409, ["WAITING", "DONE", "CANCELED"])


def test_it_never_listed_anything(program_of: Any, agent: User) -> None:
    response = program_of(agent).get("/requests")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


def test_it_may_send_twice_as_well(program_of: Any, employee: User) -> None:
    for _turn in range(2):
        response = program_of(employee).post(
            "/requests", {"title": "Printer"}, headers={"idempotency-key": "k"}
        )
    assert response["Idempotency-Replayed"] == "true"
    assert Ticket.objects.count() == 1
