"""What this process counts for Prometheus. Every label has few values, whatever strangers send.

Under gunicorn the processes count together, in files of a folder that serviceflow.gunicorn makes before any of this is
imported; elsewhere a process counts for itself. What the database knows is no count of ours: see serviceflow.figures.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.http import HttpRequest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from audit import watching
from audit.models import Event
from audit.trail import Subject
from notifications.attempts import RETRIED
from notifications.models import State, Transport
from serviceflow import metrics_files
from tickets.models.mail import Outcome

log = structlog.get_logger("serviceflow.metrics")

OURS = CollectorRegistry()
UNKNOWN, OTHER = "unknown", "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

HOUR, DAY = 3600, 24 * 3600
OF_TICKETS = (300, 900, 1800, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 30 * DAY)
OF_DELIVERIES = (0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, HOUR, 6 * HOUR, DAY)
OF_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter(
    "serviceflow_http_requests",
    "Requests answered, by route (the pattern of the address), method and status.",
    ["route", "method", "status"],
    registry=OURS,
)
SECONDS = Histogram(
    "serviceflow_http_request_duration_seconds",
    "Time from the first look at a request to its answer.",
    ["route", "method"],
    buckets=OF_REQUESTS,
    registry=OURS,
)
IN_HAND = Gauge(
    "serviceflow_http_requests_in_progress",
    "Requests that a thread works on.",
    multiprocess_mode="livesum",
    registry=OURS,
)
OPENED = Counter("serviceflow_tickets_opened", "Tickets opened, by door.", ["source"], registry=OURS)
MOVED = Counter(
    "serviceflow_ticket_status_changes", "Changes of a ticket's status.", ["from", "to"], registry=OURS
)
RESPONDED = Histogram(
    "serviceflow_ticket_first_response_seconds",
    "Time from opening a ticket to the first answer of the desk.",
    buckets=OF_TICKETS,
    registry=OURS,
)
RESOLVED = Histogram(
    "serviceflow_ticket_resolution_seconds",
    "Time from opening a ticket to its resolution, each time it is resolved.",
    buckets=OF_TICKETS,
    registry=OURS,
)
DEADLINES = Counter(
    "serviceflow_ticket_deadlines", "Resolved tickets that had a due date.", ["outcome"], registry=OURS
)
SIGN_INS = Counter(
    "serviceflow_sign_ins", "Tries to sign in, by what came of them.", ["outcome"], registry=OURS
)
DELIVERIES = Counter(
    "serviceflow_deliveries",
    "Tries to deliver a message, by what came of them.",
    ["transport", "outcome"],
    registry=OURS,
)
DELIVERY_AGE = Histogram(
    "serviceflow_delivery_age_seconds",
    "Time from an event to the delivery of a message about it.",
    ["transport"],
    buckets=OF_DELIVERIES,
    registry=OURS,
)
MAIL = Counter(
    "serviceflow_inbound_mail", "Mails dealt with, by what became of them.", ["outcome"], registry=OURS
)

_SIGN_INS = {
    "user.signed_in": "signed_in",
    "user.sign_in_refused": "refused",
    "user.factor_refused": "second_factor_refused",
}
# Of mails that come to something the receiver itself tells.
_MAIL = {"mail.ignored": "ignored", "mail.quarantined": "quarantined", "ticket.mail_held": "held"}

# What may come of what alerts watch. All of it is told from the start: Prometheus sees no rise in what is new to it.
OUTCOMES: dict[Counter, tuple[tuple[str, ...], ...]] = {
    SIGN_INS: tuple((outcome,) for outcome in _SIGN_INS.values()),
    DELIVERIES: tuple(
        (str(transport), str(outcome))
        for transport in Transport
        if transport != Transport.INBOX
        for outcome in (State.SENT, RETRIED, State.FAILED, State.UNKNOWN, State.SKIPPED)
    ),
    MAIL: tuple((str(outcome),) for outcome in Outcome if outcome != Outcome.FETCHED),
}


def register() -> None:
    """Be told of what has been committed."""
    with _failing_nobody():
        for counter, outcomes in OUTCOMES.items():
            for labels in outcomes:
                counter.labels(*labels)
    watching.COUNTERS.update({"event": event, "delivery": delivery, "mail": mail})


def exposed() -> bytes:
    """What the processes of this server have counted together, as Prometheus reads it; nothing without their folder."""
    folder = os.environ.get(metrics_files.FOLDER)
    if folder is None:
        return generate_latest(OURS)
    # Somebody has tidied up in there; what the database says can be told all the same.
    if not Path(folder).is_dir():
        log.error("counts_are_gone", folder=folder)
        return b""
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    with metrics_files.at_rest():
        return generate_latest(together)


@contextmanager
def _failing_nobody() -> Iterator[None]:
    """Whoever counts may fail, in a full folder for one; what is counted goes on."""
    try:
        yield
    except Exception as trouble:
        log.error("not_counted", exc_info=trouble)


# --- Requests ------------------------------------------------------------------------------------


@contextmanager
def in_hand() -> Iterator[None]:
    """A thread works on a request meanwhile."""
    begun = False
    with _failing_nobody():
        IN_HAND.inc()
        begun = True
    try:
        yield
    finally:
        with _failing_nobody():
            if begun:
                IN_HAND.dec()


@_failing_nobody()
def request(request: HttpRequest, *, status: int, seconds: float) -> None:
    route, method = route_of(request), method_of(request)
    REQUESTS.labels(route, method, status).inc()
    SECONDS.labels(route, method).observe(seconds)


@_failing_nobody()
def unreadable(status: int) -> None:
    """What the web server has refused before there was a request."""
    REQUESTS.labels(UNKNOWN, OTHER, status).inc()


def method_of(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else OTHER


def route_of(request: HttpRequest) -> str:
    """The pattern, never the path: of paths there are as many as strangers can think of."""
    if request.resolver_match is not None:
        return str(request.resolver_match.route)
    return "static/<path>" if request.path_info.startswith(settings.STATIC_URL) else UNKNOWN


# --- What was done -------------------------------------------------------------------------------


def event(event: Event, subject: Subject) -> None:
    """One verb that was done."""
    if outcome := _SIGN_INS.get(event.verb):
        SIGN_INS.labels(outcome).inc()
    if outcome := _MAIL.get(event.verb):
        MAIL.labels(outcome).inc()
    if event.subject_type == "ticket":
        _ticket(event, subject)


def _ticket(event: Event, subject: Subject) -> None:
    if event.verb == "ticket.opened":
        OPENED.labels(event.changes["source"][1]).inc()
    elif status := event.changes.get("status"):
        MOVED.labels(*status).inc()
    if subject.since is None:
        return
    passed = max((event.at - subject.since).total_seconds(), 0)
    if event.changes.get("first_responded_at", (None, None))[1]:
        RESPONDED.observe(passed)
    if event.changes.get("resolved_at", (None, None))[1]:
        RESOLVED.observe(passed)
        if subject.due is not None:
            DEADLINES.labels("met" if event.at <= subject.due else "missed").inc()


def delivery(transport: str, outcome: str, age: timedelta | None) -> None:
    """One try, or the end of what was not tried any more."""
    DELIVERIES.labels(transport, outcome).inc()
    if outcome == "sent" and age is not None:
        DELIVERY_AGE.labels(transport).observe(max(age.total_seconds(), 0))


def mail(outcome: str) -> None:
    MAIL.labels(outcome).inc()
