"""Who sees a ticket: random worlds against a plain reading of the specification, over every way of looking."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Membership, Team, User
from tests.factories import TeamFactory, UserFactory, opened, web
from tickets import actions, reads
from tickets.filters import TicketFilter
from tickets.models import Service, Ticket, Watch
from tickets.search import Search

pytestmark = pytest.mark.django_db

PEOPLE = 5
TEAMS = 2


@dataclass(frozen=True)
class Person:
    role: str
    teams: frozenset[int]


@dataclass(frozen=True)
class Request:
    requester: int
    author: int
    watchers: frozenset[int]
    team: int | None
    service: str | None  # "open" or "confidential"
    deleted: bool


def sees(people: list[Person], one: int, ticket: Request) -> bool:
    """Who sees a ticket, said once more and otherwise than by a query."""
    person = people[one]
    if ticket.deleted:
        return False
    if person.role == "ADMIN":
        return True
    if person.role == "AGENT":
        if ticket.service != "confidential":
            return True
        return ticket.team in person.teams or one == ticket.requester or one in ticket.watchers
    return one in {ticket.requester, ticket.author} or one in ticket.watchers


teams = st.frozensets(st.integers(0, TEAMS - 1), max_size=TEAMS)
somebody = st.integers(0, PEOPLE - 1)
people_of_a_world = st.lists(
    st.builds(Person, st.sampled_from(["EMPLOYEE", "AGENT", "ADMIN"]), teams),
    min_size=PEOPLE,
    max_size=PEOPLE,
)
tickets_of_a_world = st.lists(
    st.builds(
        Request,
        requester=somebody,
        author=somebody,
        watchers=st.frozensets(somebody, max_size=2),
        team=st.none() | st.integers(0, TEAMS - 1),
        service=st.sampled_from([None, "open", "confidential"]),
        deleted=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=6,
)


def made(people: list[Person], requests: list[Request]) -> tuple[list[User], list[Ticket]]:
    """The world as rows, in as few queries as may be: what is asked here is what is read."""
    rows = Team.objects.bulk_create(Team(name=f"Team {n}") for n in range(TEAMS))
    users = User.objects.bulk_create(
        User(email=f"p{n}@example.com", full_name=f"P {n}", role=person.role)
        for n, person in enumerate(people)
    )
    Membership.objects.bulk_create(
        Membership(user=user, team=rows[team])
        for user, person in zip(users, people, strict=True)
        for team in person.teams
    )
    services = {
        word: Service(name_en=word, name_ru=word, team=rows[0], confidential=word == "confidential")
        for word in ("open", "confidential")
    }
    Service.objects.bulk_create(services.values())
    tickets = Ticket.objects.bulk_create(
        Ticket(
            title="VPN drops",
            requester=users[request.requester],
            author=users[request.author],
            team=None if request.team is None else rows[request.team],
            service=None if request.service is None else services[request.service],
            source="web",
            deleted_at="2026-01-01T00:00Z" if request.deleted else None,
        )
        for request in requests
    )
    Watch.objects.bulk_create(
        Watch(ticket=ticket, user=users[one])
        for ticket, request in zip(tickets, requests, strict=True)
        for one in request.watchers
    )
    return users, list(Ticket.objects.order_by("pk"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=people_of_a_world, requests=tickets_of_a_world)
@example(
    people=[Person("AGENT", frozenset({1})), *[Person("EMPLOYEE", frozenset({0}))] * 4],
    requests=[Request(1, 0, frozenset(), 0, "confidential", deleted=False)],
)
def test_list_count_search_filter_and_address_show_what_the_specification_says(
    db: None, people: list[Person], requests: list[Request]
) -> None:
    with transaction.atomic():
        users, tickets = made(people, requests)
        for one, user in enumerate(users):
            reader = User.objects.with_teams().get(pk=user.pk) if one % 2 else User.objects.get(pk=user.pk)
            expected = {
                ticket.pk
                for ticket, request in zip(tickets, requests, strict=True)
                if sees(people, one, request)
            }
            visible = Ticket.objects.visible_to(reader)
            assert [ticket.pk for ticket in visible.order_by("pk")] == sorted(expected)  # once each
            assert visible.count() == len(expected)
            assert {ticket.pk for ticket in Search("vpn", reader=reader).matching(visible)} == expected
            assert {ticket.pk for ticket in TicketFilter({"q": "VPN"}, visible, reader=reader).qs} == expected
            assert {ticket.pk for ticket in tickets if can_be_found(ticket, reader)} == expected
            assert {ticket.pk for ticket in tickets if ticket.is_visible_to(reader)} == expected
            assert reads.counts(reader)["all"] == len(expected)
            assert {
                ticket.pk for ticket in reads.in_view(visible, reads.BY_NAME["all"], reader=reader)
            } == expected
        transaction.set_rollback(True)


def can_be_found(ticket: Ticket, reader: User) -> bool:
    """By its id, and alike by its number."""
    answers = set()
    for reference in (str(ticket.public_id), ticket.reference, f"sf-{ticket.number}"):
        try:
            answers.add(reads.find(reference, reader=reader) == ticket)
        except ObjectDoesNotExist:
            answers.add(False)
    assert len(answers) == 1
    return answers.pop()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=people_of_a_world, requests=tickets_of_a_world, picked=st.data())
def test_every_view_shows_as_many_as_it_counts(
    db: None, people: list[Person], requests: list[Request], picked: Any
) -> None:
    with transaction.atomic():
        users, tickets = made(people, requests)
        agents = [user for user in users if user.is_agent]
        for ticket in tickets:
            # Nobody is given what he may not see: the database refuses it.
            able = [
                agent for agent in agents if Ticket.objects.visible_to(agent).filter(pk=ticket.pk).exists()
            ]
            status, assignee = picked.draw(
                st.sampled_from(
                    [("NEW", None), ("CANCELED", None), *[("IN_PROGRESS", agent) for agent in able]]
                )
            )
            Ticket.objects.filter(pk=ticket.pk).update(assignee=assignee)
            Ticket.objects.filter(pk=ticket.pk).update(status=status)
        for user in users:
            counts = reads.counts(user)
            visible = Ticket.objects.visible_to(user)
            for view in reads.VIEWS:
                assert reads.in_view(visible, view, reader=user).count() == counts[view.name], view.name
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "reference", ["", "SF-", "SF-0", "SF-1x", "1001", "x", "SF-" + "9" * 30, "SF-\x00", "\ud800"]
)
def test_what_names_no_ticket_finds_none(admin: User, ticket: Ticket, reference: str) -> None:
    with pytest.raises(Ticket.DoesNotExist):
        reads.find(reference, reader=admin)


def test_visibility_ends_with_the_role_the_team_or_the_watch(
    admin: User, stranger: User, employee: User, confidential: Service
) -> None:
    ticket = opened(by=employee, service=confidential)
    assert ticket in Ticket.objects.visible_to(stranger)
    Membership.objects.filter(user=stranger).delete()
    assert ticket not in Ticket.objects.visible_to(User.objects.get(pk=stranger.pk))
    actions.watch(ticket, user=stranger, by=web(admin))
    assert ticket in Ticket.objects.visible_to(User.objects.get(pk=stranger.pk))


def test_a_watcher_is_asked_for_without_a_further_query(
    colleague: User, employee: User, ticket: Ticket, django_assert_num_queries: Any
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    for reader, watches in ((colleague, True), (employee, False)):
        found = reads.find(ticket.reference, reader=reader)
        with django_assert_num_queries(0):
            assert found.is_watched_by(reader) is watches


def test_seeing_costs_one_query_however_many_there_are(
    employee: User, django_assert_num_queries: Any
) -> None:
    agent = UserFactory.create(role="AGENT", in_teams=[TeamFactory.create()])
    for _n in range(3):
        opened(by=employee)
    reader = User.objects.with_teams().get(pk=agent.pk)
    with django_assert_num_queries(1):
        assert len(list(Ticket.objects.visible_to(reader).with_people())) == 3
