"""How the desk stands, as the database knows it: for Prometheus, and for the page in the administration.

Each question reads what is unfinished, through its index, and no more of it than it takes to wake somebody. One that
takes longer than half a second is left out, and so is what is not yet asked when three seconds have passed; the others
are answered all the same.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import structlog
from django.db import Error, OperationalError
from django.db.backends.utils import CursorWrapper
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from notifications.models import Transport
from serviceflow import health, jobs
from serviceflow.asking import Question

log = structlog.get_logger("serviceflow.figures")

MOST_MAILBOXES = 100
EACH = 0.5  # seconds for a question
ALL = 3.0  # for all of them, what health asks included: sooner than whoever waits gives up (asking.PATIENCE)

type Values = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Family:
    """A question whose rows begin with the values of `labels`, followed by one number for each of `names`."""

    names: dict[str, str]
    asked: str
    labels: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()  # values of the one label that are told although there is nothing


@dataclass(frozen=True)
class Figures:
    """`values` of each name, by the values of its labels; what could not be asked is missing."""

    standing: health.Standing
    values: dict[str, Values] = field(default_factory=dict)


QUEUES = tuple(queue for group in jobs.groups() for queue in group.queues)

FAMILIES = (
    Family(
        {
            "serviceflow_jobs_due": f"Jobs that could begin; {health.MOST_COUNTED} at most.",
            "serviceflow_jobs_oldest_seconds": "For how long the job has been due that waits longest.",
        },
        """
        WITH due AS MATERIALIZED (
            SELECT id, queue_name, scheduled_at FROM procrastinate_jobs
            WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now() LIMIT %(most)s
        ), queue AS (
            SELECT queue_name, count(*) AS due, min(scheduled_at) AS since,
                min(id) FILTER (WHERE scheduled_at IS NULL) AS first
            FROM due GROUP BY queue_name
        )
        SELECT queue_name, due, coalesce(extract(epoch FROM now() - least(since, (
            SELECT min(at) FROM procrastinate_events WHERE type = 'deferred' AND job_id = first))), 0)
        FROM queue
        """,
        labels=("queue",),
        zeros=QUEUES,
    ),
    Family(
        {
            "serviceflow_deliveries_waiting": f"Messages not yet delivered; {health.MOST_COUNTED} at most.",
            "serviceflow_deliveries_oldest_seconds": "Age of the oldest that is due or has been tried.",
        },
        """
        WITH waiting AS MATERIALIZED (
            SELECT transport, CASE WHEN due_at <= now() OR attempts > 0 THEN coalesce(again_at, created_at) END AS since
            FROM notifications_delivery WHERE state IN ('pending', 'sending') LIMIT %(most)s
        )
        SELECT transport, count(*), coalesce(extract(epoch FROM now() - min(since)), 0) FROM waiting GROUP BY transport
        """,
        labels=("transport",),
        zeros=tuple(str(one) for one in Transport if one != Transport.INBOX),
    ),
    Family(
        {"serviceflow_destinations_resting": "Destinations left alone because they did not answer."},
        "SELECT count(*) FROM notifications_rest WHERE until > now()",
    ),
    Family(
        {
            "serviceflow_inbound_mail_unread": f"Fetched mails not yet dealt with; {health.MOST_COUNTED} at most.",
            "serviceflow_inbound_mail_oldest_seconds": "For how long the oldest of them has lain here.",
        },
        """
        WITH unread AS MATERIALIZED (
            SELECT fetched_at FROM tickets_inboundmail WHERE outcome = 'fetched' LIMIT %(most)s
        )
        SELECT count(*), coalesce(extract(epoch FROM now() - min(fetched_at)), 0) FROM unread
        """,
    ),
    Family(
        {
            "serviceflow_mailbox_visited_timestamp_seconds": "When mail was last collected; 0 for never.",
            "serviceflow_mailbox_in_trouble": "1 if the last visit met with an error.",
        },
        """
        SELECT name, coalesce(extract(epoch FROM visited_at), 0), (trouble <> '')::int
        FROM tickets_mailbox WHERE is_active ORDER BY id LIMIT %(mailboxes)s
        """,
        labels=("mailbox",),
    ),
    Family(
        {
            "serviceflow_backup_timestamp_seconds": "When bin/backup has last made a backup; missing without any."
        },
        "SELECT extract(epoch FROM made_at) FROM accounts_backup",
    ),
    Family(
        {
            "serviceflow_sealed_timestamp_seconds": "When events were last sealed; 0 for never.",
            "serviceflow_unsealed_oldest_seconds": "For how long the oldest event has waited to be sealed.",
        },
        """
        WITH last AS (SELECT at, last_event FROM audit_seal ORDER BY number DESC LIMIT 1), waiting AS (
            SELECT at FROM audit_event
            WHERE id > coalesce((SELECT last_event FROM last), %(before_all)s) ORDER BY id LIMIT 1
        )
        SELECT coalesce((SELECT extract(epoch FROM at) FROM last), 0),
            coalesce((SELECT extract(epoch FROM now() - at) FROM waiting), 0)
        """,
    ),
    Family(
        {"serviceflow_database_connections": "Connections to this database, of everybody, by what they do."},
        """
        SELECT CASE WHEN state IN ('active', 'idle', 'idle in transaction') THEN state ELSE 'other' END, count(*)
        FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
        """,
        labels=("state",),
        zeros=("active", "idle", "idle in transaction", "other"),
    ),
    Family(
        {
            "serviceflow_database_connections_limit": "How many connections the server takes.",
            "serviceflow_database_size_bytes": "Size of this database.",
        },
        "SELECT current_setting('max_connections')::int, pg_database_size(current_database())",
    ),
)

# Of health's figures, which stand in one rule there.
OF_HEALTH = {
    "serviceflow_job_workers": ("workers", "Kinds of jobs that living processes work on."),
    "serviceflow_jobs_abandoned": ("abandoned", "Jobs of dead processes that nobody has taken up yet."),
    "serviceflow_jobs_failed": ("failed", "Jobs that failed for good within the last hour."),
    "serviceflow_deliveries_undelivered": ("undelivered", "Messages given up within the last day."),
}
UP = {"serviceflow_database_up": "1 if the database answers and has the tables of this version."}


def ask() -> Figures:
    """All of it, in seconds at most; a database that is away has no figures."""
    try:
        return _question.answer()
    except (Error, TimeoutError):
        return Figures(health.Standing(["The database does not answer."]))


def look(cursor: CursorWrapper) -> Figures:
    end = time.monotonic() + ALL
    standing = health.look(cursor)
    if standing.reasons:
        return Figures(standing)
    values: dict[str, Values] = {}
    for family in FAMILIES:
        left = min(EACH, end - time.monotonic())
        if left < 0.001:  # 0 would be no limit
            log.warning("figures_not_counted", figures=list(family.names), said="no time is left")
            continue
        try:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(int(left * 1000))])
            values.update(_asked(family, cursor))
        except OperationalError as trouble:
            log.warning("figures_not_counted", figures=list(family.names), said=str(trouble))
    return Figures(standing, values)


_question = Question(look, name="figures")


_BOUNDS = {"most": health.MOST_COUNTED, "mailboxes": MOST_MAILBOXES, "before_all": -(2**63)}


def _asked(family: Family, cursor: CursorWrapper) -> dict[str, Values]:
    cursor.execute(family.asked, _BOUNDS)
    found: dict[str, Values] = {name: {(zero,): 0.0 for zero in family.zeros} for name in family.names}
    width = len(family.labels)
    for row in cursor.fetchall():
        for name, number in zip(family.names, row[width:], strict=True):
            found[name][tuple(row[:width])] = float(number)
    return found


# --- For Prometheus ------------------------------------------------------------------------------


def exposed(figures: Figures) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(figures))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterable[Metric]:
        return list(_gauges(self.figures))


def _gauges(figures: Figures) -> Iterator[Metric]:
    [(name, words)] = UP.items()
    yield GaugeMetricFamily(name, words, value=0 if figures.standing.reasons else 1)
    for name, (figure, words) in OF_HEALTH.items():
        if figure in figures.standing.jobs:
            yield GaugeMetricFamily(name, words, value=figures.standing.jobs[figure])
    for family in FAMILIES:
        for name, words in family.names.items():
            gauge = GaugeMetricFamily(name, words, labels=family.labels)
            for labels, value in figures.values.get(name, {}).items():
                gauge.add_metric(labels, value)
            if gauge.samples:
                yield gauge
