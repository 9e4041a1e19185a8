"""Who may do what, asked at the API and at the buttons: the very answers of the verbs, and of the specification."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from audit.models import Event
from tests.matrix import (
    BY_API,
    BY_BROWSER,
    DEEDS,
    NOT_BY_API,
    RELATIONS,
    WORLDS,
    Case,
    answer_of_api,
    answer_of_browser,
    cases_of,
    make_world,
    undone,
)
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

# What the verbs themselves say in every world is shown in tests/tickets/test_permissions.py. The doors add only
# what comes before a verb, so a few worlds tell, and every answer that somebody gets to a verb is asked for once.
DOOR_WORLDS = [
    ("ordinary", "NEW"),
    ("ordinary", "IN_PROGRESS, held"),
    ("ordinary", "DONE, held"),
    ("confidential", "NEW"),
]


def _each_answer_once() -> Iterator[Case]:
    seen = set()
    for kind, state in DOOR_WORLDS:
        for case in cases_of(kind, state):
            if (answer := (case.relation, case.verb, case.expected)) not in seen:
                seen.add(answer)
                yield case


DOOR_CASES = list(_each_answer_once())
each_world = pytest.mark.parametrize(
    ("kind", "state"), DOOR_WORLDS, ids=[": ".join(one) for one in DOOR_WORLDS]
)


@each_world
def test_the_api_answers_as_the_specification_says(
    kind: str, state: str, api: Callable[..., APIClient], key_of: Callable[..., str]
) -> None:
    world = make_world(kind, state)
    callers = {relation: api(key_of(world.people[relation])) for relation in RELATIONS}
    before = _stored()
    wrong = []
    for case in DOOR_CASES:
        if (case.kind, case.state) != (kind, state) or case.verb in NOT_BY_API:
            continue
        with undone():
            answer = answer_of_api(case, world, callers[case.relation])
            if answer != 200 and _stored() != before:
                wrong.append(f"{case} left something behind")
        if answer != case.expected:
            wrong.append(f"{case}, but the API answers {answer}")
    assert wrong == []


@each_world
def test_the_buttons_answer_as_the_specification_says(
    kind: str, state: str, browser_of: Callable[[User], Client]
) -> None:
    world = make_world(kind, state)
    browsers = {relation: browser_of(world.people[relation]) for relation in RELATIONS}
    before = _stored()
    wrong = []
    for case in DOOR_CASES:
        if (case.kind, case.state) != (kind, state):
            continue
        with undone():
            answer = answer_of_browser(case, world, browsers[case.relation])
            if answer != 200 and _stored() != before:
                wrong.append(f"{case} left something behind")
        if answer != case.expected:
            wrong.append(f"{case}, but the page answers {answer}")
    assert wrong == []


def _stored() -> tuple[Any, ...]:
    return Event.objects.count(), *Ticket.objects.order_by("pk").values_list(
        "pk", "version", "status", "assignee"
    )


def test_every_verb_goes_through_every_door() -> None:
    assert set(BY_API) | NOT_BY_API == set(DEEDS)
    assert set(BY_BROWSER) == set(DEEDS)
    assert set(DOOR_WORLDS) <= set(WORLDS)
    assert {case.expected for case in DOOR_CASES} == {200, 403, 404, 409}
    assert {(case.relation, case.verb) for case in DOOR_CASES} == {
        (one, verb) for one in RELATIONS for verb in DEEDS
    }
