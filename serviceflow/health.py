"""Whether the desk lives and whether it can work, for load balancers and container platforms."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from serviceflow import problems

log = structlog.get_logger("serviceflow.health")

PATIENCE = 4  # seconds; whoever asks waits five

type Respond = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True)
class Standing:
    """`reasons` why the desk cannot work, `troubles` of its jobs, and the figures behind those."""

    reasons: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)


def answer_probes(get_response: Respond) -> Respond:
    """Answer before anybody looks at the host's name, which for a probe is the address of a container."""
    probes = {"/health/live": live, "/health/ready": ready, "/health/jobs": jobs}

    def respond(request: HttpRequest) -> HttpResponse:
        probe = probes.get(request.path_info)
        if probe is None:
            return get_response(request)
        if request.method in {"GET", "HEAD"}:
            return probe(request)
        response = problems.answer(request, 405)
        response["Allow"] = "GET, HEAD"
        return response

    return respond


def live(request: HttpRequest) -> HttpResponse:
    """The process answers. It does not look at the database, whose absence no restart of ours would mend."""
    return told(Standing(), [])


def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and has the tables of this version. Jobs that stand still take nobody off the network."""
    standing = ask_once()
    return told(standing, standing.reasons)


def jobs(request: HttpRequest) -> HttpResponse:
    """A worker lives and its jobs do not wait for long: for those who are to be woken."""
    standing = ask_once()
    return told(standing, standing.reasons + standing.troubles)


def told(standing: Standing, reasons: list[str]) -> HttpResponse:
    body: dict[str, Any] = {"status": "unavailable", "reasons": reasons} if reasons else {"status": "ok"}
    if standing.jobs:
        body["jobs"] = standing.jobs
    response = JsonResponse(body, status=503 if reasons else 200)
    if reasons:
        response["Retry-After"] = str(problems.RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response


# --- Asking the database -------------------------------------------------------------------------

_turn = threading.Lock()
_asked: Future[Standing] | None = None
_migrated = False


def ask_once() -> Standing:
    """How the desk stands.

    A database whose host hangs may keep a question for minutes, name look-up included, and no time-out covers all
    of it. So a thread of its own asks, everybody who wants to know meanwhile waits for the same answer, and nobody
    waits longer than his patience.
    """
    global _asked  # noqa: PLW0603 (one question per process)
    with _turn:
        if _asked is None or _asked.done():
            _asked = Future()
            threading.Thread(target=ask, args=(_asked,), daemon=True, name="readiness").start()
        asked = _asked
    try:
        return asked.result(timeout=PATIENCE)
    except TimeoutError:
        return Standing(["The database does not answer."])


def ask(answer: Future[Standing]) -> None:
    try:
        answer.set_result(look())
    except Error as trouble:
        log.warning("not_ready", said=str(trouble))
        answer.set_result(Standing(["The database does not answer."]))
    except Exception as trouble:
        # A bug here must not read as readiness, nor leave anybody waiting.
        log.error("readiness_unknown", exc_info=trouble)
        answer.set_result(Standing(["The database could not be asked."]))


def look() -> Standing:
    """Ask over a connection of this thread, a new one: those that requests hold may be dead or busy."""
    global _migrated  # noqa: PLW0603 (migrations that are applied stay applied)
    connection = connections["default"]
    options = {"connect_timeout": 2, "options": "-c statement_timeout=2000"}
    connection.settings_dict = {
        **connection.settings_dict,
        "OPTIONS": {**connection.settings_dict["OPTIONS"], **options},
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            if not _migrated:
                executor = MigrationExecutor(connection)
                _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
            if not _migrated:
                return Standing(["The database lacks migrations: run manage.py migrate."])
            cursor.execute(_JOBS, {"silence": SILENCE})
            names = [column.name for column in cursor.description]
            figures = dict(zip(names, cursor.fetchone(), strict=True))
    finally:
        connection.close()
    return Standing(troubles=list(troubles_of(figures)), jobs=figures)


# --- Jobs ----------------------------------------------------------------------------------------

SILENCE = 30  # seconds without a heartbeat after which a worker counts as dead
LONG = 120  # seconds that a job may be due and nobody begins it

# `oldest` is for how many seconds the job has been due that waits longest.
_JOBS = """
SELECT
    (SELECT count(*) FROM procrastinate_workers
     WHERE last_heartbeat > now() - make_interval(secs => %(silence)s)) AS workers,
    (SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()) AS due,
    coalesce((SELECT extract(epoch FROM now() - coalesce(job.scheduled_at, event.at))::int
     FROM (SELECT id, scheduled_at FROM procrastinate_jobs
           WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now() ORDER BY id LIMIT 1) job
     LEFT JOIN LATERAL (SELECT at FROM procrastinate_events
           WHERE job_id = job.id AND type = 'deferred' ORDER BY id LIMIT 1) event ON TRUE), 0) AS oldest,
    (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL) AS abandoned,
    (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed') AS failed
"""


def troubles_of(figures: dict[str, int]) -> Iterator[str]:
    if not figures["workers"]:
        yield "No job worker is alive: start manage.py work."
    if figures["oldest"] > LONG:
        yield f"Jobs wait: the oldest has been due for {figures['oldest']} seconds."
    if figures["failed"]:
        yield f"{figures['failed']} jobs have failed: see the log."
