"""Making somebody else responsible."""

import pytest

from accounts.acting import Forbidden, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import opened, web
from tickets import actions
from tickets.models import Service, Ticket


def test_a_lead_gives_a_ticket_to_an_agent_of_the_team(lead: User, agent: User, ticket: Ticket) -> None:
    assigned = actions.assign(ticket, assignee=agent, by=web(lead))
    assert (assigned.assignee, assigned.status, assigned.version) == (agent, "NEW", 2)
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert (event.verb, event.actor_id) == ("ticket.assigned", lead.public_id)


def test_a_lead_takes_it_from_one_agent_and_gives_it_to_another(
    lead: User, agent: User, other_agent: User, ticket: Ticket
) -> None:
    held = actions.claim(ticket, by=web(agent))
    assert actions.assign(held, assignee=other_agent, by=web(lead)).assignee == other_agent


def test_a_lead_gives_nothing_to_agents_of_other_teams(lead: User, stranger: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.assign(ticket, assignee=stranger, by=web(lead))


def test_an_administrator_gives_it_to_any_agent(admin: User, stranger: User, ticket: Ticket) -> None:
    assert actions.assign(ticket, assignee=stranger, by=web(admin)).assignee == stranger


def test_an_agent_assigns_nobody_not_even_himself(agent: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.assign(ticket, assignee=agent, by=web(agent))


def test_employees_and_people_who_left_hold_no_tickets(
    admin: User, employee: User, agent: User, ticket: Ticket
) -> None:
    agent.is_active = False
    agent.save()
    for person in (employee, agent):
        with pytest.raises(Refused) as refusal:
            actions.assign(ticket, assignee=person, by=web(admin))
        assert refusal.value.code == "not_an_agent"
        assert refusal.value.status == 409


def test_giving_it_to_him_who_has_it_is_refused(admin: User, agent: User, ticket: Ticket) -> None:
    held = actions.claim(ticket, by=web(agent))
    with pytest.raises(Refused) as refusal:
        actions.assign(held, assignee=agent, by=web(admin))
    assert refusal.value.code == "already_assigned"


def test_a_confidential_ticket_is_given_only_to_those_who_may_see_it(
    admin: User, agent: User, employee: User, confidential: Service
) -> None:
    ticket = opened(by=employee, service=confidential)
    with pytest.raises(Refused) as refusal:
        actions.assign(ticket, assignee=agent, by=web(admin))
    assert refusal.value.code == "assignee_may_not_see"
    followed = actions.watch(ticket, user=agent, by=web(admin))
    assert actions.assign(followed, assignee=agent, by=web(admin)).assignee == agent
