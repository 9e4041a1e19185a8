"""POST /tickets/{id}/claim, /hand-over, /reopen, /cancel and /tickets/claim-next: the verbs PATCH cannot say."""

from typing import Any

import pytest

from accounts.models import Team, User
from tests.factories import opened, stand
from tickets.models import Comment, Ticket


def address(ticket: Ticket, verb: str) -> str:
    return f"/api/v1/tickets/{ticket.public_id}/{verb}"


def test_igor_claims(program_of: Any, agent: User, ticket: Ticket) -> None:
    response = program_of(agent).post(address(ticket, "claim"))
    assert response.status_code == 200
    assert response.json()["assignee"]["email"] == agent.email
    assert response["ETag"] == '"2"'


def test_what_olga_has_igor_cannot_claim(
    program_of: Any, agent: User, other_agent: User, ticket: Ticket
) -> None:
    program_of(other_agent).post(address(ticket, "claim"))
    response = program_of(agent).post(address(ticket, "claim"))
    assert (response.status_code, response.json()["code"]) == (409, "already_claimed")
    assert response.json()["assignee"] == str(other_agent.public_id)


def test_a_claim_knows_no_fields(program_of: Any, agent: User, ticket: Ticket) -> None:
    response = program_of(agent).post(address(ticket, "claim"), {"assignee": "me"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_field")


def test_the_most_urgent_one_comes_next_until_none_is_left(
    program_of: Any, agent: User, employee: User
) -> None:
    opened(by=employee, title="later", priority="LOW")
    opened(by=employee, title="first", priority="URGENT")
    program = program_of(agent)
    told = [program.post("/api/v1/tickets/claim-next") for _turn in range(3)]
    assert [response.json()["title"] for response in told[:2]] == ["first", "later"]
    assert (told[2].status_code, told[2].content) == (204, b"")


def test_an_employee_takes_no_tickets(program_of: Any, employee: User) -> None:
    assert program_of(employee).post("/api/v1/tickets/claim-next").status_code == 403


def test_igor_hands_over_with_a_note(program_of: Any, agent: User, other_agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    told = program_of(agent).post(
        address(ticket, "hand-over"), {"assignee": other_agent.email, "comment": "You know this client."}
    )
    assert told.json()["assignee"]["full_name"] == "Olga Titova"
    assert Comment.objects.get().internal


def test_igor_gives_it_to_another_team(
    program_of: Any, agent: User, other_team: Team, ticket: Ticket
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    told = program_of(agent).post(address(ticket, "hand-over"), {"team": str(other_team.public_id)}).json()
    assert (told["team"]["name"], told["assignee"], told["status"]) == ("HR", None, "NEW")


def test_a_hand_over_needs_somebody(program_of: Any, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    response = program_of(agent).post(address(ticket, "hand-over"), {})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["assignee"])


def test_anna_takes_it_up_again(program_of: Any, employee: User, agent: User, ticket: Ticket) -> None:
    stand(ticket, "DONE", assignee=agent)
    told = program_of(employee).post(address(ticket, "reopen"), {"comment": "It happened again."})
    assert told.json()["status"] == "IN_PROGRESS"
    assert program_of(employee).post(address(ticket, "reopen")).status_code == 409


def test_anna_cancels_her_own_without_saying_why(program_of: Any, employee: User, ticket: Ticket) -> None:
    response = program_of(employee).post(address(ticket, "cancel"))
    assert response.json()["status"] == "CANCELED"


def test_staff_says_why(program_of: Any, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    program = program_of(agent)
    assert program.post(address(ticket, "cancel")).status_code == 400
    assert program.post(address(ticket, "cancel"), {"reason": "A duplicate."}).json()["status"] == "CANCELED"


def test_a_refusal_about_the_status_keeps_the_problem_s_own(
    program_of: Any, admin: User, ticket: Ticket
) -> None:
    response = program_of(admin).post(address(ticket, "reopen"))
    assert response.json()["status"] == 409
    assert response.json()["ticket_status"] == "NEW"


@pytest.mark.parametrize(
    ("body", "blamed"), [({}, "reason"), ({"reason": " "}, "reason"), ({"comment": "\t "}, "reason")]
)
def test_staff_hear_that_the_reason_is_missing(
    program_of: Any, admin: User, ticket: Ticket, body: dict[str, str], blamed: str
) -> None:
    response = program_of(admin).post(address(ticket, "cancel"), body)
    assert (response.status_code, response.json()["code"]) == (400, "reason_required")
    assert list(response.json()["errors"]) == [blamed]
