"""Editing the catalogue."""

import pytest

from accounts.acting import Forbidden, Invalid
from accounts.models import Team, User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket


def test_an_administrator_adds_a_service(admin: User, team: Team) -> None:
    service = actions.save_service(Service(name_en="Phones", name_ru="Телефоны", team=team), by=web(admin))
    assert Service.objects.get() == service
    event = Event.objects.get(subject_id=service.public_id)
    assert event.verb == "service.created"
    assert event.changes["team"] == [None, {"id": str(team.public_id), "name": "IT"}]
    assert event.seq is None


def test_a_change_says_what_was_and_what_is(admin: User, service: Service) -> None:
    service.name_en = "Remote access"
    actions.save_service(service, by=web(admin))
    event = Event.objects.get(subject_id=service.public_id)
    assert (event.verb, event.changes) == ("service.changed", {"name_en": ["VPN access", "Remote access"]})


def test_saving_no_change_records_nothing(admin: User, service: Service) -> None:
    actions.save_service(service, by=web(admin))
    assert not Event.objects.exists()


def test_only_administrators_edit_it(lead: User, service: Service) -> None:
    service.name_en = "Mine"
    with pytest.raises(Forbidden):
        actions.save_service(service, by=web(lead))
    assert Service.objects.get().name_en == "VPN access"


def test_who_may_not_see_a_service_that_became_confidential_lets_go(
    admin: User, agent: User, stranger: User, employee: User, service: Service
) -> None:
    of_team = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent)
    of_other = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=stranger)
    service.confidential = True
    actions.save_service(service, by=web(admin))
    assert Ticket.objects.get(pk=of_team.pk).assignee == agent
    now = Ticket.objects.get(pk=of_other.pk)
    assert (now.assignee, now.status) == (None, "NEW")
    assert Event.objects.filter(verb="ticket.released").count() == 1


def test_a_name_that_is_taken_or_too_long_is_bad_input(admin: User, team: Team, service: Service) -> None:
    for name in ("vpn ACCESS", "x" * 101, "", "V\x00PN"):
        with pytest.raises(Invalid):
            actions.save_service(Service(name_en=name, name_ru="Другое", team=team), by=web(admin))
    assert Service.objects.count() == 1
