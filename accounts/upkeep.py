"""What nobody needs any more is forgotten: kept answers, counters of past minutes, sessions that are over.

Each may be called at any time, by several at once, and again after it was broken off: what is locked is in use and
left for the next time. Answers how many rows are gone.
"""

import time
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.utils import timezone

from accounts.models import Allowance, Link, StoredAnswer
from accounts.rest.safe_writing import KEPT_FOR
from accounts.sessions import LISTED_FOR

LINKS_TOLD = timedelta(days=30)
BATCH = 1000  # rows of one transaction: short enough that nobody waits for it


def forget_all() -> dict[str, int]:
    """Everything below; answers how many rows of each are gone."""
    return {
        "answers": forget_answers(),
        "counters": forget_allowances(),
        "sessions": forget_sessions(),
        "places": forget_places(),
        "links": forget_links(),
    }


def forget_answers() -> int:
    """Answers to an Idempotency-Key that are given no more."""
    return _forget(StoredAnswer, created_at__lt=timezone.now() - KEPT_FOR)


def forget_allowances() -> int:
    """Counters of windows that are over, be it a minute or a day: the next call would begin anew."""
    return _forget(Allowance, window__lte=int(time.time()))


def forget_sessions() -> int:
    """Sessions that have ended, with whatever their owners had typed and never sent."""
    return _forget(Session, expire_date__lt=timezone.now())


def forget_places() -> int:
    """Where somebody was signed in, when no session lasts for so long."""
    return _forget(UserSession, last_seen_at__lt=timezone.now() - LISTED_FOR)


def forget_links() -> int:
    """Links that have been dead for long: letters that tell of them have gone out by now."""
    return _forget(Link, expires_at__lt=timezone.now() - LINKS_TOLD)


def _forget(model: type[models.Model], **condition: Any) -> int:
    old = model._default_manager.filter(**condition).select_for_update(skip_locked=True)
    gone = 0
    while True:
        with transaction.atomic():
            batch = list(old.values_list("pk", flat=True)[:BATCH])
            model._default_manager.filter(pk__in=batch).delete()
        gone += len(batch)
        if len(batch) < BATCH:
            return gone
