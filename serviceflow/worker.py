"""Gunicorn's threads for requests that are here, not for those that may come some day.

gthread gives a connection a thread before its request has arrived, and the thread waits for as long as the client
likes: sixteen clients that send a letter a minute stop the desk. Here the loop that watches all sockets gathers each
request, head and body, and only a whole one gets a thread.
"""

import errno
import re
import socket
import time
import uuid
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from serviceflow import problems

PATIENCE = 30  # seconds for a request to arrive, and for its answer to be taken
FAREWELL = 2  # seconds for the client to take the last answer before we hang up
SMALL = 64 * 1024
MOST_HELD = 64 * 1024 * 1024  # bytes of requests larger than SMALL that are still arriving
# An answer that fits needs no thread while a slow client takes it. Linux halves what it is told, and grants less.
SEND_BUFFER = 1024 * 1024

_FRAMING = re.compile(rb"(?i)\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)")
_BARE_LF = re.compile(rb"(?<!\r)\n")


class Parser(RequestParser):  # type: ignore[misc]
    """Tells with its errors which address was asked for."""

    target = ""

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except ParseException as error:
            error.target = self.target
            raise


class Connection(TConn):  # type: ignore[misc]
    """A client, and what of his next request has arrived."""

    parser: Parser | None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.data_ready = True  # no thread ever waits for the first byte
        self.leaving = False
        self.begin(b"")

    def begin(self, ahead: bytes) -> None:
        """Wait for another request, of which this much has come already."""
        self.received = bytearray(ahead)
        self.searched = 0
        self.needed: int | None = None  # bytes of head and body together, once the head is here
        self.whole = True
        self.timeout = time.monotonic() + PATIENCE

    def init(self) -> None:
        """Hand over to the parser what has arrived. In the thread, before each request."""
        if self.parser is None:
            self.initialized = True
            self.parser = Parser(self.cfg, self.sock, self.client)
        words = bytes(self.received[:4096]).lstrip().split(b" ", 2)
        self.parser.target = words[1].decode("latin-1") if len(words) > 1 else ""
        self.parser.unreader.unread(bytes(self.received))
        self.received.clear()

    def is_here(self) -> bool:
        """Whether a thread can take the request without waiting: it is whole, or will be refused as it stands."""
        if self.needed is None:
            begin = max(self.searched - 3, 0)
            end = self.received.find(b"\r\n\r\n", begin)
            self.searched = len(self.received)
            if end < 0:
                # The parser refuses both at once.
                return self.searched > self._longest_head() or bool(_BARE_LF.search(self.received, begin))
            self.needed = self._needed(end)
        return len(self.received) >= self.needed

    def _needed(self, end: int) -> int:
        framing = [(name.lower(), value.strip()) for name, value in _FRAMING.findall(self.received, 0, end)]
        sizes = [value for name, value in framing if name == b"content-length"]
        if not framing:
            return end + 4
        if len(framing) == len(sizes) == 1 or (sizes and (b"expect", b"100-continue") in framing):
            size = int(sizes[0]) if sizes[0].isdigit() and len(sizes[0]) < 19 else None
            if len(sizes) == 1 and size is not None and size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                if len(framing) > 1 and len(self.received) < end + 4 + size:
                    self._ask_for_the_body()
                return end + 4 + size
        # Nobody reads such a body: the parser or the middleware refuses it by its head.
        self.whole = False
        return 0

    def _ask_for_the_body(self) -> None:
        with suppress(OSError):  # then it will not come, and we do not wait for long
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _longest_head(self) -> int:
        line: int = self.cfg.limit_request_line
        fields: int = self.cfg.limit_request_fields * (self.cfg.limit_request_field_size + 2)
        return line + fields + 8


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread, less the waiting in threads."""

    # --- A request arrives -----------------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK}:
                raise
            return
        self.nr_conns += 1
        self.watch(Connection(self.cfg, client, address, listener.getsockname()))

    def watch(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, _client: socket.socket) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)
        self.gather(conn)

    def on_client_socket_readable(self, conn: Connection, _client: socket.socket) -> None:
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        conn.begin(b"")
        self.gather(conn)

    def gather(self, conn: Connection) -> None:
        """Read what is there, and give the request a thread once it is whole."""
        try:
            data = conn.sock.recv(SMALL)
        except BlockingIOError:
            self.watch(conn)
            return
        except OSError:
            data = b""
        if not data:
            self.drop(conn)
        elif conn.leaving:
            self.watch(conn)
        else:
            conn.received += data
            self.go_on(conn)

    def go_on(self, conn: Connection) -> None:
        if conn.is_here():
            self.enqueue_req(conn)
        elif len(conn.received) > SMALL and self.held() > MOST_HELD:
            self.drop(conn)
        else:
            self.watch(conn)

    def held(self) -> int:
        return sum(len(conn.received) for conn in self.pending_conns if len(conn.received) > SMALL)

    # --- It is answered --------------------------------------------------------------------------

    def handle_request(self, req: Any, conn: Connection) -> Any:
        conn.sock.settimeout(PATIENCE)
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            raise StopIteration from None  # the client does not take its answer: hang up

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        return conn.whole and super()._keepalive_after(conn, keepalive)

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self.part(conn)
        elif conn.parser is not None and (ahead := conn.parser.unreader.take_buffered()):
            conn.begin(ahead)
            self.go_on(conn)
        else:
            super().finish_request(conn, fs)

    def part(self, conn: Connection) -> None:
        """Hang up once the client has, or soon: closing over what he still sends would cut off our answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
            return
        conn.leaving = True
        conn.timeout = time.monotonic() + FAREWELL
        self.watch(conn)

    def drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    # --- Time is up ------------------------------------------------------------------------------

    def murder_pending(self) -> None:
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self.poller.unregister(conn.sock)
            self.pending_conns.remove(conn)
            self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.received:
                conn.timeout = min(conn.timeout, deadline)

    # --- What is no HTTP -------------------------------------------------------------------------

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Programs are told in the one shape of all errors, even where no application was asked."""
        path = getattr(exc, "target", "").partition("?")[0]
        called: Any = SimpleNamespace(path=path, path_info=path, request_id=uuid.uuid4().hex)
        if not (isinstance(exc, ParseException) and problems.asks_for_json(called)):
            super().handle_error(req, client, addr, exc)
            return
        status = STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
        self.log.warning("Invalid request %s from %s: %s", called.request_id, addr[0] if addr else "", exc)
        answer = problems.answer(called, status)
        answer["X-Request-ID"] = called.request_id
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Connection"] = "close"
        answer["Content-Length"] = str(len(answer.content))
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
        try:
            client.sendall(head + answer.serialize_headers() + b"\r\n\r\n" + answer.content)
        except OSError:
            self.log.debug("The client did not wait for its error.")


STATUSES = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}
