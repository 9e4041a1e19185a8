"""Clients that take their time take nobody else's: real sockets on the real web server."""

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from accounts.models import User
from serviceflow import worker
from tests.served import Desk

MANY = 40  # the served desk has eight threads

SLOW = {
    "silence": b"",
    "half a line": b"GET /api/v1/users/me HT",
    "half a head": b"GET /api/v1/users/me HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Sl",
    "half a body": b"POST /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"title": "abc',
    "half a form": b"POST /account/sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n",
    "zeros before a length": b"POST /account/sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %0100d\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\na" % 100,
    "a body asked for aloud": b"POST /account/sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-Continue\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na",
    "a body asked for": b"POST /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n",
    "chunks": b"POST /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
    "too large a body": b"POST /account/sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99000000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n",
    "the next request": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /api/v1/users/me HT",
    "an error and no farewell": b"GET / HTTP/9.9\r\n\r\n",
}


def connected(desk: Desk) -> socket.socket:
    host, port = desk.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


@contextmanager
def slow(desk: Desk, begun: bytes) -> Iterator[list[socket.socket]]:
    """Many clients that have begun and do not go on."""
    with ExitStack() as wires:
        opened = [wires.enter_context(connected(desk)) for _client in range(MANY)]
        for wire in opened:
            wire.sendall(begun)
        yield opened


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", SLOW)
def test_others_are_answered_meanwhile(desk: Desk, kind: str) -> None:
    with slow(desk, SLOW[kind]):
        for _turn in range(8):  # over connections of their own, which both workers get
            assert desk.visitor().get("/health/live", timeout=10).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_request_that_comes_letter_by_letter_is_answered(
    desk: Desk, agent: User, key_of: Callable[..., str]
) -> None:
    body = json.dumps({"title": "Letter by letter"}).encode()
    request = (
        b"POST /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + key_of(agent).encode()
    ) + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connected(desk) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for letter in request + body:
            wire.sendall(bytes([letter]))
        assert wire.recv(4096).startswith(b"HTTP/1.1 201 ")


@pytest.mark.django_db(transaction=True)
def test_requests_in_one_breath_are_answered_in_their_order(desk: Desk) -> None:
    said = b"".join(
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: %d\r\nConnection: %s\r\n\r\n" % each
        for each in ((b"/health/live", 1, b"keep-alive"), (b"/api/", 2, b"keep-alive"), (b"/", 3, b"close"))
    )
    with connected(desk) as wire:
        wire.sendall(said)
        answers = b"".join(iter(lambda: wire.recv(65536), b""))
    places = [answers.index(b"X-Request-ID: %d\r\n" % number) for number in (1, 2, 3)]
    assert places == sorted(places)


def assert_complete(head: bytes) -> None:
    for name in ("Content-Security-Policy", "X-Frame-Options", "Referrer-Policy", "X-Content-Type-Options"):
        assert head.count(f"\r\n{name}: ".encode()) == 1, name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /queue/ HTTP/9.9\r\nAccept-Language: ru\r\n\r\n", 400),
        (b"POST /queue/ HTTP/1.1\r\nHost: x\r\nCookie: language=ru\r\nContent-Length: 99000000\r\n\r\n", 413),
        (b"GET /queue/?a HTTP/1.1\r\nHost: x\r\nAccept-Language: ru\r\nContent-Type: a/b; charset=hex\r\n\r\n", 415),
    ],
)  # fmt: skip
def test_a_person_is_told_in_his_language(desk: Desk, sent: bytes, status: int) -> None:
    with connected(desk) as wire:
        wire.sendall(sent)
        head, _blank, body = b"".join(iter(lambda: wire.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nContent-Type: text/html; charset=utf-8" in head
    assert b'<html lang="ru"' in body
    assert_complete(head)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /api/v1/tickets?q=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (9000 * b"x"), 414, "address_too_long"),
        (b"GET /api/v1/tickets HTTP/1.1\r\nX: %s\r\n\r\n" % (9000 * b"x"), 431, "headers_too_large"),
        (b"GET /api/v1/tickets HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n", 400, "bad_request"),
        (b"GET /api/v1/tickets HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
        (b"POST /requests HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, "length_required"),
        (b"POST /requests HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n", 413, "too_large"),
        (b"POST /requests HTTP/1.1\r\nHost: x\r\nContent-Length: 9%s\r\n\r\n" % (99 * b"0"), 413, "too_large"),
        (b"POST /requests HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 501, "not_implemented"),
        (b"GET /requests?a HTTP/1.1\r\nContent-Type: a/b; charset=rot13\r\n\r\n", 415, "unsupported_media_type"),
        (b"POST /requests HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n", 501, "not_implemented"),
        (b"POST /requests HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417, "expectation_failed"),
    ],
)  # fmt: skip
def test_a_program_is_told_what_is_no_http(desk: Desk, sent: bytes, status: int, code: str) -> None:
    with connected(desk) as wire:
        wire.sendall(sent)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _blank, body = answer.partition(b"\r\n\r\n")
    said = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {status} {said['title']}\r\n".encode())
    assert_complete(head)
    assert b"\r\nContent-Type: application/problem+json" in head
    assert (said["status"], said["code"]) == (status, code)
    assert said["instance"] in {"/api/v1/tickets", "/requests"}
    assert f"X-Request-ID: {said['request_id']}".encode() in head


# --- The loop itself, without a server -----------------------------------------------------------


@pytest.fixture
def loop() -> Iterator[Any]:
    settings = Config()
    settings.set("threads", 1)
    made = worker.Worker(0, 0, [], None, 30, settings, Logger(settings))
    made.poller = selectors.DefaultSelector()
    yield made
    made.poller.close()
    made.tmp.close()


def test_a_worker_that_ends_lets_in_whom_it_has_room_for(loop: Any) -> None:
    """Who is left outside is refused at once. Seen to fail: without the look at worker_connections."""
    door = socket.create_server(("127.0.0.1", 0))
    door.setblocking(False)
    loop.sockets, loop.worker_connections = [door], 3
    with ExitStack() as wires:
        callers = [
            wires.enter_context(socket.create_connection(door.getsockname(), timeout=20))
            for _caller in range(5)
        ]
        loop.close_the_door()
        assert (loop.nr_conns, len(loop.pending_conns), loop.sockets) == (3, 3, [])
        for refused in callers[3:]:
            with pytest.raises(ConnectionResetError):
                refused.recv(1)
        for conn in loop.pending_conns:
            conn.close()
        assert all(let_in.recv(1) == b"" for let_in in callers[:3])


def test_who_does_not_go_on_is_hung_up_on(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    conn = worker.Connection(loop.cfg, ours, ("", 0), ("", 0))
    loop.nr_conns = 1
    theirs.sendall(b"GET / HT")
    loop.gather(conn)
    loop.murder_pending()
    assert (loop.nr_conns, list(loop.pending_conns)) == (1, [conn])
    monkeypatch.setattr(time, "monotonic", lambda: conn.timeout)
    loop.murder_pending()
    assert (loop.nr_conns, list(loop.pending_conns)) == (0, [])
    assert theirs.recv(1) == b""
    theirs.close()


def test_large_bodies_that_are_still_arriving_are_bounded(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_HELD", 3 * worker.SMALL)
    pairs = [socket.socketpair() for _client in range(3)]
    conns = [worker.Connection(loop.cfg, ours, ("", 0), ("", 0)) for ours, _theirs in pairs]
    loop.nr_conns = 3
    for conn in conns:
        conn.received += b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + 2 * worker.SMALL * b"x"
        loop.go_on(conn)
    assert list(loop.pending_conns) == conns[:2]
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_who_does_not_take_his_answer_is_hung_up_on(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    conn = worker.Connection(loop.cfg, ours, ("", 0), ("", 0))
    conn.received += b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    sending = threading.Event()

    def endless(_request: Any, conn: Any) -> None:
        sending.set()
        while True:
            conn.sock.sendall(worker.SMALL * b"x")

    monkeypatch.setattr(ThreadWorker, "handle_request", lambda _self, req, conn: endless(req, conn))
    loop.nr_conns = 1
    with ThreadPoolExecutor(1) as loop.tpool:
        loop.method_queue.init()
        loop.go_on(conn)
        assert sending.wait(20)
        loop.murder_pending()
        assert loop.busy == {conn}
        monkeypatch.setattr(time, "monotonic", lambda: conn.timeout)
        loop.murder_pending()
    loop.method_queue.run_callbacks(loop.method_queue)
    loop.wait_for_and_dispatch_events(1)
    assert (loop.busy, loop.nr_conns, list(loop.pending_conns)) == (set(), 0, [])
    loop.method_queue.close()
    theirs.close()


@pytest.mark.parametrize(("path", "kind"), [("/api/x", b"application/problem+json"), ("/x", b"text/html")])
def test_what_escapes_the_application_is_our_own_500(
    loop: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any, path: str, kind: bytes
) -> None:
    def application(*_arguments: Any) -> None:
        raise RuntimeError("nobody caught this")

    ours, theirs = socket.socketpair()
    conn = worker.Connection(loop.cfg, ours, ("127.0.0.1", 1), ("127.0.0.1", 2))
    conn.received += f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    loop.wsgi = application
    assert loop.handle(conn) is False
    said = theirs.recv(worker.SMALL)
    assert said.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"\r\nContent-Type: " + kind in said
    assert b"nobody caught this" not in said
    assert_complete(said)
    ours.close()
    theirs.close()
