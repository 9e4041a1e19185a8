"""Hostile text: every string of the shared corpora is stored as it was sent, or refused; nothing else happens."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import actions as people
from accounts import api_keys, configuration
from accounts.acting import Actor, Invalid
from accounts.checking import is_blank
from accounts.models import ApiKey, Team, User
from audit import trail
from audit.models import Event
from tests.factories import opened, stand, web
from tests.shared import real
from tickets import actions
from tickets.models import Comment, Service, Ticket
from tickets.search import Search

pytestmark = pytest.mark.django_db


def hostile() -> Iterator[str]:
    """Every string of the corpora, each once: the list of strings as such, the other files line by line."""
    seen = set()
    for path in sorted(real("corpora/strings").rglob("*")):
        if path.suffix == ".json":
            strings = json.loads(path.read_text())
        elif path.suffix == ".txt":
            strings = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
        else:
            continue
        for string in strings:
            if string not in seen:
                seen.add(string)
                yield string


OURS = [
    "a\x00b",
    "\ud800 half a pair",
    "half a pair \udfff",
    "a\u2028b",
    "\x1b[31mred",
    "\r\n",
    "\u202etxt.exe",
    "\ufeffbom",
]


def storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


# What becomes of a text on its way, as the verbs' docstrings say; None where it must be refused.


def as_title(text: str) -> str | None:
    folded = " ".join(text.split())
    return folded if storable(text) and 3 <= len(folded) <= 255 and not is_blank(folded) else None


def as_description(text: str) -> str | None:
    trimmed = text.replace("\r\n", "\n").strip()
    return trimmed if storable(text) and len(trimmed) <= 20_000 else None


def as_words(text: str) -> str | None:
    trimmed = text.strip()
    return trimmed if storable(text) and len(trimmed) <= 20_000 and not is_blank(trimmed) else None


def as_person(text: str) -> str | None:
    return None if is_blank(text) else as_name(150)(text)


def as_tags(text: str) -> list[str] | None:
    word = text.strip().lower()
    return ([word] if word else []) if storable(text) and len(word) <= 50 and "," not in word else None


def as_name(longest: int) -> Callable[[str], str | None]:
    return lambda text: text if storable(text) and 1 <= len(text) <= longest else None


class Desk:
    """Does one thing with a text and says what is stored afterwards."""

    def __init__(self, admin: User, agent: User, ticket: Ticket) -> None:
        self.boss, self.he, self.ticket = web(admin), web(agent), ticket

    def title(self, text: str) -> Any:
        return Ticket.objects.get(pk=actions.edit(self.ticket, title=text, by=self.boss).pk).title

    def opened(self, text: str) -> Any:
        return Ticket.objects.get(pk=actions.open_ticket(title=text, by=self.he).pk).title

    def description(self, text: str) -> Any:
        return Ticket.objects.get(pk=actions.edit(self.ticket, description=text, by=self.boss).pk).description

    def comment(self, text: str) -> Any:
        return Comment.objects.get(pk=actions.add_comment(self.ticket, body=text, by=self.he).pk).body

    def note(self, text: str) -> Any:
        return Comment.objects.get(
            pk=actions.add_comment(self.ticket, body=text, internal=True, by=self.he).pk
        ).body

    def reason(self, text: str) -> Any:
        actions.delete(self.ticket, reason=text, by=self.boss)
        return Event.objects.latest("id").comment

    def tags(self, text: str) -> Any:
        return Ticket.objects.get(pk=actions.set_tags(self.ticket, tags=[text], by=self.he).pk).tags

    def person(self, text: str) -> Any:
        user = people.create_user(email="x@example.com", full_name=text, by=self.boss)
        return User.objects.get(pk=user.pk).full_name

    def team(self, text: str) -> Any:
        return Team.objects.get(pk=configuration.save(Team(name=text), by=self.boss).pk).name

    def key(self, text: str) -> Any:
        key, _raw = api_keys.issue(self.boss.person, name=text, scopes=["read"], by=self.boss)
        return ApiKey.objects.get(pk=key.pk).name


PLACES: dict[str, Callable[[str], Any]] = {
    "title": as_title,
    "opened": as_title,
    "description": as_description,
    "comment": as_words,
    "note": as_words,
    "reason": as_words,
    "tags": as_tags,
    "person": as_person,
    "team": as_name(100),
    "key": as_name(100),
}


def put(desk: Desk, place: str, text: str) -> Any:
    """What is stored, or None for a refusal; then all of it is undone."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                stored = getattr(desk, place)(text)
        except Invalid:
            return None
        event = Event.objects.latest("id")
        assert event.digest == event.computed_digest()
        transaction.set_rollback(True)
    return stored


@pytest.fixture
def desk(admin: User, agent: User, employee: User, service: Service) -> Desk:
    return Desk(admin, agent, stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent))


def test_every_hostile_string_is_stored_as_sent_and_proven_or_refused(desk: Desk) -> None:
    """One ticket and one comment for each string: title, description and tag at once where none is refused."""
    expected: dict[int, tuple[Any, ...]] = {}
    said: dict[int, str] = {}
    for text in [*hostile(), *OURS]:
        title, description, tags, words = as_title(text), as_description(text), as_tags(text), as_words(text)
        for refused, arguments in (
            (title is None, {"title": text}),
            (description is None, {"title": "abc", "description": text}),
            (tags is None, {"title": "abc", "tags": [text]}),
        ):
            if refused:
                with pytest.raises(Invalid):
                    actions.open_ticket(**arguments, by=desk.he)
        ticket = actions.open_ticket(
            title="abc" if title is None else text,
            description="" if description is None else text,
            tags=[] if tags is None else [text],
            by=desk.he,
        )
        expected[ticket.pk] = (title or "abc", description or "", tags or [])
        if words is not None:
            said[actions.add_comment(ticket, body=text, by=desk.he).pk] = words
    assert len(expected) > 1000
    rows = Ticket.objects.filter(pk__in=expected).values_list("pk", "title", "description", "tags")
    assert {pk: stored for pk, *stored in rows} == {pk: list(stored) for pk, stored in expected.items()}
    assert dict(Comment.objects.filter(pk__in=said).values_list("pk", "body")) == said
    assert trail.first_fault() is None


@pytest.mark.parametrize("place", PLACES)
def test_so_it_is_in_every_other_place(desk: Desk, place: str) -> None:
    wrong = {}
    for text in [*list(hostile())[:: 2 * len(PLACES)], *OURS]:
        stored = put(desk, place, text)
        if stored != PLACES[place](text):
            wrong[text] = stored
    assert wrong == {}


def test_hostile_strings_may_be_searched_for(desk: Desk) -> None:
    tickets = Ticket.objects.visible_to(desk.boss.person)
    for text in list(hostile())[::3]:
        if storable(text):  # what is not the filter's form refuses
            assert Search(text[:200], reader=desk.boss.person).matching(tickets).count() <= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(sorted(PLACES)), text=st.text(max_size=300) | st.sampled_from(OURS))
def test_so_is_any_other(desk: Desk, place: str, text: str) -> None:
    assert put(desk, place, text) == PLACES[place](text)


def test_a_name_that_breaks_lines_breaks_no_event(desk: Desk) -> None:
    desk.boss.person.full_name = 'Maria\n{"verb": "forged"}'
    actions.set_priority(desk.ticket, priority="LOW", by=Actor(desk.boss.person, "web"))
    assert trail.first_fault() is None
