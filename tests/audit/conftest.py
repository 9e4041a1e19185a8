"""A desk at which enough has happened."""

import pytest

from accounts import actions as people
from accounts.models import Team, User
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket


@pytest.fixture
def world(
    admin: User, agent: User, other_agent: User, employee: User, colleague: User, service: Service, team: Team
) -> list[Ticket]:
    """A day at the desk: three tickets with much said and done, people who come and go, one ticket deleted."""
    first = stand(opened(by=employee, service=service, tags=["vpn"]), "WAITING", assignee=agent)
    second = stand(opened(by=colleague, service=service, title="Принтер не печатает"), "DONE", assignee=agent)
    third = opened(by=employee, title="A doublet")
    actions.watch(first, user=colleague, by=web(employee))
    actions.add_comment(first, body="The blue one.", by=web(employee))
    actions.add_comment(first, body="Third time this week.", internal=True, by=web(agent))
    actions.edit(first, title="VPN drops every hour", by=web(agent))
    actions.set_priority(first, priority="HIGH", by=web(agent))
    actions.reopen(second, comment="Опять.", by=web(colleague))
    actions.hand_over(second, to=other_agent, note="Yours.", by=web(agent))
    actions.delete(third, reason="A doublet.", by=web(admin))
    people.change_profile(employee, full_name="Anna Belova", language="en", time_zone="UTC", by=web(employee))
    people.set_teams(colleague, teams={team: False}, by=web(admin))
    people.deactivate(other_agent, by=web(admin))
    return [Ticket.objects.get(pk=ticket.pk) for ticket in (first, second, third)]
