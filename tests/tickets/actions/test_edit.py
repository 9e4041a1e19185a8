"""Changing what a ticket says."""

import pytest

from accounts.acting import Invalid, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import stand, web
from tickets import actions
from tickets.models import Ticket


def test_a_requester_puts_his_request_better(employee: User, ticket: Ticket) -> None:
    edited = actions.edit(ticket, title="VPN drops every hour", description="In room 12.", by=web(employee))
    assert (edited.title, edited.description, edited.version) == ("VPN drops every hour", "In room 12.", 2)
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert event.verb == "ticket.edited"
    assert event.changes == {
        "title": ["VPN drops every ten minutes", "VPN drops every hour"],
        "description": ["", "In room 12."],
    }


def test_what_is_not_named_stays(employee: User, ticket: Ticket) -> None:
    described = actions.edit(ticket, description="In room 12.", by=web(employee))
    edited = actions.edit(described, title="VPN drops every hour", by=web(employee))
    assert (edited.title, edited.description) == ("VPN drops every hour", "In room 12.")
    assert actions.edit(edited, description="", by=web(employee)).description == ""


def test_saving_the_same_words_is_no_change(employee: User, ticket: Ticket) -> None:
    same = actions.edit(ticket, title=" VPN drops  every ten minutes", by=web(employee))
    assert same.version == 1
    assert Event.objects.filter(subject_id=ticket.public_id).count() == 1


def test_a_requester_leaves_it_alone_once_work_has_begun(employee: User, agent: User, ticket: Ticket) -> None:
    with pytest.raises(Refused) as refusal:
        actions.edit(stand(ticket, "IN_PROGRESS", assignee=agent), title="Something else", by=web(employee))
    assert refusal.value.code == "wrong_status"


@pytest.mark.parametrize(
    ("name", "text"), [("title", "ab"), ("title", "x" * 256), ("description", "x" * 20_001)]
)
def test_lengths_are_those_of_opening(employee: User, ticket: Ticket, name: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.edit(ticket, **{name: text}, by=web(employee))
    assert refusal.value.field == name
    assert Ticket.objects.get().version == 1
