"""A moment told in full, and how far a zone is from UTC: the same words wherever somebody reads them."""

from datetime import datetime

from django.utils import formats


def exact(local: datetime) -> str:
    """21 Nov 2026, 14:05 UTC+3."""
    return f"{formats.date_format(local, 'DATETIME_FORMAT')} {from_utc(local)}"


def from_utc(local: datetime) -> str:
    """UTC, UTC+3, UTC+5:30, UTC-8. The letters of a zone mean nothing to those who do not live in it."""
    offset = local.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "\N{MINUS SIGN}"
    return f"UTC{sign}{hours}:{rest:02}" if rest else f"UTC{sign}{hours}"
