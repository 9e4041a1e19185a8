"""Reopening what was done."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.acting import Refused
from accounts.models import User
from tests.factories import stand, web
from tickets import actions
from tickets.models import Comment, Ticket


@pytest.fixture
def done(agent: User, ticket: Ticket) -> Ticket:
    return stand(ticket, "DONE", assignee=agent)


def resolved(ticket: Ticket, *, ago: timedelta) -> Ticket:
    """As if that much time had gone by."""
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=timezone.now() - ago)
    return ticket


def test_the_requester_says_it_is_back_and_work_goes_on(employee: User, agent: User, done: Ticket) -> None:
    reopened = actions.reopen(done, comment="It is back.", by=web(employee))
    assert (reopened.status, reopened.assignee, reopened.resolved_at) == ("IN_PROGRESS", agent, None)
    assert Comment.objects.get().author == employee


def test_what_nobody_holds_is_new_again(employee: User, agent: User, ticket: Ticket, lead: User) -> None:
    waiting = stand(ticket, "WAITING", assignee=agent)
    queued = actions.hand_over(waiting, team=waiting.team, by=web(agent))
    done = actions.change_status(queued, status="DONE", by=web(lead))
    reopened = actions.reopen(done, by=web(employee))
    assert (reopened.status, reopened.assignee) == ("NEW", None)


@pytest.mark.parametrize(
    ("ago", "in_time"), [(timedelta(days=13, hours=23), True), (timedelta(days=14, seconds=1), False)]
)
def test_a_requester_has_fourteen_days(employee: User, done: Ticket, ago: timedelta, in_time: bool) -> None:
    done = resolved(done, ago=ago)
    if in_time:
        assert actions.reopen(done, by=web(employee)).status == "IN_PROGRESS"
        return
    with pytest.raises(Refused) as refusal:
        actions.reopen(done, by=web(employee))
    assert refusal.value.code == "reopen_window_over"


def test_the_assignee_has_all_the_time_until_it_is_closed(agent: User, done: Ticket) -> None:
    assert actions.reopen(resolved(done, ago=timedelta(days=400)), by=web(agent)).status == "IN_PROGRESS"


def test_a_closed_ticket_is_reopened_by_nobody(
    admin: User, agent: User, employee: User, done: Ticket
) -> None:
    Ticket.objects.filter(pk=done.pk).update(closed_at=timezone.now())
    for person in (admin, agent, employee):
        with pytest.raises(Refused) as refusal:
            actions.reopen(done, by=web(person))
        assert refusal.value.code == "ticket_closed"


def test_what_is_canceled_stays_so(admin: User, ticket: Ticket) -> None:
    with pytest.raises(Refused) as refusal:
        actions.reopen(stand(ticket, "CANCELED"), by=web(admin))
    assert refusal.value.code == "wrong_status"
