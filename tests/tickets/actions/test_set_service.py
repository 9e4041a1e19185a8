"""What a ticket is about, and whose it therefore is."""

from functools import partial

import pytest

from accounts.acting import Invalid
from accounts.models import Team, User
from audit.models import Event
from tests.factories import ServiceFactory, opened, stand, web
from tests.racing import at_once
from tickets import actions
from tickets.models import Service, Ticket


def test_the_ticket_goes_on_to_the_new_services_team(
    agent: User, ticket: Ticket, other_team: Team, service: Service
) -> None:
    payslips = ServiceFactory.create(name_en="Payslips", team=other_team)
    moved = actions.set_service(ticket, service=payslips, by=web(agent))
    assert (moved.service, moved.team) == (payslips, other_team)
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert event.verb == "ticket.service_set"
    assert set(event.changes) == {"service", "team"}


def test_a_team_that_somebody_chose_stays(agent: User, ticket: Ticket, other_team: Team, team: Team) -> None:
    chosen = actions.hand_over(ticket, team=other_team, by=web(agent))
    wifi = ServiceFactory.create(name_en="Wi-Fi", team=team)
    assert actions.set_service(chosen, service=wifi, by=web(_boss())).team == other_team


def _boss() -> User:
    from tests.factories import UserFactory

    boss: User = UserFactory.create(role="ADMIN")
    return boss


def test_a_ticket_of_no_service_gets_service_and_team(agent: User, employee: User, service: Service) -> None:
    sorted_now = actions.set_service(opened(by=employee), service=service, by=web(agent))
    assert (sorted_now.service, sorted_now.team) == (service, service.team)


def test_without_a_service_the_team_keeps_it(agent: User, ticket: Ticket, team: Team) -> None:
    changed = actions.set_service(ticket, service=None, by=web(agent))
    assert (changed.service, changed.team) == (None, team)


def test_an_assignee_who_may_not_see_the_new_service_lets_go(
    agent: User, ticket: Ticket, confidential: Service
) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    moved = actions.set_service(held, service=confidential, by=web(agent))
    assert (moved.assignee, moved.status, moved.team) == (None, "NEW", confidential.team)
    event = Event.objects.get(subject_id=ticket.public_id, seq=moved.version)
    assert set(event.changes) == {"service", "team", "assignee", "status"}


def test_what_is_no_longer_offered_is_bad_input_unless_it_is_so_already(agent: User, ticket: Ticket) -> None:
    old = ServiceFactory.create(is_active=False)
    with pytest.raises(Invalid) as refusal:
        actions.set_service(ticket, service=old, by=web(agent))
    assert refusal.value.field == "service"
    mine = ticket.service
    assert mine is not None
    mine.is_active = False
    assert actions.set_service(ticket, service=mine, by=web(agent)).version == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_is_left_with_a_ticket_of_a_service_that_becomes_confidential_just_now(
    agent: User, admin: User, other_team: Team, employee: User
) -> None:
    for turn in range(10):
        service = ServiceFactory.create(name_en=f"Payroll {turn}", team=other_team)
        ticket = stand(opened(by=employee), "IN_PROGRESS", assignee=agent)
        secret = Service.objects.get(pk=service.pk)
        secret.confidential = True
        at_once(
            partial(actions.set_service, ticket, service=service, by=web(agent)),
            partial(actions.save_service, secret, by=web(admin)),
        )
        ticket.refresh_from_db()
        assert ticket.service is None or ticket.assignee is None
