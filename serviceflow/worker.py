"""Gunicorn's threads for requests that are here, not for those that may come some day.

gthread gives a connection a thread before its request has arrived, and the thread waits for as long as the client
likes: sixteen clients that send a letter a minute stop the desk. Here the loop that watches all sockets gathers each
request, head and body, and only a whole one gets a thread. Where files are taken in, a body may be large, and
is gathered on the disk. What the loop cannot frame, and what the application could not read, is answered here.
"""

import errno
import math
import os
import re
import socket
import time
import uuid
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from tempfile import TemporaryFile
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest, parse_cookie
from django.utils import translation
from django.utils.http import parse_header_parameters
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from serviceflow import headers

PATIENCE = 30  # seconds for a request to arrive, and as many until its answer is taken
FAREWELL = 2  # seconds for the client to take the last answer before we hang up
SMALL = 64 * 1024
MOST_HELD = 64 * 1024 * 1024  # bytes of requests larger than SMALL that are still arriving, in memory
MOST_SPOOLED = 2 * 1024 * 1024 * 1024  # bytes of uploads, on the disk, in each process
SLOWEST = 128 * 1024  # bytes a second: who sends files has more time, but not for pauses
STORING = 2 * 1024 * 1024  # bytes a second that a slow store takes in
# An answer that fits needs no thread while a slow client takes it. Linux halves what it is told, and grants less.
SEND_BUFFER = 1024 * 1024

_FRAMING = re.compile(rb"(?i)\r\n(content-length|transfer-encoding|expect)([ \t]*):[ \t]*([^\r\n]*)")
_WISHES = re.compile(rb"(?i)\r\n(accept-language|cookie):[ \t]*([^\r\n]*)")
# Who may send files: the pages and calls that take them in. Everything else has small bodies.
_TAKES_FILES = re.compile(
    rb"POST /(?:tickets/(?:new|[^/? ]+/comment)/|api/v1/tickets/[^/? ]+/(?:attachments|comments)/?)(?:\?[^ ]*)? "
)
_MULTIPART = re.compile(rb"(?i)\r\ncontent-type[ \t]*:[ \t]*multipart/form-data[ \t]*;")
_BARE_LF = re.compile(rb"(?<!\r)\n")


class Refusal(ParseException):  # type: ignore[misc]
    """Proper HTTP, but nothing the application may see."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status

    def __str__(self) -> str:
        return self.status.phrase


class Parser(RequestParser):  # type: ignore[misc]
    """Reads what has arrived and nothing else, and tells with its errors what was asked for."""

    head = b""
    refused: HTTPStatus | None = None

    def __init__(self, cfg: Any, client: Any) -> None:
        super().__init__(cfg, (), client)  # no socket: no thread can wait for one

    def __next__(self) -> Any:
        try:
            request = super().__next__()
            if refused := self.refused or _unreadable(request.headers) or _for_nobody(request):
                raise Refusal(refused)
        except ParseException as error:
            error.head = self.head
            raise
        return request


def _unreadable(fields: list[tuple[str, str]]) -> HTTPStatus | None:
    """Django decodes addresses and forms by whatever codec the content type names, before any of our code."""
    given = dict(fields).get("CONTENT-TYPE", "")
    try:
        _kind, parameters = parse_header_parameters(given)
    except (LookupError, TypeError, ValueError):  # parameters may name codecs and numbers of their own
        return HTTPStatus.BAD_REQUEST
    is_ours = parameters.get("charset", "utf-8").strip().lower() in {"utf-8", "utf8", "us-ascii", "ascii"}
    return None if is_ours else HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def _for_nobody(request: Any) -> HTTPStatus | None:
    """HTTP/1.1 asks for one Host; without it Django would go by the name of the machine."""
    hosts = [value for name, value in request.headers if name == "HOST"]
    is_named = len(hosts) == 1 or (not hosts and request.version < (1, 1))
    return None if is_named else HTTPStatus.BAD_REQUEST


@dataclass
class Rest:
    """What is left to send of an open file."""

    file: int  # a descriptor of our own
    offset: int
    left: int


class Wire(socket.socket):
    """A client's socket. A file is not sent by the thread that answers, but by the loop, as the client takes it."""

    rest: Rest | None = None

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        left = count if count is not None else os.fstat(file.fileno()).st_size - offset
        self.rest = Rest(os.dup(file.fileno()), offset, left)
        return left

    def close(self) -> None:
        self.forget_rest()
        super().close()

    def forget_rest(self) -> None:
        if self.rest is not None:
            os.close(self.rest.file)
            self.rest = None


class Connection(TConn):  # type: ignore[misc]
    """A client, and what of his next request has arrived."""

    parser: Parser | None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.data_ready = True  # no thread ever waits for the first byte
        self.leaving = False
        self.spool: IO[bytes] | None = None
        self.begin(b"")

    def begin(self, ahead: bytes) -> None:
        """Wait for another request, of which this much has come already."""
        self.received = bytearray(ahead)
        self.searched = 0
        self.needed: int | None = None  # bytes of head and body together, once the head is here
        self.forget_body()
        self.refused: HTTPStatus | None = None
        self.timeout = time.monotonic() + PATIENCE

    def init(self) -> None:
        """Hand over to the parser what has arrived. In the thread, before each request."""
        if self.parser is None:
            self.initialized = True
            self.parser = Parser(self.cfg, self.client)
        received = bytes(self.received)
        self.parser.head = received[:SMALL].partition(b"\r\n\r\n")[0]
        self.parser.refused = self.refused
        self.parser.unreader.unread(received)
        self.received.clear()
        if self.spool is not None:
            self.spool.seek(0)
            self.parser.unreader.iter = iter(partial(self.spool.read, SMALL), b"")

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
            if self.needed > end + 4 + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                self._to_the_disk(end + 4)
        return len(self.received) + self.spooled >= self.needed

    @property
    def wanted(self) -> int:
        """How many bytes to read next. Of an upload never more than belongs to it."""
        if self.spool is None or self.needed is None:
            return SMALL
        return min(SMALL, self.needed - len(self.received) - self.spooled)

    def take(self, data: bytes) -> None:
        """Add what has arrived: to what is held in memory, or to the body on the disk."""
        if self.spool is None:
            self.received += data
            return
        try:
            self.spool.write(data)
        except OSError:  # the disk is full
            self.give_up()
            return
        self.spooled += len(data)
        now = time.monotonic()
        self.timeout = min(max(self.timeout, now) + len(data) / SLOWEST, now + PATIENCE)

    def give_up(self) -> None:
        """There is no room for this body: its client is told at once."""
        self.forget_body()
        self.refused, self.needed = HTTPStatus.SERVICE_UNAVAILABLE, 0

    def forget_body(self) -> None:
        if self.spool is not None:
            self.spool.close()
        self.spool, self.spooled = None, 0

    def _to_the_disk(self, body: int) -> None:
        """What has arrived past this place, and all that is still to come of the request, goes into a file."""
        try:
            # Without a name: it is gone with us, however we end.
            self.spool = TemporaryFile(buffering=0, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
        except OSError:
            self.give_up()
            return
        begun = bytes(self.received[body:])
        del self.received[body:]
        self.take(begun)

    def _may_be_large(self, end: int) -> bool:
        return bool(_TAKES_FILES.match(self.received) and _MULTIPART.search(self.received, 0, end))

    def _needed(self, end: int) -> int:
        found = _FRAMING.findall(self.received, 0, end)
        framing = [(name.lower(), value.strip()) for name, _space, value in found]
        sizes = [value for name, value in framing if name == b"content-length"]
        hopes = [value.lower() for name, value in framing if name == b"expect"]
        if len(sizes) + len(hopes) < len(framing):
            self.refused = HTTPStatus.LENGTH_REQUIRED  # a Transfer-Encoding
        elif any(hope != b"100-continue" for hope in hopes):
            self.refused = HTTPStatus.EXPECTATION_FAILED
        elif (
            len(sizes) > 1 or not all(size.isdigit() for size in sizes) or any(space for _, space, _ in found)
        ):
            self.refused = HTTPStatus.BAD_REQUEST
        else:
            digits = sizes[0].lstrip(b"0") if sizes else b""
            size = int(digits or b"0") if len(digits) < 19 else math.inf
            if size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                if hopes and len(self.received) < end + 4 + size:
                    self._ask_for_the_body()
                return end + 4 + int(size)
            if size <= settings.LARGEST_UPLOAD and self._may_be_large(end):
                if hopes:
                    self._ask_for_the_body()
                return end + 4 + int(size)
            self.refused = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return 0  # nobody reads such a body

    def _ask_for_the_body(self) -> None:
        with suppress(OSError):  # then it will not come, and we do not wait for long
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _longest_head(self) -> int:
        line: int = self.cfg.limit_request_line
        fields: int = self.cfg.limit_request_fields * (self.cfg.limit_request_field_size + 2)
        return line + fields + 8


class Worker(ThreadWorker):  # type: ignore[misc]
    """gthread, less the waiting in threads."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.sockets: list[socket.socket]
        self.busy: set[Connection] = set()  # those in the hands of a thread, or about to be
        self.sending: set[Connection] = set()  # those that still take a file

    # --- A request arrives -----------------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK}:
                raise
            return
        self.nr_conns += 1
        wire = Wire(fileno=client.detach())
        self.watch(Connection(self.cfg, wire, address, listener.getsockname()))

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self.close_the_door()

    def close_the_door(self) -> None:
        """Told to end: who stands at the door is let in, if there is room; who comes now is refused at once and may go
        elsewhere.

        A door left open takes in people whom nobody hears, and shuts in their faces when the last answer is given.
        """
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        self.sockets.clear()

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
            data = conn.sock.recv(conn.wanted)
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
            conn.take(data)
            self.go_on(conn)

    def go_on(self, conn: Connection) -> None:
        if conn.spooled and self.spooled(beside=conn) + conn.spooled > MOST_SPOOLED:
            conn.give_up()
        if conn.is_here():
            self.enqueue_req(conn)
        elif len(conn.received) > SMALL and self.held() > MOST_HELD:
            self.drop(conn)
        else:
            self.watch(conn)

    def held(self) -> int:
        return sum(len(conn.received) for conn in self.pending_conns if len(conn.received) > SMALL)

    def spooled(self, *, beside: Connection) -> int:
        return sum(conn.spooled for conn in {*self.pending_conns, *self.busy} - {beside})

    # --- It is answered --------------------------------------------------------------------------

    def enqueue_req(self, conn: Connection) -> None:
        conn.timeout = math.inf  # the wait for a thread is not his fault
        self.busy.add(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Connection) -> Any:
        conn.timeout = time.monotonic() + PATIENCE + conn.spooled / STORING
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        try:
            return super().handle_request(req, conn)
        except Exception as error:
            error.head = conn.parser.head  # type: ignore[attr-defined, union-attr]
            raise

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        self.busy.discard(conn)
        conn.forget_body()
        stays = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if getattr(conn.sock, "rest", None) is not None:
            conn.sock.setblocking(False)
            conn.timeout = time.monotonic() + PATIENCE
            self.sending.add(conn)
            self.poller.register(conn.sock, EVENT_WRITE, partial(self.send_on, conn, stays, fs))
        else:
            self.after_answer(conn, stays, fs)

    def send_on(self, conn: Connection, stays: bool, fs: "Future[Any]", _client: socket.socket) -> None:
        """Send as much of a file as the client takes now."""
        rest = conn.sock.rest
        try:
            sent = os.sendfile(conn.sock.fileno(), rest.file, rest.offset, min(rest.left, SEND_BUFFER))
        except BlockingIOError:
            return
        except OSError:
            sent = 0
        rest.offset += sent
        rest.left -= sent
        now = time.monotonic()
        conn.timeout = min(max(conn.timeout, now) + sent / SLOWEST, now + PATIENCE)
        if rest.left and sent:
            return
        self.sending.discard(conn)
        self.poller.unregister(conn.sock)
        if rest.left:  # he is gone, or the file was cut short under our hands
            self.drop(conn)
            return
        conn.sock.forget_rest()
        self.after_answer(conn, stays, fs)

    def after_answer(self, conn: Connection, stays: bool, fs: "Future[Any]") -> None:
        if not stays:
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
        conn.forget_body()
        conn.close()

    # --- Time is up ------------------------------------------------------------------------------

    def murder_pending(self) -> None:
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self.poller.unregister(conn.sock)
            self.pending_conns.remove(conn)
            self.drop(conn)
        for conn in [conn for conn in self.sending if conn.timeout <= now]:
            self.sending.discard(conn)
            self.poller.unregister(conn.sock)
            self.drop(conn)
        for conn in self.busy:
            # Who takes a little of his answer now and then would keep the thread for ever: now its write fails.
            if conn.timeout <= now:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            if not conn.received:
                conn.timeout = min(conn.timeout, deadline)

    # --- What the application never saw, or dropped ----------------------------------------------

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Say it as all errors are said, with all headers, even where no application was asked."""
        from serviceflow import errors, metrics  # they need the apps, which are there by now

        name = uuid.uuid4().hex
        called = _called(name, getattr(exc, "head", b""))
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        if isinstance(exc, Refusal):
            status = exc.status
        elif isinstance(exc, ParseException):
            status = STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("Error handling request %s", name, exc_info=exc)
        else:
            self.log.warning("Invalid request %s from %s: %s", name, addr[0] if addr else "", exc)
        with translation.override(translation.get_language_from_request(called)):
            answer = headers.dressed(errors.told(called, status))
        metrics.unreadable(status.value)
        answer["X-Request-ID"] = name
        answer["Connection"] = "close"
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
        try:
            client.sendall(head + answer.serialize_headers() + b"\r\n\r\n" + answer.content)
        except OSError:
            self.log.debug("The client did not wait for its error.")


def _called(name: str, head: bytes) -> HttpRequest:
    """As much of the request as its error page asks for, from what may be no HTTP at all."""
    words = head[:4096].lstrip().split(b" ", 2)
    wishes = {name.lower(): value.decode("latin-1") for name, value in _WISHES.findall(head)}
    called = HttpRequest()
    called.path = called.path_info = words[1].decode("latin-1").partition("?")[0] if len(words) > 1 else ""
    called.META["HTTP_ACCEPT_LANGUAGE"] = wishes.get(b"accept-language", "")
    called.COOKIES = parse_cookie(wishes.get(b"cookie", ""))
    called.request_id = name  # type: ignore[attr-defined]
    return called


STATUSES = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    # These the application has sent.
    InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}
