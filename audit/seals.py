"""Sealing the memory: all events, in order, in batches of which each holds the hash of the one before.

The verbs know nothing of it and wait for nobody: see docs/decisions/0019-seals.md.
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from secrets import token_bytes
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from audit import merkle, signing
from audit.models import Event, Seal
from audit.trail import Fault

log = structlog.get_logger("audit.seals")

BATCH = 4096  # events of one seal: what is held in memory, and how long a path is
BATCHES = 100  # seals of one run; the clock comes again
PATIENCE = 10.0  # seconds for those who are just writing to end
ENTRY = 8 + 32  # bytes: an event's id and the hash of its digest
NOTHING = "0" * 64  # what the first seal holds of the one before
_LOCK = "audit.seals"


class Unsigned(Exception):
    """The seals so far are signed, and here is no key: a chain that stops being signed proves nothing."""


# --- Sealing -------------------------------------------------------------------------------------


def seal_all() -> int:
    """Seal every event that is there for good. Answers how many seals were made.

    May be called at any time, by several at once: one does it, the others go away.
    """
    horizon = _horizon()
    made = 0
    while horizon is not None and made < BATCHES and (seal := _seal_next(horizon)):
        log.info("sealed", checkpoint=line_of(seal))
        made += 1
    return made


def _horizon() -> int | None:
    """An id up to which no event is still to come; None if somebody keeps his transaction open for too long.

    Ids come from a sequence, not in the order of commits. But whoever has drawn one holds a lock on the table until he
    has committed or given up: when all of those who held one after the sequence was read are gone, every number that
    had been drawn is either to be seen or never will be. They are only watched: no lock is asked for that they, or
    anybody after them, would have to wait for.
    """
    end = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM audit_event_id_seq")
        horizon: int = cursor.fetchone()[0]
        writers = _writers()
        while writers and time.monotonic() < end:
            time.sleep(0.02)
            writers &= _writers()
    if writers:
        log.warning("sealing_waits", transactions=sorted(writers))
        return None
    return horizon


def _writers() -> set[str]:
    """The transactions of others, prepared ones too, that may have drawn the id of an event."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted"
            " AND relation = 'audit_event'::regclass AND mode = 'RowExclusiveLock'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND pid IS DISTINCT FROM pg_backend_pid()"
        )
        return {transaction for (transaction,) in cursor.fetchall()}


@transaction.atomic
def _seal_next(horizon: int) -> Seal | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
    before = Seal.objects.defer("entries").order_by("number").last()
    signer = signing.public()
    if before and before.signer and not signer:
        raise Unsigned(f"Seal {before.number} is signed. Set AUDIT_SIGNING_KEY for the next ones, too.")
    waiting = Event.objects.filter(id__lte=horizon).order_by("id")
    if before:
        waiting = waiting.filter(id__gt=before.last_event)
    told = [(event, _told(digest)) for event, digest in waiting.values_list("id", "digest")[:BATCH]]
    if not told:
        return None
    salt = token_bytes(32)
    seal = Seal(
        number=before.number + 1 if before else 1,
        first_event=told[0][0],
        last_event=told[-1][0],
        count=len(told),
        root=merkle.root(_leaves(told, salt)).hex(),
        previous=before.hash if before else NOTHING,
        at=timezone.now(),
        signer=signer,
        salt=salt,
        entries=b"".join(event.to_bytes(8, "big", signed=True) + hashed for event, hashed in told),
    )
    seal.hash = seal.computed_hash()
    seal.signature = signing.sign(_signed(seal.hash))
    seal.save(force_insert=True)
    return seal


def _told(digest: str) -> bytes:
    # Whatever stands in that column, sealing goes on: that it is no digest of the row is told by audit.trail.
    return sha256(digest.encode()).digest()


def _leaves(told: list[tuple[int, bytes]], salt: bytes) -> list[bytes]:
    return [merkle.leaf(event, hashed, merkle.salt_of(event, salt)) for event, hashed in told]


def entries(seal: Seal) -> list[tuple[int, bytes]]:
    """Of each event its id and the hash of its digest. Raises ValueError if that is not what the column holds."""
    held = bytes(seal.entries)
    if len(held) % ENTRY:
        raise ValueError
    return [
        (int.from_bytes(held[at : at + 8], "big", signed=True), held[at + 8 : at + ENTRY])
        for at in range(0, len(held), ENTRY)
    ]


# --- What is kept elsewhere ------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """What a seal was when somebody wrote it down."""

    number: int
    hash: str
    signer: str = ""
    signature: str = ""


_LINE = re.compile(
    r"serviceflow-checkpoint seal=(\d{1,18}) hash=([0-9a-f]{64}) events=\d+ last=-?\d+ at=\S+"
    r"(?: signer=([0-9a-f]{64}) signature=([0-9a-f]{128}))?"
)


def line_of(seal: Seal) -> str:
    """A seal in one line, to be kept where whoever has the database cannot write."""
    told = seal.header()
    line = (
        f"serviceflow-checkpoint seal={seal.number} hash={seal.hash} events={seal.count}"
        f" last={seal.last_event} at={told['at']}"
    )
    return f"{line} signer={seal.signer} signature={seal.signature}" if seal.signer else line


def read(line: str) -> Checkpoint:
    """Raises ValueError for what is no such line."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise ValueError(line)
    return Checkpoint(int(match[1]), match[2], match[3] or "", match[4] or "")


def last_line() -> str:
    """The checkpoint of now; nothing if no event was sealed yet."""
    seal = Seal.objects.defer("entries").order_by("number").last()
    return line_of(seal) if seal else ""


def is_believed(checkpoint: Checkpoint) -> bool:
    """Whether nobody else has made it up, as far as a signature tells: see audit.signing.

    Where keys are known one without a signature is nobody's: it may have been cut off.
    """
    if (known := signing.trusted()) and checkpoint.signer not in known:
        return False
    return not checkpoint.signer or signing.is_signed(
        _signed(checkpoint.hash), checkpoint.signature, by=checkpoint.signer
    )


# --- What a pack holds ----------------------------------------------------------------------------


def proofs(events: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Of each of these events that is sealed how to come from its digest to the root of its seal.

    What stands there of other events are hashes of leaves, blinded by salts that are not told.
    """
    wanted = sorted(events)
    found: dict[int, dict[str, Any]] = {}
    while wanted:
        seal = Seal.objects.filter(last_event__gte=wanted[0]).order_by("last_event").first()
        if seal is None:
            break
        try:
            secret, told = bytes(seal.salt), entries(seal)
        except ValueError:  # it is not as it was: a pack without proof says so by itself
            secret, told = b"", []
        index = {event: place for place, (event, _hashed) in enumerate(told)}
        here = [event for event in wanted if event in index]
        ways = merkle.paths(_leaves(told, secret), [index[event] for event in here])
        for event, way in zip(here, ways, strict=True):
            found[event] = {
                "seal": seal.number,
                "index": index[event],
                "salt": merkle.salt_of(event, secret).hex(),
                "path": [neighbour.hex() for neighbour in way],
            }
        wanted = [event for event in wanted if event > seal.last_event]
    return found


def headers(first: int) -> Iterator[dict[str, Any]]:
    """The seals from this number on, without what only we need, for the chain to a checkpoint."""
    for seal in Seal.objects.filter(number__gte=first).defer("entries", "salt").order_by("number").iterator():
        yield seal.header() | {"hash": seal.hash, "signature": seal.signature}


# --- Proving -------------------------------------------------------------------------------------


def faults(checkpoint: Checkpoint | None = None) -> Iterator[Fault]:
    """The first place where the seals, or the events under them, are not what they were; then no further one.

    Which key may sign says audit.signing. Holds eight seals in memory and reads the events as they come.
    """
    events = Event.objects.order_by("id").values_list("id", "digest").iterator(chunk_size=BATCH)
    before: Seal | None = None
    for seal in Seal.objects.order_by("number").iterator(chunk_size=8):
        fault = _fault_of(seal, before, checkpoint) or _fault_under(seal, events)
        if fault:
            yield fault
            return
        before = seal
    number = before.number if before else 0
    if checkpoint and checkpoint.number > number:
        place = before.last_event + 1 if before else None
        reason = (
            f"it is missing: the checkpoint is of seal {checkpoint.number}, the last one here is {number}"
        )
        yield _of_seal(number + 1, place, reason)
    elif signing.trusted() and before and not before.signer:
        yield _of_seal(
            number, before.first_event, "neither it nor one before it is signed by a key that is known"
        )
    elif signing.trusted() and not before and Event.objects.exists():
        yield _of_seal(1, None, "it is missing: there are keys to sign with, and nothing is sealed")


def _fault_of(seal: Seal, before: Seal | None, checkpoint: Checkpoint | None) -> Fault | None:
    """What is wrong with the seal itself."""
    number, previous = (before.number + 1, before.hash) if before else (1, NOTHING)
    place = before.last_event + 1 if before else None
    if seal.number != number:
        return _of_seal(number, place, "it is missing")
    if seal.hash != seal.computed_hash():
        return _of_seal(number, place, "it was changed after it was made")
    if seal.previous != previous:
        if before is None or _is_chained_otherwise(seal):
            return _of_seal(number, place, "it is not chained to the one before")
        return _of_seal(before.number, before.first_event, f"it is not the one that seal {number} holds")
    if checkpoint and checkpoint.number == number and checkpoint.hash != seal.hash:
        return _of_seal(number, place, "it is not the one of the checkpoint")
    if not _holds(seal, before):
        return _of_seal(number, place, "its list of events is not the one that was sealed")
    if wrong := _wrong_signature(seal, before):
        return _of_seal(number, place, wrong)
    return None


def _is_chained_otherwise(seal: Seal) -> bool:
    """Whether the seal after this one, too, says that it is another one."""
    return Seal.objects.filter(number=seal.number + 1).exclude(previous=seal.hash).exists()


def _holds(seal: Seal, before: Seal | None) -> bool:
    try:
        told = entries(seal)
    except ValueError:
        return False
    ids = [event for event, _hashed in told]
    return (
        bool(ids)
        and (seal.first_event, seal.last_event, seal.count) == (ids[0], ids[-1], len(ids))
        and all(one < following for one, following in pairwise(ids))
        and (before is None or before.last_event < ids[0])
        and merkle.root(_leaves(told, bytes(seal.salt))).hex() == seal.root
    )


def _wrong_signature(seal: Seal, before: Seal | None) -> str:
    if not seal.signer:
        gone = seal.signature or (before and before.signer)
        return "it is not signed, though others before it are" if gone else ""
    if not signing.is_signed(_signed(seal.hash), seal.signature, by=seal.signer):
        return "its signature is wrong"
    if (known := signing.trusted()) and seal.signer not in known:
        return f"it is signed by {seal.signer}, which is not in AUDIT_PUBLIC_KEYS"
    return ""


def _fault_under(seal: Seal, events: Iterator[tuple[int, str]]) -> Fault | None:
    """What is wrong with the events that the seal is of: the next ones, and no others."""
    for event, hashed in entries(seal):
        found, digest = next(events, (None, ""))
        if found is None or found > event:
            return Fault("event", None, None, event, f"it was sealed in seal {seal.number} and is gone")
        if found < event:
            return _of_event(found, f"it is none of those that were sealed in seal {seal.number}")
        if _told(digest) != hashed:
            return _of_event(found, f"it is not the one that was sealed in seal {seal.number}")
    return None


def _of_seal(number: int, place: int | None, reason: str) -> Fault:
    """Among faults of events a seal's comes where its own events would begin."""
    return Fault("seal", None, None, FIRST if place is None else place, reason, seal=number)


FIRST = -(2**63)


def _of_event(pk: int, reason: str) -> Fault:
    event = Event.objects.only("subject_type", "subject_id", "seq").get(pk=pk)
    return Fault(event.subject_type, event.subject_id, event.seq, pk, reason)


def _signed(seal_hash: str) -> str:
    """What is signed: nothing else that this key may sign begins like this."""
    return f"serviceflow-seal {seal_hash}"
