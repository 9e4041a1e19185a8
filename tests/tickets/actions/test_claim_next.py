"""Taking the next ticket of the queue."""

from functools import partial

import pytest
from django.db import connection, transaction

from accounts.acting import Forbidden
from accounts.models import Team, User
from audit.models import Event
from tests.factories import UserFactory, opened, web
from tests.invariants import check
from tests.racing import at_once
from tickets import actions
from tickets.models import Service, Ticket


def test_the_most_urgent_comes_first_then_the_oldest(agent: User, employee: User, service: Service) -> None:
    old, low, urgent, newer = (
        opened(by=employee, service=service, priority=priority)
        for priority in ("NORMAL", "LOW", "URGENT", "NORMAL")
    )
    order = [actions.claim_next(by=web(agent)) for _time in range(5)]
    assert [ticket and ticket.pk for ticket in order] == [urgent.pk, old.pk, newer.pk, low.pk, None]


def test_it_is_a_claim_like_any_other(agent: User, ticket: Ticket) -> None:
    taken = actions.claim_next(by=web(agent))
    assert taken is not None
    assert (taken.pk, taken.assignee, taken.status) == (ticket.pk, agent, "NEW")
    assert Event.objects.filter(subject_id=ticket.public_id).first().verb == "ticket.claimed"  # type: ignore[union-attr]


def test_an_agent_is_given_his_teams_tickets_and_those_of_no_team(
    agent: User, stranger: User, employee: User, ticket: Ticket
) -> None:
    nobodys = opened(by=employee)
    assert actions.claim_next(by=web(stranger)) == nobodys
    assert actions.claim_next(by=web(stranger)) is None
    assert actions.claim_next(by=web(agent)) == ticket


def test_an_agent_of_no_team_is_given_everything_but_the_confidential(
    employee: User, ticket: Ticket, confidential: Service
) -> None:
    opened(by=employee, service=confidential, priority="URGENT")
    loner = UserFactory.create(role="AGENT")
    assert actions.claim_next(by=web(loner)) == ticket
    assert actions.claim_next(by=web(loner)) is None


def test_an_employee_takes_nothing(employee: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.claim_next(by=web(employee))


def test_deleted_tickets_are_not_handed_out(admin: User, agent: User, ticket: Ticket) -> None:
    actions.delete(ticket, reason="A doublet.", by=web(admin))
    assert actions.claim_next(by=web(agent)) is None


@pytest.mark.django_db(transaction=True)
def test_eight_agents_who_ask_at_once_get_eight_different_tickets(
    team: Team, employee: User, service: Service
) -> None:
    agents = [web(UserFactory.create(role="AGENT", in_teams=[team])) for _n in range(8)]
    tickets = {opened(by=employee, service=service).pk for _n in range(8)}
    got = at_once(*[partial(actions.claim_next, by=me) for me in agents])
    assert {ticket.pk for ticket in got} == tickets, got
    assert {ticket.assignee_id for ticket in got} == {me.person.pk for me in agents}
    assert check(connection) == []


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_a_colleague_who_is_still_claiming(
    agent: User, other_agent: User, employee: User, service: Service
) -> None:
    first, second = (opened(by=employee, service=service) for _n in range(2))
    with transaction.atomic():
        assert actions.claim_next(by=web(agent)) == first  # and has not yet finished

        def hurry() -> Ticket | None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1ms'")
            return actions.claim_next(by=web(other_agent))

        assert at_once(hurry) == [second]
