"""A web server on loopback that hears what is posted to it and answers as it is told."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Heard:
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


@dataclass
class Reply:
    """`raw`, if given, is all that goes back, in pieces `pause` seconds apart."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    raw: list[bytes] | None = None
    pause: float = 0.0
    hang_up: bool = False


@dataclass
class Listener:
    port: int
    host: str = "127.0.0.1"
    reply: Callable[[Heard], Reply] = lambda _heard: Reply()
    heard: list[Heard] = field(default_factory=list)
    noted: Callable[[Heard], object] = lambda _heard: None
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def handle(self) -> None:
        self.server.it.connections += 1
        try:
            super().handle()
        except OSError:
            return

    def do_POST(self) -> None:
        it: Listener = self.server.it
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it died in the middle of it: that is no message
            self.close_connection = True
            return
        heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        it.heard.append(heard)
        it.noted(heard)
        reply = it.reply(heard)
        if reply.hang_up:
            self.close_connection = True
            return
        if reply.raw is not None:
            self.close_connection = True
            for piece in reply.raw:
                self.wfile.write(piece)
                self.wfile.flush()
                if it.over.wait(reply.pause):
                    return
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST  # noqa: N815 (the library asks for it)

    def log_message(self, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    it: Listener


@contextmanager
def http_server(
    host: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Listener]:
    with _Server((host, port), _Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.it = Listener(port=server.server_address[1], host=host)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.it
        finally:
            server.it.over.set()
            server.shutdown()
            thread.join()
