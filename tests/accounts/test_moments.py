"""How a moment is told."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from accounts.moments import exact

MOMENT = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("en", "UTC", "21 Nov 2026, 14:05 UTC"),
        ("en", "Europe/Moscow", "21 Nov 2026, 17:05 UTC+3"),
        ("ru", "Europe/Moscow", "21 ноя 2026, 17:05 UTC+3"),
        ("ru", "Asia/Kolkata", "21 ноя 2026, 19:35 UTC+5:30"),
        ("en", "America/Los_Angeles", "21 Nov 2026, 06:05 UTC\N{MINUS SIGN}8"),
    ],
)
def test_a_moment_is_told_in_one_way_with_its_distance_from_utc(language: str, zone: str, said: str) -> None:
    with translation.override(language):
        assert exact(MOMENT.astimezone(ZoneInfo(zone))) == said
