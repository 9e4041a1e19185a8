"""Whether the desk lives and whether it can work, for load balancers and container platforms."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog
from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from serviceflow import problems

log = structlog.get_logger("serviceflow.health")

PATIENCE = 4  # seconds; whoever asks waits five

type Respond = Callable[[HttpRequest], HttpResponse]


def answer_probes(get_response: Respond) -> Respond:
    """Answer before anybody looks at the host's name, which for a probe is the address of a container."""
    probes = {"/health/live": live, "/health/ready": ready}

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
    return told([])


def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and has the tables of this version."""
    return told(reasons_against())


def told(reasons: list[str]) -> HttpResponse:
    if reasons:
        response = JsonResponse({"status": "unavailable", "reasons": reasons}, status=503)
        response["Retry-After"] = str(problems.RETRY_AFTER)
    else:
        response = JsonResponse({"status": "ok"})
    response["Cache-Control"] = "no-store"
    return response


# --- Asking the database -------------------------------------------------------------------------

_turn = threading.Lock()
_asked: Future[list[str]] | None = None
_migrated = False


def reasons_against() -> list[str]:
    """Why the desk cannot work; empty if it can.

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
        return ["The database does not answer."]


def ask(answer: Future[list[str]]) -> None:
    try:
        answer.set_result(look())
    except Error as trouble:
        log.warning("not_ready", said=str(trouble))
        answer.set_result(["The database does not answer."])
    except Exception as trouble:
        # A bug here must not read as readiness, nor leave anybody waiting.
        log.error("readiness_unknown", exc_info=trouble)
        answer.set_result(["The database could not be asked."])


def look() -> list[str]:
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
    finally:
        connection.close()
    return [] if _migrated else ["The database lacks migrations: run manage.py migrate."]
