"""A mail server that does as it is told: takes, refuses, is busy, hangs up or keeps silent, at any point."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

# What may become of one mail. "taken, and cut" is the case nobody can tell from "not taken, and cut".
TAKE, REFUSE, BUSY, REFUSE_TEXT, REFUSE_SENDER = (
    "take",
    "refuse",
    "busy",
    "refuse the text",
    "refuse the sender",
)
CUT_BEFORE, CUT_AFTER, SILENT, DRIP, SILENT_AFTER = (
    "cut before",
    "cut after",
    "silent",
    "drip",
    "silent after",
)


@dataclass
class Received:
    """A message that the server has had whole. `left_at` is when the client was gone with no word after it."""

    to: str
    raw: bytes
    behaviour: str
    left_at: float | None = None

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class MailServer:
    """`behave` says for the number of a mail, from 0, what becomes of it."""

    port: int
    behave: Callable[[int], str] = lambda _number: TAKE
    received: list[Received] = field(default_factory=list)
    heard: Callable[[Received], object] = lambda _received: None
    connections: int = 0
    begun: int = 0
    tls: ssl.SSLContext | None = None
    at_once: bool = False  # TLS from the first byte
    lock: threading.Lock = field(default_factory=threading.Lock)
    open: list[socket.socket] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def hang_up(self) -> None:
        """On everybody who is connected and silent."""
        for one in self.open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    @property
    def taken(self) -> list[Received]:
        return [one for one in self.received if one.behaviour == TAKE]


class _Conversation(socketserver.StreamRequestHandler):
    server: Any
    last: Received | None = None

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        it: MailServer = self.server.it
        with it.lock:
            it.connections += 1
            it.open.append(self.connection)
        try:
            if it.tls and it.at_once:
                self.secure(it.tls)
            self.talk(it)
        except (OSError, ValueError):
            return
        finally:
            self.connection.close()
            if self.last is not None:
                self.last.left_at = time.monotonic()

    def secure(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def talk(self, it: MailServer) -> None:
        behaviour, to = TAKE, ""
        self.say("220 loopback")
        while line := self.rfile.readline():
            self.last = None
            verb = line[:4].upper().decode(errors="replace").strip()
            if verb == "EHLO":
                self.wfile.write(
                    b"250-loopback\r\n" + b"250-STARTTLS\r\n" * bool(it.tls) + b"250 SIZE 30000000\r\n"
                )
            elif verb == "STAR" and it.tls:
                self.say("220 go on")
                self.secure(it.tls)
            elif verb == "MAIL":
                with it.lock:
                    behaviour = it.behave(it.begun)
                    it.begun += 1
                self.say("550 not you" if behaviour == REFUSE_SENDER else "250 ok")
            elif verb == "RCPT":
                to = line.partition(b"<")[2].partition(b">")[0].decode()
                if behaviour == SILENT:
                    it.over.wait(60)
                    return
                self.say(
                    {REFUSE: "550 5.1.1 no such user", BUSY: "450 4.2.0 greylisted"}.get(behaviour, "250 ok")
                )
            elif verb == "DATA":
                if behaviour == CUT_BEFORE:
                    return
                self.say("354 go on")
                if not self.read_message(it, to, behaviour):
                    return
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def read_message(self, it: MailServer, to: str, behaviour: str) -> bool:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        self.last = Received(to, b"".join(lines), behaviour)
        with it.lock:
            it.received.append(self.last)
            it.heard(self.last)
        if behaviour == CUT_AFTER:
            return False
        if behaviour == SILENT_AFTER:
            it.over.wait(60)
            return False
        if behaviour == DRIP:
            while not it.over.wait(0.2):
                self.wfile.write(b"2")
        self.say("554 5.6.0 we do not like it" if behaviour == REFUSE_TEXT else "250 2.0.0 queued")
        return True


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128
    it: MailServer


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[MailServer]:
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        server.it = MailServer(port=server.server_address[1], tls=tls, at_once=at_once)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.it
        finally:
            server.it.over.set()
            server.shutdown()
            thread.join()
