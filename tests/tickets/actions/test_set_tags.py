"""Words that tickets are sorted by."""

import pytest

from accounts.acting import Invalid
from accounts.models import User
from audit.models import Event
from tests.factories import web
from tickets import actions
from tickets.models import Tag, Ticket


def test_the_tags_are_replaced_as_a_whole(agent: User, ticket: Ticket) -> None:
    tagged = actions.set_tags(ticket, tags=["Office", "vpn"], by=web(agent))
    assert tagged.tags == ["office", "vpn"]
    assert actions.set_tags(tagged, tags=["vpn"], by=web(agent)).tags == ["vpn"]
    event = Event.objects.get(subject_id=ticket.public_id, seq=3)
    assert (event.verb, event.changes) == ("ticket.tags_set", {"tags": [["office", "vpn"], ["vpn"]]})


def test_the_same_in_another_order_and_case_is_no_change(agent: User, ticket: Ticket) -> None:
    tagged = actions.set_tags(ticket, tags=["office", "vpn"], by=web(agent))
    assert actions.set_tags(tagged, tags=["VPN", " office"], by=web(agent)).version == tagged.version


def test_a_word_is_known_once(agent: User, ticket: Ticket) -> None:
    for tags in (["vpn"], ["VPN", "ВПН"], []):
        actions.set_tags(ticket, tags=tags, by=web(agent))
    assert list(Tag.objects.values_list("name", flat=True)) == ["vpn", "впн"]


@pytest.mark.parametrize("tags", [["x" * 51], ["a,b"], [f"tag{n}" for n in range(21)]])
def test_too_many_too_long_or_with_a_comma_is_bad_input(agent: User, ticket: Ticket, tags: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.set_tags(ticket, tags=tags, by=web(agent))
    assert refusal.value.field == "tags"
    assert not Tag.objects.exists()


def test_twenty_of_fifty_characters_are_fine(agent: User, ticket: Ticket) -> None:
    tags = [f"{n:02}" + "ы" * 48 for n in range(20)]
    assert actions.set_tags(ticket, tags=tags, by=web(agent)).tags == tags
