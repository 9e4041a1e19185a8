"""What must hold after each fault, once all that was begun has come to its end."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from tests import invariants
from tests import mail_server as does
from tests.chaos.stand import Stand
from tests.http_server import Heard
from tests.load import Answer, Ledger
from tests.mail_server import Received

PATIENCE = 30  # seconds in which something has to move

# Of each event of a ticket that is not internal the webhook is to hear, and only of those.
_TOLD = """
    SELECT e.subject_id, e.seq, count(d.id) FROM audit_event e
    LEFT JOIN notifications_delivery d
        ON d.subject_id = e.subject_id AND d.seq = e.seq AND d.transport = 'webhook' AND d.again_at IS NULL
    WHERE e.subject_type = 'ticket' AND e.seq IS NOT NULL AND NOT e.internal
    GROUP BY e.subject_id, e.seq HAVING count(d.id) <> 1
"""


def settle(stand: Stand) -> list[str]:
    """Wait until nothing waits any more; what still does after a time in which nothing has moved."""
    connection.close()  # it may be of a server that was killed
    least, moved, next_turn = sys.maxsize, time.monotonic(), 0.0
    while waiting := invariants.unfinished(connection):
        if (left := _left()) < least:
            least, moved = left, time.monotonic()
        if time.monotonic() - moved > PATIENCE:
            return [f"for {PATIENCE} s: {one}" for one in waiting]
        if time.monotonic() > next_turn:
            turn_the_clock()
            next_turn = time.monotonic() + 1
        time.sleep(0.1)
    return []


def turn_the_clock() -> None:
    """What it asks for each quarter of a minute and each minute, now: waiting for that would be most of the run."""
    for task in ("notifications.rescue", "notifications.reconcile"):
        with suppress(AlreadyEnqueued):
            app.configure_task(task, queue="clock", queueing_lock=task).defer(timestamp=0)


def _left() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM notifications_delivery WHERE state IN ('pending', 'sending'))"
            " + (SELECT count(*) FROM tickets_inboundmail WHERE outcome = 'fetched')"
        )
        return int(cursor.fetchone()[0])


def lost_and_doubled(ledger: Ledger) -> tuple[int, int, list[str]]:
    """How many writes that were acknowledged are not there, how many are there twice, and which."""
    connection.close()
    faults = ledger.unkept(connection)
    doubled = sum(not one.endswith(" 0 times") for one in faults)
    return len(faults) - doubled, doubled, faults


def wrong_answers(
    ledger: Ledger, lines: list[dict[str, Any]], *, may_be_told: Callable[[Answer], bool]
) -> tuple[int, list[str]]:
    """How many were told what nobody may be told in this fault, and what; and what was never heard in the end.

    A fault says what it may do to those at work (`may_be_told`): nothing but no answer, and a 503 that says when to
    come again. A refusal is never called for, nor any other 5xx.
    """
    wrong: dict[str, list[Answer]] = {}
    for one in ledger.answers:
        if not (200 <= one.status < 400 or may_be_told(one)):
            wrong.setdefault(f"{one.what}: {one.status or 'no answer'}", []).append(one)
        elif one.status == 503 and not one.retry_after:
            wrong.setdefault(f"{one.what}: 503 without Retry-After", []).append(one)
    told = [f"{len(those)} times {what}, first {those[0]}" for what, those in wrong.items()]
    if unheard := len(ledger.acknowledged) - ledger.kept():
        told.append(f"{unheard} writes were not heard in the end, however often they were sent")
    logged = Counter(
        f"log: {line.get('said') or line.get('exception') or line}"[-800:]
        for line in lines
        if line.get("event") == "internal_error" or (wrong and line.get("event") == "database_unavailable")
    )
    told += [f"{times} times in the {what}" for what, times in logged.most_common(5)]
    return sum(map(len, wrong.values())), told


def broken(stand: Stand) -> list[str]:
    """Each invariant that does not hold."""
    return [
        *invariants.check(connection),
        *files_and_rows(stand),
        *the_audit(),
        *everybody_was_told(stand),
    ]


def files_and_rows(stand: Stand) -> list[str]:
    faults = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT file, sha256, size FROM tickets_attachment")
        rows = cursor.fetchall()
    for path, digest, size in rows:
        there = stand.files / "kept" / path
        content = there.read_bytes() if there.is_file() else None
        if content is None or (len(content), sha256(content).hexdigest()) != (size, digest):
            faults.append(f"{path} is {'not there' if content is None else 'not what was attached'}")
    return [f"files and rows: {len(faults)} of {len(rows)}, first {faults[:2]}"] if faults else []


def the_audit() -> list[str]:
    try:
        call_command("verify_audit", stdout=StringIO())
    except CommandError as fault:
        return [str(fault)]
    return []


def everybody_was_told(stand: Stand) -> list[str]:
    """Each delivery has arrived; nobody has heard of what did not happen."""
    faults = []
    with connection.cursor() as cursor:
        cursor.execute(_TOLD)
        if rows := cursor.fetchall():
            faults.append(f"events of which the webhook is told not once: {len(rows)}, first {rows[:3]}")
        cursor.execute("SELECT transport, public_id::text, state, said FROM notifications_delivery")
        deliveries = cursor.fetchall()
    if wrong := [name for name, events in _events(stand.hooks.heard).items() if len(events) > 1]:
        faults.append(f"webhook-ids that stand for several events: {len(wrong)}, first {wrong[:2]}")
    taken, heard = arrivals(stand), arrivals(stand, untold=True)
    for transport in ("webhook", "email"):
        ours = {name: (state, said) for way, name, state, said in deliveries if way == transport}
        found: dict[str, Iterable[Any]] = {
            "sent and not arrived": [
                name
                for name, (state, _said) in ours.items()
                if state == "sent" and not taken[transport][name]
            ],
            # Of a mail that was cut off after its last word nobody knows, and it is not sent for ever.
            "given up": [
                one
                for name, one in ours.items()
                if one[0] not in ARRIVED and not (one[0] == "unknown" and heard[transport][name])
            ],
            "of nothing": set(heard[transport]) - set(ours),
        }
        for what, those in found.items():
            if those:
                faults.append(f"{transport}, {what}: {len(list(those))}, first {list(those)[:2]}")
    if lost := [said for way, _name, state, said in deliveries if way == "slack" and state == "failed"]:
        faults.append(f"slack, given up: {len(lost)}, first {lost[:2]}")
    return faults


# What may have become of a delivery in the end; skipped is what its reader may not hear of any more.
ARRIVED = {"sent", "skipped"}
# After these a mail server has had the mail, and nobody but itself knows.
UNTOLD = {does.CUT_AFTER, does.SILENT_AFTER}


@dataclass(frozen=True)
class Told:
    """What everybody has been told until some moment."""

    taken: dict[str, Counter[str]]
    to_slack: int  # messages that the desk believes to have arrived there


def told(stand: Stand) -> Told:
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM notifications_delivery WHERE transport = 'slack' AND state = 'sent'"
        )
        return Told(arrivals(stand), int(cursor.fetchone()[0]))


def told_again(stand: Stand, *, since: Told, may_be: bool) -> tuple[int, list[str]]:
    """How many messages have come again to somebody who had said that he has them; and which, unless they may.

    A message to Slack has no name that is heard there: as many are to arrive as the desk believes to have sent.
    """
    now = told(stand)
    again = {
        way: [
            name
            for name, times in (now.taken[way] - since.taken[way]).items()
            if times > 1 or name in since.taken[way]
        ]
        for way in ("webhook", "email")
    }
    sent, arrived = now.to_slack - since.to_slack, (now.taken["slack"] - since.taken["slack"]).total()
    found = [
        f"{way}, again to whom has it: {len(names)}, first {names[:2]}"
        for way, names in again.items()
        if names and not may_be
    ]
    if arrived < sent or (arrived > sent and not may_be):
        found.append(f"slack: {sent} sent, {arrived} arrived")
    return sum(map(len, again.values())) + max(arrived - sent, 0), found


def arrivals(stand: Stand, *, untold: bool = False) -> dict[str, Counter[str]]:
    """How often each message has come to somebody who said that he has it, by its name at its receiver.

    With `untold` those, too, that were heard without a good word.
    """
    failed = {id(one) for one in stand.failed} if not untold else set()
    return {
        # By which a receiver knows a repeat.
        "webhook": Counter(one.headers["webhook-id"] for one in stand.hooks.heard if id(one) not in failed),
        "slack": Counter("" for one in stand.slack.heard if id(one) not in failed),
        "email": mailed(one for one in stand.mails.received if untold or one.behaviour not in UNTOLD),
    }


def _events(heard: list[Heard]) -> dict[str, set[tuple[Any, Any]]]:
    """Of each webhook-id the events that came under it."""
    told: dict[str, set[tuple[Any, Any]]] = {}
    for one in heard:
        event = json.loads(one.body)["data"].get("event") or {}
        told.setdefault(one.headers["webhook-id"], set()).add((event.get("id"), event.get("seq")))
    return told


def mailed(received: Iterable[Received]) -> Counter[str]:
    """Message-ID, by which a mail program knows one."""
    ids = (one.mail["Message-ID"].strip("<>").partition("@")[0] for one in received)
    return Counter(f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in ids)
