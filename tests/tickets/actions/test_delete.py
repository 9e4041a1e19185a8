"""Deleting: gone from every list, 404 for everyone, its events stay."""

import pytest

from accounts.acting import Invalid, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import web
from tickets import actions, reads
from tickets.models import Ticket


def test_an_administrator_takes_a_ticket_away_and_its_events_stay(
    admin: User, employee: User, ticket: Ticket
) -> None:
    deleted = actions.delete(ticket, reason=" Holds a password. ", by=web(admin))
    assert deleted.deleted_at is not None
    for person in (admin, employee):
        assert not Ticket.objects.visible_to(person).exists()
        with pytest.raises(Ticket.DoesNotExist):
            reads.find(ticket.reference, reader=person)
    events = list(Event.objects.filter(subject_id=ticket.public_id).order_by("seq"))
    assert [event.verb for event in events] == ["ticket.opened", "ticket.deleted"]
    assert events[-1].comment == "Holds a password."


@pytest.mark.parametrize("reason", ["", " \n"])
def test_not_without_a_reason(admin: User, ticket: Ticket, reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.delete(ticket, reason=reason, by=web(admin))
    assert refusal.value.field == "reason"
    assert Ticket.objects.visible_to(admin).exists()


def test_nothing_can_be_done_to_it_any_more(admin: User, agent: User, ticket: Ticket) -> None:
    actions.delete(ticket, reason="A doublet.", by=web(admin))
    for verb in (
        lambda: actions.claim(ticket, by=web(agent)),
        lambda: actions.delete(ticket, reason="Once more.", by=web(admin)),
        lambda: actions.add_comment(ticket, body="Hello?", by=web(admin)),
    ):
        with pytest.raises(Refused) as refusal:
            verb()
        assert (refusal.value.status, refusal.value.code) == (404, "deleted")
