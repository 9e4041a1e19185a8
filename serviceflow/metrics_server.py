"""The small port of a job worker at which Prometheus finds /metrics: a worker serves no pages."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from django.conf import settings
from django.db import connections
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from serviceflow import health, probes

log = structlog.get_logger("serviceflow.metrics_server")

PATIENCE = (
    10.0  # seconds for a request to arrive, to be answered (five at most), and for its answer to be taken
)
MOST_AT_ONCE = 4
QUEUED = (
    1.0  # seconds somebody may wait for a place; then he is dropped, for others and the end wait behind him
)


class Asked(BaseHTTPRequestHandler):
    """One request; the connection ends with it. Whoever sends a byte now and then has no more time than others."""

    server_version = "ServiceFlow"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.alarm = threading.Timer(PATIENCE, self.break_off)
        self.alarm.daemon = True
        self.alarm.start()

    def finish(self) -> None:
        self.alarm.cancel()
        super().finish()

    def break_off(self) -> None:
        """Whoever reads or writes meets the end of the connection."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.answer(404)
        elif health.may_know(self.headers.get("Authorization", "")):
            try:
                self.answer(200, probes.exposition())
            finally:
                connections.close_all()
        else:
            self.answer(401 if settings.METRICS_KEY else 404)

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Nobody reads a line for each scrape."""


class Server(ThreadingHTTPServer):
    """As many at once as there are who ask by right; who comes beside them waits for a moment."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, host: str, port: int) -> None:
        self.places = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__((host, port), Asked)

    def process_request(self, request: object, client_address: object) -> None:
        if not self.places.acquire(timeout=QUEUED):
            log.warning("metrics_not_taken", said="too many ask at once")
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        try:
            super().process_request(request, client_address)  # type: ignore[arg-type]
        except BaseException:
            self.places.release()  # no thread has begun that would
            raise

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self.places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        log.warning("metrics_not_taken", said=str(sys.exception()))


@contextmanager
def serving(host: str, port: int) -> Iterator[None]:
    """Answer at this port meanwhile; at none if it is 0. A port that is taken stops no job: it is told."""
    try:
        server = Server(host, port) if port else None
    except OSError as trouble:
        log.error("metrics_not_served", port=port, said=trouble.strerror)
        server = None
    if server is None:
        yield
        return
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
