"""Reopening what somebody resolved who may no longer hold it."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import actions as people
from accounts.acting import SYSTEM
from accounts.models import User
from tests.factories import stand, web
from tickets import actions
from tickets.models import Ticket


def test_what_a_leaver_resolved_is_reopened_into_the_queue(
    ticket: Ticket, agent: User, employee: User
) -> None:
    ticket = stand(ticket, "DONE", assignee=agent)
    people.deactivate(agent, by=SYSTEM)
    reopened = actions.reopen(ticket, by=web(employee))
    assert (reopened.status, reopened.assignee) == ("NEW", None)


def test_what_a_demoted_agent_resolved_is_reopened_into_the_queue(
    ticket: Ticket, agent: User, employee: User
) -> None:
    ticket = stand(ticket, "DONE", assignee=agent)
    people.change_role(agent, role="EMPLOYEE", by=SYSTEM)
    reopened = actions.reopen(ticket, by=web(employee))
    assert (reopened.status, reopened.assignee) == ("NEW", None)


def test_the_database_reopens_nothing_for_somebody_who_has_left(ticket: Ticket, agent: User) -> None:
    ticket = stand(ticket, "DONE", assignee=agent)
    people.deactivate(agent, by=SYSTEM)
    with (
        pytest.raises(IntegrityError, match="active agent"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE tickets_ticket SET status = 'IN_PROGRESS' WHERE id = %s", [ticket.pk])
