"""Between which days a ticket may be due: one rule for every door, and the database holds to it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.acting import Invalid
from accounts.models import User
from tests.factories import opened, web
from tests.tickets.pages.posting import press
from tickets import actions
from tickets.models import Ticket

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)
TOO_FAR = [
    FIRST - timedelta(seconds=1),
    LAST + timedelta(seconds=1),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=9))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
]
# (zone, what a browser sends): beyond the first and the last moment there is, once it is in UTC.
EXTREMES = [
    ("America/New_York", "9999-12-31T23:59"),
    ("Asia/Tokyo", "0001-01-01T00:00"),
    ("America/New_York", "0001-01-01T00:00"),
    ("Asia/Tokyo", "9999-12-31T23:59"),
    ("UTC", "1999-12-31T23:59"),
]


@pytest.mark.parametrize("moment", [FIRST, LAST])
def test_the_first_and_the_last_moment_are_dates(agent: User, ticket: Ticket, moment: datetime) -> None:
    assert actions.set_due(ticket, due_at=moment, by=web(agent)).due_at == moment
    assert opened(by=agent, due_at=moment).due_at == moment


@pytest.mark.parametrize("moment", TOO_FAR, ids=str)
def test_what_lies_beyond_is_none(agent: User, ticket: Ticket, moment: datetime) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.set_due(ticket, due_at=moment, by=web(agent))
    assert (refusal.value.field, refusal.value.code) == ("due_at", "out_of_range")
    with pytest.raises(Invalid) as refusal:
        opened(by=agent, due_at=moment)
    assert (refusal.value.field, refusal.value.code) == ("due_at", "out_of_range")


@pytest.mark.parametrize("moment", TOO_FAR[:2], ids=str)
def test_the_database_takes_nothing_else(ticket: Ticket, moment: datetime) -> None:
    with pytest.raises(IntegrityError, match="ticket_due_in_range"), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(due_at=moment)


@pytest.mark.parametrize(("zone", "text"), EXTREMES)
def test_the_ticket_page_says_so_beside_the_field(
    agent: User, ticket: Ticket, browser_of: Callable[[User], Client], zone: str, text: str
) -> None:
    User.objects.filter(pk=agent.pk).update(time_zone=zone)
    ticket = actions.claim(ticket, by=web(agent))
    answer = press(browser_of(agent), ticket, "properties", priority="NORMAL", due_at=text)
    assert answer.status_code == 400
    assert f'value="{text}"' in answer.content.decode()
    assert Ticket.objects.get(pk=ticket.pk).due_at is None


@pytest.mark.parametrize(("zone", "text"), EXTREMES)
def test_so_does_the_page_of_a_new_ticket(
    agent: User, browser_of: Callable[[User], Client], zone: str, text: str
) -> None:
    User.objects.filter(pk=agent.pk).update(time_zone=zone)
    answer = browser_of(agent).post(reverse("tickets:new"), {"title": "VPN drops", "due_at": text})
    assert answer.status_code == 400
    assert f'value="{text}"' in answer.content.decode()
    assert not Ticket.objects.exists()


@pytest.mark.parametrize(("zone", "text"), EXTREMES)
def test_lists_and_programs_hear_no_500(
    agent: User, ticket: Ticket, zone: str, text: str, key_of: Callable[..., str],
    api: Callable[..., APIClient], browser_of: Callable[[User], Client],
) -> None:  # fmt: skip
    User.objects.filter(pk=agent.pk).update(time_zone=zone)
    program, browser = api(key_of(agent)), browser_of(agent)
    for answer in (
        program.patch(f"/api/v1/tickets/{ticket.public_id}", {"due_at": text}, format="json"),
        program.post("/api/v1/tickets", {"title": "VPN drops", "due_at": text}, format="json"),
    ):
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["due_at"])
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        assert program.get("/api/v1/tickets", {name: text}).status_code in {200, 400}
        assert browser.get(reverse("tickets:queue"), {name: text}).status_code in {200, 400}
