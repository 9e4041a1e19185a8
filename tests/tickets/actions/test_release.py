"""Letting go: what an assignee may no longer hold goes back to its queue, one event each."""

import pytest

from accounts import actions as people
from accounts.acting import Refused
from accounts.models import Team, User
from audit.models import Event
from tests.factories import UserFactory, opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket


def released(user: User) -> list[str]:
    """The references of tickets given back, in order."""
    events = Event.objects.filter(verb="ticket.released").order_by("id")
    return [event.subject_name for event in events]


@pytest.mark.parametrize("leaving", ["deactivated", "demoted"])
def test_who_leaves_gives_his_open_tickets_back_and_keeps_the_finished(
    admin: User, agent: User, employee: User, service: Service, leaving: str
) -> None:
    tickets = {
        status: stand(opened(by=employee, service=service), status, assignee=agent)
        for status in ("NEW", "IN_PROGRESS", "WAITING", "DONE", "CANCELED")
    }
    if leaving == "deactivated":
        people.deactivate(agent, by=web(admin))
    else:
        people.change_role(agent, role="EMPLOYEE", by=web(admin))
    now = {status: Ticket.objects.get(pk=ticket.pk) for status, ticket in tickets.items()}
    assert {status: (ticket.status, ticket.assignee) for status, ticket in now.items()} == {
        "NEW": ("NEW", None),
        "IN_PROGRESS": ("NEW", None),
        "WAITING": ("WAITING", None),
        "DONE": ("DONE", agent),
        "CANCELED": ("CANCELED", agent),
    }
    assert all(ticket.team == service.team for ticket in now.values())
    assert released(agent) == [tickets[status].reference for status in ("NEW", "IN_PROGRESS", "WAITING")]
    event = Event.objects.filter(verb="ticket.released").order_by("id")[1]
    assert event.actor_id == admin.public_id
    assert event.changes == {
        "status": ["IN_PROGRESS", "NEW"],
        "assignee": [{"id": str(agent.public_id), "name": "Igor Orlov"}, None],
    }


def test_who_becomes_an_administrator_keeps_everything(admin: User, agent: User, ticket: Ticket) -> None:
    actions.claim(ticket, by=web(agent))
    people.change_role(agent, role="ADMIN", by=web(admin))
    assert Ticket.objects.get().assignee == agent
    assert released(agent) == []


def test_who_leaves_the_team_lets_go_of_its_confidential_tickets_only(
    admin: User, stranger: User, employee: User, team: Team, service: Service, confidential: Service
) -> None:
    secret = stand(opened(by=employee, service=confidential), "IN_PROGRESS", assignee=stranger)
    followed = stand(opened(by=employee, service=confidential), "IN_PROGRESS", assignee=stranger)
    actions.watch(followed, user=stranger, by=web(admin))
    plain = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=stranger)
    people.set_teams(stranger, teams={team: False}, by=web(admin))
    assert released(stranger) == [secret.reference]
    assert Ticket.objects.get(pk=secret.pk).assignee is None
    for kept in (followed, plain):
        assert Ticket.objects.get(pk=kept.pk).assignee == stranger


def test_an_administrator_who_becomes_an_agent_lets_go_of_what_he_may_no_longer_see(
    admin: User, employee: User, confidential: Service
) -> None:
    boss = UserFactory.create(role="ADMIN")
    secret = stand(opened(by=employee, service=confidential), "IN_PROGRESS", assignee=boss)
    people.change_role(boss, role="AGENT", by=web(admin))
    assert released(boss) == [secret.reference]


def test_a_refused_departure_releases_nothing(admin: User, employee: User, service: Service) -> None:
    held = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=admin)
    with pytest.raises(Refused):
        people.deactivate(admin, by=web(admin))
    assert Ticket.objects.get(pk=held.pk).assignee == admin


def test_deleted_tickets_stay_as_they_are(admin: User, agent: User, ticket: Ticket) -> None:
    actions.delete(actions.claim(ticket, by=web(agent)), reason="A doublet.", by=web(admin))
    people.deactivate(agent, by=web(admin))
    assert released(agent) == []
    assert Ticket.objects.get().assignee == agent
