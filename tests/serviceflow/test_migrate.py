"""manage.py migrate on a desk at work."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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


# Where an installation migrates. No other command of ours does.
WAYS = ["docker-compose.yml", "deploy/kubernetes/base/migrate.yaml", "bin/run", "docs/operations.md"]
COMMAND = re.compile(r"manage\.py migrate\b(?! --check)[^`&\n\]]*")
CHECKOUT = Path(__file__).resolve().parents[2]
WATCH = """
    CREATE TABLE limits_seen (lock text, statement text);
    CREATE FUNCTION see_limits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO limits_seen VALUES (current_setting('lock_timeout'), current_setting('statement_timeout'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER see AFTER INSERT ON auth_permission FOR EACH ROW EXECUTE FUNCTION see_limits();
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS)
def test_it_does_so_whichever_way_it_is_run(way: str, tmp_path: Path) -> None:
    """The command of each way as it stands there. What limits it had the database tells: it is asked when a right is
    added, which ends every migration where one is missing.

    Seen to fail: without the first SET of the command (10s, that of the settings of tests).
    """
    [command] = {each.strip() for each in COMMAND.findall((CHECKOUT / way).read_text())}
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.served_settings",
        "SERVED_DATABASE": connection.settings_dict["NAME"],
        "SERVED_STATIC": str(tmp_path),
    }
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as watcher:
        watcher.execute(WATCH)
        try:
            watcher.execute("DELETE FROM auth_permission WHERE codename = 'add_tag'")
            ran = subprocess.run(
                [sys.executable, *shlex.split(command)], cwd=CHECKOUT, env=os.environ | settings,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ran.returncode == 0, ran.stderr
            assert watcher.execute("SELECT * FROM limits_seen").fetchall() == [("2s", "0")]
        finally:
            watcher.execute("DROP TABLE limits_seen; DROP FUNCTION see_limits CASCADE")


def test_nothing_else_of_ours_migrates() -> None:
    """Seen to fail: with `manage.py migrate` in bin/backup."""
    ways = {
        name
        for name in tracked("bin", "deploy", "docker-compose.yml", "Dockerfile", ".github")
        if COMMAND.search((CHECKOUT / name).read_text())
    }
    # The last of these only says what to do next.
    assert ways == {*WAYS, "bin/restore"} - {"docs/operations.md"}


def tracked(*places: str) -> list[str]:
    found = [CHECKOUT / place for place in places]
    files = [path for place in found for path in ([place] if place.is_file() else place.rglob("*"))]
    return [str(path.relative_to(CHECKOUT)) for path in files if path.is_file()]


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
