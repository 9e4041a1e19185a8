"""No query and no lock holds the desk up: what waits too long is ended by the database; the reader may try again."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from django.test import Client
from psycopg import errors

from serviceflow import settings as production
from tests.security.conftest import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connected() -> Iterator[Any]:
    """A connection as an installation opens it, with the settings of production."""
    with psycopg.connect(database_url(options=OPTIONS), autocommit=True) as connection:
        yield connection


OPTIONS = production.database("postgresql:///x")["OPTIONS"]["options"]


def shown(connection: Any, name: str) -> str:
    return str(connection.execute(f"SHOW {name}").fetchone()[0])


def test_every_connection_has_its_limits(connected: Any) -> None:
    """Seen to fail: with a word of settings.database taken out."""
    limits = [
        shown(connected, name)
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    ]
    assert limits == ["5s", "4s", "15s"]


def test_a_query_that_takes_too_long_is_ended(connected: Any) -> None:
    """Seen to fail: without statement_timeout among the options."""
    began = time.monotonic()
    with pytest.raises(errors.QueryCanceled):
        connected.execute("SELECT pg_sleep(60)")
    assert time.monotonic() - began < 30


def test_who_waits_for_a_row_for_too_long_goes_away(connected: Any) -> None:
    """Seen to fail: without lock_timeout among the options."""
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(42)")
        with pytest.raises(errors.LockNotAvailable):
            connected.execute("SELECT pg_advisory_lock(42)")


@pytest.mark.urls("tests.serviceflow.urls")
def test_the_reader_is_asked_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ended query is a 503 with Retry-After, on a page as in the API, and its words stay in the log.

    Seen to fail: without OperationalError in errors.of_trouble.
    """
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connection, transaction

    def slow(_self: SessionStore) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 50")
            cursor.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(SessionStore, "load", slow)
    browser = Client(raise_request_exception=False)
    browser.cookies["session"] = "x" * 32
    for path in ("/signed-in", "/api/v1/tickets"):
        answer = browser.get(path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert b"statement timeout" not in answer.content
        assert OperationalError.__name__.encode() not in answer.content
