"""The proxy in front of an installation: it ends TLS and tells the desk who calls, as nginx and Caddy do."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import trustme

# Those of one connection, which a proxy does not pass on.
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}

# Where callers are: all of a test are on this machine, but so is the proxy, and those two must differ.
CALLER = "198.51.100.7"


class Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        # A browser that goes away is no trouble of ours.
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        inside = self.reach()
        inside.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        # What a caller claims about the way here stays where it may: to the left of what the proxy has seen itself.
        claimed = self.headers.get("X-Forwarded-For")
        seen = CALLER
        for name, value in self.headers.items():
            if name.lower() not in HOP | {"x-forwarded-for", "x-forwarded-proto"}:
                inside.putheader(name, value)
        inside.putheader("X-Forwarded-For", f"{claimed}, {seen}" if claimed else seen)
        inside.putheader("X-Forwarded-Proto", "https")
        inside.endheaders(body)
        answer = inside.getresponse()
        content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP | {"content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        if answer.status != 204:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)
        self.leave(inside)

    def reach(self) -> http.client.HTTPConnection:
        """A connection to whom the request is for."""
        server: Any = self.server
        return http.client.HTTPConnection("127.0.0.1", server.behind, timeout=60)

    def leave(self, inside: http.client.HTTPConnection) -> None:
        inside.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = _pass  # noqa: N815

    def log_message(self, *_said: object) -> None:
        """Quiet: what it hears the desk logs."""


@contextmanager
def edge(behind: str) -> Iterator[str]:
    """The https:// address of a proxy in front of the desk at this http:// one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    server.daemon_threads = True
    server.behind = urlsplit(behind).port  # type: ignore[attr-defined]
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
