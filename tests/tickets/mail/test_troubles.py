"""What keeps the desk from a mailbox is told in whole sentences of the reader's language, and of nothing within."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from django.utils import translation

from tests.tickets.mail import imap
from tickets import inbound_email
from tickets.models import Mailbox
from tickets.models.mail import Fault


@contextmanager
def says(*lines: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that says one line, and one more for each that it hears, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller = listener.accept()[0]
                with suppress(OSError), caller:
                    caller = context.wrap_socket(caller, server_side=True) if context else caller
                    for line in lines:
                        caller.sendall(line)
                        caller.recv(1000)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


def fault_of(mailbox: Mailbox, port: int, **more: str) -> str:
    """The code of what goes wrong, having looked at what is told of it."""
    imap.points_at(mailbox, port, **more)
    with pytest.raises(inbound_email.Trouble):
        inbound_email.collect(mailbox)
    mailbox.refresh_from_db()
    assert mailbox.trouble in Fault.values
    with translation.override("en"):
        assert mailbox.fault.endswith(".")
        for inner in ("_ssl", "abort", "Error", "Errno", "b'", "SSL:"):
            assert inner not in mailbox.fault
    return mailbox.trouble


SMTP = (b"220 mx.example.com ESMTP\r\n", b"500 what?\r\n")


@pytest.mark.parametrize(
    ("lines", "security", "code"),
    [
        (SMTP, "none", "not_imap"),
        (SMTP, "starttls", "not_imap"),
        (SMTP, "tls", "no_tls"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "none", "not_imap"),
        ((b"* BYE not today\r\n",), "none", "refused"),
        ((), "none", "hung_up"),
        ((), "tls", "hung_up"),
    ],
)
def test_what_is_no_mail_server_is_told_plainly(
    mailbox: Mailbox, lines: tuple[bytes, ...], security: str, code: str
) -> None:
    with says(*lines) as port:
        assert fault_of(mailbox, port, security=security) == code


# The library forgets the connection on which it could not begin.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_without_starttls(mailbox: Mailbox) -> None:
    with imap.server() as port:
        assert fault_of(mailbox, port, security="starttls") == "no_starttls"


def test_nobody_and_nothing_there(mailbox: Mailbox) -> None:
    port = imap.free_port()
    assert fault_of(mailbox, port) == "nobody_listens"
    assert fault_of(mailbox, port, security="tls", host="no-such-name.invalid") == "no_such_name"


def test_a_certificate_of_the_past(mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    authority.issue_cert("127.0.0.1", not_after=past).configure_cert(context)
    with says(b"* OK hello\r\n", context=context) as port:
        assert fault_of(mailbox, port, security="tls") == "certificate_expired"


def test_words_of_the_system_stand_in_the_sentence(mailbox: Mailbox) -> None:
    told = Fault.UNREACHABLE.told(inbound_email.described(OSError(113, "No route to host"))[1])
    assert told == "The server cannot be reached: No route to host."


def test_it_is_told_in_the_reader_s_language(mailbox: Mailbox) -> None:
    """And what an older program has noted stays as it is."""
    mailbox.trouble = "not_private"
    with translation.override("ru"):
        in_russian = mailbox.fault
    with translation.override("en"):
        assert in_russian != mailbox.fault
    mailbox.trouble = "The server refused: error."
    assert mailbox.fault == "The server refused: error."
