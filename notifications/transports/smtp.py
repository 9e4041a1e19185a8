"""Django's mail backend, kept to ten seconds a mail and told how far it has come when something breaks."""

import io
import re
import smtplib
import socket
import time
from functools import partial
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

from notifications.message import NotSent
from notifications.timed import TimedReader

CONNECT, WHOLE = 5.0, 10.0  # seconds

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)", re.ASCII)


def codes(code: int, said: bytes | str) -> str:
    """The code of a reply and its enhanced code (RFC 3463), and none of its words: a server may repeat what it has been
    told, passwords and reply addresses with it.
    """
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    enhanced = _ENHANCED.match(words)
    return f"{code} {enhanced[0]}" if enhanced else str(code)


# How far a mail has come. Once all is SAID, nobody knows what became of it without the server's answer.
CLOSED, OPEN, ENVELOPE, DATA, SAID, DONE = "closed", "open", "envelope", "data", "said", "done"


class HungUp(NotSent):
    """The server was gone before anything of this mail was said."""


class _Talk(smtplib.SMTP):
    """A conversation that ends in time and knows its phase."""

    def __init__(self, *arguments: Any, backend: "Backend", **named: Any) -> None:
        self.backend = backend
        super().__init__(*arguments, **named)

    def hurry(self) -> None:
        left = self.backend.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if self.sock is not None:
            self.sock.settimeout(left)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        left = max(self.backend.deadline - time.monotonic(), 0.01)
        return super()._get_socket(host, port, min(CONNECT, left))  # type: ignore[misc, no-any-return]

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(TimedReader(self.sock, self.hurry))
        return super().getreply()

    def send(self, s: Any) -> None:
        self.hurry()
        super().send(s)

    def putcmd(self, cmd: str, args: str = "") -> None:
        verb = cmd.lower()
        if verb.startswith("mail"):
            self.backend.phase = OPEN
        elif verb.startswith("rcpt"):
            self.backend.phase = ENVELOPE
        elif verb == "data":
            self.backend.phase = DATA
        super().putcmd(cmd, args)

    def data(self, msg: Any) -> tuple[int, bytes]:
        """As smtplib's, with a note once all is said."""
        self.putcmd("data")
        code, said = self.getreply()
        if code != 354:
            raise smtplib.SMTPDataError(code, said)
        content = smtplib._quote_periods(msg)  # type: ignore[attr-defined]
        self.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        self.backend.phase = SAID
        code, said = self.getreply()
        self.backend.answer = codes(code, said)
        return code, said


class _SafeTalk(_Talk, smtplib.SMTP_SSL):
    """The same, under TLS from the first byte."""


class Backend(EmailBackend):
    """Django's SMTP backend; `begin` a mail, send it, and `phase` says how far it came."""

    _partial_connection: Any
    deadline = 0.0
    phase = CLOSED
    answer = ""

    @property
    def connection_class(self) -> Any:
        return partial(_SafeTalk if self.use_ssl else _Talk, backend=self)

    def begin(self) -> None:
        self.deadline = time.monotonic() + WHOLE
        self.phase = CLOSED
        self.open()
        self.phase = OPEN

    def send_messages(self, email_messages: Any) -> int:
        sent: int = super().send_messages(email_messages)
        self.phase = DONE
        return sent

    def drop(self) -> None:
        """Hang up. Saying goodbye could take another ten seconds."""
        talks: tuple[Any, ...] = (self.connection, self._partial_connection)
        for talk in talks:
            if talk is not None:
                talk.close()
        self.connection = self._partial_connection = None
