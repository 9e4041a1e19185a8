"""The small port of a worker: whoever is slow there holds up nobody, and not the end of the process."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import requests

from serviceflow import metrics_server
from tests.working import PATIENCE, until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def asked(port: int, path: str = "/nothing") -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE).status_code


def is_answered(port: int) -> bool:
    try:
        return asked(port) == 404
    except requests.ConnectionError:
        return False


@contextmanager
def dripping(port: int, how_many: int) -> Iterator[Callable[[], int]]:
    """Callers who begin a request and send a byte of it now and then, each as long as he is let, and then again.

    Answers how many have been sent away.
    """
    over, gone = threading.Event(), []

    def drip() -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.05) as caller:
                caller.sendall(b"GET /nothing HTTP/1.0\r\nX-Slow: ")
                while not over.is_set():
                    with suppress(TimeoutError):
                        if not caller.recv(1):
                            break
                    caller.sendall(b"x")
            gone.append(1)

    callers = [threading.Thread(target=drip, daemon=True) for _number in range(how_many)]
    for each in callers:
        each.start()
    try:
        yield lambda: len(gone)
    finally:
        over.set()
        for each in callers:
            each.join(PATIENCE)


def test_whoever_sends_a_byte_now_and_then_has_no_more_time_than_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With more of them than there are places somebody else is answered all the same, and the end comes though they go
    on. Seen to fail without the alarm of a request.
    """
    monkeypatch.setattr(metrics_server, "PATIENCE", 0.5)
    monkeypatch.setattr(metrics_server, "QUEUED", 0.2)
    port = free_port()
    over = threading.Event()

    def serve() -> None:
        with metrics_server.serving("127.0.0.1", port):
            over.wait()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    until(lambda: is_answered(port), "nobody answers")
    with dripping(port, metrics_server.MOST_AT_ONCE + 2) as sent_away:
        until(lambda: sent_away() > 2 * metrics_server.MOST_AT_ONCE, "they are let drip for ever")
        until(lambda: is_answered(port), "nobody else is answered")
        over.set()
        server.join(PATIENCE)
        assert not server.is_alive()


def test_a_thread_that_cannot_start_costs_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail without the release in process_request."""
    port = free_port()
    with metrics_server.serving("127.0.0.1", port):
        until(lambda: is_answered(port), "nobody answers")
        with monkeypatch.context() as meanwhile:
            begin = threading.Thread.start

            def start(thread: threading.Thread) -> None:
                if "process_request_thread" in thread.name:
                    raise RuntimeError("can't start new thread")
                begin(thread)

            meanwhile.setattr(threading.Thread, "start", start)
            for _number in range(metrics_server.MOST_AT_ONCE + 1):
                with pytest.raises(requests.ConnectionError):
                    asked(port)
        assert asked(port) == 404
