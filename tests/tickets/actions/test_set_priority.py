"""How urgent it is."""

import pytest

from accounts.acting import Invalid
from accounts.models import User
from audit.models import Event
from tests.factories import web
from tickets import actions
from tickets.models import Priority, Ticket


@pytest.mark.parametrize("priority", [Priority.LOW, Priority.HIGH, Priority.URGENT])
def test_an_agent_of_the_team_sorts_the_queue(agent: User, ticket: Ticket, priority: str) -> None:
    changed = actions.set_priority(ticket, priority=priority, by=web(agent))
    assert (changed.priority, changed.version) == (priority, 2)
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert (event.verb, event.changes) == ("ticket.priority_set", {"priority": ["NORMAL", str(priority)]})


def test_the_queue_is_ordered_by_it(agent: User, ticket: Ticket) -> None:
    ranks = []
    for priority in ("URGENT", "HIGH", "NORMAL", "LOW"):
        actions.set_priority(ticket, priority=priority, by=web(agent))
        ranks.append(Ticket.objects.get().urgency)
    assert ranks == [0, 1, 2, 3]


def test_the_same_again_is_no_change(agent: User, ticket: Ticket) -> None:
    assert actions.set_priority(ticket, priority="NORMAL", by=web(agent)).version == 1


@pytest.mark.parametrize("priority", ["", "urgent", "TOP", "LOW\x00"])
def test_an_unknown_one_is_bad_input(agent: User, ticket: Ticket, priority: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.set_priority(ticket, priority=priority, by=web(agent))
    assert refusal.value.field == "priority"
