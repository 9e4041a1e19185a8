"""A destination that does not answer is left alone for a while, so that it delays nobody else.

After PATIENCE failures in a row a mail server, channel or webhook rests; what is due there waits in the database and
occupies no thread. When the rest is over one message tries, and the others go after it if it arrives; if not, the next
rest is twice as long. Within a process no destination takes more than half of the threads, but for mail, which has
threads of its own.
"""

import random
import threading
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


class Crowded(Exception):
    """As many messages as may be are on their way there."""


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

_taken: Counter[str] = Counter()
_change = threading.Condition()


@contextmanager
def place_at(destination: str) -> Iterator[None]:
    """One of the places for messages that are on their way there. Raises Crowded if none gets free in a moment."""
    most = settings.JOB_THREADS if destination == Transport.EMAIL else max(1, settings.JOB_THREADS // 4)
    with _change:
        if not _change.wait_for(lambda: _taken[destination] < most, timeout=0.25):
            raise Crowded
        _taken[destination] += 1
    try:
        yield
    finally:
        with _change:
            _taken[destination] -= 1
            if not _taken[destination]:
                del _taken[destination]
            _change.notify_all()
