"""No longer following a ticket."""

import pytest
from django.utils import timezone

from accounts.acting import Forbidden
from accounts.models import User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket, Watch


def test_whoever_follows_may_stop(employee: User, colleague: User, ticket: Ticket) -> None:
    followed = actions.watch(ticket, user=colleague, by=web(employee))
    left = actions.unwatch(followed, user=colleague, by=web(colleague))
    assert not left.is_watched_by(colleague)
    assert not Ticket.objects.visible_to(colleague).exists()
    event = Event.objects.get(subject_id=ticket.public_id, seq=3)
    assert event.verb == "ticket.unwatched"
    assert event.changes == {"watchers": [[{"id": str(colleague.public_id), "name": "Борис Белов"}], []]}


def test_even_when_the_ticket_is_closed(agent: User, colleague: User, ticket: Ticket) -> None:
    done = stand(actions.watch(ticket, user=colleague, by=web(agent)), "DONE", assignee=agent)
    Ticket.objects.filter(pk=done.pk).update(closed_at=timezone.now())
    actions.unwatch(done, user=colleague, by=web(colleague))
    assert not Watch.objects.exists()


def test_who_did_not_follow_changes_nothing(agent: User, colleague: User, ticket: Ticket) -> None:
    assert actions.unwatch(ticket, user=colleague, by=web(agent)).version == 1


def test_a_watcher_removes_only_himself(employee: User, colleague: User, agent: User, ticket: Ticket) -> None:
    for person in (colleague, agent):
        actions.watch(ticket, user=person, by=web(employee))
    with pytest.raises(Forbidden):
        actions.unwatch(ticket, user=agent, by=web(colleague))


def test_whoever_held_a_confidential_ticket_only_as_a_watcher_lets_go_of_it(
    employee: User, agent: User, admin: User, confidential: Service
) -> None:
    ticket = actions.watch(opened(by=employee, service=confidential), user=agent, by=web(admin))
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    left = actions.unwatch(held, user=agent, by=web(agent))
    assert (left.assignee, left.status, left.version) == (None, "NEW", held.version + 1)
    event = Event.objects.get(subject_id=ticket.public_id, seq=left.version)
    assert set(event.changes) == {"watchers", "assignee", "status"}
