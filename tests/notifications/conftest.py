"""Servers that messages go to, and deliveries to send."""

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import LazySettings

from accounts.models import User
from notifications import http
from notifications.models import Delivery
from notifications.transports import email
from tests.http_server import Listener, http_server
from tests.mail_server import MailServer, mail_server
from tests.program import program_of

__all__ = ["program_of"]


@pytest.fixture
def mail_host(settings: LazySettings) -> Iterator[MailServer]:
    """A mail server to which the desk is told to send."""
    with mail_server() as server:
        settings.MAIL_HOST, settings.MAILERS = "127.0.0.1", mailers_of(server)
        try:
            yield server
        finally:
            email.close()


def mailers_of(server: MailServer, **options: Any) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": server.port, **options}
    return {"default": {"BACKEND": "notifications.transports.smtp.Backend", "OPTIONS": where}}


@pytest.fixture
def listener(settings: LazySettings) -> Iterator[Listener]:
    """A web server in a network that messages may go to."""
    settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.1/32")]
    with http_server() as server:
        try:
            yield server
        finally:
            http.forget_connections()


@pytest.fixture
def delivery_to() -> Callable[..., Delivery]:
    """`delivery_to(anna)`: a mail that waits; or to a channel, a webhook. Of a test message, if of nothing else."""
    from uuid import uuid4

    def make(whom: Any, **more: Any) -> Delivery:
        name = whom._meta.model_name if not isinstance(whom, User) else "recipient"
        transport = {"recipient": "email", "webhook": "webhook"}.get(name) or whom.transport
        values = {
            "kind": "change",
            "verb": "test",
            "subject_type": "test",
            "subject_id": uuid4(),
            "subject_name": "Test message",
            "seq": 0,
            "reason": "test",
            "transport": transport,
            name: whom,
        }
        made: Delivery = Delivery.objects.create(**(values | more))
        return made

    return make
