"""A mailbox of the desk."""

from typing import Any

import pytest

from accounts.models import User
from tests.factories import UserFactory
from tests.program import program_of
from tests.tickets.mail.post import BELIEVED
from tickets.models import Mailbox, Service

__all__ = ["program_of"]


@pytest.fixture(autouse=True)
def mail_goes_out(settings: Any) -> None:
    """Or nobody would be told anything by mail, however wrong that were."""
    settings.MAIL_HOST = "smtp.example.com"


@pytest.fixture
def stand_in(db: None) -> User:
    return UserFactory.create(email="unknown@example.com", full_name="Unknown sender")


@pytest.fixture
def mailbox(service: Service, stand_in: User) -> Mailbox:
    box = Mailbox(
        name="Desk",
        address="desk@example.com",
        host="127.0.0.1",
        username="desk",
        service=service,
        stand_in=stand_in,
        authserv_id=BELIEVED,
    )
    box.password = "secret of the mailbox"
    box.save()
    return box
