"""What the desk costs beside the floor: the same statements sent by bare WSGI and psycopg, under the same gunicorn.

For each kind of call both are asked in turns, with as many connections as there are threads, until they have nothing
else to do; the median of the turns' rates is compared. Everything is on: key, scopes, limits, Idempotency-Key, audit,
notices, log. See benchmarks/floor.py; `benchmarks/fill.py` fills a desk. A run writes tickets, and the
floor writes what no verb has done: for a desk that is thrown away.
"""

import argparse
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings")
LIMITS = ("KEY", "ADDRESS", "PERSON", "CREATE", "SEARCH")
os.environ |= {f"RATE_LIMIT_{name}": "999999999" for name in LIMITS}  # counted all the same
os.environ["STATEMENT_TIMEOUT"] = "60000"  # a desk that nobody has asked anything yet is on the disk
import django

django.setup()
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from accounts.acting import Actor
from accounts.models import Role, User
from audit.models import Door
from benchmarks.explaining import Recorder
from benchmarks.fill import Copies, Template, numbered
from tickets import actions
from tickets.models import Ticket
from tickets.models.ticket import Status

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
WARM = 6  # calls before one is noted


@dataclass
class Call:
    """One kind of call, as the n-th is made. `goal` is the share of the floor's rate that is wanted."""

    name: str
    goal: float
    method: str
    path: Callable[[int], str]
    headers: dict[str, str]
    body: bytes = b""
    # The tickets that calls go to, each once; the first `WARM` are for noting.
    tickets: list[Ticket] = field(default_factory=list)
    # What the floor is told.
    statements: list[dict[str, Any]] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def told(self) -> dict[str, Any]:
        return {
            "writes": self.writes,
            "statements": self.statements,
            "fresh": self.fresh,
            "turns": [_said_of(one, self.tickets[WARM - 1]) for one in self.tickets],
        }


def _said_of(ticket: Ticket, noted: Ticket) -> dict[str, str]:
    return {str(getattr(noted, name)): str(getattr(ticket, name)) for name in ("pk", "public_id", "number")}


# --- The desk's own statements -------------------------------------------------------------------


def note(call: Call) -> None:
    """Let the desk answer it until nothing is done for the first time any more, and note what it asks the database."""
    client = Client(headers=call.headers)
    for number in range(WARM):
        recorder, began, key = Recorder(), int(time.time() * 1000), str(uuid4())
        with connection.execute_wrapper(recorder):
            answer = client.generic(
                call.method,
                call.path(number),
                call.body,
                content_type="application/json",
                headers={"Idempotency-Key": key} if call.writes else {},
            )
        assert answer.status_code < 300, (call.name, answer.status_code, answer.content[:500])
    call.statements = recorder.found
    texts = " ".join(one["sql"] for one in recorder.found)
    # Ids that were made for this call hold its time.
    made = {
        text for text in UUID_TEXT.findall(texts) if UUID(text).version == 7 and UUID(text).int >> 80 >= began
    }
    call.fresh = [*sorted(made), sha256(key.encode()).hexdigest()] if call.writes else []


# --- The calls -----------------------------------------------------------------------------------


def calls(pool: int) -> list[Call]:
    agent = User.objects.active().filter(role=Role.AGENT, memberships__isnull=False).order_by("pk")[0]
    _key, raw = api_keys.issue(
        agent, name="benchmark", scopes=["read", "write"], by=Actor(agent, Door.SYSTEM)
    )
    key, cookie = {"X-API-Key": raw}, {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session_of(agent)}"}
    seen = list(Ticket.objects.visible_to(agent).order_by("-pk").values_list("public_id", flat=True)[:50])
    at_work = tickets_at_work(agent, pool)
    new = {"title": "Disk 7 is full", "description": "It **says** so on the screen.", "priority": "HIGH"}
    wait = {"status": "WAITING", "waiting_for": "THIRD_PARTY"}
    return [
        Call("list", 0.40, "GET", lambda n: "/api/v1/tickets?limit=50", key),
        Call("detail", 0.30, "GET", lambda n: f"/api/v1/tickets/{seen[n % len(seen)]}", key),
        Call("create", 0.35, "POST", lambda n: "/api/v1/tickets", key, json.dumps(new).encode()),
        Call(
            "status", 0.30, "PATCH", lambda n: f"/api/v1/tickets/{at_work[n].public_id}/status", key,
            json.dumps(wait).encode(), at_work,
        ),
        Call("queue", 0.20, "GET", lambda n: "/queue/?view=all", cookie),
        Call("search", 0.20, "GET", lambda n: "/api/v1/tickets?q=printer", key),
    ]  # fmt: skip


def session_of(user: User) -> str:
    """His browser's, as if he had signed in."""
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session.create()
    return session.session_key or ""


def tickets_at_work(agent: User, count: int) -> list[Ticket]:
    """So many that this agent works on, all of the same version: copies of one."""
    by = Actor(agent, Door.API)
    first = actions.claim(actions.open_ticket(title="Benchmark", requester=agent, by=by), by=by)
    if first.status == Status.NEW:
        first = actions.change_status(first, status=Status.IN_PROGRESS, by=by)
    template = Template(Ticket.objects.select_related("requester").get(pk=first.pk))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL statement_timeout = 0")
        copies = Copies([agent], seed=1)
        for _each in range(count):
            copies.make(template, timezone.now())
        copies.write()
        numbered(cursor, copies)
    return list(Ticket.objects.filter(pk__gt=first.pk).defer("search").order_by("pk"))


# --- The two servers -----------------------------------------------------------------------------


@contextmanager
def serving(application: str, **environment: str) -> Iterator[int]:
    """gunicorn with the desk's own settings; its port."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (Path(tempfile.mkdtemp()) / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:serviceflow.gunicorn", application],
            cwd=CHECKOUT,
            env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port), **environment},
            stdout=log,
            stderr=log,
        )
        try:
            for _each in range(300):
                with closing(socket.socket()) as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def asked(port: int, request: bytes, wire: socket.socket) -> int:
    """Send it and read all of the answer; its status."""
    wire.sendall(request)
    held = b""
    while (end := held.find(b"\r\n\r\n")) < 0:
        held += _more(wire)
    head = held[:end].lower()
    missing = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]) - (len(held) - end - 4)
    while missing > 0:
        missing -= len(_more(wire))
    return int(head[9:12])


def _more(wire: socket.socket) -> bytes:
    if not (found := wire.recv(262_144)):
        raise ConnectionError("the server hung up")
    return found


def rate(port: int, requests: Callable[[], bytes], *, seconds: float, connections: int) -> float:
    """Answers a second, to so many who ask again at once. Raises AssertionError for an answer that is no success."""
    until = time.monotonic() + seconds
    counts = [0] * connections
    wrong: list[str] = []

    def ask(number: int) -> None:
        with closing(socket.create_connection(("127.0.0.1", port))) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() < until:
                try:
                    status = asked(port, requests(), wire)
                except OSError as error:
                    wrong.append(repr(error))
                    return
                if status >= 300:
                    wrong.append(str(status))
                    return
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    return sum(counts) / (time.monotonic() - began)


def request(call: Call, path: str) -> bytes:
    headers = {"Host": "127.0.0.1", "Content-Length": str(len(call.body)), **call.headers}
    if call.writes:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    lines = [f"{call.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + call.body


def compare(
    call: Call, *, ours: int, floor: int, place: int, rounds: int, seconds: float, connections: int
) -> tuple[float, float]:
    """Answers a second, the desk's and the floor's: medians of rounds in which both take turns."""
    turns = itertools.count(WARM)

    def of_desk() -> bytes:
        return request(call, call.path(next(turns)))

    def of_floor() -> bytes:
        return request(call, f"/{place}/{next(turns)}")

    mine, least = [], []
    for each in range(rounds + 1):
        lasting = seconds if each else 1  # the first is for warming up
        mine.append(rate(ours, of_desk, seconds=lasting, connections=connections))
        least.append(rate(floor, of_floor, seconds=lasting, connections=connections))
    desk, bare = statistics.median(mine[1:]), statistics.median(least[1:])
    verdict = "" if desk / bare >= call.goal else "  missed"
    print(f"{call.name:8} {desk:8.0f} {bare:8.0f} {desk / bare:7.2f} {call.goal:6.2f}{verdict}")
    return desk, bare


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn (3)")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument(
        "--pool", type=int, default=8_000, help="tickets whose status is changed, each once (8000)"
    )
    parser.add_argument("--into", help="a file for the figures, as JSON")
    parser.add_argument("--only", help="kinds of calls, with commas between")
    wanted = parser.parse_args()
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    found = [call for call in calls(wanted.pool) if not wanted.only or call.name in wanted.only.split(",")]
    for call in found:
        note(call)
    told = Path(tempfile.mkdtemp()) / "operations.json"
    told.write_text(json.dumps({str(place): call.told() for place, call in enumerate(found)}))
    print(f"{Ticket.objects.count():,} tickets; answers a second with {wanted.connections} connections")
    print(f"{'':8} {'desk':>8} {'floor':>8} {'share':>7} {'goal':>6}")
    rates: dict[str, tuple[float, float]] = {}
    with serving("serviceflow.wsgi") as ours, serving("benchmarks.floor", FLOOR=str(told)) as floor:
        for place, call in enumerate(found):
            rates[call.name] = compare(
                call, ours=ours, floor=floor, place=place, rounds=wanted.rounds,
                seconds=wanted.seconds, connections=wanted.connections,
            )  # fmt: skip
    if wanted.into:
        Path(wanted.into).write_text(json.dumps({"tickets": Ticket.objects.count(), "rates": rates}))
    return 0 if all(rates[call.name][0] / rates[call.name][1] >= call.goal for call in found) else 1


if __name__ == "__main__":
    sys.exit(main())
