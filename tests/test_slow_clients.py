"""Clients that take their time take nobody else's: real sockets on the real web server."""

import json
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from gunicorn.config import Config

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


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /api/v1/tickets?q=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (9000 * b"x"), 414, "address_too_long"),
        (b"GET /api/v1/tickets HTTP/1.1\r\nX: %s\r\n\r\n" % (9000 * b"x"), 431, "headers_too_large"),
        (b"GET /api/v1/tickets HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n", 400, "bad_request"),
        (b"GET /api/v1/tickets HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
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
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nContent-Type: application/problem+json" in head
    assert (said["status"], said["code"]) == (status, code)
    assert said["instance"] in {"/api/v1/tickets", "/requests"}
    assert f"X-Request-ID: {said['request_id']}".encode() in head


# --- The loop itself, without a server -----------------------------------------------------------


@pytest.fixture
def loop() -> Iterator[Any]:
    settings = Config()
    settings.set("threads", 1)
    made = worker.Worker(0, 0, [], None, 30, settings, None)
    made.poller = selectors.DefaultSelector()
    yield made
    made.poller.close()
    made.tmp.close()


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
