"""A destination that does not answer is left alone for a while, so that it delays nobody else.

After PATIENCE failures in a row a mail server, channel or webhook rests; what is due there waits in the database and
occupies no thread. When the rest is over one message tries, and the others go after it if it arrives; if not, the next
rest is twice as long. One that answers slowly has few of the threads (`place_at`).
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Greatest
from django.utils import timezone

from notifications.models import Rest, Transport

PATIENCE = 3
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(minutes=5)
# How long one message may be on trial; transports give up after ten seconds.
TRIAL = timedelta(seconds=15)


def failed(destination: str, *, on_trial: bool = False, at: datetime | None = None) -> None:
    """Count a failure; from the third on, or until `at` where the other side has asked for it, nothing goes there.

    Of those that were on their way when a rest began none counts any more.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notifications_rest AS r (destination, failures, until) VALUES (%(to)s, 1, %(now)s)
            ON CONFLICT (destination) DO UPDATE SET failures = r.failures + 1
            WHERE r.failures < %(patience)s OR r.until <= %(now)s OR %(trial)s
            RETURNING failures
            """,
            {"to": destination, "now": now, "patience": PATIENCE, "trial": on_trial},
        )
        row = cursor.fetchone()
    failures = row[0] if row else 0
    until = now + _pause(failures) if failures >= PATIENCE else now
    if at is not None:
        until = max(until, at)
    if until > now:
        rest = Rest.objects.filter(destination=destination)
        if not on_trial:
            rest = rest.filter(until__lt=until)
        rest.update(until=until, failures=Greatest("failures", PATIENCE))


def succeeded(destination: str) -> None:
    Rest.objects.filter(destination=destination).delete()


def soon_after(until: datetime) -> datetime:
    """A moment after the rest, not the same for everybody who waits."""
    left = max((until - timezone.now()).total_seconds(), 1.0)
    return until + timedelta(seconds=random.uniform(0.1, min(left, 30.0)))  # noqa: S311 (no secret)


def _pause(failures: int) -> timedelta:
    pause: timedelta = min(SHORTEST * 2 ** min(failures - PATIENCE, 10), LONGEST)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)


# --- Places in this process ----------------------------------------------------------------------

# A message that takes longer makes its destination a slow one.
SLOW = 1.0  # seconds
# A place at a quick one is soon free again, and waiting for it costs less than coming back.
WAIT = 0.5  # seconds
# Jobs that find no place come back one after the other, so that many of them cost no more than a few.
COME_BACK, APART = 2.0, 0.1  # seconds

_change = threading.Condition()
_taken: Counter[str] = Counter()
_is_slow: dict[str, bool] = {}
_asked_for: set[str] = set()
_come_back: dict[str, float] = {}


class Crowded(Exception):
    """No thread is to be had for it just now; `at` is when to ask again."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at.isoformat())
        self.at = at


@contextmanager
def place_at(destination: str) -> Iterator[None]:
    """A thread of this process for what goes there. Raises Crowded if it may have none.

    Mail has threads of its own. Of those of the others no destination takes more than a quarter, one that is not known
    yet takes one, and all that are slow together take half: what is quick always finds a thread.
    """
    with _change:
        if destination != Transport.EMAIL and not _may_take(destination):
            _asked_for.add(destination)
            if _is_slow.get(destination) is not False or not _change.wait_for(
                lambda: _may_take(destination), timeout=WAIT
            ):
                raise Crowded(_slot(destination))
        _taken[destination] += 1
    try:
        yield
    finally:
        with _change:
            _taken[destination] -= 1
            if not _taken[destination]:
                del _taken[destination]
            _change.notify_all()


def was_asked_for(destination: str) -> bool:
    """Whether others have wanted a place since this was asked: who has one does their work with his own."""
    with _change:
        asked = destination in _asked_for
        _asked_for.discard(destination)
        return asked


def took(destination: str, seconds: float) -> None:
    """Remember how long a message was on its way."""
    with _change:
        _is_slow[destination] = seconds > SLOW


def _may_take(destination: str) -> bool:
    threads, is_slow = settings.JOB_THREADS, _is_slow.get(destination)
    if _taken[destination] >= (1 if is_slow is None else max(1, threads // 4)):
        return False
    slow = sum(count for other, count in _taken.items() if _is_slow.get(other))
    return not is_slow or slow < max(1, threads // 2)


def _slot(destination: str) -> datetime:
    now = time.monotonic()
    slot = max(now + COME_BACK, _come_back.get(destination, 0.0) + APART)
    _come_back[destination] = slot
    return timezone.now() + timedelta(seconds=slot - now)
