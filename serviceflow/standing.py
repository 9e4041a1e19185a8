"""How the desk stands, on a page for administrators: for desks without Prometheus."""

import platform
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.models import Transport
from serviceflow import figures, health
from tickets.models import Mailbox

LATE = timedelta(minutes=15)  # a mailbox is visited every minute or so
BACKED_UP = timedelta(hours=36)  # each night, and once it may fail
SEALED = timedelta(minutes=30)  # every five minutes

QUEUES = {
    "email": gettext_lazy("Messages by mail"),
    "webhook": gettext_lazy("Messages to webhooks"),
    "slack": gettext_lazy("Messages to Slack"),
    "telegram": gettext_lazy("Messages to Telegram"),
    "mail": gettext_lazy("Reading of mails"),
    "mailboxes": gettext_lazy("Collecting of mails"),
    "files": gettext_lazy("Checking of files"),
    "clock": gettext_lazy("What the clock asks for"),
    "upkeep": gettext_lazy("Clearing up"),
}


@dataclass(frozen=True)
class Row:
    """A line of a table. `trouble` says what is wrong with it, if anything is."""

    name: str
    count: int = 0
    since: datetime | None = None
    trouble: str = ""


def page(request: HttpRequest, *, more: dict[str, Any]) -> HttpResponse:
    """It looks as Prometheus does: what takes too long to count is missing, and said to be."""
    found = figures.ask()
    told = {
        "title": _("How the desk stands"),
        "away": bool(found.standing.reasons),
        "jobs": found.standing.jobs,
        "many": health.MANY_UNDELIVERED,
        "queues": queues(found),
        "ways": ways(found),
        "mailboxes": mailboxes(),
        "kept": [_backup(found), _seal(found)],
        "unread": _number(found, "serviceflow_inbound_mail_unread"),
        "resting": _number(found, "serviceflow_destinations_resting"),
        "size": _number(found, "serviceflow_database_size_bytes"),
        "connections": int(sum(found.values.get("serviceflow_database_connections", {}).values())),
        "limit": _number(found, "serviceflow_database_connections_limit"),
        "release": settings.RELEASE,
        "versions": f"Python {platform.python_version()}, Django {django.__version__}, PostgreSQL {_postgresql()}",
    }
    return TemplateResponse(request, "admin/standing.html", more | told)


def queues(found: figures.Figures) -> list[Row]:
    oldest = found.values.get("serviceflow_jobs_oldest_seconds", {})
    return [
        Row(
            name=str(QUEUES.get(queue, queue)),
            count=int(due),
            since=_ago(oldest[queue,]),
            trouble=_("Jobs wait too long.") if oldest[queue,] > health.LONG else "",
        )
        for (queue,), due in found.values.get("serviceflow_jobs_due", {}).items()
    ]


def ways(found: figures.Figures) -> list[Row]:
    oldest = found.values.get("serviceflow_deliveries_oldest_seconds", {})
    return [
        Row(
            name=str(capfirst(Transport(transport).label)), count=int(waiting), since=_ago(oldest[transport,])
        )
        for (transport,), waiting in found.values.get("serviceflow_deliveries_waiting", {}).items()
    ]


def mailboxes() -> list[Row]:
    before = timezone.now() - LATE
    return [
        Row(
            name=box.name,
            since=box.visited_at,
            trouble=box.fault
            or ("" if box.visited_at and box.visited_at > before else _("Not visited of late.")),
        )
        for box in Mailbox.objects.filter(is_active=True)[: figures.MOST_MAILBOXES]
    ]


def _backup(found: figures.Figures) -> Row:
    """Without one there may be others: of a provider's, which tell us nothing."""
    made = _at(_number(found, "serviceflow_backup_timestamp_seconds"))
    late = made is not None and made < timezone.now() - BACKED_UP
    return Row(name=_("Backup"), since=made, trouble=_("The last one is old.") if late else "")


def _seal(found: figures.Figures) -> Row:
    waits = _number(found, "serviceflow_unsealed_oldest_seconds") or 0
    return Row(
        name=_("Sealed events"),
        since=_at(_number(found, "serviceflow_sealed_timestamp_seconds")),
        trouble=_("Events wait to be sealed.") if waits > SEALED.total_seconds() else "",
    )


def _number(found: figures.Figures, name: str) -> int | None:
    values = found.values.get(name)
    return int(values[()]) if values else None


def _at(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _ago(seconds: float) -> datetime | None:
    return datetime.now(UTC) - timedelta(seconds=seconds) if seconds else None


def _postgresql() -> str:
    major, minor = divmod(connection.pg_version, 10_000)  # type: ignore[attr-defined]
    return f"{major}.{minor}"
