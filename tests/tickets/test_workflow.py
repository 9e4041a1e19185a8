"""The workflow table: what "change status" does with every pair, and what the database makes of raw SQL."""

from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.errors import CheckViolation

from accounts.acting import SYSTEM, Invalid, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions, workflow
from tickets.models import Ticket
from tickets.workflow import CHANGES, FINAL, OPEN, Status, WaitingFor, allows, jumps

pytestmark = pytest.mark.django_db

PAIRS = list(product(Status, Status))
# The arrows of "change status" in docs/workflow.md, once more by hand.
LEGAL = {
    ("NEW", "IN_PROGRESS"),
    ("NEW", "CANCELED"),
    ("IN_PROGRESS", "WAITING"),
    ("IN_PROGRESS", "DONE"),
    ("IN_PROGRESS", "CANCELED"),
    ("WAITING", "IN_PROGRESS"),
    ("WAITING", "DONE"),
    ("WAITING", "CANCELED"),
}
each_pair = pytest.mark.parametrize(("old", "new"), PAIRS)


def at(status: str, *, requester: User, assignee: User) -> Ticket:
    """Somebody's ticket in this status."""
    return stand(opened(by=requester), status, assignee=assignee)


@each_pair
def test_change_status_knows_exactly_the_arrows_of_the_picture(
    admin: User, employee: User, agent: User, old: str, new: str
) -> None:
    ticket = at(old, requester=employee, assignee=agent)
    before, events = Ticket.objects.filter(pk=ticket.pk).values().get(), Event.objects.count()

    if (old, new) in LEGAL:
        actions.change_status(ticket, status=new, comment="As agreed.", by=web(admin))
        assert Ticket.objects.get(pk=ticket.pk).status == new
        assert Event.objects.count() == events + 1
        return

    with pytest.raises(Refused) as refusal:
        actions.change_status(ticket, status=new, comment="As agreed.", by=web(admin))
    assert refusal.value.status == 409
    assert refusal.value.code == "illegal_status_change"
    assert refusal.value.details == {
        "from": str(old),
        "to": str(new),
        "allowed": [str(to) for to in Status if (old, to) in LEGAL],
    }
    assert Ticket.objects.filter(pk=ticket.pk).values().get() == before
    assert Event.objects.count() == events


@each_pair
def test_the_table_has_the_arrows_of_the_picture(old: Status, new: Status) -> None:
    assert allows(old, new) == ((str(old), str(new)) in LEGAL)


@each_pair
@pytest.mark.parametrize("held", [True, False], ids=["held", "unheld"])
def test_the_database_accepts_by_raw_sql_exactly_the_jumps_of_the_table(
    employee: User, agent: User, old: Status, new: Status, held: bool
) -> None:
    ticket = at(old, requester=employee, assignee=agent)
    if old == new:  # nothing jumps, nothing to guard
        expected = True
    elif (old, new) in jumps():
        expected = not (held and jumps()[old, new])
    else:
        expected = False
    if new == Status.IN_PROGRESS and not held:
        expected = False  # by another rule of the database: somebody works on it
    assignee = agent.pk if held else None
    assert by_raw_sql(ticket, new, assignee) == expected


def by_raw_sql(ticket: Ticket, status: str, assignee: int | None) -> bool:
    """Whether the database lets this UPDATE pass."""
    guards = {"ticket_workflow", "ticket_in_progress_is_assigned"}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE tickets_ticket SET status = %s, waiting_for = %s, assignee_id = %s WHERE id = %s",
                [status, "REQUESTER" if status == "WAITING" else "", assignee, ticket.pk],
            )
    except IntegrityError as error:
        if isinstance(error.__cause__, CheckViolation) and error.__cause__.diag.constraint_name in guards:
            return False
        raise
    return True


def test_jumps_are_the_arrows_and_what_verbs_of_their_own_do() -> None:
    beside = {(str(old), str(new)): unheld for (old, new), unheld in jumps().items() if not allows(old, new)}
    assert beside == {
        ("IN_PROGRESS", "NEW"): True,
        ("WAITING", "NEW"): True,
        ("DONE", "NEW"): True,
        ("DONE", "IN_PROGRESS"): False,
    }
    assert {(str(old), str(new)) for old, new in jumps()} == LEGAL | set(beside)


def test_every_status_is_either_open_or_final_and_nothing_leaves_the_final_ones() -> None:
    assert set(Status) == OPEN | FINAL
    assert not OPEN & FINAL
    assert all(CHANGES[status] == () for status in FINAL)
    assert set(CHANGES) == set(Status)


@pytest.mark.parametrize("status", ["", "new", "REOPENED", "DONE ", "NEW\x00"])
def test_an_unknown_status_is_bad_input(admin: User, ticket: Ticket, status: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.change_status(ticket, status=status, by=web(admin))
    assert refusal.value.field == "status"


@pytest.mark.parametrize("whom", WaitingFor)
def test_a_waiting_ticket_says_for_whom(agent: User, employee: User, whom: str) -> None:
    ticket = at("IN_PROGRESS", requester=employee, assignee=agent)
    ticket = actions.change_status(ticket, status="WAITING", waiting_for=whom, by=web(agent))
    assert (ticket.status, ticket.waiting_for) == ("WAITING", whom)
    ticket = actions.change_status(ticket, status="IN_PROGRESS", by=web(agent))
    assert (ticket.status, ticket.waiting_for) == ("IN_PROGRESS", "")


@pytest.mark.parametrize(
    ("status", "whom"), [("DONE", "REQUESTER"), ("WAITING", "GODOT"), ("IN_PROGRESS", "APPROVAL")]
)
def test_only_a_waiting_ticket_waits_and_only_for_somebody_known(
    agent: User, employee: User, status: str, whom: str
) -> None:
    ticket = at("IN_PROGRESS", requester=employee, assignee=agent)
    with pytest.raises(Invalid) as refusal:
        actions.change_status(ticket, status=status, waiting_for=whom, by=web(agent))
    assert refusal.value.field == "waiting_for"


def test_nothing_is_in_progress_without_somebody_who_works_on_it(admin: User, ticket: Ticket) -> None:
    with pytest.raises(Refused) as refusal:
        actions.change_status(ticket, status="IN_PROGRESS", by=web(admin))
    assert refusal.value.code == "assignee_required"
    assert refusal.value.details["from"] == "NEW"
    with pytest.raises(IntegrityError, match="ticket_in_progress_is_assigned"), transaction.atomic():
        Ticket.objects.filter(pk=ticket.pk).update(status="IN_PROGRESS")


def test_the_desk_itself_keeps_to_the_workflow_too(employee: User, agent: User) -> None:
    ticket = at("DONE", requester=employee, assignee=agent)
    with pytest.raises(Refused):
        actions.change_status(ticket, status="IN_PROGRESS", by=SYSTEM)


def test_the_verbs_of_statuses_are_those_that_change_status_knows() -> None:
    assert set(workflow.VERBS) == {new for news in CHANGES.values() for new in news}


def test_id_number_and_version_do_not_jump_by_raw_sql(ticket: Ticket) -> None:
    for values in (
        {"version": ticket.version + 2},
        {"version": 0},
        {"number": 7},
        {"public_id": ticket.requester.public_id},
    ):
        with pytest.raises(IntegrityError, match="version grows by one"), transaction.atomic():
            Ticket.objects.filter(pk=ticket.pk).update(**values)
