"""If-Match: nobody changes what he has not seen."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from audit.models import Event
from tests.program import Program
from tickets.models import Comment, Ticket

CHANGES: dict[str, Callable[[Program, str, dict[str, str]], Any]] = {
    "edit": lambda p, at, h: p.patch(at, {"priority": "HIGH"}, headers=h),
    "status": lambda p, at, h: p.patch(f"{at}/status", {"status": "CANCELED", "comment": "x"}, headers=h),
    "claim": lambda p, at, h: p.post(f"{at}/claim", headers=h),
    "hand over": lambda p, at, h: p.post(f"{at}/hand-over", {"assignee": "me"}, headers=h),
    "cancel": lambda p, at, h: p.post(f"{at}/cancel", {"reason": "x"}, headers=h),
    "reopen": lambda p, at, h: p.post(f"{at}/reopen", headers=h),
    "comment": lambda p, at, h: p.post(f"{at}/comments", {"body": "x"}, headers=h),
    "watch": lambda p, at, h: p.put(f"{at}/watchers/me", headers=h),
    "unwatch": lambda p, at, h: p.delete(f"{at}/watchers/me", headers=h),
    "delete": lambda p, at, h: p.delete(at, {"reason": "x"}, headers=h),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stale_change_is_refused_whatever_it_is(
    program_of: Any, admin: User, ticket: Ticket, change: str
) -> None:
    program = program_of(admin)
    address = f"/api/v1/tickets/{ticket.public_id}"
    program.patch(address, {"title": "Changed meanwhile"})
    response = CHANGES[change](program, address, {"if-match": '"1"'})
    assert (response.status_code, response.json()["code"]) == (412, "stale_version")
    assert (response.json()["seen"], response.json()["version"]) == (1, 2)
    assert Event.objects.filter(subject_id=ticket.public_id).count() == 2


@pytest.mark.parametrize("change", sorted(set(CHANGES) - {"reopen"}))
@pytest.mark.parametrize("given", ['"1"', "*", '"7", "1"', 'W/"1", "1"', ' "1" ,"x" '])
def test_a_fresh_change_goes_through(
    program_of: Any, admin: User, ticket: Ticket, change: str, given: str
) -> None:
    address = f"/api/v1/tickets/{ticket.public_id}"
    response = CHANGES[change](program_of(admin), address, {"if-match": given})
    assert response.status_code in {200, 201, 204}


@pytest.mark.parametrize("given", ['W/"1"', '"01"', '"one"', '"99999999999999999999"', '""', '"2", "3"'])
def test_only_a_strong_and_equal_tag_matches(
    program_of: Any, admin: User, ticket: Ticket, given: str
) -> None:
    address = f"/api/v1/tickets/{ticket.public_id}"
    response = program_of(admin).patch(address, {"priority": "HIGH"}, headers={"if-match": given})
    assert response.status_code == 412


@pytest.mark.parametrize("given", ["1", "", '"1 "', '"1', '"1" "2"', "w/1", '"1",, "2"', "*, *", '"\x01"'])
def test_what_is_no_list_of_tags_is_malformed(
    program_of: Any, admin: User, ticket: Ticket, given: str
) -> None:
    address = f"/api/v1/tickets/{ticket.public_id}"
    response = program_of(admin).patch(address, {"priority": "HIGH"}, headers={"if-match": given})
    assert (response.status_code, response.json()["code"]) == (400, "malformed_if_match")


def test_where_nothing_has_a_tag_none_matches(program_of: Any, admin: User, ticket: Ticket) -> None:
    program = program_of(admin)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/api/v1/tickets", {"title": "Broken chair"}),
        ("/api/v1/tickets/claim-next", {}),
        ("/api/v1/tickets/bulk", {"ids": [str(ticket.public_id)], "verb": "claim"}),
        ("/api/v1/users", {"email": "new@example.com", "full_name": "New"}),
        ("/api/v1/users/me/api-keys", {"name": "x", "scopes": ["read"]}),
    ]
    for path, body in calls:
        assert program.post(path, body, headers={"if-match": '"1"'}).status_code == 412, path
    assert Ticket.objects.get().assignee is None
    assert User.objects.count() == 2  # Maria and Anna
    assert program.post(*calls[0], headers={"if-match": "*"}).status_code == 201


def test_a_comment_that_came_too_late_is_not_written(program_of: Any, admin: User, ticket: Ticket) -> None:
    CHANGES["comment"](program_of(admin), f"/api/v1/tickets/{ticket.public_id}", {"if-match": '"9"'})
    assert not Comment.objects.exists()
