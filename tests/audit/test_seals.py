"""Sealing: every event, once, in order, whenever it was committed; nobody waits for it; and what it shows."""

import os
import time
import tracemalloc
from collections.abc import Iterator
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction

from accounts.acting import SYSTEM
from audit import merkle, seals, signing, tasks, trail
from audit.models import Event, Seal
from tests.audit.test_verify import behind_everybodys_back
from tests.factories import web
from tests.racing import at_once
from tests.security.conftest import database_url
from tickets import actions
from tickets.models import Ticket

KEY = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"  # of RFC 8032, its first test
OTHER = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seals of seven events, and a sealer that waits for half a second."""
    monkeypatch.setattr(seals, "BATCH", 7)
    monkeypatch.setattr(seals, "PATIENCE", 0.5)


def fault() -> trail.Fault | None:
    return trail.first_fault(seals.faults())


def sealed_events() -> list[int]:
    return [event for seal in Seal.objects.all() for event, _hashed in seals.entries(seal)]


def all_events() -> list[int]:
    return list(Event.objects.order_by("id").values_list("id", flat=True))


# --- What is sealed ------------------------------------------------------------------------------


def test_all_events_are_sealed_once_in_order(
    small: None, world: list[Ticket], capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail: with `__gte` for the events after the seal before."""
    events = all_events()
    assert seals.seal_all() == -(-len(events) // 7)
    assert sealed_events() == events
    assert seals.seal_all() == 0
    actions.add_comment(world[0], body="One more.", by=web(world[0].requester))
    assert seals.seal_all() == 1
    assert sealed_events() == all_events()
    numbers = Seal.objects.values_list("number", "previous", "hash")
    assert [number for number, _previous, _hash in numbers] == list(range(1, len(numbers) + 1))
    assert [previous for _number, previous, _hash in numbers][1:] == [own for *_rest, own in numbers][:-1]
    assert fault() is None
    call_command("verify_audit")
    assert f"{len(all_events())} events in {len(numbers)} seals" in capsys.readouterr().out


def test_the_clock_asks_for_it(small: None, world: list[Ticket]) -> None:
    tasks.seal(0)
    assert sealed_events() == all_events()


def test_where_nothing_has_happened_there_is_nothing_to_seal(db: None) -> None:
    assert Event.objects.count() == 0
    assert seals.seal_all() == 0
    assert fault() is None
    with pytest.raises(CommandError, match="No event was sealed yet"):
        call_command("audit_checkpoint")


def test_an_event_whose_digest_is_none_is_sealed_as_it_is_and_told(small: None, world: list[Ticket]) -> None:
    """Sealing goes on, whatever stands in a row. Seen to fail: with `bytes.fromhex` in `_told`."""
    last = all_events()[-1]
    with behind_everybodys_back() as execute:
        execute(f"UPDATE audit_event SET digest = 'Пустяки' WHERE id = {last}")
    seals.seal_all()
    assert sealed_events() == all_events()
    found = fault()
    assert found is not None
    assert (found.event, found.reason) == (last, trail.FORGED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_seal SET hash = hash",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal",
        "INSERT INTO audit_seal SELECT * FROM audit_seal ON CONFLICT (number) DO UPDATE SET count = 0",
    ],
)
def test_a_seal_is_neither_changed_nor_taken_away(small: None, world: list[Ticket], statement: str) -> None:
    """Seen to fail: without the triggers of audit/migrations/0005_seal.py."""
    seals.seal_all()
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


# --- Late commits, two sealers, locks --------------------------------------------------------------


@pytest.fixture
def other(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """Another program at the same database, with a transaction of its own."""
    with psycopg.connect(database_url()) as elsewhere:
        yield elsewhere
        elsewhere.rollback()


def happens(elsewhere: psycopg.Connection[Any], what: str = "Late") -> int:
    """An event written there, not committed yet."""
    event = Event(actor_name=what, door="system", verb="user.denied", subject_type="user", subject_name=what)
    event.digest = event.computed_digest()
    row = elsewhere.execute(
        "INSERT INTO audit_event (at, actor_name, door, api_key_prefix, request_id, verb, subject_type, subject_name,"
        " changes, comment, internal, digest) VALUES (%s, %s, %s, '', '', %s, %s, %s, '{}', '', false, %s)"
        " RETURNING id",
        [
            event.at,
            event.actor_name,
            event.door,
            event.verb,
            event.subject_type,
            event.subject_name,
            event.digest,
        ],
    ).fetchone()
    assert row
    return int(row[0])


def happens_here(what: str = "Soon") -> int:
    return trail.record("user.denied", trail.Subject("user", None, what), by=SYSTEM).pk


def test_what_is_committed_late_is_neither_left_out_nor_taken_for_tampering(
    small: None, other: psycopg.Connection[Any]
) -> None:
    """A transaction has drawn a smaller id than events that are there already, and stays open across a sealing.

    Seen to fail: with `_writers` answering nobody, the sealing seals what is there, and the late event is named as one
    that was slipped in.
    """
    before = happens_here()
    late = happens(other)
    after = happens_here()
    assert before < late < after
    assert seals.seal_all() == 0
    other.commit()
    assert seals.seal_all() == 1
    assert sealed_events() == [before, late, after]
    assert fault() is None


def test_a_sealing_waits_for_who_is_just_writing(
    small: None, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And takes his event, though it began before he had ended. Seen to fail: without the loop of `_horizon`."""
    monkeypatch.setattr(seals, "PATIENCE", 20.0)
    late, after = happens(other), happens_here()
    made: list[int] = []

    def sealing() -> None:
        made.append(seals.seal_all())
        connections.close_all()

    thread = Thread(target=sealing)
    thread.start()
    while thread.is_alive() and not _is_waited():
        time.sleep(0.01)
    assert not Seal.objects.exists()
    other.commit()
    thread.join()
    assert made == [1]
    assert sealed_events() == [late, after]


def _is_waited() -> bool:
    """Whether some connection has asked who is writing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT virtualtransaction%'"
            " AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_what_was_given_up_leaves_a_number_free_and_no_fault(
    small: None, other: psycopg.Connection[Any]
) -> None:
    first, never, last = happens_here(), happens(other), happens_here()
    other.rollback()
    assert seals.seal_all() == 1
    assert sealed_events() == [first, last] != [first, never, last]
    assert fault() is None


def test_who_came_after_the_horizon_is_for_the_next_time(small: None, other: psycopg.Connection[Any]) -> None:
    """His number is larger than any that the horizon vouches for."""
    first = happens_here()
    horizon = seals._horizon()
    late = happens(other)
    assert horizon == first < late
    assert seals._seal_next(horizon) is not None
    other.commit()
    assert sealed_events() == [first]
    assert seals.seal_all() == 1
    assert sealed_events() == [first, late]


@pytest.mark.django_db(transaction=True)
def test_many_sealers_at_once_make_one_chain(small: None) -> None:
    """Seen to fail: without the advisory lock, two make seals of one number."""
    with transaction.atomic():
        events = [happens_here() for _each in range(100)]
    made = at_once(*[seals.seal_all] * 6)
    assert sum(made) == Seal.objects.count() == 15, made
    assert sealed_events() == events
    assert fault() is None


def test_of_two_sealers_one_goes_away(small: None, other: psycopg.Connection[Any]) -> None:
    happens_here()
    other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [seals._LOCK])
    assert seals.seal_all() == 0
    other.rollback()
    assert seals.seal_all() == 1


def test_sealing_makes_no_writer_wait(small: None, other: psycopg.Connection[Any]) -> None:
    """While a seal is being made it holds no lock on events that a writer would ask for, and one writes meanwhile.

    Seen to fail: with `LOCK TABLE audit_event IN SHARE MODE` at the beginning of `_seal_next`.
    """
    happens_here()
    horizon = seals._horizon()
    assert horizon is not None
    with transaction.atomic():
        assert seals._seal_next(horizon) is not None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT relation::regclass::text, mode FROM pg_locks"
                " WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation::regclass::text ~ '^audit_event'"
            )
            assert {mode for _table, mode in cursor.fetchall()} == {"AccessShareLock"}
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype IN ('tuple', 'page')"
            )
            assert cursor.fetchone()[0] == 0
        other.execute("SET LOCAL lock_timeout = '100ms'")
        happens(other)
        other.commit()
    assert seals.seal_all() == 1


# --- Signatures and checkpoints ---------------------------------------------------------------------


def test_seals_are_signed_by_the_key_of_the_environment(
    small: None, world: list[Ticket], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_SIGNING_KEY = KEY
    seals.seal_all()
    call_command("audit_key")
    public = capsys.readouterr().out.strip()
    assert public == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert set(Seal.objects.values_list("signer", flat=True)) == {public}
    assert fault() is None
    # Without the key, but with its public half, it is verified all the same.
    settings.AUDIT_SIGNING_KEY, settings.AUDIT_PUBLIC_KEYS = "", [public]
    assert fault() is None
    settings.AUDIT_PUBLIC_KEYS = ["00" * 32]
    found = fault()
    assert found is not None
    assert (found.seal, found.reason) == (1, f"it is signed by {public}, which is not in AUDIT_PUBLIC_KEYS")


def test_a_chain_that_was_signed_goes_on_signed_or_not_at_all(
    small: None, world: list[Ticket], settings: Any
) -> None:
    """Seen to fail: without the question in `_seal_next`; and, of the verifier, without that in `_wrong_signature`."""
    settings.AUDIT_SIGNING_KEY = KEY
    seals.seal_all()
    many = Seal.objects.count()
    settings.AUDIT_SIGNING_KEY = ""
    happens_here()
    with pytest.raises(seals.Unsigned, match="AUDIT_SIGNING_KEY"):
        seals.seal_all()
    assert Seal.objects.count() == many
    settings.AUDIT_SIGNING_KEY, settings.AUDIT_PUBLIC_KEYS = OTHER, [Seal.objects.earliest("number").signer]
    assert seals.seal_all() == 1
    assert fault() is None
    last = Seal.objects.latest("number")
    last.signer = last.signature = ""
    with behind_everybodys_back():
        Seal.objects.filter(pk=last.pk).update(signer="", signature="", hash=last.computed_hash())
    found = fault()
    assert found is not None
    assert (found.seal, found.reason) == (many + 1, "it is not signed, though others before it are")


def test_a_key_may_begin_to_sign_later(
    small: None, world: list[Ticket], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody has signed is not told as signed. Seen to fail with the filter of `signed` away in verify_audit."""
    seals.seal_all()
    settings.AUDIT_SIGNING_KEY = signing.new()
    happens_here()
    assert seals.seal_all() == 1
    assert fault() is None
    call_command("verify_audit")
    told = f"in {Seal.objects.count()} seals, the last 1 of them signed by a key that is known"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("owns", ["AUDIT_SIGNING_KEY", "AUDIT_PUBLIC_KEYS"])
def test_where_a_key_is_known_a_chain_that_nobody_has_signed_is_a_fault(
    small: None, world: list[Ticket], settings: Any, owns: str
) -> None:
    """Nor may there be none. Whoever makes it anew has no key. Seen to fail without each `elif` of `seals.faults`."""
    setattr(settings, owns, KEY if owns == "AUDIT_SIGNING_KEY" else [signing.new()])
    [found] = seals.faults()
    assert (found.seal, found.reason) == (
        1, "it is missing: there are keys to sign with, and nothing is sealed",
    )  # fmt: skip
    setattr(settings, owns, type(getattr(settings, owns))())
    seals.seal_all()
    assert fault() is None
    setattr(settings, owns, KEY if owns == "AUDIT_SIGNING_KEY" else [signing.new()])
    last = Seal.objects.latest("number")
    [found] = seals.faults()
    assert (found.seal, found.event) == (last.number, last.first_event)
    assert "neither it nor one before it is signed" in found.reason
    with pytest.raises(CommandError, match=f"First fault: seal {last.number}: neither it nor"):
        call_command("verify_audit")


def test_a_checkpoint_whose_signature_was_cut_off_is_refused(
    small: None, world: list[Ticket], settings: Any
) -> None:
    """Where no key is known it says what it says. Seen to fail with `checkpoint.signer and` before `not in known`."""
    settings.AUDIT_SIGNING_KEY = KEY
    seals.seal_all()
    bare, _cut, _signature = seals.last_line().partition(" signer=")
    with pytest.raises(CommandError, match="signature of this checkpoint is missing"):
        call_command("verify_audit", checkpoint=bare)
    settings.AUDIT_SIGNING_KEY = ""
    call_command("verify_audit", checkpoint=bare)


def test_a_tail_that_was_cut_off_is_told_by_the_last_checkpoint(
    small: None, world: list[Ticket], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events, seals and the tickets themselves set back together: all that is left holds.

    Seen to fail: without the last lines of `seals.faults`.
    """
    settings.AUDIT_SIGNING_KEY = KEY
    seals.seal_all()
    call_command("audit_checkpoint")
    line = capsys.readouterr().out
    last = Seal.objects.latest("number")
    assert f"seal={last.number} hash={last.hash} events={last.count} last={last.last_event} at=" in line
    assert f"signature={last.signature}" in line
    call_command("verify_audit", checkpoint=line)
    assert f"up to seal {last.number} the same as in the checkpoint" in capsys.readouterr().out
    cut_off(last.first_event)
    assert not list(seals.faults())
    with pytest.raises(
        CommandError, match=f"First fault: seal {last.number}: it is missing: the checkpoint is of"
    ):
        call_command("verify_audit", checkpoint=line)


def test_a_chain_that_was_made_anew_is_told_by_a_checkpoint(small: None, world: list[Ticket]) -> None:
    """Seen to fail: without the comparison in `_fault_of`."""
    seals.seal_all()
    kept = seals.read(seals.last_line())
    with behind_everybodys_back() as execute:
        execute("DELETE FROM audit_seal")
    seals.seal_all()
    assert fault() is None
    [found] = seals.faults(kept)
    assert (found.seal, found.reason) == (kept.number, "it is not the one of the checkpoint")


def cut_off(event: int) -> None:
    with behind_everybodys_back() as execute:
        execute(f"DELETE FROM audit_event WHERE id >= {event}")
        execute(f"DELETE FROM audit_seal WHERE last_event >= {event}")


@pytest.mark.parametrize(
    "line", ["", "seal 3", "serviceflow-checkpoint seal=1 hash=0 events=1 last=1 at=now"]
)
def test_what_is_no_checkpoint_is_refused(db: None, line: str) -> None:
    with pytest.raises(CommandError, match="no line of audit_checkpoint"):
        call_command("verify_audit", checkpoint=line or " ")


def test_a_checkpoint_with_a_wrong_signature_is_refused(
    small: None, world: list[Ticket], settings: Any
) -> None:
    """Seen to fail: with `is_believed` answering yes."""
    settings.AUDIT_SIGNING_KEY = KEY
    seals.seal_all()
    line = seals.last_line()
    wrong = line[:-1] + ("0" if line[-1] != "0" else "1")
    with pytest.raises(CommandError, match="checkpoint is missing, wrong"):
        call_command("verify_audit", checkpoint=wrong)
    settings.AUDIT_SIGNING_KEY = OTHER
    with pytest.raises(CommandError, match="checkpoint is missing, wrong"):
        call_command("verify_audit", checkpoint=line)


def test_each_seal_is_told_in_the_log(
    small: None, world: list[Ticket], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="audit.seals"):
        seals.seal_all()
    assert caplog.text.count("serviceflow-checkpoint") == Seal.objects.count()
    assert seals.last_line() in caplog.text


def test_a_key_is_printed_only_if_it_is_there_or_new(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="not set"):
        call_command("audit_key")
    call_command("audit_key", new=True)
    assert len(capsys.readouterr().out.strip()) == 64


# --- The tree ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 100])
def test_the_tree_is_that_of_rfc_6962(count: int) -> None:
    """Against its definition: split at the largest power of two below the count."""
    leaves = [merkle.leaf(each, bytes(32), b"x") for each in range(count)]

    def defined(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        split = 1 << (len(part) - 1).bit_length() - 1
        return merkle._node(defined(part[:split]), defined(part[split:]))

    assert merkle.root(leaves) == defined(leaves)


# --- What it takes -------------------------------------------------------------------------------------


EVENTS = int(os.environ.get("EVENTS", "12000"))


def test_seals_are_verified_in_bounded_memory(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier holds a seal and a handful of events, however many there are. EVENTS=100000 tries more of them.

    Seen to fail: with `list(...)` around the events of `seals.faults`.
    """

    monkeypatch.setattr(seals, "BATCH", 500)

    def peak() -> int:
        while seals.seal_all():
            pass
        tracemalloc.start()
        try:
            assert fault() is None
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    event = happens_here()
    repeat(event, EVENTS // 4)
    few = peak()
    repeat(event, EVENTS - EVENTS // 4 - 1)
    many = peak()
    assert Event.objects.count() == EVENTS == sum(Seal.objects.values_list("count", flat=True))
    assert many < few * 1.1 + 200_000, (few, many)


def repeat(event: int, times: int) -> None:
    """The same once more, with ids of their own: a digest is not of the id."""
    columns = ", ".join(str(field.column) for field in Event._meta.concrete_fields if not field.primary_key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO audit_event ({columns})"
            f" SELECT {columns} FROM audit_event, generate_series(1, {times}) WHERE id = {event}"
        )
