"""Files through the real web server: its loop gathers and gives them out, with little memory and no thread waiting."""

import os
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from gunicorn.config import Config
from gunicorn.glogging import Logger

from accounts.models import User
from serviceflow import worker
from tests.factories import web
from tests.served import Desk
from tests.test_slow_clients import connected
from tests.tickets.actions.test_attach import kept
from tickets import actions, files
from tickets.models import Attachment, Ticket

MB = 1024 * 1024
served = pytest.mark.django_db(transaction=True)


def posted(desk: Desk, ticket: Ticket, key: str, *contents: bytes) -> Any:
    uploads = [("file", (f"{number}.bin", content)) for number, content in enumerate(contents)]
    address = f"/api/v1/tickets/{ticket.public_id}/attachments"
    return desk.visitor().post(address, files=uploads, headers={"X-API-Key": key}, timeout=120)


def processes_of(desk: Desk) -> list[Path]:
    """Their places in /proc: the one that listens at the desk's port and those that answer."""
    ours = f"PORT={urlsplit(desk.url).port}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            serves = b"serviceflow.gunicorn" in (place / "cmdline").read_bytes()
            if serves and ours in (place / "environ").read_bytes().split(b"\0"):
                found.append(place)
    return found


def megabytes(process: Path, name: str) -> float:
    """VmRSS, what the process holds, or VmHWM, the most it has held since "5" was written to clear_refs: proc(5)."""
    [size] = re.findall(rf"^{name}:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
    return int(size) / 1024


@served
def test_ten_files_of_twenty_megabytes_arrive_whole(
    desk: Desk, ticket: Ticket, employee: User, key_of: Callable[..., str]
) -> None:
    contents = [os.urandom(MB) * 20 for _file in range(10)]
    answer = posted(desk, ticket, key_of(employee), *contents)
    assert answer.status_code == 201
    assert [each["sha256"] for each in answer.json()["results"]] == [
        sha256(each).hexdigest() for each in contents
    ]
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())


@served
def test_several_uploads_at_once_take_little_memory(
    desk: Desk, employee: User, key_of: Callable[..., str], service: Any
) -> None:
    """Eighteen files, and no process grows by as much as one of them.

    Seen to fail with a spool that stays in memory, whose processes then grow by whole bodies.
    """
    key, size = key_of(employee), 20
    tickets = [actions.open_ticket(title=f"Ticket {each}", by=web(employee)) for each in range(6)]
    with ThreadPoolExecutor(6) as pool:

        def upload(*contents: bytes) -> set[int]:
            sent = pool.map(lambda ticket: posted(desk, ticket, key, *contents), tickets)
            return {answer.status_code for answer in sent}

        for _warm in range(4):  # what a first upload loads stays
            assert upload(b"small") == {201}
        before = {}
        for process in processes_of(desk):
            (process / "clear_refs").write_text("5")
            before[process] = megabytes(process, "VmRSS")
        assert len(before) == 3
        assert upload(*[os.urandom(MB) * size] * 3) == {201}
    grown = {process.name: megabytes(process, "VmHWM") - held for process, held in before.items()}
    assert max(grown.values()) < size, grown


@served
@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/api/v1/tickets/SF-1/attachments", "application/json", 413),
        ("/api/v1/tickets/SF-1/attachments", "text/plain; x=multipart/form-data;", 413),
        ("/api/v1/tickets", "multipart/form-data; boundary=x", 413),
        ("/account/sign-in/", "multipart/form-data; boundary=x", 413),
        ("/tickets/SF-1/edit/", "multipart/form-data; boundary=x", 413),
        ("/tickets/new/../../x", "multipart/form-data; boundary=x", 413),
    ],
)
def test_large_bodies_are_for_files_only(desk: Desk, path: str, kind: str, status: int) -> None:
    with connected(desk) as wire:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {3 * MB}\r\n\r\n"
        wire.sendall(head.encode())
        assert wire.recv(4096).startswith(f"HTTP/1.1 {status} ".encode())


@served
@pytest.mark.parametrize("over", [0, 1])
def test_a_body_has_a_largest_size_all_the_same(desk: Desk, over: int) -> None:
    size = settings.LARGEST_UPLOAD + over
    with connected(desk) as wire:
        wire.sendall(
            b"POST /tickets/new/ HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % size
        )
        assert wire.recv(4096).startswith(b"HTTP/1.1 413 " if over else b"HTTP/1.1 100 ")


@served
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3000000\r\nContent-Length: 5\r\n",
        b"Content-Length: 3000000\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 3000000 5\r\n",
        b"Content-Length : 3000000\r\n",
    ],
)
def test_nobody_smuggles_behind_a_large_body(desk: Desk, framing: bytes) -> None:
    with connected(desk) as wire:
        wire.sendall(
            b"POST /tickets/new/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n"
            + framing
            + b"\r\nGET /health/live HTTP/1.1\r\n\r\n"
        )
        answers = b"".join(iter(lambda: wire.recv(65536), b""))
    assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 411 "))
    assert answers.count(b"HTTP/1.1 ") == 1


@served
def test_the_next_request_follows_a_large_body_on_the_same_wire(
    desk: Desk, ticket: Ticket, employee: User, key_of: Callable[..., str]
) -> None:
    session, key = desk.visitor(), {"X-API-Key": key_of(employee)}
    address = f"/api/v1/tickets/{ticket.public_id}/attachments"
    for _turn in range(2):
        sent = session.post(address, files=[("file", ("a.bin", b"x" * 3 * MB))], headers=key)
        assert sent.status_code == 201
        assert session.get("/health/live").status_code == 200


@served
def test_who_sends_half_a_file_holds_no_thread_and_leaves_nothing(
    desk: Desk, ticket: Ticket, employee: User
) -> None:
    begun = (
        b"POST /tickets/new/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: 20000000\r\n\r\n--x\r\n" + b"x" * MB
    )
    before = kept()
    wires = [connected(desk) for _client in range(40)]
    try:
        for wire in wires:
            wire.sendall(begun)
        for _turn in range(8):
            assert desk.visitor().get("/health/live", timeout=10).status_code == 200
    finally:
        for wire in wires:
            wire.close()
    assert kept() == before
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())
    assert not Attachment.objects.exists()


@served
def test_who_takes_a_file_slowly_holds_no_thread(
    desk: Desk, ticket: Ticket, employee: User, key_of: Callable[..., str]
) -> None:
    content = os.urandom(MB) * 20
    [file] = actions.attach(ticket, files=[files.incoming("a.bin", content)], by=web(employee))
    ask = (
        f"GET /api/v1/attachments/{file.public_id}/content HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"X-API-Key: {key_of(employee)}\r\nConnection: close\r\n\r\n"
    ).encode()
    wires = [connected(desk) for _client in range(20)]
    try:
        for wire in wires:
            wire.sendall(ask)
            assert wire.recv(100).startswith(b"HTTP/1.1 200 ")
        for _turn in range(8):
            assert desk.visitor().get("/health/live", timeout=10).status_code == 200
        rest = b"".join(iter(lambda: wires[0].recv(MB), b""))
    finally:
        for wire in wires:
            wire.close()
    assert sha256(rest.partition(b"\r\n\r\n")[2]).digest() == sha256(content).digest()


def routes(patterns: list[Any], path: str = "") -> Iterator[str]:
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here


def test_the_loop_knows_every_address_that_takes_files_and_no_other() -> None:
    known = {
        route
        for route in routes(get_resolver("serviceflow.urls").url_patterns)
        if worker._TAKES_FILES.match(b"POST /" + re.sub(r"<[^>]*>", "SF-1", route).encode() + b" HTTP/1.1")
    }
    assert known == {
        "tickets/new/",
        "tickets/<str:reference>/comment/",
        *(
            f"api/v1/tickets/<str:ticket>/{what}{end}"
            for what in ("attachments", "comments")
            for end in ("", "/")
        ),
    }


# --- The loop itself, without a server -----------------------------------------------------------

HEAD = (
    b"POST /tickets/new/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 5000000\r\n\r\n"
)


@pytest.fixture
def loop() -> Iterator[Any]:
    config = Config()
    config.set("threads", 1)
    made = worker.Worker(0, 0, [], None, 30, config, Logger(config))
    made.poller = selectors.DefaultSelector()
    made.enqueue_req = made.busy.add  # type: ignore[assignment, method-assign]
    yield made
    made.poller.close()
    made.tmp.close()


@pytest.fixture
def conn(loop: Any) -> Iterator[Any]:
    ours, theirs = socket.socketpair()
    made = worker.Connection(loop.cfg, ours, ("", 0), ("", 0))
    loop.nr_conns = 1
    made.take(HEAD)
    yield made
    made.forget_body()
    ours.close()
    theirs.close()


def test_a_large_body_is_not_held_in_memory(loop: Any, conn: Any) -> None:
    loop.go_on(conn)
    while not conn.is_here():
        conn.take(b"x" * conn.wanted)
    assert (bytes(conn.received), conn.spooled) == (HEAD, 5_000_000)
    conn.init()
    assert b"".join(conn.parser.unreader.iter) == b"x" * 5_000_000


def test_who_sends_steadily_has_time_and_who_stalls_has_not(
    loop: Any, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    conn.begin(b"")
    conn.take(HEAD)
    loop.go_on(conn)
    for _second in range(35):  # longer than anybody may be silent, at just the least speed
        clock += 1
        conn.take(b"x" * worker.SLOWEST)
        loop.murder_pending()
    assert list(loop.pending_conns) == [conn]
    clock += worker.PATIENCE + 1
    loop.murder_pending()
    assert (list(loop.pending_conns), conn.spool) == ([], None)


@pytest.mark.parametrize("fault", ["the disk is full", "too much at once"])
def test_where_there_is_no_room_the_client_is_told(
    loop: Any, conn: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    loop.go_on(conn)
    if fault == "the disk is full":
        conn.spool.close()
        conn.spool = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 (the connection closes it)
    else:
        monkeypatch.setattr(worker, "MOST_SPOOLED", worker.SMALL - 1)
    conn.take(b"x" * worker.SMALL)
    loop.go_on(conn)
    assert (conn.refused, conn.spool, loop.busy) == (503, None, {conn})


def test_who_takes_nothing_of_a_file_is_hung_up_on(
    loop: Any, conn: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(30 * MB))
    ours, theirs = socket.socketpair()
    wire = worker.Wire(fileno=ours.detach())
    conn = worker.Connection(loop.cfg, wire, ("", 0), ("", 0))
    with large.open("rb") as file:
        assert wire.sendfile(file, 0, 30 * MB) == 30 * MB
    done: Any = threading.local()
    done.cancelled, done.exception, done.result = lambda: False, lambda: None, lambda: True
    loop.finish_request(conn, done)
    for _turn in range(3):
        loop.send_on(conn, True, done, wire)
    assert loop.sending == {conn}
    assert wire.rest is not None
    monkeypatch.setattr(time, "monotonic", lambda: conn.timeout)
    loop.murder_pending()
    assert loop.sending == set()
    assert getattr(wire, "rest") is None  # noqa: B009 (mypy would take the rest for unreachable)
    theirs.close()
