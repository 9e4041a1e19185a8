"""The desk itself may everything, and a stranger nothing: neither of them is a person."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from accounts import actions
from accounts.acting import SYSTEM, Actor, Forbidden, actor_of, the_desk
from accounts.models import User
from tickets import permissions
from tickets.models import Ticket


@pytest.fixture
def stranger(rf: RequestFactory) -> Actor:
    request = rf.get("/")
    request.user = AnonymousUser()
    return actor_of(request, "web")


DEEDS: dict[str, Callable[[User, Actor], Any]] = {
    "create_user": lambda _user, by: actions.create_user(email="x@example.com", full_name="X", by=by),
    "change_role": lambda user, by: actions.change_role(user, role="ADMIN", by=by),
    "change_email": lambda user, by: actions.change_email(user, email="x@example.com", by=by),
    "change_password": lambda user, by: actions.change_password(user, password="four brave tulips", by=by),
    "deactivate": lambda user, by: actions.deactivate(user, by=by),
    "set_teams": lambda user, by: actions.set_teams(user, teams={}, by=by),
    "sign_out_everywhere": lambda user, by: actions.sign_out_everywhere(user, by=by),
    "link_identity": lambda user, by: actions.link_identity(
        user, issuer="https://id.example.com", uid="x", about={}, by=by
    ),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_a_stranger_may_nothing_that_administrators_may(
    employee: User, stranger: Actor, deed: Callable[[User, Actor], Any]
) -> None:
    """Seen to fail with `by.user is not None and not by.user.is_staff` in require_admin."""
    with pytest.raises(Forbidden):
        deed(employee, stranger)
    deed(employee, the_desk(stranger))


def test_a_stranger_may_nothing_with_a_ticket(ticket: Ticket, stranger: Actor) -> None:
    """Seen to fail with `if by.user is None: return` in tickets.permissions.require."""
    with pytest.raises(Forbidden):
        permissions.require(stranger, "edit", ticket)
    permissions.require(SYSTEM, "edit", ticket)


def test_a_person_in_the_place_of_the_desk_is_a_person(employee: User) -> None:
    with pytest.raises(Forbidden):
        actions.require_admin(replace(SYSTEM, user=employee))
