"""Writing and proving the audit trail. Nothing else writes an event."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from audit import watching
from audit.models import Event

Changes = Mapping[str, tuple[Any, Any] | list[Any]]


class Author(Protocol):
    """Who did it, as plain values: see accounts.acting.Actor."""

    @property
    def id(self) -> UUID | None: ...
    @property
    def name(self) -> str: ...
    @property
    def door(self) -> str: ...
    @property
    def key_prefix(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def address(self) -> str | None: ...


@dataclass(frozen=True)
class Subject:
    """What it was done to, as plain values. `seq` is the version a versioned subject has after the verb.

    `since` and `due` are when it began and should end, for those who measure: they are no part of the event.
    """

    type: str
    id: UUID | None
    name: str
    seq: int | None = None
    since: datetime | None = None
    due: datetime | None = None


def record(
    verb: str,
    subject: Subject,
    *,
    by: Author,
    changes: Changes | None = None,
    comment: str = "",
    internal: bool = False,
    at: datetime | None = None,
) -> Event:
    """Write the one event of a verb, inside the verb's own transaction. `at` is now, unless the verb has said when.

    Raises IntegrityError when the subject's history already has this `seq`.
    """
    event = Event(
        # Asked here, not left to the column's default, so that a moved clock is heeded.
        at=at or timezone.now(),
        actor_id=by.id,
        actor_name=by.name[:255],
        door=by.door,
        api_key_prefix=by.key_prefix,
        request_id=by.request_id,
        address=by.address,
        verb=verb,
        subject_type=subject.type,
        subject_id=subject.id,
        subject_name=subject.name[:255],
        seq=subject.seq,
        changes={field: list(pair) for field, pair in (changes or {}).items()},
        comment=comment,
        internal=internal,
    )
    event.digest = event.computed_digest()
    event.save(force_insert=True)
    watching.tell("event", event, subject)
    return event


# The fields of `changes` under which a verb says what it added rather than changed: a comment, files.
ADDITION, FILES = "comment", "attachments"
ADDITIONS = frozenset({ADDITION, FILES})
# What a field holds before its first event, where that is not None.
EMPTY: dict[type, Any] = {list: [], str: ""}


@dataclass(frozen=True)
class Fault:
    """The first place where a history does not hold. `event` is the event's row id, if there is one.

    `of_present`: the history holds by itself, but what it ends in is not the present. Where an event is at fault, too,
    that goes first, for this may be no more than its consequence, told of an earlier event. A fault of a `seal`
    comes where its events begin.
    """

    subject_type: str
    subject_id: UUID | None
    seq: int | None
    event: int | None
    reason: str
    of_present: bool = False
    seal: int | None = None

    def __str__(self) -> str:
        if self.seal is not None:
            return f"seal {self.seal}: {self.reason}"
        where = f"event {self.event}" if self.event else "no event"
        return f"{self.subject_type} {self.subject_id}, seq {self.seq} ({where}): {self.reason}"

    @property
    def place(self) -> tuple[bool, bool, int]:
        """For the first of several."""
        return self.of_present, self.event is None, self.event or 0


@dataclass(frozen=True)
class Present:
    """What a subject says of itself now: its audited fields and, if it is a versioned one, its version, when it last
    changed and what it is called.
    """

    id: UUID
    state: Mapping[str, Any]
    version: int = 0
    changed_at: datetime | None = None
    name: str = ""


type Presents = Callable[[], Iterable[Present]]

# {kind of versioned subject: what says how they all stand now, in the order of their ids}; filled at start-up by
# the apps whose subjects they are, since this one knows nobody.
KEPT: dict[str, Presents] = {}
# The same of subjects without a version, in any order. Their events have no numbers, so nothing tells whether one is
# missing, nor whether a subject nobody speaks of should be there; but what was last said of a field must be so.
TOLD: dict[str, Presents] = {}
# Further checks of subjects against their history, for what does not fold.
CHECKS: list[Callable[[], Iterable[Fault]]] = []

FORGED = "the row was changed after it was written"
GONE = "the subject of this history is gone"


def first_fault(*more: Iterable[Fault]) -> Fault | None:
    """The fault that comes first over the whole memory: that of the smallest event id, but those that only the present
    shows come after all that the history shows itself.

    `more` faults are those that seals show: see audit.seals.
    """
    faults = chain(
        *more,
        verify_unnumbered(),
        *(verify(kind, present()) for kind, present in KEPT.items()),
        *(check() for check in CHECKS),
    )
    return min(faults, key=lambda fault: fault.place, default=None)


def verify_unnumbered() -> Iterator[Fault]:
    """Check every row that belongs to no versioned subject, and whether what the last ones say is still so."""
    said: dict[tuple[str, UUID], dict[str, tuple[Any, int]]] = {}
    numbered = Q(subject_type__in=KEPT, subject_id__isnull=False, seq__isnull=False)
    for event in Event.objects.exclude(numbered).order_by("id").iterator(chunk_size=2000):
        kind, subject_id = event.subject_type, event.subject_id
        if event.digest != event.computed_digest():
            yield Fault(kind, subject_id, event.seq, event.pk, FORGED)
        elif event.seq is not None:
            yield Fault(kind, subject_id, event.seq, event.pk, "no subject of this kind has numbered events")
        elif kind in TOLD and subject_id is not None:
            state = said.setdefault((kind, subject_id), {})
            for field, pair in event.changes.items():
                old, new = _essence(pair[0]), _essence(pair[1])
                if field in state and state[field][0] != old:
                    reason = f"{field} was {state[field][0]!r}, not {old!r}"
                    yield Fault(kind, subject_id, None, event.pk, reason)
                state[field] = new, event.pk
    for kind, present in TOLD.items():
        for subject in present():
            for field, (last, event_id) in said.pop((kind, subject.id), {}).items():
                if field in subject.state and _essence(subject.state[field]) != last:
                    reason = f"{field} folds to {last!r}, the subject says {subject.state[field]!r}"
                    yield Fault(kind, subject.id, None, event_id, reason, of_present=True)
    for (kind, subject_id), state in said.items():
        if state:
            first = min(event_id for _last, event_id in state.values())
            yield Fault(kind, subject_id, None, first, GONE, of_present=True)


def verify(subject_type: str, present: Iterable[Present]) -> Iterator[Fault]:
    """Fold every history of a kind of subject and compare it with the present, in order of the events' ids.

    A history holds when its `seq` runs 1, 2, 3 … in the order in which the rows were written, every `old`
    value is what the events before had left, and the whole ends in the subject's present state and version.
    `present` must come ordered by id. The faults come in no particular order: callers who want the first one
    take the one with the smallest event id.
    """
    histories = groupby(
        Event.objects.filter(subject_type=subject_type, seq__isnull=False)
        .order_by("subject_id", "id")
        .iterator(chunk_size=2000),
        key=lambda event: event.subject_id,
    )
    subjects = iter(present)
    subject = next(subjects, None)
    for subject_id, events in histories:
        if subject_id is None:
            continue  # only events of unversioned subjects may lack an id
        while subject is not None and subject.id < subject_id:
            yield Fault(subject_type, subject.id, None, None, "the subject has no history at all")
            subject = next(subjects, None)
        if subject is None or subject.id != subject_id:
            first = next(events)
            yield Fault(subject_type, subject_id, first.seq, first.pk, GONE, of_present=True)
            for event in chain([first], events):  # or one of them has only been given to nobody
                if event.digest != event.computed_digest():
                    yield Fault(subject_type, subject_id, event.seq, event.pk, FORGED)
            continue
        fault = _fault_in(subject, subject_type, events)
        if fault is not None:
            yield fault
        subject = next(subjects, None)
    while subject is not None:
        yield Fault(subject_type, subject.id, None, None, "the subject has no history at all")
        subject = next(subjects, None)


def _fault_in(subject: Present, subject_type: str, events: Iterator[Event]) -> Fault | None:
    state: dict[str, Any] = {}
    seq = 0
    last: int | None = None
    changed_at: datetime | None = None
    name = ""
    for event in events:
        seq += 1
        if event.digest != event.computed_digest():
            return Fault(subject_type, subject.id, event.seq, event.pk, FORGED)
        if event.seq != seq:
            return Fault(subject_type, subject.id, event.seq, event.pk, f"seq {seq} was to come here")
        for field, pair in event.changes.items():
            if field in ADDITIONS:
                continue
            old, new = _essence(pair[0]), _essence(pair[1])
            if state.get(field, EMPTY.get(type(old))) != old:
                return Fault(
                    subject_type, subject.id, seq, event.pk, f"{field} was {state.get(field)!r}, not {old!r}"
                )
            state[field] = new
        last, changed_at, name = event.pk, event.at, event.subject_name
    if seq != subject.version:
        reason = f"the history ends at {seq}, the subject's version is {subject.version}"
        return Fault(subject_type, subject.id, seq, last, reason, of_present=True)
    for field, value in subject.state.items():
        if state.get(field, EMPTY.get(type(value))) != _essence(value):
            reason = f"{field} folds to {state.get(field)!r}, the subject says {value!r}"
            return Fault(subject_type, subject.id, seq, last, reason, of_present=True)
    if changed_at != subject.changed_at:
        reason = f"the last event is of {changed_at}, the subject says that it was {subject.changed_at}"
        return Fault(subject_type, subject.id, seq, last, reason, of_present=True)
    if name != subject.name:
        reason = f"the last event calls it {name}, the subject says {subject.name}"
        return Fault(subject_type, subject.id, seq, last, reason, of_present=True)
    return None


def _essence(value: Any) -> Any:
    """A reference {id, name} without its name, which may have changed since."""
    if isinstance(value, dict) and "id" in value:
        rest = {key: _essence(part) for key, part in value.items() if key != "name"}
        return rest if len(rest) > 1 else value["id"]
    if isinstance(value, list):
        parts = [_essence(part) for part in value]
        # Rows that say more of a reference stand in the order of its name, which may have changed, too.
        return sorted(parts, key=lambda part: str(part["id"])) if _all_rows(parts) else parts
    return value


def _all_rows(parts: list[Any]) -> bool:
    return all(isinstance(part, dict) and "id" in part for part in parts)
