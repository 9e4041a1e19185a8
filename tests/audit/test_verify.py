"""Proving the audit: an honest world passes, and every kind of tampering is found at its first event."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import actions as people
from accounts import api_keys, configuration
from accounts.acting import SYSTEM
from accounts.models import Team, User
from audit import trail
from audit.models import Event
from tests.factories import web
from tests.invariants import check
from tickets.models import Comment, Service, Ticket


@contextmanager
def behind_everybodys_back() -> Iterator[Callable[[str], None]]:
    """A database owner who switches the guards off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield cursor.execute
        cursor.execute("RESET session_replication_role")


def event_of(ticket: Ticket, seq: int) -> Event:
    return Event.objects.get(subject_id=ticket.public_id, seq=seq)


def test_an_honest_world_passes(world: list[Ticket], capsys: pytest.CaptureFixture[str]) -> None:
    assert trail.first_fault() is None
    assert check(connection) == []
    call_command("verify_audit")
    assert f"The audit holds: {Event.objects.count()} events" in capsys.readouterr().out


@pytest.mark.parametrize(
    "edit",
    [
        """changes = jsonb_set(changes, '{priority}', '["LOW", "HIGH"]')""",
        "changes = '{}'",
        "comment = 'Nothing of the kind was said.'",
        "actor_name = 'Somebody else'",
        "actor_id = gen_random_uuid()",
        "at = at - interval '1 microsecond'",
        "door = 'mail'",
        "api_key_prefix = 'abcdefgh'",
        "request_id = 'another'",
        "address = '192.0.2.7'",
        "verb = 'ticket.noted'",
        "subject_name = 'SF-1'",
        "internal = NOT internal",
    ],
)
@pytest.mark.parametrize("versioned", [True, False], ids=["of a ticket", "of a person"])
def test_any_edit_of_an_event_is_found(world: list[Ticket], edit: str, versioned: bool) -> None:
    edited = event_of(world[0], 4) if versioned else Event.objects.filter(subject_type="user").earliest("id")
    with behind_everybodys_back() as execute:
        execute(f"UPDATE audit_event SET {edit} WHERE id = {edited.pk}")
        execute(f"UPDATE audit_event SET comment = 'later' WHERE id = {Event.objects.latest('id').pk}")
    if Event.objects.get(pk=edited.pk).computed_digest() == edited.digest:
        assert (edit, edited.changes) == ("changes = '{}'", {})  # nothing was edited: it was empty
        return
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.seq, fault.subject_id) == (edited.pk, edited.seq, edited.subject_id)
    assert fault.reason == "the row was changed after it was written"


def test_an_edit_with_a_digest_to_match_breaks_the_history_at_the_next_event(world: list[Ticket]) -> None:
    started = Event.objects.get(subject_id=world[0].public_id, verb="ticket.started")
    started.changes["status"] = ["NEW", "DONE"]
    with behind_everybodys_back():
        Event.objects.filter(pk=started.pk).update(changes=started.changes, digest=started.computed_digest())
    fault = trail.first_fault()
    assert fault is not None
    assert fault.event == Event.objects.get(subject_id=world[0].public_id, verb="ticket.waiting").pk
    assert fault.reason == "status was 'DONE', not 'IN_PROGRESS'"
    assert any("calls old" in line for line in check(connection))


@pytest.mark.parametrize("seq", [1, 3])
def test_a_deleted_event_leaves_a_gap_that_is_found_at_the_next(world: list[Ticket], seq: int) -> None:
    after = event_of(world[0], seq + 1)
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM audit_event WHERE id = {event_of(world[0], seq).pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.seq) == (after.pk, seq + 1)
    assert fault.reason == f"seq {seq} was to come here"
    assert any("without a gap" in line for line in check(connection))


def test_two_events_that_changed_places_are_found(world: list[Ticket]) -> None:
    one, other = event_of(world[0], 3), event_of(world[0], 4)
    with behind_everybodys_back() as execute:
        for old, new in ((one.pk, -1), (other.pk, one.pk), (-1, other.pk)):
            execute(f"UPDATE audit_event SET id = {new} WHERE id = {old}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.seq) == (one.pk, 4)
    assert fault.reason == "seq 3 was to come here"


def test_two_events_that_changed_numbers_are_found(world: list[Ticket]) -> None:
    one, other = event_of(world[0], 3), event_of(world[0], 4)
    with behind_everybodys_back() as execute:
        for event, seq in ((one, 999), (other, 3), (one, 4)):
            execute(f"UPDATE audit_event SET seq = {seq} WHERE id = {event.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert fault.event == one.pk


def test_a_cut_off_end_is_found(world: list[Ticket]) -> None:
    ticket = world[0]
    last = event_of(ticket, ticket.version)
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM audit_event WHERE id = {last.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.seq, fault.event) == (
        ticket.public_id,
        ticket.version - 1,
        event_of(ticket, ticket.version - 1).pk,
    )
    assert "the history ends at" in fault.reason


def forge(subject: trail.Subject, verb: str = "ticket.commented") -> Event:
    """An event with a digest to match, as whoever knows this code can write one."""
    return trail.record(verb, subject, by=SYSTEM)


def test_an_event_too_many_is_found(world: list[Ticket]) -> None:
    ticket = world[0]
    extra = forge(trail.Subject("ticket", ticket.public_id, ticket.reference, ticket.version + 1))
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.event) == (ticket.public_id, extra.pk)
    assert (
        fault.reason == f"the history ends at {ticket.version + 1}, the subject's version is {ticket.version}"
    )


def test_an_event_too_many_without_a_number_of_its_own_is_found(world: list[Ticket]) -> None:
    ticket = world[0]
    extra = forge(trail.Subject("ticket", ticket.public_id, ticket.reference, ticket.version + 9))
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.reason) == (extra.pk, f"seq {ticket.version + 1} was to come here")


@pytest.mark.parametrize("kind", ["tickets", "user", ""])
@pytest.mark.parametrize("is_somebodys", [True, False])
def test_a_numbered_event_of_what_has_no_numbers_is_found(
    world: list[Ticket], admin: User, kind: str, is_somebodys: bool
) -> None:
    stray = forge(trail.Subject(kind, admin.public_id if is_somebodys else None, "?", 1))
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.seq) == (stray.pk, 1)
    assert fault.reason == "no subject of this kind has numbered events"


def test_a_numbered_event_of_no_ticket_is_found(world: list[Ticket]) -> None:
    stray = forge(trail.Subject("ticket", None, "SF-1", 1))
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.reason) == (stray.pk, "no subject of this kind has numbered events")


@pytest.mark.parametrize("kind", ["ticket", "user", "api_key", "team", "service", "of another release"])
@pytest.mark.parametrize("is_somebodys", [True, False])
@pytest.mark.parametrize("seq", [None, 1])
def test_an_edited_row_is_found_whatever_it_is_about(
    world: list[Ticket], admin: User, kind: str, is_somebodys: bool, seq: int | None
) -> None:
    row = forge(trail.Subject(kind, admin.public_id if is_somebodys else None, "x", seq))
    with behind_everybodys_back() as execute:
        execute(f"UPDATE audit_event SET comment = 'forged' WHERE id = {row.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.reason) == (row.pk, trail.FORGED)


def test_a_history_that_vanished_whole_is_found(world: list[Ticket]) -> None:
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM audit_event WHERE subject_id = '{world[2].public_id}'")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.event, fault.reason) == (
        world[2].public_id,
        None,
        "the subject has no history at all",
    )


def test_a_ticket_that_vanished_is_found(world: list[Ticket]) -> None:
    ticket = world[2]
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM tickets_ticket WHERE id = {ticket.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.event) == (ticket.public_id, event_of(ticket, 1).pk)
    assert fault.reason == "the subject of this history is gone"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("title", "'Something else'"),
        ("description", "'Something else'"),
        ("status", "'CANCELED'"),
        ("waiting_for", "'APPROVAL'"),
        ("priority", "'LOW'"),
        ("service_id", "NULL"),
        ("team_id", "NULL"),
        ("requester_id", "(SELECT max(id) FROM accounts_user)"),
        ("author_id", "(SELECT max(id) FROM accounts_user)"),
        ("assignee_id", "NULL"),
        ("tags", "'{laptop}'"),
        ("due_at", "now()"),
        ("source", "'mail'"),
        ("created_at", "created_at - interval '1 microsecond'"),
        ("updated_at", "updated_at + interval '1 microsecond'"),
        ("first_responded_at", "now()"),
        ("resolved_at", "now()"),
        ("finished_at", "now()"),
        ("finished_by_id", "(SELECT max(id) FROM accounts_user)"),
        ("closed_at", "now()"),
        ("deleted_at", "now()"),
        ("version", "version + 1"),
    ],
)
def test_a_ticket_changed_behind_the_verbs_back_is_found(
    world: list[Ticket], column: str, value: str
) -> None:
    ticket = world[0]
    with behind_everybodys_back() as execute:
        execute("SET CONSTRAINTS ALL IMMEDIATE")  # or the table could not be altered in this transaction
        execute("ALTER TABLE tickets_ticket DROP CONSTRAINT ticket_in_progress_is_assigned")
        execute("ALTER TABLE tickets_ticket DROP CONSTRAINT ticket_waits_for_someone")
        execute(f"UPDATE tickets_ticket SET {column} = {value} WHERE id = {ticket.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.event) == (ticket.public_id, event_of(ticket, ticket.version).pk)
    named = {"updated_at": "the last event is of"}.get(column, column.removesuffix("_id"))
    assert named in fault.reason


def test_tickets_that_have_exchanged_their_numbers_are_found(world: list[Ticket]) -> None:
    """Seen to fail: without the comparison of names in `trail._fault_in`."""
    one, other = sorted(world[:2], key=lambda ticket: event_of(ticket, ticket.version).pk)
    with behind_everybodys_back() as execute:
        for ticket, number in ((one, -1), (other, one.number), (one, other.number)):
            execute(f"UPDATE tickets_ticket SET number = {number} WHERE id = {ticket.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.event) == (one.public_id, event_of(one, one.version).pk)
    assert fault.reason == f"the last event calls it {one.reference}, the subject says {other.reference}"


def test_a_watcher_slipped_in_is_found(world: list[Ticket], admin: User) -> None:
    with behind_everybodys_back() as execute:
        execute(f"INSERT INTO tickets_watch (ticket_id, user_id) VALUES ({world[1].pk}, {admin.pk})")
    fault = trail.first_fault()
    assert fault is not None
    assert fault.subject_id == world[1].public_id
    assert fault.reason.startswith("watchers")


@pytest.mark.parametrize(
    "edit",
    [
        "body = 'Never said.'",
        "internal = NOT internal",
        "seq = 100",
        "source = 'mail'",
        "created_at = created_at - interval '1 microsecond'",
        "claimed_by = 'Boss <boss@example.com>'",
    ],
)
def test_a_comment_changed_is_found_at_the_event_that_brought_it(world: list[Ticket], edit: str) -> None:
    comment = Comment.objects.filter(ticket=world[0]).earliest("id")
    with behind_everybodys_back() as execute:
        execute(f"UPDATE tickets_comment SET {edit} WHERE id = {comment.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.event) == (world[0].public_id, event_of(world[0], comment.seq).pk)
    assert "comment" in fault.reason
    assert "claimed_by" in edit or any("comment" in line for line in check(connection))


def test_a_comment_put_into_another_mouth_is_found(world: list[Ticket], admin: User) -> None:
    comment = Comment.objects.filter(ticket=world[0]).earliest("id")
    with behind_everybodys_back() as execute:
        execute(f"UPDATE tickets_comment SET author_id = {admin.pk} WHERE id = {comment.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert fault.event == event_of(world[0], comment.seq).pk


def test_a_comment_deleted_is_found(world: list[Ticket]) -> None:
    comment = Comment.objects.filter(ticket=world[0]).latest("id")
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM tickets_comment WHERE id = {comment.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert fault.event == event_of(world[0], comment.seq).pk


def test_a_comment_slipped_in_is_found(world: list[Ticket], admin: User) -> None:
    Comment.objects.create(ticket=world[1], author=admin, body="I approve.", source="web", seq=1)
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.seq, fault.event) == (world[1].public_id, 1, None)
    assert any("comment" in line for line in check(connection))


@pytest.mark.parametrize(
    ("edit", "about", "field"),
    [
        ("accounts_user SET role = 'EMPLOYEE'", "user", "role"),
        ("accounts_user SET email = 'other@example.com'", "user", "email"),
        ("accounts_user SET full_name = 'Somebody else'", "user", "full_name"),
        ("accounts_user SET is_active = true", "user", "is_active"),
        ("accounts_membership SET is_lead = true", "user", "teams"),
        ("accounts_membership SET user_id = (SELECT min(id) FROM accounts_user)", "user", "teams"),
        ("accounts_apikey SET scopes = '{read,admin}'", "api_key", "scopes"),
        ("accounts_apikey SET expires_at = expires_at + interval '1 day'", "api_key", "expires_at"),
        ("accounts_apikey SET user_id = (SELECT min(id) FROM accounts_user)", "api_key", "owner"),
        ("accounts_apikey SET revoked_at = NULL", "api_key", "state"),
        ("accounts_apikey SET revoked_at = NULL, replaced_at = now()", "api_key", "state"),
        ("accounts_team SET is_active = false", "team", "is_active"),
        ("accounts_team SET name = 'Another'", "team", "name"),
        ("tickets_service SET confidential = false", "service", "confidential"),
        ("tickets_service SET team_id = (SELECT min(id) FROM accounts_team)", "service", "team"),
    ],
)
def test_people_keys_and_configuration_are_what_was_last_said_of_them(
    world: list[Ticket], admin: User, edit: str, about: str, field: str
) -> None:
    boss = web(admin)
    team = configuration.save(Team(name="Facilities"), by=boss)
    service = configuration.save(
        Service(name_en="Keys", name_ru="Ключи", team=team, confidential=True), by=boss
    )
    user = people.create_user(
        email="new@example.com", full_name="New", role="AGENT", teams={team: False}, by=boss
    )
    key = api_keys.revoke(api_keys.issue(user, name="Script", scopes=["read"], by=boss)[0], by=boss)
    people.deactivate(user, by=boss)
    assert trail.first_fault() is None
    pk = {"accounts_membership": user.memberships.get().pk}.get(
        edit.split(maxsplit=1)[0], {"user": user, "api_key": key, "team": team, "service": service}[about].pk
    )
    with behind_everybodys_back() as execute:
        execute(f"UPDATE {edit} WHERE id = {pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert fault.subject_type == about
    assert fault.reason.startswith(f"{field} folds to")
    assert fault.event is not None
    assert Event.objects.get(pk=fault.event).changes[field]


def test_an_event_that_was_taken_from_a_persons_history_shows_in_the_next(
    world: list[Ticket], admin: User, employee: User
) -> None:
    for role in ("AGENT", "ADMIN", "EMPLOYEE"):
        people.change_role(employee, role=role, by=web(admin))
    events = Event.objects.filter(subject_id=employee.public_id, verb="user.role_changed").order_by("id")
    _first, taken, after = events
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM audit_event WHERE id = {taken.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.event, fault.reason) == (after.pk, "role was 'AGENT', not 'ADMIN'")


def test_a_person_who_vanished_is_found(world: list[Ticket], admin: User) -> None:
    user = people.create_user(email="new@example.com", full_name="New", by=web(admin))
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM accounts_user WHERE id = {user.pk}")
    fault = trail.first_fault()
    assert fault is not None
    assert (fault.subject_id, fault.reason) == (user.public_id, "the subject of this history is gone")


def test_the_command_says_what_it_has_looked_at(
    world: list[Ticket], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_audit")
    said = capsys.readouterr().out
    assert all(kind in said for kind in (*trail.KEPT, *trail.TOLD))
    assert {event.subject_type for event in Event.objects.all()} <= {*trail.KEPT, *trail.TOLD}


def test_of_several_faults_the_first_is_named(
    world: list[Ticket], capsys: pytest.CaptureFixture[str]
) -> None:
    early, late = event_of(world[1], 2), event_of(world[0], 6)
    assert early.pk < late.pk
    with behind_everybodys_back() as execute:
        execute(f"UPDATE audit_event SET comment = 'x' WHERE id IN ({early.pk}, {late.pk})")
        execute(f"UPDATE tickets_ticket SET title = 'Something else' WHERE id = {world[2].pk}")
    with pytest.raises(CommandError) as failure:
        call_command("verify_audit")
    assert f"event {early.pk}" in str(failure.value)
    assert str(world[1].public_id) in str(failure.value)


@pytest.mark.django_db(transaction=True)
def test_the_command_reads_one_snapshot_and_writes_nothing(world: list[Ticket]) -> None:
    with CaptureQueriesContext(connection) as captured:
        call_command("verify_audit", verbosity=0)
    assert asks_for_a_snapshot(captured)
    assert check(connection) == []


def test_inside_anothers_transaction_the_command_leaves_its_isolation_alone(world: list[Ticket]) -> None:
    with CaptureQueriesContext(connection) as captured:
        call_command("verify_audit", verbosity=0)
    assert not asks_for_a_snapshot(captured)


def asks_for_a_snapshot(captured: CaptureQueriesContext) -> bool:
    return any("REPEATABLE READ, READ ONLY" in query["sql"] for query in captured.captured_queries)
