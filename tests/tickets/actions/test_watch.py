"""Following a ticket."""

import pytest

from accounts.acting import Forbidden, Invalid
from accounts.models import User
from audit.models import Event
from tests.factories import opened, web
from tickets import actions
from tickets.models import Service, Ticket, Watch


def test_whom_the_requester_adds_reads_and_answers_from_then_on(
    employee: User, colleague: User, ticket: Ticket
) -> None:
    assert not Ticket.objects.visible_to(colleague).exists()
    followed = actions.watch(ticket, user=colleague, by=web(employee))
    assert followed.is_watched_by(colleague)
    assert Ticket.objects.visible_to(colleague).get() == ticket
    assert actions.add_comment(ticket, body="Same here.", by=web(colleague)).author == colleague
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert event.verb == "ticket.watched"
    assert event.changes == {"watchers": [[], [{"id": str(colleague.public_id), "name": "Борис Белов"}]]}


def test_the_answered_ticket_knows_its_followers(agent: User, colleague: User, ticket: Ticket) -> None:
    assert actions.watch(ticket, user=colleague, by=web(agent)).watcher_ids == {colleague.pk}
    # Right even where the question of rights had looked at the followers before.
    assert actions.watch(ticket, user=agent, by=web(ticket.requester)).watcher_ids == {colleague.pk, agent.pk}


def test_following_twice_changes_nothing(agent: User, colleague: User, ticket: Ticket) -> None:
    first = actions.watch(ticket, user=colleague, by=web(agent))
    assert actions.watch(ticket, user=colleague, by=web(agent)).version == first.version
    assert Watch.objects.count() == 1


def test_a_watcher_invites_nobody(employee: User, colleague: User, agent: User, ticket: Ticket) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    with pytest.raises(Forbidden):
        actions.watch(ticket, user=agent, by=web(colleague))


def test_who_has_left_follows_nothing(agent: User, colleague: User, ticket: Ticket) -> None:
    colleague.is_active = False
    with pytest.raises(Invalid) as refusal:
        actions.watch(ticket, user=colleague, by=web(agent))
    assert refusal.value.field == "user"


def test_an_agent_of_another_team_reads_a_confidential_ticket_once_he_follows(
    employee: User, agent: User, stranger: User, confidential: Service
) -> None:
    ticket = opened(by=employee, service=confidential)
    assert not Ticket.objects.visible_to(agent).exists()
    actions.watch(ticket, user=agent, by=web(stranger))
    assert Ticket.objects.visible_to(agent).get() == ticket
