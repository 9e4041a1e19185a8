"""Whether the desk lives and whether it can work, for load balancers and container platforms."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, OperationalError, connections
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from procrastinate.contrib.django import app

from notifications.upkeep import SILENCE
from serviceflow import problems
from serviceflow.asking import Question

log = structlog.get_logger("serviceflow.health")


@dataclass(frozen=True)
class Standing:
    """`reasons` why the desk cannot work, `troubles` of its jobs, and the figures behind those."""

    reasons: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)


def live(request: HttpRequest) -> HttpResponse:
    """The process answers. It does not look at the database, whose absence no restart of ours would mend."""
    return told(Standing(), [], openly=False)


def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and has the tables of this version. Jobs that stand still take nobody off the network."""
    standing = ask_once()
    return told(standing, standing.reasons, openly=may_know(request.headers.get("Authorization", "")))


def jobs(request: HttpRequest) -> HttpResponse:
    """A worker lives and its jobs do not wait for long: for those who are to be woken."""
    standing = ask_once()
    return told(
        standing,
        standing.reasons + standing.troubles,
        openly=may_know(request.headers.get("Authorization", "")),
    )


def may_know(said: str) -> bool:
    """Whether to tell figures and reasons to whoever sends this Authorization. Without a look at the database, which
    may be what is in trouble.
    """
    wanted = f"Bearer {settings.METRICS_KEY}".encode()
    return settings.METRICS_OPEN or (
        bool(settings.METRICS_KEY) and hmac.compare_digest(said.encode(), wanted)
    )


def told(standing: Standing, reasons: list[str], *, openly: bool) -> HttpResponse:
    """A stranger learns from the status, as load balancers do, and nothing else."""
    body: dict[str, Any] = {"status": "unavailable" if reasons else "ok"}
    if openly and reasons:
        body["reasons"] = reasons
    if openly and standing.jobs:
        body["jobs"] = standing.jobs
    response = JsonResponse(body, status=503 if reasons else 200)
    if reasons:
        response["Retry-After"] = str(problems.RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response


# --- Asking the database -------------------------------------------------------------------------

_migrated = False


def ask_once() -> Standing:
    """How the desk stands."""
    try:
        return _question.answer()
    except (Error, TimeoutError) as trouble:
        log.warning("not_ready", said=str(trouble))
        return Standing(["The database does not answer."])
    except Exception as trouble:
        # A bug here must not read as readiness.
        log.error("readiness_unknown", exc_info=trouble)
        return Standing(["The database could not be asked."])


def look(cursor: CursorWrapper) -> Standing:
    global _migrated  # noqa: PLW0603 (migrations that are applied stay applied)
    cursor.execute("SELECT 1")
    if not _migrated:
        executor = MigrationExecutor(connections["default"])
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        if _migrated:
            warn_the_owner(cursor)
    if not _migrated:
        return Standing(["The database lacks migrations: run manage.py migrate."])
    return look_at_jobs(cursor)


_question = Question(look, name="readiness")


def warn_the_owner(cursor: CursorWrapper) -> None:
    """Once a process: who breaks into a desk that owns its tables can rewrite its memory."""
    cursor.execute("SELECT has_table_privilege('audit_event', 'UPDATE')")
    if cursor.fetchone()[0] and not settings.DEMO_ALLOWED:
        log.warning(
            "database_owner", advice="Name another role in DATABASE_URL: manage.py database_roles makes it."
        )


# --- Jobs ----------------------------------------------------------------------------------------

LONG = 120  # seconds that a job may be due and nobody begins it
MOST_COUNTED = 50_000  # jobs that are due, more than a worker does in LONG; and deliveries, the latest of all
AGAIN = (
    3  # times in an hour that what the clock repeats may fail; less often the next turn has made up for it
)
MANY_UNDELIVERED = 10  # messages given up within an hour: one is a wrong address, many are a dead way out

# `oldest` is for how many seconds the job has been due that waits longest: one that was not put off is older than what
# came after it. `failed` is of the last hour, `undelivered` of the last day.
_JOBS = """
WITH due AS MATERIALIZED (
    SELECT id, scheduled_at FROM procrastinate_jobs
    WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now() LIMIT %(most)s
), broken AS MATERIALIZED (
    SELECT task_name, count(*) AS times FROM procrastinate_jobs job
    WHERE status = 'failed' AND EXISTS (SELECT FROM procrastinate_events WHERE job_id = job.id
        AND type = 'failed' AND at > now() - interval '1 hour')
    GROUP BY task_name
), dead AS MATERIALIZED (
    SELECT finished_at FROM notifications_delivery
    WHERE state IN ('failed', 'unknown') ORDER BY id DESC LIMIT %(most)s
)
SELECT
    (SELECT count(*) FROM procrastinate_workers
     WHERE last_heartbeat > now() - make_interval(secs => %(silence)s)) AS workers,
    (SELECT count(*) FROM due) AS due,
    coalesce(extract(epoch FROM now() - least(
        (SELECT min(scheduled_at) FROM due),
        (SELECT min(at) FROM procrastinate_events WHERE type = 'deferred'
         AND job_id = (SELECT min(id) FROM due WHERE scheduled_at IS NULL))))::int, 0) AS oldest,
    (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL) AS abandoned,
    (SELECT coalesce(sum(times), 0)::int FROM broken
     WHERE times >= %(again)s OR task_name <> ALL(%(repeated)s)) AS failed,
    (SELECT count(*) FROM dead WHERE finished_at > now() - interval '1 day') AS undelivered,
    (SELECT count(*) FROM dead WHERE finished_at > now() - interval '1 hour') AS lately
"""


def look_at_jobs(cursor: CursorWrapper) -> Standing:
    """How the jobs stand; without figures if that cannot be said in a second: pages are served all the same."""
    values: dict[str, Any] = {
        "silence": SILENCE,
        "most": MOST_COUNTED,
        "again": AGAIN,
        "repeated": [name for name, _id in app.periodic_registry.periodic_tasks],
    }
    try:
        cursor.execute("SET statement_timeout = 1000")
        cursor.execute(_JOBS, values)
    except OperationalError as trouble:
        log.warning("jobs_not_counted", said=str(trouble))
        return Standing(troubles=["The jobs could not be counted within a second."])
    names = [column.name for column in cursor.description]
    figures = dict(zip(names, cursor.fetchone(), strict=True))
    lately = figures.pop("lately")
    return Standing(troubles=list(troubles_of(figures, lately)), jobs=figures)


def troubles_of(figures: dict[str, int], lately: int) -> Iterator[str]:
    if not figures["workers"]:
        yield "No job worker is alive: start manage.py work."
    if figures["oldest"] > LONG:
        yield f"Jobs wait: the oldest has been due for {figures['oldest']} seconds."
    if figures["due"] >= MOST_COUNTED:
        yield f"Jobs wait: {MOST_COUNTED} and more are due."
    if figures["failed"]:
        yield f"{figures['failed']} jobs have failed within an hour: see the log."
    if lately >= MANY_UNDELIVERED:
        yield f"{lately} messages were given up within an hour: see the deliveries in the administration."
