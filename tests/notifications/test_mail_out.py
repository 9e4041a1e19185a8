"""Mail to servers that are well, and to those that are not."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme
from django.conf import LazySettings

from accounts.models import User
from notifications.message import Ambiguous, Message, NotSent, NotSetUp, Passing, Permanent
from notifications.models import Delivery
from notifications.transports import email, smtp
from tests import mail_server as does
from tests.mail_server import MailServer, mail_server
from tests.notifications.conftest import mailers_of

WORDS = Message(subject="[SF-1] No sound", text="Somebody answered.\n", html="<p>Somebody answered.</p>")


@pytest.fixture
def anna() -> User:
    return User(email="anna@example.com", full_name="Anna")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "WHOLE", 1.0)


def mail_to(whom: User) -> Delivery:
    return Delivery(recipient=whom, transport="email", public_id=uuid4())


def send(whom: User, message: Message = WORDS) -> str:
    return email.send(mail_to(whom), message)


def test_a_mail_arrives_whole(mail_host: MailServer, anna: User, settings: LazySettings) -> None:
    one = mail_to(anna)
    message = Message(
        subject="Письмо",
        text="Строка\n.точка\n",
        html="<p>Строка</p>",
        thread=("<a@x>", "<b@x>"),
        reply_to="desk+1042-abc@example.com",
        list_id="<1042.desk.example.com>",
    )
    assert email.send(one, message).startswith("250")
    [received] = mail_host.taken
    mail = received.mail
    assert received.to == "anna@example.com"
    assert mail["Message-ID"] == f"<{one.public_id.hex}@{settings.MAIL_DOMAIN}>"
    assert (mail["Subject"], mail["To"], mail["Reply-To"]) == (
        "Письмо",
        "anna@example.com",
        "desk+1042-abc@example.com",
    )
    assert (mail["In-Reply-To"], mail["References"]) == ("<b@x>", "<a@x> <b@x>")
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert mail["List-Id"] == "<1042.desk.example.com>"
    assert mail.get_body(("plain",)).get_content() == "Строка\r\n.точка\r\n"  # type: ignore[union-attr]
    assert "<p>Строка</p>" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_one_connection_carries_many(mail_host: MailServer, anna: User) -> None:
    for _time in range(5):
        send(anna)
    assert (len(mail_host.taken), mail_host.connections) == (5, 1)


def test_a_server_that_hung_up_meanwhile_is_called_again_at_once(mail_host: MailServer, anna: User) -> None:
    send(anna)
    mail_host.hang_up()
    send(anna)
    assert (len(mail_host.taken), mail_host.connections) == (2, 2)


TROUBLES: dict[str, tuple[type[NotSent], bool | None]] = {
    does.REFUSE: (Permanent, None),
    does.REFUSE_TEXT: (Permanent, None),
    does.REFUSE_SENDER: (Passing, False),
    does.BUSY: (Passing, True),
    does.CUT_BEFORE: (Passing, False),
    does.CUT_AFTER: (Ambiguous, None),
    does.SILENT: (Passing, False),
    does.SILENT_AFTER: (Ambiguous, None),
    does.DRIP: (Ambiguous, None),
}


@pytest.mark.parametrize(("behaviour", "meaning"), TROUBLES.items())
def test_what_a_trouble_means(
    mail_host: MailServer, anna: User, behaviour: str, meaning: tuple[type[NotSent], bool | None]
) -> None:
    mail_host.behave = lambda _number: behaviour
    kind, about_this = meaning
    with pytest.raises(NotSent) as told:
        send(anna)
    assert type(told.value) is kind
    assert getattr(told.value, "about_this", None) == about_this
    # And the next one finds a conversation that is well.
    mail_host.behave = lambda _number: does.TAKE
    assert send(anna).startswith("250")


def test_nobody_at_home_passes(mail_host: MailServer, anna: User, settings: LazySettings) -> None:
    settings.MAILERS = mailers_of(mail_host, port=1)
    with pytest.raises(Passing, match="No connection"):
        send(anna)


def test_without_a_server_nothing_fails(anna: User, settings: LazySettings) -> None:
    settings.MAIL_HOST = ""
    with pytest.raises(NotSetUp, match="MAIL_HOST"):
        send(anna)


# --- Nobody writes headers of his own ------------------------------------------------------------

BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00", "\r\n\r\n"]


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_no_subject_begins_a_header(mail_host: MailServer, anna: User, line_break: str) -> None:
    send(
        anna,
        Message(subject=f"Hello{line_break}Bcc: eve@example.com", text="x", list_id=f"<a{line_break}B: c>"),
    )
    [received] = mail_host.taken
    mail = received.mail
    assert mail["Bcc"] is None
    assert mail["B"] is None
    assert mail["Subject"] == "Hello Bcc: eve@example.com"


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com{}Bcc: eve@example.com",
        "anna@example.com>{}RCPT TO:<eve@example.com",
        "a{}b@example.com",
    ],
)
def test_no_address_says_a_command(mail_host: MailServer, line_break: str, address: str) -> None:
    try:
        send(User(email=address.format(line_break)))
    except Permanent:
        pass
    else:
        [received] = mail_host.taken
        assert received.mail["Bcc"] is None
    assert [one.to for one in mail_host.received if "eve" in one.to and "anna" not in one.to] == []


def test_no_reply_address_begins_a_header(mail_host: MailServer, anna: User) -> None:
    with pytest.raises(Permanent):
        send(anna, Message(subject="x", text="x", reply_to="desk@example.com\r\nBcc: eve@example.com"))
    assert mail_host.received == []


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(params=["starttls", "tls"])
def safe_host(
    request: pytest.FixtureRequest, settings: LazySettings, tmp_path: Path
) -> Iterator[tuple[MailServer, Path]]:
    """A mail server that speaks TLS, and the file of its authority, which nobody trusts yet."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with mail_server(context, at_once=request.param == "tls") as server:
        options: dict[str, Any] = {f"use_{'ssl' if request.param == 'tls' else 'tls'}": True}
        settings.MAIL_HOST, settings.MAILERS = "127.0.0.1", mailers_of(server, **options)
        yield server, tmp_path / "ca.pem"
        email.close()


def test_a_server_must_be_the_one_it_says(
    safe_host: tuple[MailServer, Path], anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, authority = safe_host
    with pytest.raises(Passing, match="certificate is not trusted"):
        send(anna)
    assert server.begun == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    email.forget()
    assert send(anna).startswith("250")


def test_a_server_without_tls_is_told_nothing(
    mail_host: MailServer, anna: User, settings: LazySettings
) -> None:
    settings.MAILERS = mailers_of(mail_host, use_tls=True, username="desk", password="secret")
    with pytest.raises(Passing, match="MAIL_SECURITY"):
        send(anna)
    assert mail_host.begun == 0


def test_a_sign_in_that_is_refused_waits_for_somebody_to_mend_it(
    mail_host: MailServer, anna: User, settings: LazySettings
) -> None:
    settings.MAILERS = mailers_of(mail_host, username="desk", password="secret")
    with pytest.raises(Passing) as told:
        send(anna)
    assert "secret" not in told.value.said


def test_every_thread_has_a_connection_of_its_own(mail_host: MailServer, anna: User) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def twice() -> None:
        send(anna)
        send(anna)
        email.close()

    jobs: list[Callable[[], None]] = [twice] * 4
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda job: job(), jobs))
    assert len(mail_host.taken) == 8
    assert mail_host.connections <= 4
