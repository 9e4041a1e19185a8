"""Who may do what: every person, relation, state and verb of tests/matrix.py against the verbs themselves."""

from collections import defaultdict
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.acting import Actor, Forbidden, Refused
from accounts.models import User
from audit.models import Event
from tests import matrix
from tests.factories import opened, stand, web
from tests.matrix import (
    CASES,
    DEEDS,
    OPENING,
    OPENINGS,
    WORLDS,
    Case,
    World,
    answer_of_verb,
    cases_of,
    make_world,
    undone,
)
from tickets import actions
from tickets.models import Comment, Tag, Ticket, Watch
from tickets.permissions import TABLE, Grant, allowed_statuses, allowed_verbs, grants, require
from tickets.workflow import VERBS, Status

pytestmark = pytest.mark.django_db
each_world = pytest.mark.parametrize(
    ("kind", "state"), WORLDS, ids=[f"{kind}: {state}" for kind, state in WORLDS]
)


@each_world
def test_verbs_buttons_and_statuses_on_offer_are_what_the_specification_says(kind: str, state: str) -> None:
    world = make_world(kind, state)
    before = stored()
    wrong = []
    for case in cases_of(kind, state):
        # What is refused undoes itself; the rest is undone here, for the next one.
        with undone() if case.expected == 200 else nullcontext():
            answer = answer_of_verb(case, world)
        if answer != case.expected:
            wrong.append(f"{case}, but the verb answers {answer}")
        if case.expected == 404:
            continue
        offered = is_offered(case, world)
        if offered != (case.expected == 200):
            wrong.append(f"{case}, but it is {'offered' if offered else 'hidden'}")
    assert wrong == []
    assert stored() == before


def stored() -> list[Any]:
    """What the verbs might have left behind."""
    return [
        list(model._default_manager.order_by("pk").values_list())
        for model in (Ticket, Comment, Watch, Tag, Event)
    ]


def is_offered(case: Case, world: World) -> bool:
    """Whether pages show this person the button and answers name the verb (and the status it leads to)."""
    person, ticket = world.people[case.relation], world.found_by(case.relation)
    assert ticket is not None
    verbs = allowed_verbs(person, ticket)
    if case.verb == "cancel own":  # one button for both kinds of cancelling
        return "cancel_own" in verbs or "cancel" in verbs
    offered = case.deed.row in verbs
    status = {verb: str(status) for status, verb in VERBS.items()}.get(case.verb)
    assert status is None or offered == (status in allowed_statuses(person, ticket))
    return offered


def test_every_line_of_the_table_is_somebodys_case() -> None:
    assert {deed.row for deed in DEEDS.values()} == set(TABLE)
    assert set(matrix.MAY) == set(DEEDS)
    assert {case.verb for case in CASES} == set(DEEDS)


def test_no_grant_of_the_table_could_be_taken_away_unnoticed() -> None:
    """For every grant there is a case whose answer would be another without it."""
    needed: dict[str, set[str]] = defaultdict(set)
    every = {
        f"{verb}.{column}[{place}]"
        for verb, row in TABLE.items()
        for column in ("employee", "agent", "lead", "admin")
        for place, _grant in enumerate(getattr(row, column))
    }
    now = timezone.now()
    for kind, state in (*[world for world in WORLDS if world[0] == "ordinary"], ("nobody's", "NEW")):
        with undone():
            world = make_world(kind, state)
            for case in cases_of(kind, state):
                if case.expected == 404:
                    continue
                person = world.people[case.relation]
                ticket = world.found_by(case.relation)
                assert ticket is not None
                mine = [id(grant) for grant in grants(person, case.deed.row, ticket)]
                named = _named_grants(case.deed.row)
                counting = {key: named[key].counts(ticket, now=now) for key in mine}
                for key in mine:
                    without = [other for other in mine if other != key]
                    if _answer(counting, without) != _answer(counting, mine):
                        needed[_name_of(case.deed.row, key)].add(str(case))
    assert every - set(needed) == set()


def _named_grants(verb: str) -> dict[int, Grant]:
    row = TABLE[verb]
    return {id(grant): grant for grant in (*row.employee, *row.agent, *row.lead, *row.admin)}


def _name_of(verb: str, key: int) -> str:
    for column in ("employee", "agent", "lead", "admin"):
        for place, grant in enumerate(getattr(TABLE[verb], column)):
            if id(grant) == key:
                return f"{verb}.{column}[{place}]"
    raise AssertionError(verb)


def _answer(counting: dict[int, bool], keys: list[int]) -> int:
    return 403 if not keys else 200 if any(counting[key] for key in keys) else 409


def test_opening_answers_everybody_as_the_specification_says() -> None:
    world = make_world("ordinary", "NEW")
    wrong = []
    for opening in OPENINGS:
        arguments = OPENING[opening.how](world, world.people[opening.relation])
        with undone():
            try:
                actions.open_ticket(
                    title="No sound in room 12",
                    service=world.service,
                    by=world.actor(opening.relation),
                    **arguments,
                )
                answer = 200
            except Refused as refused:
                answer = refused.status
        if answer != opening.expected:
            wrong.append(f"{opening}, but {answer}")
    assert wrong == []


def test_a_lead_assigns_only_agents_of_the_tickets_team(lead: User, stranger: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden) as refusal:
        actions.assign(ticket, assignee=stranger, by=web(lead))
    assert refusal.value.code == "not_permitted"


def test_an_administrator_who_was_deactivated_this_minute_does_nothing_more(
    admin: User, ticket: Ticket
) -> None:
    admin.is_active = False
    with pytest.raises(Forbidden):
        require(Actor(admin, "web"), "delete", ticket)


def test_the_requester_sees_one_way_to_cancel_and_the_agent_the_other(
    employee: User, agent: User, ticket: Ticket
) -> None:
    assert "cancel_own" in allowed_verbs(employee, ticket)
    assert "cancel" not in allowed_verbs(employee, ticket)
    held = actions.claim(ticket, by=web(agent))
    assert "cancel" in allowed_verbs(agent, held)
    assert "cancel_own" not in allowed_verbs(employee, held)


def test_verbs_come_in_the_order_of_the_table(admin: User, ticket: Ticket) -> None:
    verbs = allowed_verbs(admin, ticket)
    assert verbs == [verb for verb in TABLE if verb in verbs]
    assert "delete" in verbs


@pytest.mark.parametrize("status", [status for status in Status if status != "IN_PROGRESS"])
def test_who_is_told_that_a_colleague_was_quicker_learns_his_name(
    agent: User, other_agent: User, ticket: Ticket, status: str
) -> None:
    ticket = stand(ticket, status, assignee=other_agent)
    with pytest.raises(Refused) as refusal:
        actions.claim(ticket, by=web(agent))
    if status in {"NEW", "WAITING"}:
        assert refusal.value.code == "already_claimed"
        assert refusal.value.details == {"assignee": str(other_agent.public_id)}
        assert "Olga Titova" in str(refusal.value)
    else:
        assert refusal.value.code == "wrong_status"
        assert refusal.value.details == {"status": status}


def test_a_requester_is_told_that_the_time_to_reopen_is_over(employee: User, agent: User) -> None:
    ticket = stand(opened(by=employee), "DONE", assignee=agent)
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=timezone.now() - timedelta(days=14, seconds=1))
    with pytest.raises(Refused) as refusal:
        actions.reopen(ticket, by=web(employee))
    assert refusal.value.code == "reopen_window_over"
