"""Secrets planted everywhere, before servers that repeat what they hear: none is in a log, a row, a page, an error."""

import base64
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from notifications import webhooks
from notifications.models import Channel, Contact, Delivery, Webhook
from tests.factories import opened, web
from tests.http_server import Heard, Reply, http_server
from tests.program import program_of
from tests.working import until, working
from tickets.inbound_email.collecting import visit_all
from tickets.models import Mailbox

__all__ = ["program_of"]

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = {
    "the password of the mail server": "mail-Zq7Kp2Xw9Rt4",
    "the password of the mailbox": "imap-Hn5Bv8Lc3Yd6",
    "the desk's bot of Slack": "xoxb-1111-Wm4Js7Qe0Uf2",
    "the desk's bot of Telegram": "1111:AAGt6Ck9Pb3Xz8Nr5Vy1",
    "a channel's bot of Slack": "xoxb-2222-Do3Ai6Mu9Hg5",
    "a channel's bot of Telegram": "2222:AAEr8Tw2Qy5Lk7Jp4Sf0",
    "the address of an incoming webhook": "T00/B00/Xb1Vn6Mc4Zl8Ka3J",
    "the key in the address of a webhook": "Gd9Fs2Ap7Oi5Uy1Tr4",
}


class _Parrot(socketserver.StreamRequestHandler):
    """Says no, and why, in the client's own words: those in base64 are read out."""

    def handle(self) -> None:
        server: Any = self.server
        self.wfile.write(server.greeting)
        for line in self.rfile:
            heard = line.strip()
            words = [heard, *(_plain(word) for word in heard.split())]
            self.wfile.write(server.answer(heard, b" ".join(words).replace(b"\0", b" ")))


def _plain(word: bytes) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:
        return b""


@contextmanager
def parrot(greeting: bytes, answer: Callable[[bytes, bytes], bytes]) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Parrot) as server:
        server.daemon_threads = True
        server.greeting, server.answer = greeting, answer  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def smtp_at_the_door(heard: bytes, repeated: bytes) -> bytes:
    if heard.upper().startswith(b"EHLO"):
        return b"250-here\r\n250 AUTH PLAIN LOGIN\r\n"
    return b"535 5.7.8 I do not know " + repeated[:900] + b"\r\n"


def smtp_within() -> Callable[[bytes, bytes], bytes]:
    """Lets everybody in, and then says no with all that it has been told."""
    told = []

    def answer(heard: bytes, repeated: bytes) -> bytes:
        told.append(repeated)
        if heard.upper().startswith(b"EHLO"):
            return b"250-here\r\n250 AUTH PLAIN LOGIN\r\n"
        if heard.upper().startswith(b"RCPT"):
            return b"550 5.1.1 " + b" ".join(told)[-900:] + b"\r\n"
        return b"235 come in\r\n" if heard.upper().startswith(b"AUTH") else b"250 go on\r\n"

    return answer


def imap(heard: bytes, repeated: bytes) -> bytes:
    tag, _space, command = heard.partition(b" ")
    if command.upper().startswith(b"CAPABILITY"):
        return b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n"
    return tag + b" NO I do not know " + repeated[:900] + b"\r\n"


def repeat(heard: Heard) -> Reply:
    """The worst of receivers: everything it was told, in its error."""
    told = f"{heard.path}\n{heard.headers}\n".encode() + heard.body
    return Reply(500, told, {"Content-Type": "text/plain", "X-Debug": heard.path})


def forms_of(secret: str) -> set[str]:
    """What a secret may look like where somebody wraps it."""
    coded = {base64.b64encode(secret.encode()).decode(), secret.encode().hex(), quote(secret, safe="")}
    return {secret, secret.rpartition("/")[2], secret.rpartition(":")[2], *coded}


def found_in(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if any(form in text for form in forms_of(secret))]


def rows() -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT r::text FROM "{table}" r')
            yield from ((table, row) for (row,) in cursor.fetchall())


def pages_of_the_admin(browser: Client) -> Iterator[tuple[str, str]]:
    """Every list and every row of the admin."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"{name}_changelist")]
        addresses += [
            reverse(f"{name}_change", args=[pk])
            for pk in model._default_manager.values_list("pk", flat=True)[:20]
        ]
        for address in addresses:
            answer = browser.get(address, follow=True)
            assert answer.status_code in {200, 403}, address
            yield address, answer.content.decode()


@pytest.mark.parametrize("smtp", [smtp_at_the_door, smtp_within()], ids=["at the door", "within"])
def test_secrets_are_nowhere_though_every_server_repeats_them(
    smtp: Callable[[bytes, bytes], bytes],
    admin: User,
    agent: User,
    employee: User,
    service: Any,
    browser_of: Callable[[User], Client],
    program_of: Callable[..., Any],
    settings: Any,
    tmp_path: Path,
) -> None:
    with (
        http_server() as listener,
        parrot(b"220 here\r\n", smtp) as smtp_port,
        parrot(b"* OK here\r\n", imap) as imap_port,
    ):
        listener.reply = repeat
        environment = {
            "LOG_LEVEL": "DEBUG",
            "MAIL_HOST": "127.0.0.1",
            "MAIL_PORT": str(smtp_port),
            "MAIL_SECURITY": "NONE",
            "MAIL_USER": "desk",
            "MAIL_PASSWORD": SECRETS["the password of the mail server"],
            "SLACK_BOT_TOKEN": SECRETS["the desk's bot of Slack"],
            "TELEGRAM_BOT_TOKEN": SECRETS["the desk's bot of Telegram"],
            "SLACK_API": listener.url,
            "TELEGRAM_API": listener.url,
            "OUTBOUND_ALLOWED": "127.0.0.1/32",
        }
        # What this process announces it must know how to send.
        settings.MAIL_HOST = "127.0.0.1"
        settings.SLACK_BOT_TOKEN = settings.TELEGRAM_BOT_TOKEN = "set"
        settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.1/32")]
        _plant(admin, employee, listener.url, imap_port, service)
        opened(by=agent, service=service, requester=employee)
        with working(connection.settings_dict["NAME"], tmp_path, **environment) as worker:
            visit_all()
            tried = Delivery.objects.exclude(transport="inbox")
            assert tried.count() == 7
            until(lambda: not tried.filter(said="").exists(), "not everything was tried", process=worker)
            until(
                lambda: Mailbox.objects.exclude(trouble="").exists(),
                "the mailbox was not visited",
                process=worker,
            )
        heard = " ".join(f"{one.path} {one.headers}" for one in listener.heard)
        # The servers were told, or this would show nothing.
        assert len(found_in(heard)) == len(SECRETS) - 2, found_in(heard)

        log = worker.log.read_text()
        assert "mail" in log
        assert found_in(log) == []
        address_of_webhook = "the key in the address of a webhook"  # an administrator sees where it leads
        for table, row in rows():
            allowed = {address_of_webhook} if table in {"notifications_webhook", "audit_event"} else set()
            assert set(found_in(row)) <= allowed, table
        browser = browser_of(admin)
        for address, page in pages_of_the_admin(browser):
            allowed = {address_of_webhook} if re.search("webhook|event", address) else set()
            assert set(found_in(page)) <= allowed, address
        program = program_of(admin)
        hook = Webhook.objects.get()
        for address in (f"/api/v1/webhooks/{hook.public_id}/deliveries", "/api/v1/webhooks"):
            answer = program.get(address)
            assert answer.status_code == 200
            assert set(found_in(answer.content.decode())) <= {address_of_webhook}
            assert hook.secret not in answer.content.decode()


def _plant(admin: User, employee: User, url: str, imap_port: int, service: Any) -> None:
    """A mailbox, channels and a webhook, and somebody who wants to hear by everything there is."""
    boss = web(admin)
    box = Mailbox(
        name="Desk", address="desk@example.com", host="127.0.0.1", port=imap_port, security="none",
        username="desk", service=service, stand_in=admin,
    )  # fmt: skip
    box.password = SECRETS["the password of the mailbox"]
    box.save()
    for name, transport, secret in (
        ("Bot", "slack", SECRETS["a channel's bot of Slack"]),
        ("Hook", "slack", f"{url}/{SECRETS['the address of an incoming webhook']}"),
        ("Group", "telegram", SECRETS["a channel's bot of Telegram"]),
    ):
        channel = Channel(name=name, transport=transport, address="C1", topics=["all"])
        channel.token = secret
        channel.save()
    webhooks.create(
        name="CMDB",
        url=f"{url}/in?key={SECRETS['the key in the address of a webhook']}",
        topics=["all"],
        by=boss,
    )
    for transport in ("slack", "telegram"):
        Contact.objects.create(user=employee, transport=transport, address="U1")
