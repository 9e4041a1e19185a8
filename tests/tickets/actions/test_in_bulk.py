"""One verb, many tickets: each has a transaction and an answer of its own."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections
from psycopg.errors import DeadlockDetected

from accounts.acting import SYSTEM, Invalid
from accounts.models import Team, User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions
from tickets.actions.bulk import MOST, VERBS
from tickets.models import Service, Tag, Ticket


@pytest.fixture
def three(employee: User, service: Service) -> list[Ticket]:
    return [opened(by=employee, title=f"Request {number}", service=service) for number in range(3)]


def states(tickets: list[Ticket]) -> list[tuple[str, int]]:
    for ticket in tickets:
        ticket.refresh_from_db()
    return [(str(ticket.status), ticket.version) for ticket in tickets]


def test_what_can_be_done_is_done_and_the_rest_says_why(
    three: list[Ticket], agent: User, other_agent: User, confidential: Service, employee: User
) -> None:
    stand(three[1], "NEW", assignee=other_agent)
    secret = opened(by=employee, service=confidential)
    ids = [three[0].public_id, three[1].public_id, secret.public_id, three[2].public_id]
    outcomes = actions.in_bulk(ids, "claim", {}, by=web(agent))
    assert [(one.status, one.code, one.version, one.changed) for one in outcomes] == [
        (200, "", 2, True),
        (409, "already_claimed", 2, False),
        (404, "not_found", None, False),
        (200, "", 2, True),
    ]
    assert [one.reference for one in outcomes] == [
        three[0].reference,
        three[1].reference,
        "",
        three[2].reference,
    ]
    assert "Olga Titova" in outcomes[1].detail
    assert Event.objects.filter(verb="ticket.claimed", actor_id=agent.public_id).count() == 2


def test_a_dry_run_knows_the_answers_and_leaves_nothing(three: list[Ticket], lead: User) -> None:
    ids = [ticket.public_id for ticket in three]
    stand(three[0], "CANCELED")
    before, events = states(three), Event.objects.count()
    arguments = {"tags": ["brand new"]}
    said = actions.in_bulk(ids, "set_tags", arguments, dry_run=True, by=web(lead))
    assert [(one.ok, one.changed, one.version) for one in said] == [
        (True, True, 2),
        (True, True, 1),
        (True, True, 1),
    ]
    assert states(three) == before
    assert Event.objects.count() == events
    assert not Tag.objects.exists()
    done = actions.in_bulk(ids, "set_tags", arguments, by=web(lead))
    assert [(one.ok, one.changed) for one in done] == [(one.ok, one.changed) for one in said]


def test_a_ticket_changed_since_it_was_seen_is_left_alone(three: list[Ticket], lead: User) -> None:
    seen = {ticket.public_id: ticket.version for ticket in three}
    actions.set_priority(three[1], priority="URGENT", by=SYSTEM)
    outcomes = actions.in_bulk(list(seen), "set_priority", {"priority": "LOW"}, versions=seen, by=web(lead))
    assert [(one.status, one.code) for one in outcomes] == [(200, ""), (412, "stale_version"), (200, "")]
    three[1].refresh_from_db()
    assert three[1].priority == "URGENT"


def test_what_is_so_already_is_no_change(ticket: Ticket, agent: User, lead: User) -> None:
    ticket = stand(ticket, "NEW", assignee=agent)
    [outcome] = actions.in_bulk([ticket.public_id] * 2, "assign", {"assignee": agent}, by=web(lead))
    assert (outcome.ok, outcome.changed, outcome.version) == (True, False, ticket.version)


def test_every_verb_runs(
    ticket: Ticket, admin: User, agent: User, other_agent: User, other_team: Team, service: Service
) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "claim": {},
        "assign": {"assignee": agent},
        "change_status": {"status": "IN_PROGRESS"},
        "set_priority": {"priority": "LOW"},
        "set_tags": {"tags": ["vpn"]},
        "set_service": {"service": None},
        "set_due": {"due_at": ticket.created_at},
        "comment": {"body": "Looked at it.", "internal": True},
        "hand_over": {"team": other_team, "note": "Yours."},
    }
    assert arguments.keys() == VERBS.keys()
    for verb, given in arguments.items():
        [outcome] = actions.in_bulk([ticket.public_id], verb, given, by=web(admin))
        assert (outcome.detail, outcome.ok, outcome.changed) == ("", True, True), verb
    ticket.refresh_from_db()
    assert outcome.version == ticket.version == 1 + len(arguments)


def test_an_unknown_verb_and_too_many_tickets_are_no_call_at_all(agent: User) -> None:
    with pytest.raises(Invalid, match="cannot be done to many"):
        actions.in_bulk([], "delete", {}, by=web(agent))
    with pytest.raises(Invalid, match=f"At most {MOST} tickets"):
        actions.in_bulk([uuid4() for _ in range(MOST + 1)], "claim", {}, by=web(agent))


@pytest.mark.django_db(transaction=True)
def test_a_ticket_somebody_else_holds_locked_does_not_stop_the_others(
    agent: User, employee: User, service: Service
) -> None:
    locked, free = (opened(by=employee, title=title, service=service) for title in ("Locked", "Free"))
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM tickets_ticket WHERE id = %s FOR UPDATE", [locked.pk])
            with connection.cursor() as mine:
                mine.execute("SET lock_timeout = '100ms'")
            outcomes = actions.in_bulk([locked.public_id, free.public_id], "claim", {}, by=web(agent))
            cursor.execute("ROLLBACK")
    finally:
        other.close()
        with connection.cursor() as mine:
            mine.execute("RESET lock_timeout")
    assert [(one.status, one.code) for one in outcomes] == [(503, "busy"), (200, "")]


def test_a_ticket_whose_people_are_changing_is_busy_and_the_next_one_follows(
    admin: User, agent: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (opened(by=admin, service=service) for _i in range(2))
    really = VERBS["assign"]

    def chosen_by_the_database(ticket: Ticket, **arguments: Any) -> int:
        if ticket == first:
            raise OperationalError("deadlock detected") from DeadlockDetected()
        return really(ticket, **arguments)

    monkeypatch.setitem(VERBS, "assign", chosen_by_the_database)
    outcomes = actions.in_bulk(
        [first.public_id, second.public_id], "assign", {"assignee": agent}, by=web(admin)
    )
    assert [(one.status, one.code) for one in outcomes] == [(503, "busy"), (200, "")]
