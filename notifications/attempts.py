"""Attempts at deliveries: taken by one worker, some at once, and each given back with what became of it.

Taking them is one statement, which commits before anything is sent: whoever is killed after it leaves attempts that are
taken up again, and two workers never send the same at once. Recording an outcome is another, for each as soon as it is
known, and counts only while the attempt is still this worker's.
"""

import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from audit import watching
from notifications import rests
from notifications.message import Ambiguous, NotSent, NotSetUp, Passing, Permanent
from notifications.models import Channel, Delivery, Rest, State, Webhook

GIVE_UP_AFTER = timedelta(days=3)
TOO_LATE = "It has waited for too long."
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)
# What is taken at once: read in a dozen questions, sent one after the other by one thread.
TOGETHER = 20
# An attempt that has not ended by then was killed: transports give up after ten seconds, and what its worker has not
# come to by outbox.SPAN it gives back.
ABANDONED_AFTER = timedelta(seconds=45)
# A message that may have arrived is sent so many times at most, always with the same id.
MOST_AMBIGUOUS = 3
# What a failure is called, for those who count, that is not the last.
RETRIED = "retried"
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
        # Whether it has failed for a reason that what goes there next would meet, too.
        self.bodes_ill = False

    @property
    def give_up_at(self) -> datetime:
        return (self.delivery.again_at or self.delivery.created_at) + GIVE_UP_AFTER

    def given_up(self) -> None:
        """Its time was over before its turn came: the destination rested, or no worker was there."""
        self._end(State.FAILED, self.delivery.said or TOO_LATE)

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
        if isinstance(trouble, NotSetUp) and now + UNTIL_SET_UP < self.give_up_at:
            self.hold(State.PENDING, now + UNTIL_SET_UP, trouble.said)
        if isinstance(trouble, NotSetUp):
            return self.skipped(trouble.said)
        if isinstance(trouble, Permanent) or now >= self.give_up_at:
            return self._end(State.FAILED, trouble.said)
        if isinstance(trouble, Ambiguous) and delivery.attempts >= MOST_AMBIGUOUS:
            return self._end(State.UNKNOWN, trouble.said)
        at = now + pause_after(delivery.attempts)
        if isinstance(trouble, Passing) and trouble.at is not None:
            at = max(at, trouble.at)
        at = min(at, self.give_up_at)
        if self._update(state=State.PENDING, due_at=at, said=trouble.said):
            watching.tell("delivery", delivery.transport, RETRIED, None)
        raise Later(at)

    def give_back(self) -> None:
        """Untried, for whoever takes it next. Raises Later."""
        self.hold(State.PENDING, timezone.now())

    def hold(self, state: State, at: datetime, said: str = "") -> None:
        """Give it back untried, PENDING or GATHERED until then. Raises Later for what is to be tried by itself."""
        more = {"said": said} if said else {}
        self._update(state=state, due_at=at, attempts=F("attempts") - 1, **more)
        if state == State.PENDING:
            raise Later(at)

    def _tell_rests(self, trouble: NotSent) -> None:
        if isinstance(trouble, Passing | Ambiguous) and not getattr(trouble, "about_this", False):
            self.bodes_ill = True
            rests.failed(self.destination, on_trial=self.on_trial, at=getattr(trouble, "at", None))
        elif self.shaky and isinstance(trouble, Passing | Permanent):
            # It has answered, be it with a no to this message.
            rests.succeeded(self.destination)

    def _end(self, state: State, said: str) -> None:
        # Of every delivery, one by one: written out, since the ORM takes longer to make it than the database to do it.
        one = self.delivery
        with connection.cursor() as cursor:
            cursor.execute(_END, [state, said[:500], timezone.now(), one.pk, one.started_at])
            if cursor.rowcount:
                age = timezone.now() - (one.again_at or one.created_at)
                watching.tell("delivery", one.transport, str(state), age)
        if state in {State.FAILED, State.UNKNOWN}:
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

    def _update(self, **values: object) -> int:
        # As _END.
        ours = Delivery.objects.filter(
            pk=self.delivery.pk, state=State.SENDING, started_at=self.delivery.started_at
        )
        return ours.update(**values)


def pause_after(attempts: int) -> timedelta:
    """Doubles with every attempt, and a fifth more or less, so that many who failed together do not return together."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)


def destination(public_ids: Collection[UUID]) -> str | None:
    """Where these go, which is the same for all whose jobs are one; None if they are forgotten."""
    one = Delivery.objects.filter(public_id__in=public_ids).only("transport", "webhook", "channel").first()
    return None if one is None else destination_of(one)


def take(public_ids: Collection[UUID]) -> tuple[list[Attempt], datetime | None]:
    """Those that are due, ours alone until they end, and what stands in line behind them; in their order. With them
    what else waits to be mailed, or for the same webhook, as many as may go together: their own jobs stand by for them
    should this worker die.

    And when to look again at the others of these, if any is neither finished nor in line behind another.
    """
    now = timezone.now()
    taken = list(
        Delivery.objects.raw(
            _TAKE,
            {
                "ids": list(public_ids),
                "now": now,
                "abandoned": now - ABANDONED_AFTER,
                "patience": rests.PATIENCE,
                "trial": now + rests.TRIAL,
                "together": TOGETHER,
            },
        )
    )
    if taken:
        taken.sort(key=lambda one: (one.seq, one.pk))
        _bring_along_whom(taken)
    left = set(public_ids) - {one.public_id for one in taken}
    return [Attempt(one) for one in taken], _when(left, now) if left else None


def _bring_along_whom(deliveries: Sequence[Delivery]) -> None:
    """People with all that is asked of them on the way; channels and webhooks. A question for each kind there is."""
    for name, rows in (
        ("recipient", User.objects.with_teams().select_related("quiet")),
        ("channel", Channel.objects.all()),
        ("webhook", Webhook.objects.all()),
    ):
        theirs = [one for one in deliveries if getattr(one, f"{name}_id") is not None]
        found = rows.in_bulk({getattr(one, f"{name}_id") for one in theirs}) if theirs else {}
        for one in theirs:
            setattr(one, name, found.get(getattr(one, f"{name}_id")))


def _when(public_ids: Collection[UUID], now: datetime) -> datetime | None:
    """When to look again at deliveries that could not be taken; None if they are all finished, or not their turn."""
    left = Delivery.objects.filter(public_id__in=public_ids, state__in=[State.PENDING, State.SENDING])
    moments = [_when_one(found, now) for found in left]
    return min((at for at in moments if at is not None), default=None)


def _when_one(found: Delivery, now: datetime) -> datetime | None:
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


def job_name(delivery: Delivery) -> str:
    """What the job of `outbox.announce` is known by; of several mails the first gives the name."""
    return f"delivery:{delivery.public_id}"


def spare_jobs(finished: Collection[Delivery]) -> None:
    """Take away the jobs that wait for nothing any more. What they cost would be most of what a delivery costs."""
    if finished:
        with connection.cursor() as cursor:
            cursor.execute(_SPARE, {"names": [job_name(one) for one in finished]})


def without_a_job(finished: Collection[Delivery]) -> list[Delivery]:
    """What the webhooks of these are to hear next of the same tickets, as far as no job is about to look after it."""
    lines = {(one.webhook_id, one.subject_id, one.again_at is None) for one in finished if one.webhook_id}
    if not lines:
        return []
    webhooks, subjects, fresh = zip(*lines, strict=True)
    return list(
        Delivery.objects.raw(
            _NEXT, {"webhooks": list(webhooks), "subjects": list(subjects), "fresh": list(fresh)}
        )
    )


def _in_line(one: Delivery) -> QuerySet[Delivery]:
    line: QuerySet[Delivery] = Delivery.objects.filter(
        webhook=one.webhook_id,
        subject_id=one.subject_id,
        state__in=[State.PENDING, State.SENDING],
        again_at__isnull=one.again_at is None,
    )
    return line


def destination_of(delivery: Delivery) -> str:
    if delivery.webhook_id:
        return f"webhook:{delivery.webhook_id}"
    return f"channel:{delivery.channel_id}" if delivery.channel_id else delivery.transport


# Only while the attempt is still ours: another worker may have taken it for abandoned.
_END = """
UPDATE notifications_delivery SET state = %s, said = %s, finished_at = %s
WHERE id = %s AND state = 'sending' AND started_at = %s
"""

# By Procrastinate's own function, which leaves alone what somebody has begun meanwhile.
_SPARE = """
SELECT procrastinate_cancel_job_v1(j.id, false, true) FROM procrastinate_jobs j
WHERE j.status = 'todo' AND j.queueing_lock = ANY(%(names)s) AND NOT EXISTS (
    SELECT FROM jsonb_array_elements_text(j.args->'deliveries') a(id)
    JOIN notifications_delivery d ON d.public_id = a.id::uuid
    WHERE d.state IN ('pending', 'sending'))
"""

_NEXT = """
SELECT d.* FROM (
    SELECT DISTINCT ON (d.webhook_id, d.subject_id, d.again_at IS NULL) d.*
    FROM unnest(%(webhooks)s::bigint[], %(subjects)s::uuid[], %(fresh)s::bool[]) AS line(webhook, subject, fresh)
    JOIN notifications_delivery d ON d.webhook_id = line.webhook AND d.subject_id = line.subject
        AND (d.again_at IS NULL) = line.fresh AND d.state = 'pending'
    ORDER BY d.webhook_id, d.subject_id, d.again_at IS NULL, d.seq) d
WHERE NOT EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE j.status = 'todo' AND j.queueing_lock = 'delivery:' || d.public_id
        AND (j.scheduled_at IS NULL OR j.scheduled_at <= d.due_at))
"""

# A webhook hears of a ticket in the order of its versions. What was sent again by hand has had its turn: it keeps the
# order of its like, and nothing new waits for it. Whoever has locked the first of a line may take what stands behind
# it, as far as all of it is due: nobody else can begin there. Mails know no order; whoever is busy with some others
# leaves them out. What else waits for the same webhook is taken along by whole lines, the first of each first. What a
# killed worker had taken goes on with the same attempt: most of that had not been tried.
_TAKE = """
WITH first AS MATERIALIZED (
    SELECT d.id, d.webhook_id, d.subject_id, d.seq, d.again_at FROM notifications_delivery d
    WHERE d.public_id = ANY(%(ids)s::uuid[]) AND d.due_at <= %(now)s
        AND (d.state = 'pending' OR d.state = 'sending' AND d.started_at <= %(abandoned)s)
        AND (d.webhook_id IS NULL OR NOT EXISTS (
            SELECT FROM notifications_delivery e
            WHERE e.subject_id = d.subject_id AND e.webhook_id = d.webhook_id AND e.seq < d.seq
                AND e.state IN ('pending', 'sending') AND (e.again_at IS NULL) = (d.again_at IS NULL)))
    ORDER BY d.id FOR UPDATE
), mails AS MATERIALIZED (
    SELECT d.id, d.webhook_id, d.subject_id, d.seq, d.again_at FROM notifications_delivery d
    WHERE d.transport = 'email' AND d.state = 'pending' AND d.due_at <= %(now)s AND d.public_id <> ALL(%(ids)s::uuid[])
        AND EXISTS (
            SELECT FROM notifications_delivery o WHERE o.public_id = ANY(%(ids)s::uuid[]) AND o.transport = 'email')
    ORDER BY d.due_at LIMIT greatest(0, %(together)s - (SELECT count(*) FROM first)) FOR UPDATE SKIP LOCKED
), lines AS MATERIALIZED (
    SELECT d.id, d.webhook_id, d.subject_id, d.seq, d.again_at FROM notifications_delivery d
    WHERE d.id = ANY(ARRAY(
            SELECT w.id FROM notifications_delivery w
            WHERE w.transport = 'webhook' AND w.state = 'pending' AND w.due_at <= %(now)s
                AND w.webhook_id = (
                    SELECT min(o.webhook_id) FROM notifications_delivery o WHERE o.public_id = ANY(%(ids)s::uuid[]))
            ORDER BY w.due_at LIMIT 10 * %(together)s))
        AND d.state = 'pending' AND d.public_id <> ALL(%(ids)s::uuid[])
        AND NOT EXISTS (
            SELECT FROM notifications_delivery e
            WHERE e.subject_id = d.subject_id AND e.webhook_id = d.webhook_id AND e.seq < d.seq
                AND e.state IN ('pending', 'sending') AND (e.again_at IS NULL) = (d.again_at IS NULL))
    ORDER BY d.due_at LIMIT greatest(0, %(together)s - (SELECT count(*) FROM first)) FOR UPDATE SKIP LOCKED
), ours AS MATERIALIZED (
    SELECT * FROM first UNION ALL SELECT * FROM mails UNION ALL SELECT * FROM lines
), behind AS (
    SELECT e.id FROM ours CROSS JOIN LATERAL (
        SELECT e.id, row_number() OVER (ORDER BY e.seq) AS place,
            bool_and(e.state = 'pending' AND e.due_at <= %(now)s) OVER (ORDER BY e.seq) AS is_due
        FROM notifications_delivery e
        WHERE e.webhook_id = ours.webhook_id AND e.subject_id = ours.subject_id AND e.seq > ours.seq
            AND e.state IN ('pending', 'sending') AND (e.again_at IS NULL) = (ours.again_at IS NULL)
        ORDER BY e.seq LIMIT %(together)s - 1) e
    WHERE e.is_due
    ORDER BY e.place LIMIT greatest(0, %(together)s - (SELECT count(*) FROM ours))
), due AS MATERIALIZED (
    SELECT d.id, d.destination, row_number() OVER (PARTITION BY d.destination ORDER BY d.seq, d.id) AS place
    FROM (SELECT d.*, CASE
            WHEN d.webhook_id IS NOT NULL THEN 'webhook:' || d.webhook_id
            WHEN d.channel_id IS NOT NULL THEN 'channel:' || d.channel_id
            ELSE d.transport END AS destination
        FROM notifications_delivery d
        WHERE d.id IN (SELECT id FROM ours UNION ALL SELECT id FROM behind)) d
), trial AS (
    UPDATE notifications_rest r SET until = %(trial)s
    WHERE r.destination IN (SELECT destination FROM due) AND r.failures >= %(patience)s AND r.until <= %(now)s
    RETURNING r.destination
)
UPDATE notifications_delivery d SET state = 'sending', started_at = %(now)s,
    attempts = d.attempts + (d.state = 'pending')::int
FROM due LEFT JOIN notifications_rest r ON r.destination = due.destination
    LEFT JOIN trial ON trial.destination = due.destination
WHERE d.id = due.id
    AND (r.destination IS NULL OR r.failures < %(patience)s AND r.until <= %(now)s
        OR trial.destination IS NOT NULL AND due.place = 1)
RETURNING d.*, due.destination, r.destination IS NOT NULL AS shaky, trial.destination IS NOT NULL AS on_trial
"""
