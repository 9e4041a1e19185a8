"""Who has lost his role since he was let in decides nothing any more."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from accounts import actions as people
from accounts.acting import SYSTEM, Forbidden
from accounts.models import User
from tests.factories import web
from tickets import actions
from tickets.models import Ticket


@pytest.fixture
def demoted(admin: User) -> User:
    """An administrator as his request has read him, and an employee by now."""
    people.create_user(email="other@example.com", full_name="Other", role="ADMIN", by=SYSTEM)
    people.change_role(User.objects.get(pk=admin.pk), role="EMPLOYEE", by=SYSTEM)
    assert admin.is_admin
    return admin


VERBS: dict[str, Callable[..., Any]] = {
    "assign": lambda ticket, agent: partial(actions.assign, ticket, assignee=agent),
    "hand over": lambda ticket, agent: partial(actions.hand_over, ticket, to=agent),
    "delete": lambda ticket, _agent: partial(actions.delete, ticket, reason="Because."),
    "create": lambda *_: partial(people.create_user, email="new@example.com", full_name="New"),
    "change the role": lambda _ticket, agent: partial(people.change_role, agent, role="ADMIN"),
    "shut out": lambda _ticket, agent: partial(people.deactivate, agent),
    "change a password": lambda _ticket, agent: partial(people.change_password, agent, password="x" * 20),
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_verb_asks_again(demoted: User, agent: User, ticket: Ticket, verb: str) -> None:
    with pytest.raises(Forbidden):
        VERBS[verb](ticket, agent)(by=web(demoted))
