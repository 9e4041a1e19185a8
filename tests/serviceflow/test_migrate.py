"""manage.py migrate on a desk at work."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.signals import pre_migrate


def limits() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
        return tuple(cursor.fetchone() or ())


@pytest.fixture
def meanwhile() -> Iterator[list[Any]]:
    """What the handlers in it do is done in the midst of a migration."""
    handlers: list[Any] = []

    def at_work(**_signal: Any) -> None:
        for handler in handlers:
            handler()

    pre_migrate.connect(at_work)
    yield handlers
    pre_migrate.disconnect(at_work)


@pytest.mark.django_db
def test_it_waits_two_seconds_for_a_table_and_works_without_end(meanwhile: list[Any]) -> None:
    usual, seen = limits(), []
    meanwhile.append(lambda: seen.append(limits()))
    call_command("migrate", verbosity=0)
    assert set(seen) == {("2s", "0")}
    assert limits() == usual != ("2s", "0")


@pytest.mark.django_db(transaction=True)
def test_a_table_in_use_is_said_in_one_line(meanwhile: list[Any]) -> None:
    def want_the_table() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'; LOCK TABLE tickets_tag")

    meanwhile.append(want_the_table)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE tickets_tag IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="Run it again"):
            call_command("migrate", verbosity=0)
    connection.close()  # it has kept the limits of the attempt
