"""Administrators at work on the catalogue; tickets can only be looked up."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Team, User
from audit.models import Event
from tests.factories import stand
from tickets.models import Service, Tag, Ticket

type BrowserOf = Callable[[User], Client]
SERVICES = "/admin/tickets/service/"
TICKETS = "/admin/tickets/ticket/"


@pytest.fixture
def desk(admin: User, browser_of: BrowserOf) -> Client:
    """The administrator's browser."""
    return browser_of(admin)


def test_a_service_is_made_with_a_trace(desk: Client, admin: User, team: Team) -> None:
    fields = {"name_en": "Phones", "name_ru": "Телефоны", "team": team.pk, "is_active": "on"}
    assert desk.post(f"{SERVICES}add/", fields).status_code == 302
    event = Event.objects.get()
    assert (event.verb, event.door, event.actor_id) == ("service.created", "admin", admin.public_id)
    assert event.changes["name_en"] == [None, "Phones"]


def test_a_service_goes_out_of_use_and_old_and_new_are_on_record(desk: Client, service: Service) -> None:
    fields = {"name_en": "Remote access", "name_ru": service.name_ru, "team": service.team.pk}
    desk.post(f"{SERVICES}{service.pk}/change/", fields)
    event = Event.objects.get()
    assert event.changes == {"name_en": ["VPN access", "Remote access"], "is_active": [True, False]}


def test_a_service_that_becomes_confidential_lets_go_of_strangers(
    desk: Client, ticket: Ticket, service: Service, stranger: User
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=stranger)
    fields = {
        "name_en": "VPN",
        "name_ru": "VPN",
        "team": service.team.pk,
        "is_active": "on",
        "confidential": "on",
    }
    desk.post(f"{SERVICES}{service.pk}/change/", fields)
    ticket.refresh_from_db()
    assert ticket.assignee is None


def test_a_service_without_a_name_is_a_fault_of_the_form(desk: Client, team: Team) -> None:
    for fields in ({"team": team.pk}, {"name_en": "x" * 101, "name_ru": "x", "team": "99999999999999999999"}):
        answer = desk.post(f"{SERVICES}add/", fields)
        assert answer.status_code == 200
    assert not Service.objects.exists()


def test_nothing_is_deleted(desk: Client, service: Service) -> None:
    assert desk.post(f"{SERVICES}{service.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "Delete" not in desk.get(f"{SERVICES}{service.pk}/change/").content.decode()


def test_a_ticket_is_found_by_number_and_by_words_and_leads_to_its_page(desk: Client, ticket: Ticket) -> None:
    for words in (ticket.reference, "drops"):
        page = desk.get(TICKETS, {"q": words}).content.decode()
        assert f'href="/tickets/{ticket.public_id}/"' in page
    assert ticket.title not in desk.get(TICKETS, {"q": "printer"}).content.decode()
    assert desk.get(f"{TICKETS}{ticket.pk}/change/")["Location"] == f"/tickets/{ticket.public_id}/"


@pytest.mark.parametrize("address", [f"{TICKETS}add/", "/admin/tickets/tag/add/"])
def test_tickets_and_tags_are_not_made_here(desk: Client, address: str) -> None:
    assert desk.get(address).status_code == 403


def test_a_ticket_cannot_be_changed_or_deleted_past_the_verbs(desk: Client, ticket: Ticket) -> None:
    desk.post(f"{TICKETS}{ticket.pk}/change/", {"status": "DONE"})
    assert desk.post(f"{TICKETS}{ticket.pk}/delete/", {"post": "yes"}).status_code == 403
    ticket.refresh_from_db()
    assert (ticket.status, ticket.version) == ("NEW", 1)


def test_tags_are_listed(desk: Client) -> None:
    Tag.objects.create(name="vpn")
    assert "vpn" in desk.get("/admin/tickets/tag/").content.decode()
