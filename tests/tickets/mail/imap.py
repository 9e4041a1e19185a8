"""A real IMAP server on loopback, and a proxy in front of it that hangs up where it is told to."""

import imaplib
import selectors
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tickets.models import Mailbox

USER, PASSWORD = "demouser", "demopass"


@contextmanager
def server(*, cert: Path | None = None) -> Iterator[int]:
    """pymap with one user and an empty INBOX; the port it listens on. With `cert` (and key) it speaks STARTTLS."""
    port = free_port()
    tls = ["--cert", str(cert), "--key", str(cert)] if cert else ["--no-tls"]
    pymap = Path(sys.executable).with_name("pymap")
    silent = ["--no-service", "managesieve", "--no-service", "admin"]
    where = ["--host", "127.0.0.1", "--port", str(port), *tls]
    process = subprocess.Popen(
        [pymap, *silent, *where, "dict", "--demo-user", USER, "--demo-password", PASSWORD],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_listens(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "pymap ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as there:
            if there.recv(10):
                return
        time.sleep(0.05)
    raise AssertionError("pymap does not listen")


@contextmanager
def client(port: int) -> Iterator[imaplib.IMAP4]:
    """Signed in as the user, as any mail program."""
    there = imaplib.IMAP4("127.0.0.1", port, timeout=60)
    try:
        there.login(USER, PASSWORD)
        yield there
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            there.logout()


def put(port: int, mails: Sequence[bytes], folder: str = "INBOX") -> None:
    with client(port) as there:
        for mail in mails:
            status, said = there.append(folder, "", None, mail)
            assert status == "OK", said


def make_folder(port: int, name: str) -> None:
    with client(port) as there:
        assert there.create(name)[0] == "OK"


def lying_in(port: int, folder: str = "INBOX", criterion: str = "ALL") -> int:
    with client(port) as there:
        there.select(folder, readonly=True)
        return len(there.search(None, criterion)[1][0].split())


def points_at(mailbox: Mailbox, port: int, **more: str) -> Mailbox:
    """The mailbox of the desk, set up for this server."""
    mailbox.port, mailbox.security = port, "none"
    mailbox.username, mailbox.password = USER, PASSWORD
    for name, value in more.items():
        setattr(mailbox, name, value)
    mailbox.save()
    return mailbox


class Proxy:
    """Passes bytes on, and hangs up after so many from the server; -1 is never."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.target, self.tls = port, tls
        self.cut_after = -1
        self.passed = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _listen(self) -> None:
        while True:
            try:
                caller = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError):
            if self.tls:
                caller = self.tls.wrap_socket(caller, server_side=True)
            with caller, socket.create_connection(("127.0.0.1", self.target)) as server:
                self._pass_on(caller, server)

    def _pass_on(self, caller: socket.socket, server: socket.socket) -> None:
        self.passed = 0
        with selectors.DefaultSelector() as both:
            both.register(caller, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, caller)
            while True:
                for key, _event in both.select():
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is server and self.cut_after >= 0:
                        data = data[: max(self.cut_after - self.passed, 0)]
                    if source is server:
                        self.passed += len(data)
                    key.data.sendall(data)
                    if source is server and 0 <= self.cut_after <= self.passed:
                        return
