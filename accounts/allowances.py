"""Rate limits that hold over all processes and machines: one counter row per caller, in the database.

The table is unlogged: counting costs no flush to disk, and a crash only forgets the last minute.
"""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

WINDOW = 60  # seconds


def place(address: str) -> str:
    """What of an address is one caller's: of IPv6 everybody has a network of 64 bits to himself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address or "unknown"
    return str(ipaddress.ip_network((parsed, 64), strict=False) if parsed.version == 6 else parsed)


@dataclass(frozen=True)
class Standing:
    """How a caller stands in the current window. `reset` is the seconds until the next one begins."""

    name: str
    limit: int
    used: int
    reset: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)


def spend(limits: Mapping[str, int], *, window: int = WINDOW, now: float | None = None) -> list[Standing]:
    """Count one use for each caller name in {name: uses allowed in the window}; a limit of 0 is no limit.

    `window` is in seconds. A name that is counted in two windows is two names.
    """
    counted = {name[:120]: limit for name, limit in limits.items() if limit > 0}
    if not counted:
        return []
    moment = time.time() if now is None else now
    ends = (int(moment // window) + 1) * window  # what names the window is when it is over
    with connection.cursor() as cursor:
        # Sorted, so that two requests that count the same two names never wait for each other in a circle.
        cursor.execute(
            """
            INSERT INTO accounts_allowance AS a (name, "window", used)
            SELECT name, %s, 1 FROM unnest(%s::text[]) AS name
            ON CONFLICT (name) DO UPDATE
            SET used = CASE WHEN a."window" = excluded."window" THEN least(a.used + 1, 1000000000) ELSE 1 END,
                "window" = excluded."window"
            RETURNING name, used
            """,
            [ends, sorted(counted)],
        )
        rows = cursor.fetchall()
    reset = int(ends - moment) + 1
    return [Standing(name, counted[name], used, reset) for name, used in rows]
