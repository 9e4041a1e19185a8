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


# Everything our migrations make, in words that do not depend on the order in which it was made.
SCHEMA = """
    WITH ours AS (
        SELECT oid, relname, relkind, relpersistence FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relname ~ '^(accounts|audit|tickets)_'
    )
    SELECT relname, relkind::text, relpersistence::text FROM ours
    UNION ALL SELECT relname, attname, concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attgenerated,
            attidentity, pg_get_expr(adbin, adrelid))
        FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND relkind = 'r'
        LEFT JOIN pg_attrdef ON adrelid = ours.oid AND adnum = attnum
    UNION ALL SELECT relname, conname, pg_get_constraintdef(c.oid) FROM ours JOIN pg_constraint c ON conrelid = ours.oid
    UNION ALL SELECT relname, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
        FROM ours JOIN pg_index ON indrelid = ours.oid
    UNION ALL SELECT relname, tgname, pg_get_triggerdef(t.oid)
        FROM ours JOIN pg_trigger t ON tgrelid = ours.oid AND NOT tgisinternal
    UNION ALL SELECT proname, '', pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND proname ~ '^(accounts|audit|tickets)_'
"""


def schema() -> set[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        return {tuple(row) for row in cursor.fetchall()}


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


# Not in a transaction of the test's own: indexes are made while others work.
@pytest.mark.django_db(transaction=True)
def test_back_to_nothing_and_forward_again_makes_the_same_tables() -> None:
    before = schema()
    assert {"accounts_keep_an_admin", "audit_refuse_change", "tickets_guard_workflow"} <= {
        name for name, *_ in before
    }
    try:
        for app in ("tickets", "audit", "accounts"):
            call_command("migrate", app, "zero", verbosity=0)
        assert schema() == set()
    finally:
        call_command("migrate", verbosity=0)
    assert schema() == before


@pytest.mark.django_db
def test_a_table_that_lacks_what_the_records_promise_is_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket RENAME finished_at TO ended_at")
    with pytest.raises(CommandError, match=r"lacks tickets_ticket\.finished_at: "):
        call_command("migrate", verbosity=0)
    call_command("migrate", "tickets", verbosity=0)  # of one app, as when going back step by step
