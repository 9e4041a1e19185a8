"""What keeps deliveries going, and what is forgotten when nobody needs it any more.

Each may be called at any time, by several at once, and again after it was broken off.
"""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from procrastinate import App
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from psycopg.errors import RaiseException

from audit import watching
from notifications import attempts, outbox
from notifications.models import Delivery, Rest, State

log = structlog.get_logger("notifications")

BATCH = 1000
# What a failed job stood for (a delivery, a mail) tells of it for longer.
JOBS_KEPT = timedelta(days=14)
# What failed before has been seen by now.
FAILURES_TOLD = timedelta(days=14)
# A worker says every ten seconds that it lives.
SILENCE = 30


def reconcile(*, older_than: timedelta) -> int:
    """Enqueue deliveries that should have gone out and have no job any more. Answers how many."""
    before = timezone.now() - older_than
    with transaction.atomic():
        lost = list(Delivery.objects.raw(_LOST, {"before": before, "task": outbox.TASK, "batch": BATCH}))
        outbox.enqueue(lost)
    return len(lost)


def give_up() -> int:
    """End what has waited for three days: behind a destination that rests, or for a worker. Answers how many."""
    with connection.cursor() as cursor:
        now = timezone.now()
        cursor.execute(
            _GIVE_UP,
            {
                "now": now,
                "before": now - attempts.GIVE_UP_AFTER,
                "abandoned": now - attempts.ABANDONED_AFTER,
                "said": attempts.TOO_LATE,
            },
        )
        gone: int = cursor.rowcount
        for (transport,) in cursor.fetchall():
            watching.tell("delivery", transport, str(State.FAILED), None)
    if gone:
        log.error("deliveries_given_up", count=gone)
    return gone


async def rescue_jobs(app: App) -> int:
    """Give the jobs of workers that were killed to others; nobody else does. Answers how many."""
    rescued = 0
    for job in list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENCE)):
        try:
            await _rescue(app, job)
        except ConnectorException as trouble:
            # It has come to its end after all, or another worker was quicker: that keeps no other from being rescued.
            if not isinstance(trouble.__cause__, RaiseException):
                raise
        else:
            rescued += 1
    return rescued


async def _rescue(app: App, job: Job) -> None:
    try:
        await app.job_manager.retry_job(job)
    except UniqueViolation:
        # The same has been asked for meanwhile, and may be waiting for this one to end: a visit to a mailbox is.
        await app.job_manager.finish_job(job, Status.ABORTED, delete_job=True)


async def forget_jobs(app: App) -> None:
    """Jobs that failed for good, some time ago. Those that went well are gone as they end."""
    hours = JOBS_KEPT // timedelta(hours=1)
    await app.job_manager.delete_old_jobs(
        nb_hours=hours, include_failed=True, include_cancelled=True, include_aborted=True
    )


def failures() -> int:
    """Messages that were given up within the last weeks, for those who are to mend it."""
    since = timezone.now() - FAILURES_TOLD
    return Delivery.objects.filter(state=State.FAILED, finished_at__gt=since).count()


def forget_deliveries() -> int:
    """Those that are over: what went well is kept for DELIVERIES_KEPT days, what failed for four times as long.

    The inbox is its reader's, and read for as long. Answers how many are gone.
    """
    now = timezone.now()
    kept = timedelta(days=settings.DELIVERIES_KEPT)
    gone = _forget(state__in=[State.SENT, State.SKIPPED], finished_at__lt=now - kept)
    gone += _forget(state__in=[State.FAILED, State.UNKNOWN], finished_at__lt=now - 4 * kept)
    # A destination that is gone would rest for ever.
    Rest.objects.filter(until__lt=now - timedelta(days=7)).delete()
    return gone


def _forget(**condition: object) -> int:
    gone = 0
    while True:
        with transaction.atomic():
            old = Delivery.objects.filter(**condition).select_for_update(skip_locked=True)
            batch = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH])
            Delivery.objects.filter(pk__in=batch).delete()
        gone += len(batch)
        if len(batch) < BATCH:
            return gone


_GIVE_UP = """
UPDATE notifications_delivery SET state = 'failed', finished_at = %(now)s, said = coalesce(nullif(said, ''), %(said)s)
WHERE (state = 'pending' OR state = 'sending' AND started_at < %(abandoned)s)
    AND coalesce(again_at, created_at) < %(before)s
RETURNING transport
"""

# Sets are subtracted, not looked up row by row: that takes as long as there is work, whatever the planner believes of
# tables that have just grown. Of a webhook's line only the first has to have a job.
_LOST = """
WITH waiting AS MATERIALIZED (
    SELECT public_id, due_at, row_number() OVER (
        PARTITION BY webhook_id, subject_id, again_at IS NULL, CASE WHEN webhook_id IS NULL THEN id END ORDER BY seq
    ) AS place
    FROM notifications_delivery WHERE state IN ('pending', 'sending')
), queued AS MATERIALIZED (
    SELECT public_id::uuid FROM procrastinate_jobs j, jsonb_array_elements_text(j.args->'deliveries') AS d(public_id)
    WHERE j.task_name = %(task)s AND j.status IN ('todo', 'doing')
), lost AS MATERIALIZED (
    SELECT public_id FROM waiting WHERE place = 1 AND due_at < %(before)s
    EXCEPT SELECT public_id FROM queued LIMIT %(batch)s
)
SELECT d.* FROM notifications_delivery d
WHERE d.public_id = ANY(ARRAY(SELECT public_id FROM lost)) AND d.state IN ('pending', 'sending')
ORDER BY d.id FOR UPDATE SKIP LOCKED
"""
