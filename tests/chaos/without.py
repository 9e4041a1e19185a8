"""The product with one of its guards taken away, so that a fault can be seen to bite: bin/chaos --without GUARD.

Only here: the product itself has no such switch. Each function below is what somebody could have written instead.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

GUARDS: dict[str, Callable[[], None]] = {}
# Taken away by a setting of the processes instead: {guard: environment}.
SETTINGS: dict[str, dict[str, str]] = {
    "commits": {},  # see settings.py
    "few-connections": {"WEB_THREADS": "120"},
    "whole-requests": {"GUNICORN_CMD_ARGS": "--worker-class gthread"},
}
# What it is, for people.
SAID: dict[str, str] = {
    "commits": "the database answers before it has written (synchronous_commit off)",
    "few-connections": "a thread for everybody, more than the database has connections",
    "whole-requests": "gunicorn's own threads, which wait for slow clients",
}


def begin(_jobs: Any) -> None:
    """Called by Django in each process when it is ready."""
    hurry()
    for name in os.environ.get("WITHOUT", "").split():
        if name in GUARDS:
            GUARDS[name]()


def hurry() -> None:
    """Every pause a fraction of what it is; which is longer than which stays as it is, or messages would come twice."""
    from notifications import attempts, http, outbox, rests, upkeep
    from notifications.transports import smtp
    from tests import hurried  # noqa: F401
    from tickets.inbound_email import collecting

    replace(smtp, CONNECT=3.0, WHOLE=3.0)  # the servers of the run answer when the machine lets them
    replace(http, CONNECT=3.0, WHOLE=3.0)
    replace(outbox, SPAN=2.0)
    replace(attempts, ABANDONED_AFTER=timedelta(seconds=8))
    replace(rests, TRIAL=timedelta(seconds=5))
    replace(upkeep, SILENCE=4)
    reconcile = upkeep.reconcile

    def soon(*, older_than: timedelta) -> int:
        return reconcile(older_than=older_than / 20)

    replace(upkeep, reconcile=soon)
    replace(collecting, LOST_AFTER=timedelta(seconds=5), FIRST_REST=timedelta(seconds=2))


def replace(where: Any, **what: Any) -> None:
    for name, other in what.items():
        assert hasattr(where, name), f"there is no {name} any more"
        setattr(where, name, other)


def guard(take_away: Callable[[], None]) -> Callable[[], None]:
    name = take_away.__name__.replace("_", "-")
    GUARDS[name], SAID[name] = take_away, (take_away.__doc__ or "").strip().rstrip(".")
    return take_away


@guard
def idempotency() -> None:
    """An Idempotency-Key is ignored."""
    from accounts.rest import safe_writing

    replace(safe_writing, key_in=lambda _request: None)


# What is done after a commit takes its time: another server, a queue.
AFTERWARDS = 0.3  # seconds


@guard
def events_in_the_transaction() -> None:
    """The event of a ticket is written after the commit of what it tells of."""
    from audit import trail

    record = trail.record

    def later(verb: str, subject: Any, **named: Any) -> Any:
        if subject.type != "ticket":
            return record(verb, subject, **named)
        return afterwards(lambda: record(verb, subject, **named))

    replace(trail, record=later)


@guard
def outbox_in_the_transaction() -> None:
    """Who is to be told is written down after the commit of what he is told of."""
    from notifications import outbox

    announce = outbox.announce

    def later(*arguments: Any, **named: Any) -> None:
        afterwards(lambda: announce(*arguments, **named))

    replace(outbox, announce=later)


def afterwards(deed: Callable[[], object]) -> None:
    from django.db import transaction

    def after_a_while() -> None:
        time.sleep(AFTERWARDS)
        deed()

    transaction.on_commit(after_a_while)


@guard
def lock() -> None:
    """A verb does not lock its ticket."""
    from tickets.models.ticket import TicketQuerySet

    def found(self: Any, pk: int) -> Any:
        ticket = self.standing().with_people().select_related("finished_by").defer("search").get(pk=pk)
        ticket.drop_outdated_people()
        ticket.remember()
        return ticket

    replace(TicketQuerySet, locked=found)


@guard
def rescue() -> None:
    """Nobody takes up the jobs of a worker that was killed."""
    from notifications import upkeep

    async def nothing(_app: Any) -> int:
        return 0

    replace(upkeep, rescue_jobs=nothing)


@guard
def unavailable() -> None:
    """What the database does is a fault of ours like any other."""
    from serviceflow import errors

    replace(errors, of_trouble=lambda _request, _exception: None)


@guard
def another_try() -> None:
    """A message that did not arrive at once is given up."""
    from notifications.attempts import Attempt
    from notifications.models import State

    replace(Attempt, failed=lambda self, trouble: self._end(State.FAILED, trouble.said))


@guard
def known_messages() -> None:
    """Nobody looks whether a mail of this Message-ID has come before."""
    from tickets.inbound_email import receiving

    replace(receiving, _earlier=lambda _mail: None)


@guard
def known_places() -> None:
    """A mail is known by nothing of where it lay: each visit keeps what it finds."""
    from tickets.inbound_email import collecting, receiving
    from tickets.models import InboundMail

    replace(receiving, _earlier=lambda _mail: None)

    def insert(mail: InboundMail) -> bool:
        last = InboundMail.objects.order_by("uid_validity").last()
        mail.uid_validity = (last.uid_validity if last else 0) + 1
        mail.save(force_insert=True)
        return True

    known: dict[str, Any] = {
        "_known": lambda *_asked: set(),
        "_is_known_elsewhere": lambda _mail, **_same: False,
    }
    replace(collecting, _insert=insert, **known)


@guard
def files_first() -> None:
    """A file that could not be stored keeps nobody from saying that it was."""
    from tickets import files
    from tickets.models.files import somewhere

    put = files.put

    def try_to_put(file: files.Incoming) -> None:
        try:
            put(file)
        except files.StoreAway:
            file.path = somewhere()

    replace(files, put=try_to_put)


@guard
def bounds() -> None:
    """A body may be as large as its sender likes."""
    from django.conf import settings

    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.LARGEST_UPLOAD = 10**12


@guard
def a_new_connection() -> None:
    """A connection that was lost is not made anew."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    replace(BaseDatabaseWrapper, close_if_unusable_or_obsolete=lambda _self: None)
