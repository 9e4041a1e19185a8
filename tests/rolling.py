"""Servers that come and go one by one while people work, as deploy/kubernetes has it: another before one ends, no more
calls before it hangs up, and time for what it has in hand.
"""

import http.client
import os
import select
import signal
import subprocess
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from tests.edge import Passing
from tests.served import Visitor, free_port

PATIENCE = 90  # seconds for a start on a busy machine


@dataclass(frozen=True)
class Manners:
    """Seconds of a goodbye."""

    lag: float  # until the proxies have heard that a server goes: so long they still send it calls
    pause: float  # of preStop: before it is told to end
    grace: float  # terminationGracePeriodSeconds, that pause included: then it is killed


@dataclass
class Program:
    """A process of a release, which is ended as a platform ends it."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def end(self, *, within: float) -> str:
        """SIGTERM, and -9 if that does not do. Answers what was wrong with its end, if anything."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"{self.name} had to be killed after {within:.0f} s"
        return f"{self.name} ended with {code}: {self.last_words()}" if code else ""

    def kill(self) -> None:
        """With all that it has started: they are a session of their own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def wait_until(self, well: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not well():
            assert self.process.poll() is None, f"{self.name} has ended: {self.last_words()}"
            assert time.monotonic() < end, f"{self.name} did not start: {self.last_words()}"
            time.sleep(0.1)

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


@dataclass(frozen=True)
class Release:
    """A version of the desk in a folder, the Python that has its libraries, and the settings of an installation."""

    name: str
    folder: Path
    python: Path
    settings: dict[str, str]
    logs: Path

    def manage(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.python, "manage.py", *words], cwd=self.folder, env=self.settings | more,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def web(self, port: int) -> Program:
        command = ["-m", "gunicorn", "--config", "python:serviceflow.gunicorn", "serviceflow.wsgi"]
        return self._start(f"web-{port}", *command, HOST="127.0.0.1", PORT=str(port))

    def worker(self) -> Program:
        """Started and well."""
        alive = self.logs / f"alive-{time.monotonic_ns()}"
        program = self._start("worker", "manage.py", "work", "--alive", str(alive))
        program.wait_until(alive.exists)
        return program

    def _start(self, name: str, *command: str, **more: str) -> Program:
        log = self.logs / f"{self.name}-{name}.log"
        with log.open("ab") as told:
            process = subprocess.Popen(
                [self.python, *command], cwd=self.folder, env=self.settings | more,
                stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True,
            )  # fmt: skip
        return Program(f"{name} of {self.name}", process, log)


# --- The proxy before them ------------------------------------------------------------------------


@dataclass
class Balancer:
    """Whom calls are sent to, in turns, over connections that are kept open. It tries nothing twice."""

    url: str
    ports: deque[int] = field(default_factory=deque)
    idle: dict[int, list[http.client.HTTPConnection]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, port: int) -> None:
        with self.lock:
            self.ports.append(port)

    def remove(self, port: int) -> None:
        with self.lock:
            self.ports.remove(port)
            for each in self.idle.pop(port, ()):
                each.close()

    def reach(self) -> http.client.HTTPConnection:
        with self.lock:
            if not self.ports:
                raise ConnectionError("nobody is there")
            port = self.ports[0]
            self.ports.rotate(-1)
            while self.idle[port]:
                kept = self.idle[port].pop()
                if kept.sock is not None and not select.select([kept.sock], [], [], 0)[0]:
                    return kept
                kept.close()  # hung up meanwhile
        return http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def leave(self, inside: http.client.HTTPConnection) -> None:
        with self.lock:
            if inside.sock is not None and inside.port in self.ports:
                self.idle[inside.port].append(inside)
            else:
                inside.close()


class _Balanced(Passing):
    def _pass(self) -> None:
        try:
            super()._pass()
        except (OSError, http.client.HTTPException) as trouble:
            said = f"no answer from behind: {trouble!r}".encode()
            self.send_response_only(502, "Bad Gateway")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815

    def reach(self) -> http.client.HTTPConnection:
        server: Any = self.server
        return server.balancer.reach()  # type: ignore[no-any-return]

    def leave(self, inside: http.client.HTTPConnection) -> None:
        server: Any = self.server
        server.balancer.leave(inside)


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def balancing() -> Iterator[Balancer]:
    server = _Front(("127.0.0.1", 0), _Balanced)
    balancer = Balancer(f"http://127.0.0.1:{server.server_address[1]}")
    server.balancer = balancer  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield balancer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        for port in list(balancer.ports):
            balancer.remove(port)


# --- Coming and going -----------------------------------------------------------------------------


class Fleet:
    """The web servers behind a proxy, and what was wrong with their ends."""

    def __init__(self, balancer: Balancer, manners: Manners) -> None:
        self.balancer, self.manners = balancer, manners
        self.servers: dict[int, Program] = {}
        self.worker: Program | None = None
        self.faults: list[str] = []
        self._ports = ExitStack()

    def bring(self, release: Release) -> None:
        """One more, and calls come once it says that it is ready."""
        port = self._ports.enter_context(free_port())
        server = self.servers[port] = release.web(port)
        server.wait_until(lambda: is_ready(port))
        self.balancer.add(port)

    def retire(self, port: int) -> None:
        """The proxies are told in their own time; it takes its pause, and ends what it has in hand."""
        heard = threading.Timer(self.manners.lag, self.balancer.remove, [port])
        heard.start()
        time.sleep(self.manners.pause)
        server = self.servers[port]
        if fault := server.end(within=self.manners.grace - self.manners.pause):
            self.faults.append(fault)
        heard.join()
        del self.servers[port]

    def roll(self, release: Release) -> None:
        """maxSurge 1, maxUnavailable 0."""
        for port in list(self.servers):
            self.bring(release)
            self.retire(port)

    def hire(self, release: Release) -> None:
        """A worker in the place of the one there is, which goes once the other has begun."""
        before, self.worker = self.worker, release.worker()
        if before is not None and (fault := before.end(within=self.manners.grace)):
            self.faults.append(fault)

    def close(self) -> None:
        for program in (*self.servers.values(), self.worker):
            if program is not None:
                program.kill()
        self._ports.close()


def is_ready(port: int) -> bool:
    try:
        return Visitor(f"http://127.0.0.1:{port}").get("/health/ready", timeout=6).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def fleet(manners: Manners) -> Iterator[Fleet]:
    with balancing() as balancer:
        servers = Fleet(balancer, manners)
        try:
            yield servers
        finally:
            servers.close()
