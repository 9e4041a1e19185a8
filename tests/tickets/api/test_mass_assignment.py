"""Every column of a ticket sent to every call that takes a body changes only what that call is for."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from tests.program import Program
from tickets.models import Ticket

VALUES: dict[str, Any] = {
    "id": 1,
    "public_id": str(uuid4()),
    "number": 1,
    "waiting_for": "REQUESTER",
    "author": "me",
    "author_id": 1,
    "requester_id": 1,
    "assignee_id": 1,
    "team_id": 1,
    "service_id": 1,
    "source": "mail",
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "first_responded_at": "2020-01-01T00:00:00Z",
    "resolved_at": "2020-01-01T00:00:00Z",
    "finished_at": "2020-01-01T00:00:00Z",
    "finished_by": 1,
    "finished_by_id": 1,
    "closed_at": "2020-01-01T00:00:00Z",
    "deleted_at": "2020-01-01T00:00:00Z",
    "version": 99,
    "urgency": 0,
    "search": "x",
    "allowed": {"verbs": ["delete"]},
    "by": "SYSTEM",
    "is_admin": True,
    "__class__": "x",
}
CALLS = {
    "POST /tickets": ("post", "/api/v1/tickets", {"title": "Broken chair"}),
    "PATCH /tickets/{id}": ("patch", "/api/v1/tickets/{}", {"priority": "HIGH"}),
    "PATCH …/status": ("patch", "/api/v1/tickets/{}/status", {"status": "CANCELED", "comment": "x"}),
    "POST …/claim": ("post", "/api/v1/tickets/{}/claim", {}),
    "POST …/hand-over": ("post", "/api/v1/tickets/{}/hand-over", {"assignee": "me"}),
    "POST …/reopen": ("post", "/api/v1/tickets/{}/reopen", {}),
    "POST …/cancel": ("post", "/api/v1/tickets/{}/cancel", {"reason": "x"}),
    "POST …/comments": ("post", "/api/v1/tickets/{}/comments", {"body": "x"}),
    "PUT …/watchers/me": ("put", "/api/v1/tickets/{}/watchers/me", {}),
    "DELETE …/watchers/me": ("delete", "/api/v1/tickets/{}/watchers/me", {}),
    "DELETE /tickets/{id}": ("delete", "/api/v1/tickets/{}", {"reason": "x"}),
    "POST /tickets/claim-next": ("post", "/api/v1/tickets/claim-next", {}),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_call_takes_a_column_it_is_not_for(
    program_of: Any, admin: User, ticket: Ticket, call: str
) -> None:
    method, path, body = CALLS[call]
    program: Program = program_of(admin)
    before = Ticket.objects.filter(pk=ticket.pk).values().get()
    for name, value in VALUES.items():
        if name == "waiting_for" and call == "PATCH …/status":
            continue
        response = getattr(program, method)(path.format(ticket.public_id), body | {name: value})
        assert (response.status_code, response.json()["code"]) == (400, "unknown_field"), name
        assert name in response.json()["errors"]
    assert Ticket.objects.values().get() == before


def test_the_older_calls_let_them_pass_and_heed_none(program_of: Any, admin: User) -> None:
    told = program_of(admin).post("/requests", {"title": "Broken chair"} | VALUES).json()
    ticket = Ticket.objects.get()
    assert (told["version"], told["source"], ticket.author, ticket.closed_at) == (1, "API", admin, None)
    assert ticket.created_at.year > 2020
    assert str(ticket.public_id) != VALUES["public_id"]
