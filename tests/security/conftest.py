"""The desk as installations have it: behind TLS and a proxy, with the settings of production."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connections
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from urllib3.exceptions import InsecureRequestWarning

from serviceflow import devdb
from tests.browser.conftest import browser
from tests.edge import edge
from tests.served import Desk, Visitor, running

# One for the package: a second Playwright beside the first is refused.
__all__ = ["browser"]


def database_url(**more: Any) -> str:
    """libpq's words for the database of this run."""
    parts = conninfo_to_dict(os.environ.get("DATABASE_URL") or devdb.url())
    parts["dbname"] = connections["default"].settings_dict["NAME"]
    assert str(parts["dbname"]).startswith("test_")
    return make_conninfo("", **(parts | more))


class Caller(Visitor):
    """Somebody whose browser is not bothered by the certificate of a test."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.verify = False

    def request(self, method: Any, url: Any, *arguments: Any, **named: Any) -> requests.Response:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            return super().request(method, url, *arguments, **named)


@dataclass(frozen=True)
class Installation(Desk):
    inside: str = ""  # where the proxy finds it

    def visitor(self) -> Caller:
        return Caller(self.url)


@contextmanager
def installed(folder: Path, **environment: str) -> Iterator[Installation]:
    surroundings = {
        "DJANGO_SETTINGS_MODULE": "tests.production_settings",
        "DEBUG": "0",
        "BASE_URL": "https://127.0.0.1",
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        "TRUSTED_PROXIES": "127.0.0.1",
        "MAIL_HOST": "mail.example.com",
        **environment,
    }
    name = connections["default"].settings_dict["NAME"]
    with running(name, folder, **surroundings) as desk, edge(desk.url) as url:
        yield Installation(url, desk.log, desk.url)


@pytest.fixture(scope="session")
def production(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Started once. It sees only what is committed: transactional tests."""
    with installed(tmp_path_factory.mktemp("production")) as desk:
        yield desk
