"""What `allowed` remembers is what the table says."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket
from tickets.permissions import TABLE, allowed_statuses, allowed_verbs, can
from tickets.workflow import CHANGES, VERBS, Status


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("late", [False, True])
def test_everybody_is_told_what_he_can_do_with_every_ticket(
    request: Any, status: Status, late: bool, service: Service, agent: User, employee: User
) -> None:
    names = ("employee", "colleague", "agent", "other_agent", "stranger", "lead", "admin")
    people = [web(request.getfixturevalue(name)).person for name in names]
    tickets = [
        stand(opened(by=author, service=of), status, assignee=holder)
        for author in people[:2]
        for of in (service, None)
        for holder in ((agent,) if status in {"IN_PROGRESS", "WAITING", "DONE"} else (None, agent))
    ]
    actions.watch(tickets[0], user=people[1], by=web(people[-1]))
    if late:
        Ticket.objects.filter(status="DONE").update(resolved_at=timezone.now() - timedelta(days=15))
        Ticket.objects.filter(pk=tickets[-1].pk).update(closed_at=timezone.now())
    for _turn in range(2):  # the second time from memory
        for ticket in Ticket.objects.order_by("pk"):
            for person in people:
                assert allowed_verbs(person, ticket) == [verb for verb in TABLE if can(person, verb, ticket)]
                assert allowed_statuses(person, ticket) == [
                    new for new in CHANGES[Status(ticket.status)] if can(person, VERBS[new], ticket)
                ]
