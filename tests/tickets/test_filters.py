"""The filters of every list."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Team, User
from tests.factories import opened, stand, web
from tickets import actions
from tickets.filters import ORDERINGS, TicketFilter, start_of_today
from tickets.models import Service, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(
    employee: User, colleague: User, agent: User, service: Service, other_team: Team
) -> dict[str, Ticket]:
    return {
        "new": opened(by=employee, service=service, tags=["vpn"], priority="URGENT"),
        "mine": stand(opened(by=colleague, service=service), "IN_PROGRESS", assignee=agent),
        "waiting": stand(opened(by=employee, tags=["vpn", "office"]), "WAITING", assignee=agent),
        "done": stand(opened(by=agent, team=other_team), "DONE", assignee=agent),
    }


def chosen(query: str, desk: dict[str, Ticket], *, reader: User) -> set[str]:
    """The names of the tickets that the filter leaves. Fails where it does not understand."""
    form = TicketFilter(QueryDict(query), Ticket.objects.visible_to(reader), reader=reader)
    assert form.is_valid(), form.errors
    left = set(form.qs)
    return {name for name, ticket in desk.items() if ticket in left}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", {"new", "mine", "waiting", "done"}),
        ("status=NEW", {"new"}),
        ("status=NEW&status=DONE", {"new", "done"}),
        ("priority=URGENT", {"new"}),
        ("assignee=me", {"mine", "waiting", "done"}),
        ("assignee=none", {"new"}),
        ("assignee=none&assignee=me", {"new", "mine", "waiting", "done"}),
        ("requester=me", {"done"}),
        ("team=none", {"waiting"}),
        ("service=none", {"waiting", "done"}),
        ("tag=vpn", {"new", "waiting"}),
        ("tag=OFFICE&tag=laptop", {"waiting"}),
        ("tag=vpn&assignee=me", {"waiting"}),
        ("status=NEW&assignee=me", set()),
        ("assignee=", {"new", "mine", "waiting", "done"}),
        ("q=ten+minutes&status=DONE", {"done"}),
    ],
)
def test_what_is_wanted_is_left(desk: dict[str, Ticket], agent: User, query: str, left: set[str]) -> None:
    assert chosen(query, desk, reader=agent) == left


def test_people_teams_and_services_by_id(
    desk: dict[str, Ticket], agent: User, employee: User, colleague: User, service: Service, other_team: Team
) -> None:
    for query, left in (
        (f"requester={employee.public_id}", {"new", "waiting"}),
        (f"requester={employee.public_id}&requester={colleague.public_id}", {"new", "mine", "waiting"}),
        (f"team={other_team.public_id}&team=none", {"waiting", "done"}),
        (f"service={service.public_id}", {"new", "mine"}),
        (f"assignee={uuid4()}", set()),
    ):
        assert chosen(query, desk, reader=agent) == left


def test_times_are_from_and_before(desk: dict[str, Ticket], agent: User) -> None:
    moment = desk["waiting"].created_at
    stamp = moment.isoformat().replace("+", "%2B")
    assert chosen(f"created_after={stamp}", desk, reader=agent) == {"waiting", "done"}
    assert chosen(f"created_before={stamp}", desk, reader=agent) == {"new", "mine"}
    plain = moment.isoformat()  # with a plus sign that nobody escaped
    assert chosen(f"created_after={plain}", desk, reader=agent) == {"waiting", "done"}
    assert chosen("updated_after=2999-01-01", desk, reader=agent) == set()
    assert chosen("updated_before=2999-01-01T10:00Z", desk, reader=agent) == set(desk)


def test_a_date_begins_at_the_readers_midnight(employee: User) -> None:
    ticket = opened(by=employee)
    Ticket.objects.filter(pk=ticket.pk).update(created_at=datetime(2026, 3, 1, 22, 0, tzinfo=UTC))
    with timezone.override("Europe/Moscow"):  # where it is one o'clock on the second of March
        assert chosen("created_after=2026-03-02", {"it": ticket}, reader=employee) == {"it"}
    assert chosen("created_after=2026-03-02", {"it": ticket}, reader=employee) == set()


def test_overdue_and_due_today_are_open_tickets_only(desk: dict[str, Ticket], agent: User) -> None:
    late, today = timezone.now() - timedelta(days=2), start_of_today() + timedelta(hours=23, minutes=59)
    for name, due in (("mine", late), ("waiting", today), ("done", late)):
        actions.set_due(desk[name], due_at=due, by=web(agent))
    assert chosen("sla=breached", desk, reader=agent) == {"mine"}
    assert chosen("sla=due_today", desk, reader=agent) == {"waiting"}
    assert chosen("sla=due_today&sla=breached", desk, reader=agent) == {"mine", "waiting"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=OPEN", "status"),
        ("priority=high", "priority"),
        ("assignee=7", "assignee"),
        ("assignee=none%00", "assignee"),
        ("requester=none", "requester"),
        ("team=me", "team"),
        ("service=vpn", "service"),
        ("tag=" + "x" * 101, "tag"),
        ("tag=a%00b", "tag"),
        ("&".join(["tag=a"] * 101), "tag"),
        ("created_after=yesterday", "created_after"),
        ("created_after=2026-02-30", "created_after"),
        ("created_before=0001-01-01T00:00:00%2B14:00", "created_before"),
        ("updated_after=9999-12-31T23:59:59-14:00", "updated_after"),
        ("sla=late", "sla"),
        ("q=" + "x" * 201, "q"),
        ("q=a%00b", "q"),
    ],
)
def test_what_is_not_understood_is_named(admin: User, query: str, field: str) -> None:
    form = TicketFilter(QueryDict(query), Ticket.objects.visible_to(admin), reader=admin)
    assert not form.is_valid()
    assert list(form.errors) == [field]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from(sorted(TicketFilter.base_filters)),
        st.lists(
            st.text(max_size=20)
            | st.sampled_from(
                ["me", "none", "NEW", "2026-01-01", "2026-01-01 10:00", "{}", "urn:uuid:", "9" * 400]
            )
            | st.uuids().map(str)
            | st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
            max_size=3,
        ),
        max_size=4,
    )
)
def test_no_query_makes_a_list_fail(admin: User, query: dict[str, list[str]]) -> None:
    data: Any = QueryDict(mutable=True)
    for name, values in query.items():
        data.setlist(name, values)
    form = TicketFilter(data, Ticket.objects.visible_to(admin), reader=admin)
    if form.is_valid():
        assert list(form.qs) == []
    else:
        assert set(form.errors) <= set(query)


@pytest.mark.parametrize("name", ORDERINGS)
def test_every_order_ends_in_something_unique_and_runs_one_way(name: str) -> None:
    columns = ORDERINGS[name]
    assert columns[-1].lstrip("-") == "number"
    assert len({column.startswith("-") for column in columns}) == 1
    assert columns[0].startswith("-") == name.startswith("-")


@pytest.mark.parametrize("moment", ["9999-12-31T23:59Z", "0001-01-01T00:00Z", "9999-12-31", "0001-01-01"])
def test_a_date_at_the_end_of_the_calendar_is_out_of_range(moment: str, agent: User) -> None:
    wanted = TicketFilter({"created_before": moment}, Ticket.objects.visible_to(agent), reader=agent)
    assert "created_before" in wanted.errors
