"""Giving a ticket to somebody by the verb that fits."""

import pytest

from accounts.acting import Forbidden
from accounts.models import User
from audit.models import Event
from tests.factories import web
from tickets import actions
from tickets.models import Ticket


def verbs_of(ticket: Ticket) -> list[str]:
    return list(
        Event.objects.filter(subject_id=ticket.public_id).order_by("seq").values_list("verb", flat=True)
    )[1:]


def test_to_oneself_is_a_claim_to_another_an_assignment_from_somebody_a_handing_over(
    agent: User, other_agent: User, lead: User, ticket: Ticket
) -> None:
    ticket = actions.give(ticket, to=lead, by=web(lead))
    ticket = actions.give(ticket, to=agent, by=web(lead))
    ticket = actions.give(ticket, to=other_agent, by=web(agent))
    assert verbs_of(ticket) == ["ticket.claimed", "ticket.handed_over", "ticket.handed_over"]
    assert ticket.assignee == other_agent


def test_what_nobody_holds_is_assigned(agent: User, lead: User, ticket: Ticket) -> None:
    actions.give(ticket, to=agent, by=web(lead))
    assert verbs_of(ticket) == ["ticket.assigned"]


def test_to_him_who_has_it_changes_nothing(agent: User, lead: User, ticket: Ticket) -> None:
    held = actions.claim(ticket, by=web(agent))
    assert actions.give(held, to=agent, by=web(lead)).version == 2
    assert verbs_of(ticket) == ["ticket.claimed"]


def test_the_rights_are_those_of_the_verb_that_fits(agent: User, other_agent: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.give(ticket, to=other_agent, by=web(agent))
    held = actions.claim(ticket, by=web(other_agent))
    with pytest.raises(Forbidden):
        actions.give(held, to=agent, by=web(agent))
