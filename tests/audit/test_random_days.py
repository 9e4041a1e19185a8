"""Whatever people do, and in whatever order: the audit holds, folds to the present, and no invariant breaks."""

from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from accounts import actions as people
from accounts.acting import Refused
from accounts.models import User
from audit import trail
from audit.models import Event
from tests.factories import web
from tests.invariants import check
from tests.matrix import DEEDS, RELATIONS, World, make_world
from tickets import actions
from tickets.models import Ticket

TICKETS = st.sampled_from(["employee", "agent"])
ANYBODY = st.sampled_from(RELATIONS)
DEED = st.tuples(ANYBODY, st.just("deed"), TICKETS, st.sampled_from(sorted(DEEDS)))
MORE = st.one_of(
    st.tuples(
        ANYBODY, st.just("change_status"), TICKETS, st.sampled_from(["NEW", "IN_PROGRESS", "WAITING", "DONE"])
    ),
    st.tuples(ANYBODY, st.just("give"), TICKETS, ANYBODY),
    st.tuples(ANYBODY, st.just("watch"), TICKETS, ANYBODY),
    st.tuples(ANYBODY, st.just("claim_next"), TICKETS, st.none()),
    st.tuples(
        st.just("admin"), st.just("change_role"), ANYBODY, st.sampled_from(["EMPLOYEE", "AGENT", "ADMIN"])
    ),
    st.tuples(
        st.just("admin"), st.sampled_from(["deactivate", "activate", "leave_teams"]), ANYBODY, st.none()
    ),
    st.tuples(st.just("admin"), st.just("confidential"), st.booleans(), st.none()),
)
STAFF = st.sampled_from(["assignee", "lead", "admin"])
LIKELY = st.tuples(STAFF, st.just("deed"), TICKETS, st.sampled_from(sorted(DEEDS)))


def do(world: World, step: tuple[str, str, Any, Any]) -> None:
    who, what, subject, value = step
    by = web(world.people[who])
    match what:
        case "deed":
            deed = DEEDS[value]
            getattr(actions, deed.action)(world.tickets[subject], **deed.arguments(world, by.person), by=by)
        case "change_status":
            actions.change_status(
                world.tickets[subject], status=value, comment="So be it.", assignee=by.person, by=by
            )
        case "give":
            actions.give(
                Ticket.objects.get(pk=world.tickets[subject].pk), to=web(world.people[value]).person, by=by
            )
        case "watch":
            actions.watch(world.tickets[subject], user=world.people[value], by=by)
        case "claim_next":
            actions.claim_next(by=by)
        case "change_role":
            people.change_role(world.people[subject], role=value, by=by)
        case "leave_teams":
            people.set_teams(world.people[subject], teams={}, by=by)
        case "confidential":
            world.service.confidential = subject
            actions.save_service(world.service, by=by)
        case _:
            getattr(people, what)(world.people[subject], by=by)


@pytest.fixture
def world(db: None) -> World:
    return make_world("ordinary", "NEW")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(LIKELY | DEED | MORE, min_size=8, max_size=25))
@example(
    steps=[
        ("assignee", "deed", "employee", "claim"),
        ("assignee", "deed", "employee", "start"),
        ("assignee", "deed", "employee", "resolve"),
        ("admin", "deactivate", "assignee", None),
        ("requester", "deed", "employee", "reopen"),
    ]
)
def test_any_day_at_the_desk_is_proven(world: World, steps: list[tuple[str, str, Any, Any]]) -> None:
    with transaction.atomic():
        for step in steps:
            events = Event.objects.count()
            try:
                with transaction.atomic():
                    do(world, step)
            except Refused as refused:
                note(f"{step}: {refused.code}")
                assert Event.objects.count() == events
        assert trail.first_fault() is None
        assert check(connection) == []
        assert User.objects.active().filter(role="ADMIN").exists()
        transaction.set_rollback(True)


def test_a_day_that_is_not_proven_would_be_noticed(world: World) -> None:
    actions.claim(world.tickets["employee"], by=world.actor("lead"))
    Ticket.objects.filter(pk=world.tickets["employee"].pk).update(priority="LOW")
    assert trail.first_fault() is not None
    assert check(connection) != []
