"""Claiming: make oneself responsible for a ticket that nobody holds."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import actions as people
from accounts.acting import SYSTEM, Actor, Forbidden, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import TeamFactory, UserFactory, opened, stand, web
from tests.invariants import check
from tests.racing import at_once, refused_with
from tickets import actions
from tickets.models import Service, Ticket, Watch

ROUNDS = 20


def test_an_agent_takes_a_ticket_nobody_holds(agent: User, ticket: Ticket) -> None:
    claimed = actions.claim(ticket, by=web(agent))
    assert (claimed.assignee, claimed.status, claimed.version) == (agent, "NEW", 2)
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert event.verb == "ticket.claimed"
    assert event.changes == {"assignee": [None, {"id": str(agent.public_id), "name": "Igor Orlov"}]}
    assert (event.actor_id, event.actor_name) == (agent.public_id, "Igor Orlov")


def test_claiming_what_waits_leaves_it_waiting(agent: User, other_agent: User, ticket: Ticket) -> None:
    waiting = stand(ticket, "WAITING", assignee=other_agent)
    waiting = actions.hand_over(waiting, team=waiting.team, by=web(other_agent))
    claimed = actions.claim(waiting, by=web(agent))
    assert (claimed.status, claimed.waiting_for, claimed.assignee) == ("WAITING", "REQUESTER", agent)


def test_claiming_twice_is_refused_even_to_him_who_has_it(agent: User, ticket: Ticket) -> None:
    actions.claim(ticket, by=web(agent))
    with pytest.raises(Refused) as refusal:
        actions.claim(ticket, by=web(agent))
    assert refusal.value.code == "already_claimed"
    assert Ticket.objects.get().version == 2


def test_the_desk_itself_takes_nothing(ticket: Ticket) -> None:
    with pytest.raises(Forbidden) as refusal:
        actions.claim(ticket, by=SYSTEM)
    assert refusal.value.code == "people_only"


def test_an_agent_who_may_not_see_a_confidential_ticket_cannot_take_it(
    agent: User, employee: User, confidential: Service
) -> None:
    with pytest.raises(Refused) as refusal:
        actions.claim(opened(by=employee, service=confidential), by=web(agent))
    assert refusal.value.code == "assignee_may_not_see"


@pytest.mark.django_db(transaction=True)
def test_of_two_agents_at_the_same_moment_exactly_one_gets_the_ticket(
    agent: User, other_agent: User, employee: User, service: Service
) -> None:
    first, second = web(agent), web(other_agent)
    for _round in range(ROUNDS):
        ticket = opened(by=employee, service=service)
        results = at_once(partial(actions.claim, ticket, by=first), partial(actions.claim, ticket, by=second))
        won = [result for result in results if isinstance(result, Ticket)]
        lost = refused_with(results, "already_claimed")
        assert (len(won), len(lost)) == (1, 1), results
        held = Ticket.objects.get(pk=ticket.pk)
        assert held.assignee == won[0].assignee
        assert str(held.assignee) in str(lost[0])
        assert held.version == 2
        assert Event.objects.filter(subject_id=ticket.public_id, verb="ticket.claimed").count() == 1
    assert check(connection) == []


@pytest.mark.django_db(transaction=True)
def test_an_agent_who_is_deactivated_while_he_claims_holds_nothing_afterwards(
    admin: User, employee: User, service: Service
) -> None:
    for turn in range(ROUNDS):
        leaving = UserFactory.create(role="AGENT", in_teams=[service.team])
        held = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=leaving)
        wanted = opened(by=employee, service=service)
        he, boss = web(leaving), web(admin)
        deeds = [
            partial(actions.claim, wanted, by=he),
            partial(people.deactivate, leaving, by=boss),
        ]
        results = at_once(*(deeds if turn % 2 else reversed(deeds)))
        claims = [result for result in results if not isinstance(result, User)]
        assert len(claims) == 1, results
        # Gone before he asked, or between his question and the answer.
        refused = refused_with(claims, "not_permitted") or refused_with(claims, "not_an_agent")
        assert isinstance(claims[0], Ticket) or refused, results
        assert not Ticket.objects.filter(assignee=leaving).exists()
        assert Ticket.objects.get(pk=held.pk).status == "NEW"
    assert check(connection) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leaving", ["deactivated", "demoted", "moved to another team"])
def test_an_agent_who_comments_while_he_leaves_stops_nobody(
    admin: User, employee: User, confidential: Service, leaving: str
) -> None:
    ways: dict[str, Callable[..., User]] = {
        "deactivated": people.deactivate,
        "demoted": partial(people.change_role, role="EMPLOYEE"),
        "moved to another team": partial(people.set_teams, teams={}),
    }
    for turn in range(ROUNDS):
        somebody = UserFactory.create(role="AGENT", in_teams=[confidential.team])
        held = stand(opened(by=employee, service=confidential), "IN_PROGRESS", assignee=somebody)
        deeds = [
            partial(actions.add_comment, held, body="Nearly done.", by=web(somebody)),
            partial(ways[leaving], somebody, by=web(admin)),
        ]
        results = at_once(*(deeds if turn % 2 else reversed(deeds)))
        # Whoever comes second waits for the first, and neither of them in a circle. Too late he may not write any more.
        too_late = refused_with(results, "not_permitted")
        assert [each for each in results if isinstance(each, Exception) and each not in too_late] == [], (
            results
        )
        assert Ticket.objects.get(pk=held.pk).assignee is None
    assert check(connection) == []


@pytest.mark.parametrize("standing", [{"role": "EMPLOYEE"}, {"role": "AGENT", "is_active": False}])
def test_the_database_knows_who_may_hold_a_ticket(ticket: Ticket, standing: dict[str, object]) -> None:
    somebody = UserFactory.create(**standing)
    with pytest.raises(IntegrityError, match="active agent"), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(assignee=somebody)


def test_the_database_knows_who_may_see_what_he_is_given(
    employee: User, confidential: Service, admin: User
) -> None:
    """By its own words the same as Ticket.objects.visible_to says."""
    member = UserFactory.create(role="AGENT", in_teams=[confidential.team])
    outsider, follower, asker = UserFactory.create_batch(3, role="AGENT")
    tickets = {
        person: opened(by=employee, service=confidential) for person in (admin, member, outsider, follower)
    }
    tickets[asker] = opened(by=asker, service=confidential)
    Watch.objects.create(ticket=tickets[follower], user=follower)
    allowed = set()
    for person, ticket in tickets.items():
        row = Ticket.objects.filter(pk=ticket.pk)
        with suppress(IntegrityError), transaction.atomic():
            row.update(assignee=person)
            allowed.add(person)
        assert (person in allowed) == Ticket.objects.visible_to(person).filter(pk=ticket.pk).exists()
    assert allowed == {admin, member, follower, asker}


def test_who_was_demoted_since_the_page_was_drawn_is_told_so(agent: User, ticket: Ticket) -> None:
    seen = Actor(User.objects.get(pk=agent.pk), "web")
    User.objects.filter(pk=agent.pk).update(role="EMPLOYEE")  # behind the actor's back, as in another process
    with pytest.raises(Forbidden) as refusal:
        actions.claim(ticket, by=seen)
    assert refusal.value.code == "not_permitted"
    assert Ticket.objects.get().version == 1


def test_agents_without_a_team_may_claim_too(employee: User, ticket: Ticket) -> None:
    TeamFactory.create()
    loner = UserFactory.create(role="AGENT")
    assert actions.claim(ticket, by=web(loner)).assignee == loner
