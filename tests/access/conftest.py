"""The desk that everybody looks at, set up to send mail and to know a provider."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.providers.issuers import Issuer
from tests.access.world import PROVIDER, World, make_world


@pytest.fixture
def world(browser_of: Callable[[User], Client], settings: Any) -> World:
    settings.API_DOCS_OPEN = settings.METRICS_OPEN = False
    settings.MAIL_HOST = "mail.example.com"
    settings.SIGN_IN_PROVIDERS = (Issuer(id="company", name="Company", url=PROVIDER, client_id="desk"),)
    return make_world(browser_of)
