"""One attempt at a delivery: taken by one worker, and given back with what became of it.

Taking it is one statement, which commits before anything is sent: whoever is killed after it leaves an attempt that is
taken up again, and two workers never send the same at once. Recording the outcome is another, and counts only while the
attempt is still this worker's.
"""

import random
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from notifications import rests
from notifications.message import Ambiguous, NotSent, NotSetUp, Passing, Permanent
from notifications.models import Delivery, Rest, State

GIVE_UP_AFTER = timedelta(days=3)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)
# An attempt that has not ended by then was killed: transports give up after ten seconds.
ABANDONED_AFTER = timedelta(seconds=45)
# A message that may have arrived is sent so many times at most, always with the same id.
MOST_AMBIGUOUS = 3
# Until somebody looks again whether the desk has been told how to send such things.
UNTIL_SET_UP = timedelta(minutes=10)

log = structlog.get_logger("notifications")


class Later(Exception):
    """The delivery is to be tried again at this time."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at.isoformat())
        self.at = at


class Attempt:
    """A delivery that is ours to send. `destination` is what rests when it does not answer."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.destination: str = delivery.destination  # type: ignore[attr-defined]
        self.shaky: bool = delivery.shaky  # type: ignore[attr-defined]
        self.on_trial: bool = delivery.on_trial  # type: ignore[attr-defined]

    def succeeded(self, said: str) -> None:
        self._end(State.SENT, said)
        if self.shaky:
            rests.succeeded(self.destination)

    def skipped(self, said: str) -> None:
        self._end(State.SKIPPED, said)

    def failed(self, trouble: NotSent) -> None:
        """Record what went wrong. Raises Later if it is to be tried again."""
        delivery, now = self.delivery, timezone.now()
        self._tell_rests(trouble)
        give_up_at = (delivery.again_at or delivery.created_at) + GIVE_UP_AFTER
        if isinstance(trouble, NotSetUp) and now < give_up_at:
            self.hold(State.PENDING, now + UNTIL_SET_UP, trouble.said)
        if isinstance(trouble, NotSetUp):
            return self.skipped(trouble.said)
        if isinstance(trouble, Permanent) or now >= give_up_at:
            return self._end(State.FAILED, trouble.said)
        if isinstance(trouble, Ambiguous) and delivery.attempts >= MOST_AMBIGUOUS:
            return self._end(State.UNKNOWN, trouble.said)
        at = now + pause_after(delivery.attempts)
        if isinstance(trouble, Passing) and trouble.at is not None:
            at = max(at, trouble.at)
        at = min(at, give_up_at)
        self._update(state=State.PENDING, due_at=at, said=trouble.said)
        raise Later(at)

    def hold(self, state: State, at: datetime, said: str = "") -> None:
        """Give it back untried, PENDING or GATHERED until then. Raises Later for what is to be tried by itself."""
        more = {"said": said} if said else {}
        self._update(state=state, due_at=at, attempts=F("attempts") - 1, **more)
        if state == State.PENDING:
            raise Later(at)

    def crowded(self) -> None:
        """Give it back for a moment: as many as may be are on their way there. Raises Later."""
        self.hold(State.PENDING, timezone.now() + timedelta(seconds=random.uniform(0.5, 2)))  # noqa: S311 (no secret)

    def _tell_rests(self, trouble: NotSent) -> None:
        if isinstance(trouble, Passing | Ambiguous) and not getattr(trouble, "about_this", False):
            rests.failed(self.destination, on_trial=self.on_trial, at=getattr(trouble, "at", None))
        elif self.shaky and isinstance(trouble, Passing | Permanent):
            # It has answered, be it with a no to this message.
            rests.succeeded(self.destination)

    def _end(self, state: State, said: str) -> None:
        self._update(state=state, said=said[:500], finished_at=timezone.now())
        if state in {State.FAILED, State.UNKNOWN}:
            one = self.delivery
            log.error(
                "delivery_failed",
                delivery=str(one.public_id),
                transport=one.transport,
                state=str(state),
                verb=one.verb,
                subject=str(one.subject_id),
                attempts=one.attempts,
                said=said,
            )

    def _update(self, **values: object) -> None:
        # Only while the attempt is still ours: another worker may have taken it for abandoned.
        ours = Delivery.objects.filter(
            pk=self.delivery.pk, state=State.SENDING, started_at=self.delivery.started_at
        )
        ours.update(**values)


def pause_after(attempts: int) -> timedelta:
    """Doubles with every attempt, and a fifth more or less, so that many who failed together do not return together."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)


def take(public_id: UUID) -> Attempt | None:
    """The delivery, ours alone until it ends. Raises Later where its time has not come.

    None if it is finished, or if another one of its line is before it.
    """
    now = timezone.now()
    taken = Delivery.objects.raw(
        _TAKE,
        {
            "id": public_id,
            "now": now,
            "abandoned": now - ABANDONED_AFTER,
            "patience": rests.PATIENCE,
            "trial": now + rests.TRIAL,
        },
    )
    for delivery in taken:
        if delivery.recipient_id is not None:
            # With all that is asked of him on the way.
            delivery.recipient = (
                User.objects.with_teams().select_related("quiet").get(pk=delivery.recipient_id)
            )
        return Attempt(delivery)
    at = _when(public_id, now)
    if at is None:
        return None
    raise Later(at)


def _when(public_id: UUID, now: datetime) -> datetime | None:
    """When to look again at a delivery that could not be taken; None if it is finished, or not its turn."""
    found = Delivery.objects.filter(public_id=public_id, state__in=[State.PENDING, State.SENDING]).first()
    if found is None:
        return None
    if found.state == State.SENDING and found.started_at and found.started_at > now - ABANDONED_AFTER:
        return found.started_at + ABANDONED_AFTER
    if found.due_at > now:
        return found.due_at
    rest = Rest.objects.filter(destination=destination_of(found), until__gt=now).first()
    if rest is not None:
        return rests.soon_after(rest.until)
    if found.webhook_id is not None and _in_line(found).filter(seq__lt=found.seq).exists():
        # Whoever brings the one before it on its way goes on with this one.
        return None
    # Somebody was quicker.
    return now + timedelta(seconds=random.uniform(1, 3))  # noqa: S311 (no secret)


def next_in_line(finished: Delivery) -> Delivery | None:
    """What the same webhook is to hear next of the same ticket."""
    if finished.webhook_id is None:
        return None
    return _in_line(finished).filter(state=State.PENDING).order_by("seq").first()


def _in_line(one: Delivery) -> QuerySet[Delivery]:
    line: QuerySet[Delivery] = Delivery.objects.filter(
        webhook=one.webhook_id,
        subject_id=one.subject_id,
        state__in=[State.PENDING, State.SENDING],
        again_at=None,
    )
    return line if one.again_at is None else line.none()


def destination_of(delivery: Delivery) -> str:
    if delivery.webhook_id:
        return f"webhook:{delivery.webhook_id}"
    return f"channel:{delivery.channel_id}" if delivery.channel_id else delivery.transport


# A webhook hears of a ticket in the order of its versions. What was sent again by hand has had its turn.
_TAKE = """
WITH due AS MATERIALIZED (
    SELECT d.id, CASE
        WHEN d.webhook_id IS NOT NULL THEN 'webhook:' || d.webhook_id
        WHEN d.channel_id IS NOT NULL THEN 'channel:' || d.channel_id
        ELSE d.transport END AS destination
    FROM notifications_delivery d
    WHERE d.public_id = %(id)s AND d.due_at <= %(now)s
        AND (d.state = 'pending' OR d.state = 'sending' AND d.started_at <= %(abandoned)s)
        AND (d.webhook_id IS NULL OR d.again_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM notifications_delivery e
            WHERE e.subject_id = d.subject_id AND e.webhook_id = d.webhook_id AND e.seq < d.seq
                AND e.state IN ('pending', 'sending') AND e.again_at IS NULL))
    FOR UPDATE
), trial AS (
    UPDATE notifications_rest r SET until = %(trial)s FROM due
    WHERE r.destination = due.destination AND r.failures >= %(patience)s AND r.until <= %(now)s
    RETURNING r.destination
)
UPDATE notifications_delivery d SET state = 'sending', started_at = %(now)s, attempts = d.attempts + 1
FROM due LEFT JOIN notifications_rest r ON r.destination = due.destination
WHERE d.id = due.id
    AND (r.destination IS NULL OR r.failures < %(patience)s AND r.until <= %(now)s OR EXISTS (SELECT FROM trial))
RETURNING d.*, due.destination, r.destination IS NOT NULL AS shaky, EXISTS (SELECT FROM trial) AS on_trial
"""
