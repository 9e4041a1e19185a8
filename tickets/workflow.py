"""The workflow as one table: which status may follow which, and by which verb. Pure Python."""

from datetime import timedelta
from enum import StrEnum


class Status(StrEnum):
    NEW = "NEW"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING = "WAITING"
    DONE = "DONE"
    CANCELED = "CANCELED"


class WaitingFor(StrEnum):
    """Whom a WAITING ticket waits for."""

    REQUESTER = "REQUESTER"
    APPROVAL = "APPROVAL"
    THIRD_PARTY = "THIRD_PARTY"


# The legal changes of "change status". Every other pair, the same status again included, is refused.
CHANGES: dict[Status, tuple[Status, ...]] = {
    Status.NEW: (Status.IN_PROGRESS, Status.CANCELED),
    Status.IN_PROGRESS: (Status.WAITING, Status.DONE, Status.CANCELED),
    Status.WAITING: (Status.IN_PROGRESS, Status.DONE, Status.CANCELED),
    Status.DONE: (),
    Status.CANCELED: (),
}

# What verbs of their own do besides: a ticket given back to its team's queue is NEW again, since IN_PROGRESS
# needs somebody who works on it; a reopened one goes on where it was. NEW is reached only by letting go.
RELEASES: dict[Status, Status] = {Status.IN_PROGRESS: Status.NEW}
REOPENS: dict[Status, tuple[Status, ...]] = {Status.DONE: (Status.IN_PROGRESS, Status.NEW)}
# A requester who answers a WAITING ticket that nobody holds brings it back to the queue.
ANSWERS: dict[Status, tuple[Status, ...]] = {Status.WAITING: (Status.IN_PROGRESS, Status.NEW)}

# The verb that leads to a status by "change status".
VERBS: dict[Status, str] = {
    Status.IN_PROGRESS: "start",
    Status.WAITING: "wait",
    Status.DONE: "resolve",
    Status.CANCELED: "cancel",
}

# How long after the resolution a requester may reopen.
REOPEN_WINDOW = timedelta(days=14)

OPEN: frozenset[Status] = frozenset({Status.NEW, Status.IN_PROGRESS, Status.WAITING})
FINAL: frozenset[Status] = frozenset({Status.DONE, Status.CANCELED})


def allows(old: str, new: str) -> bool:
    """Whether "change status" may go from one status to the other."""
    return Status(new) in CHANGES[Status(old)]


def jumps() -> dict[tuple[Status, Status], bool]:
    """Every pair the database accepts, and whether it does so only where nobody is assigned."""
    pairs = {(old, new): False for old, news in CHANGES.items() for new in news}
    pairs |= dict.fromkeys(RELEASES.items(), True)
    for table in (REOPENS, ANSWERS):
        for old, news in table.items():
            for new in news:
                pairs[old, new] = new is Status.NEW
    return pairs
