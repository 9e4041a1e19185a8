"""Who is in which team, and leads it."""

import pytest

from accounts import actions
from accounts.acting import Forbidden
from accounts.models import Team, User
from audit.models import Event
from tests.factories import web


def test_a_person_is_in_exactly_the_teams_named(
    admin: User, agent: User, team: Team, other_team: Team
) -> None:
    moved = actions.set_teams(agent, teams={other_team: True}, by=web(admin))
    assert moved.team_leads == {other_team.pk: True}
    assert User.objects.get(pk=agent.pk).team_leads == {other_team.pk: True}
    event = Event.objects.get()
    assert event.verb == "user.teams_changed"
    assert event.changes == {
        "teams": [
            [{"id": str(team.public_id), "name": "IT", "lead": False}],
            [{"id": str(other_team.public_id), "name": "HR", "lead": True}],
        ]
    }


def test_a_member_becomes_a_lead_and_a_lead_a_member(admin: User, agent: User, team: Team) -> None:
    assert actions.set_teams(agent, teams={team: True}, by=web(admin)).team_leads == {team.pk: True}
    assert actions.set_teams(agent, teams={team: False}, by=web(admin)).team_leads == {team.pk: False}
    assert Event.objects.count() == 2


def test_the_same_teams_are_no_change(admin: User, agent: User, team: Team) -> None:
    actions.set_teams(agent, teams={team: False}, by=web(admin))
    assert not Event.objects.exists()


def test_a_person_may_be_in_none(admin: User, agent: User) -> None:
    assert actions.set_teams(agent, teams={}, by=web(admin)).team_leads == {}


def test_a_lead_decides_over_tickets_not_over_people(lead: User, agent: User, team: Team) -> None:
    with pytest.raises(Forbidden):
        actions.set_teams(agent, teams={team: True}, by=web(lead))
