"""How the database answers the desk's questions at the size it has now: each statement of each kind of call, explained.

Prints for every statement its time, the pages it read, and whatever is read through from end to end; `--full` the whole
plan. `benchmarks/fill.py` makes a desk large enough for it to matter.
"""

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings")
import django

django.setup()
from django.conf import settings

from accounts.models import Role, User
from benchmarks.explaining import explained, reads
from benchmarks.ratios import Call, calls, note, session_of

LARGE = 10_000  # rows: what is read through below that costs nothing
SEARCHES = ("printer", "принтер", "ghbynth", "7 is full", "SF-1042", "kato", "zzzz")


def questions() -> list[Call]:
    """Those of the table of ratios, and pages that only people open."""
    found = calls(pool=10)
    agent = User.objects.active().filter(role=Role.AGENT, memberships__isnull=False).order_by("pk")[0]
    lead = User.objects.active().filter(role=Role.AGENT, memberships__is_lead=True).order_by("pk")[0]
    employee = User.objects.active().filter(role=Role.EMPLOYEE, email__startswith="made.up.0@").get()
    admin = User.objects.active().filter(role=Role.ADMIN).order_by("pk")[0]
    pages = [(agent, f"/queue/?view={view}") for view in ("all", "unassigned", "mine", "closed_by_me")]
    pages += [(who, f"/queue/?q={words}") for words in SEARCHES for who in (agent,)]
    pages += [
        (lead, "/queue/?view=all"),
        (admin, "/queue/?view=all"),
        (employee, "/"),
    ]
    pages += [(agent, "/queue/?status=DONE"), (agent, "/queue/?view=all&ordering=-updated_at")]
    for who, path in pages:
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session_of(who)}"}
        found.append(Call(f"{who.role.lower()} {path}", 0, "GET", partial(_here, path), cookie))
    return found


def _here(path: str, _number: int) -> str:
    return path


def read_through(plan: dict[str, Any]) -> list[str]:
    """Tables that are read from end to end although they are large."""
    seen = [(table, rows) for table, kind, rows in reads(plan) if kind == "Seq Scan"]
    return [f"all {rows:,.0f} of {table}" for table, rows in seen if rows > LARGE]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="the plans, too")
    parser.add_argument("--slow", type=float, default=5, help="show statements from so many ms on (5)")
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    for call in questions():
        try:
            note(call)
        except AssertionError as answer:
            print(f"{call.name}: {str(answer)[:200]}")
            continue
        total = 0.0
        for statement in call.statements:
            if not statement["sql"].lstrip().startswith(("SELECT", "WITH")) or call.writes:
                continue
            plan = explained(statement["sql"], measured=True)
            took, through = plan["Execution Time"], read_through(plan["Plan"])
            total += took
            if took >= asked.slow or through:
                pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
                print(f"  {took:8.1f} ms {pages:8} pages {', '.join(through):30} {statement['sql'][:110]!r}")
                if asked.full:
                    print(statement["sql"], json.dumps(plan["Plan"], indent=1))
        print(f"{call.name:40} {len(call.statements):3} statements {total:8.1f} ms")


if __name__ == "__main__":
    main()
