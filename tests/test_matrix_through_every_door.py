"""Who may do what and what may follow what, asked at the API and at the buttons: every cell of the specification."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from audit.models import Event
from tests.factories import opened, stand
from tests.matrix import (
    BY_API,
    BY_BROWSER,
    CASES,
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
from tests.tickets.test_workflow import LEGAL
from tickets.models import Comment, Tag, Ticket, Watch
from tickets.workflow import Status

pytestmark = pytest.mark.django_db


ANSWERS = {(case.kind, case.state, case.relation, case.verb): case.expected for case in CASES}
# Asked of these is only what they answer otherwise than a ticket that is like them but for its kind or the time.
LIKE = {(kind, state): ("ordinary", state) for kind, state in WORLDS if kind != "ordinary"} | {
    ("ordinary", "DONE long ago, held"): ("ordinary", "DONE, held"),
    ("ordinary", "DONE and closed, held"): ("ordinary", "DONE, held"),
}


def door_cases(kind: str, state: str) -> list[Case]:
    """Every person with every verb, whatever the status and whether it is held or not."""
    like = LIKE.get((kind, state))
    return [
        case
        for case in cases_of(kind, state)
        if like is None or case.expected != ANSWERS[(*like, case.relation, case.verb)]
    ]


@pytest.mark.parametrize(("kind", "state"), WORLDS, ids=[": ".join(one) for one in WORLDS])
def test_api_and_buttons_answer_as_the_specification_says(
    kind: str,
    state: str,
    api: Callable[..., APIClient],
    key_of: Callable[..., str],
    browser_of: Callable[[User], Client],
) -> None:
    world = make_world(kind, state)
    programs = {relation: api(key_of(world.people[relation])) for relation in RELATIONS}
    browsers = {relation: browser_of(world.people[relation]) for relation in RELATIONS}
    before = stored()
    wrong = []
    for case in door_cases(kind, state):
        for door, answer_of, caller in (
            ("API", answer_of_api, programs[case.relation]),
            ("page", answer_of_browser, browsers[case.relation]),
        ):
            if door == "API" and case.verb in NOT_BY_API:
                continue
            # What is refused leaves nothing, which is looked at in the end; the rest is undone for the next one.
            with undone() if case.expected == 200 else nullcontext():
                answer = answer_of(case, world, caller)
            if answer != case.expected:
                wrong.append(f"{case}, but the {door} answers {answer}")
    assert wrong == []
    assert stored() == before


# --- Every pair of statuses -----------------------------------------------------------------------


@pytest.mark.parametrize("old", Status)
def test_api_and_buttons_know_exactly_the_arrows_of_the_picture(
    old: str,
    api: Callable[..., APIClient],
    key_of: Callable[..., str],
    browser_of: Callable[[User], Client],
    admin: User,
    agent: User,
    employee: User,
) -> None:
    """As the verb itself and raw SQL in tests/tickets/test_workflow.py."""
    ticket = stand(opened(by=employee), old, assignee=agent)
    program, browser = api(key_of(admin)), browser_of(admin)
    before = stored()
    for new in Status:
        is_legal = (str(old), str(new)) in LEGAL
        with undone() if is_legal else nullcontext():
            answer = program.patch(
                f"/api/v1/tickets/{ticket.public_id}/status",
                {"status": new, "comment": "As agreed."},
                format="json",
            )
            assert answer.status_code == (200 if is_legal else 409), (old, new)
            if is_legal:
                assert (answer.json()["status"], answer.json()["version"]) == (new, ticket.version + 1)
            else:
                told = answer.json()
                assert (told["code"], told["from"], told["to"]) == ("illegal_status_change", old, new)
                assert told["allowed"] == [str(to) for to in Status if (str(old), str(to)) in LEGAL]
        with undone() if is_legal else nullcontext():
            sent = {"to": "WAITING:REQUESTER" if new == "WAITING" else str(new), "comment": "As agreed."}
            page = browser.post(reverse("tickets:status", args=[ticket.public_id]), sent)
            assert page.status_code == (303 if is_legal else 409), (old, new)
            if is_legal:
                assert Ticket.objects.get(pk=ticket.pk).status == new
    assert stored() == before


def stored() -> list[Any]:
    """What a verb may leave behind. That somebody was refused is remembered, and none of its doing."""
    rows = [model._default_manager.order_by("pk") for model in (Ticket, Comment, Watch, Tag)]
    return [
        list(some.values_list()) for some in [*rows, Event.objects.exclude(verb="user.denied").order_by("pk")]
    ]


def test_every_verb_goes_through_every_door() -> None:
    assert set(BY_API) | NOT_BY_API == set(DEEDS)
    assert set(BY_BROWSER) == set(DEEDS)
    assert {case.expected for case in CASES} == {200, 403, 404, 409}
