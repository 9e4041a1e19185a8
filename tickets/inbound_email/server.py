"""The connection to a mail server, and the few questions it is asked."""

import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from imap_tools import BaseMailBox

from tickets.actions.mail import is_this_machine
from tickets.inbound_email.troubles import NotGiven, NotPrivate, TooMuch, Trouble
from tickets.models import Mailbox
from tickets.models.mail import Security

LARGEST_MAIL = 25 * 1024 * 1024  # bytes
LARGEST_ANSWER = LARGEST_MAIL + 1024 * 1024  # bytes; servers may say a size and send another
PATIENCE = 20.0  # seconds for any answer of the server to begin
SECONDS_TO_BEGIN = 30.0  # from the first packet to the open folder
MOST_SECONDS = 120.0  # for a mail, or one of the steps around it
SECONDS_TO_PART = 5.0


@contextmanager
def connected(mailbox: Mailbox) -> Iterator["Box"]:
    """Signed in, with the folder open. Raises Trouble."""
    if mailbox.security == Security.NONE and not is_this_machine(mailbox.host):
        raise NotPrivate
    leash = Leash()
    try:
        with leash.within(SECONDS_TO_BEGIN):
            box = Box(mailbox, leash)
        try:
            with leash.within(SECONDS_TO_BEGIN):
                box.login(mailbox.username, mailbox.password, initial_folder=mailbox.folder)
            yield box
        finally:
            box.hang_up()
    finally:
        leash.let_go()


class Leash:
    """Hangs up on a server that never comes to an end: the timeout of a socket begins anew with every byte.

    It has a handle of its own on the line, which is cut whatever is being done with it: before the server has said a
    word, and while encryption is being agreed on.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._line: socket.socket | None = None

    def hold(self, line: socket.socket) -> None:
        self._line = line.dup()
        if self.is_cut:
            self.cut()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Trouble as broken:
            if self.is_cut:
                raise TimeoutError from broken
            raise
        finally:
            timer.cancel()

    def cut(self) -> None:
        self.is_cut = True
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        if self._line is not None:
            self._line.close()


class Client(imaplib.IMAP4):
    def __init__(self, mailbox: Mailbox, leash: Leash) -> None:
        self._leash = leash
        # The system's certificates, or those of SSL_CERT_FILE; the name of the server is compared.
        self._trusted = ssl.create_default_context()
        self._is_private_at_once = mailbox.security not in {Security.NONE, Security.STARTTLS}
        super().__init__(mailbox.host, mailbox.port, timeout=PATIENCE)
        if mailbox.security == Security.STARTTLS:
            try:
                self.starttls(self._trusted)
            except Trouble:
                with suppress(OSError):
                    self.shutdown()
                raise

    def _create_socket(self, timeout: float | None) -> socket.socket:
        line: socket.socket = super()._create_socket(timeout)  # type: ignore[misc]
        self._leash.hold(line)
        if self._is_private_at_once:
            return self._trusted.wrap_socket(line, server_hostname=self.host)
        return line

    def read(self, size: int) -> bytes:
        """No literal of any size: the library would read what the server announces."""
        if size > LARGEST_ANSWER:
            raise TooMuch
        return super().read(size)


class Box(BaseMailBox):
    """A folder of the server."""

    def __init__(self, mailbox: Mailbox, leash: Leash) -> None:
        self._mailbox, self._leash = mailbox, leash
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return Client(self._mailbox, self._leash)

    def in_time(self, seconds: float | None = None) -> AbstractContextManager[None]:
        return self._leash.within(MOST_SECONDS if seconds is None else seconds)

    def validity(self) -> int:
        _name, said = self.client.response("UIDVALIDITY")
        return int(said[0]) if said and said[0] else 0

    def size(self, uid: int) -> int | None:
        """Nothing if the mail is no longer there."""
        for part in self._asked(uid, "(RFC822.SIZE)"):
            line = part[0] if isinstance(part, tuple) else part
            if isinstance(line, bytes) and b"RFC822.SIZE" in line.upper():
                number = line.upper().partition(b"RFC822.SIZE")[2].split()[0].strip(b")")
                return int(number)
        return None

    def literal(self, uid: int, what: str) -> bytes | None:
        return next((part[1] for part in self._asked(uid, what) if isinstance(part, tuple)), None)

    def _asked(self, uid: int, what: str) -> list[Any]:
        status, parts = self.client.uid("FETCH", str(uid), what)
        if status != "OK":
            raise NotGiven
        return parts

    def hang_up(self) -> None:
        with suppress(*Trouble), self.in_time(SECONDS_TO_PART):
            self.logout()
        with suppress(OSError):
            self.client.shutdown()
