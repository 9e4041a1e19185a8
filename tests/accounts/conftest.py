"""What tests of accounts share."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from notifications.transports import email
from tests.accounts.mailbox import Mailbox
from tests.mail_server import mail_server
from tests.notifications.conftest import mailers_of
from tests.program import program_of

__all__ = ["program_of"]


@pytest.fixture
def mailbox(settings: LazySettings) -> Iterator[Mailbox]:
    """A mail server to which the desk is told to send, and what has come to it."""
    with mail_server() as server:
        settings.MAIL_HOST, settings.MAILERS = "127.0.0.1", mailers_of(server)
        try:
            yield Mailbox(server)
        finally:
            email.close()
