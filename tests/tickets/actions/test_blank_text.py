"""Text that nobody can see is refused as if it were not there, by every verb that needs one."""

from functools import partial

import pytest

from accounts.acting import Invalid
from accounts.models import User
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Ticket

UNSEEN = "\u200b\u2060\u3164"


def test_a_title_and_a_comment_that_nobody_can_see_are_empty(
    ticket: Ticket, agent: User, admin: User, employee: User
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    for verb, field in (
        (partial(actions.edit, ticket, title=UNSEEN, by=web(agent)), "title"),
        (partial(actions.add_comment, ticket, body=UNSEEN, by=web(agent)), "body"),
        (partial(actions.delete, ticket, reason=UNSEEN, by=web(admin)), "reason"),
        (partial(opened, by=employee, title=UNSEEN), "title"),
    ):
        with pytest.raises(Invalid) as refusal:
            verb()
        assert refusal.value.field == field
    assert Ticket.objects.get().title == ticket.title


def test_a_ticket_is_not_canceled_for_no_reason(ticket: Ticket, agent: User) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    with pytest.raises(Invalid):
        actions.change_status(ticket, status="CANCELED", comment=UNSEEN, by=web(agent))
    assert Ticket.objects.get().status == "IN_PROGRESS"
