"""How long a ticket still has: {% due ticket as left %}, drawn by tickets/_due.html."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.moments import exact
from tickets.models.ticket import OPEN

register = template.Library()

SOON = timedelta(hours=4)


@dataclass(frozen=True)
class Left:
    """What is said of a date that is to be kept. `moment` and `exact` are in the reader's zone."""

    words: str
    moment: datetime
    late: bool
    soon: bool

    @property
    def exact(self) -> str:
        return exact(self.moment)


@register.simple_tag
def due(ticket: Any) -> Left | None:
    """ "in 4 h" or "Late 1:10"; None without a date and for what is over."""
    if ticket.due_at is None or ticket.status not in OPEN:
        return None
    left = ticket.due_at - timezone.now()
    late = left < timedelta(0)
    words = (
        _("Late %(span)s") % {"span": late_by(-left)} if late else _("in %(span)s") % {"span": about(left)}
    )
    return Left(words, timezone.localtime(ticket.due_at), late, soon=not late and left < SOON)


def late_by(length: timedelta) -> str:
    """Hours and minutes, from a day on only days."""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 1440:
        return _("%d d") % (minutes // 1440)
    return f"{minutes // 60}:{minutes % 60:02}"


def about(length: timedelta) -> str:
    """The largest unit alone, rounded down: nobody is promised more time than there is."""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 1440:
        return _("%d d") % (minutes // 1440)
    return _("%d h") % (minutes // 60) if minutes >= 60 else _("%d min") % minutes
