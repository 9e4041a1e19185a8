"""Until when it is wanted."""

from datetime import UTC, datetime, timedelta, timezone

from accounts.models import User
from audit.models import Event
from tests.factories import web
from tickets import actions
from tickets.models import Ticket

FRIDAY = datetime(2031, 5, 2, 16, 0, tzinfo=UTC)


def test_an_agent_sets_a_date_and_takes_it_away(agent: User, ticket: Ticket) -> None:
    due = actions.set_due(ticket, due_at=FRIDAY, by=web(agent))
    assert due.due_at == FRIDAY
    assert actions.set_due(due, due_at=None, by=web(agent)).due_at is None
    changes = [event.changes for event in Event.objects.filter(verb="ticket.due_set").order_by("seq")]
    assert changes == [
        {"due_at": [None, "2031-05-02T16:00:00+00:00"]},
        {"due_at": ["2031-05-02T16:00:00+00:00", None]},
    ]


def test_the_same_moment_in_another_zone_is_no_change(agent: User, ticket: Ticket) -> None:
    due = actions.set_due(ticket, due_at=FRIDAY, by=web(agent))
    moscow = FRIDAY.astimezone(timezone(timedelta(hours=3)))
    assert actions.set_due(due, due_at=moscow, by=web(agent)).version == due.version
