"""The roles of the database: what each of them may do, tried by signing in as it, and that the desk works with less."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import errors, sql

from accounts.models import User
from audit.models import Event
from serviceflow.management.commands.database_roles import SECRET_COLUMN
from tests.factories import opened
from tests.invariants import check
from tests.security.conftest import database_url, installed
from tests.served import CHECKOUT, forms
from tests.working import until, working
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

RUN = os.environ["TEST_RUN"] + os.environ.get("PYTEST_XDIST_WORKER", "")
APP, READ = f"test_app_{RUN}", f"test_read_{RUN}"
PASSWORDS = {"DATABASE_APP_PASSWORD": "app-8Kd2Lw5Qz", "DATABASE_READ_PASSWORD": "read-3Xm7Tp1Vb"}
DEMO = "demo-serviceflow-2026"


def make() -> None:
    call_command("database_roles", app=APP, read=READ, verbosity=0, stdout=StringIO())


@pytest.fixture
def roles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, password in PASSWORDS.items():
        monkeypatch.setenv(name, password)
    make()
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for role in (APP, READ):
                cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def signed_in_as(role: str) -> psycopg.Connection[Any]:
    return psycopg.connect(database_url(user=role, password="x"), autocommit=True)


def refused(role: str, statement: str) -> bool:
    """Whether it lacks the right. What a trigger stops, or a transaction that only reads, it has the right to."""
    with signed_in_as(role) as mine:
        mine.execute("SET default_transaction_read_only = off")
        try:
            mine.execute(statement.encode())
        except errors.InsufficientPrivilege:
            return True
        except errors.RestrictViolation:
            return False
    return False


def rights() -> list[tuple[Any, ...]]:
    """As \\dp tells them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " UNION ALL SELECT attrelid::regclass::text || '.' || attname, attacl::text FROM pg_attribute"
            " WHERE attacl IS NOT NULL UNION ALL SELECT 'later', defaclacl::text FROM pg_default_acl ORDER BY 1, 2"
        )
        return list(cursor.fetchall())


NOT_FOR_THE_APPLICATION = [
    "CREATE TABLE mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION dblink",
    "CREATE ROLE mine",
    "ALTER TABLE tickets_ticket ADD COLUMN mine int",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "DROP TABLE tickets_watch",
    "DROP TRIGGER audit_event_no_change ON audit_event",
    "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "TRUNCATE tickets_watch",
    "TRUNCATE audit_event",
    "UPDATE audit_event SET actor_name = 'nobody'",
    "DELETE FROM audit_event",
    "UPDATE audit_seal SET hash = ''",
    "DELETE FROM audit_seal",
    "TRUNCATE audit_seal",
    "UPDATE accounts_installation SET bootstrapped_at = now()",
    "DELETE FROM accounts_installation",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
    "SET session_replication_role = replica",
    "DROP DATABASE {database}",
    "ALTER ROLE {owner} PASSWORD 'x'",
    "SET ROLE {owner}",
    "GRANT {owner} TO CURRENT_USER",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY tickets_ticket TO PROGRAM 'cat'",
]


def test_the_application_makes_no_table_and_changes_no_memory(roles: None, ticket: Ticket) -> None:
    """Seen to fail, each: with the owner in the application's place; those of audit, by its trigger's refusal and not
    by the rights: without its line in LESS; those of accounts_installation and django_migrations: without theirs.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user), quote_ident(current_database())")
        owner, database = cursor.fetchone()
    before = Event.objects.count()
    named = {"owner": owner, "database": database}
    done = [one for one in NOT_FOR_THE_APPLICATION if not refused(APP, one.format(**named))]
    assert done == []
    assert Event.objects.count() == before > 0


def test_the_application_reads_and_writes_rows(roles: None, ticket: Ticket) -> None:
    """Seen to fail: with SELECT alone granted."""
    with signed_in_as(APP) as mine:
        assert mine.execute("SELECT count(*) FROM audit_event").fetchone() == (Event.objects.count(),)
        assert mine.execute("UPDATE tickets_service SET name_en = name_en").rowcount == 1
        copied = (
            "INSERT INTO audit_event (at, actor_name, door, api_key_prefix, request_id, verb, subject_type,"
            " subject_name, changes, comment, internal, digest) SELECT at, actor_name, door, '', '', verb,"
            " subject_type, subject_name, changes, comment, internal, digest FROM audit_event LIMIT 1"
        )
        with mine.transaction(force_rollback=True):
            assert mine.execute(copied).rowcount == 1


def test_the_reader_reads_and_nothing_else(roles: None, ticket: Ticket) -> None:
    """Seen to fail: with SELECT and UPDATE granted to it, of whole tables."""
    with signed_in_as(READ) as mine:
        assert mine.execute("SELECT count(*) FROM tickets_ticket").fetchone() == (1,)
        assert mine.execute("SELECT email, role FROM accounts_user").fetchall()
        with pytest.raises(errors.ReadOnlySqlTransaction):
            mine.execute("UPDATE tickets_ticket SET title = 'x'")
    for statement in (
        "UPDATE tickets_ticket SET title = 'x'",
        "INSERT INTO tickets_tag (name) VALUES ('x')",
        "DELETE FROM tickets_watch",
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "SELECT nextval('audit_event_id_seq')",
        "SELECT * FROM accounts_user",
        "SELECT password FROM accounts_user",
        "SELECT session_data FROM django_session",
        "SELECT digest FROM accounts_apikey",
        "SELECT raw FROM tickets_inboundmail",
        "SELECT password_sealed FROM tickets_mailbox",
        "SELECT secret_sealed FROM notifications_webhook",
        "SELECT url FROM notifications_webhook",
        "SELECT data FROM mfa_authenticator",
        "SELECT token FROM socialaccount_socialtoken",
        "SELECT session_key FROM usersessions_usersession",
        "SELECT token_sealed FROM notifications_channel",
    ):
        assert refused(READ, statement), statement


def test_each_column_that_the_reader_sees_was_looked_at(roles: None) -> None:
    """A column of tomorrow is a finding, until somebody has decided: its line in columns_of_the_reader.txt, or a word
    in SECRETS, and `manage.py database_roles`.

    Seen to fail: with a column added to a model; without the line of notifications_webhook in SECRETS.
    """
    with signed_in_as(READ) as mine:
        seen = mine.execute(
            "SELECT table_name, string_agg(column_name, ' ' ORDER BY column_name COLLATE \"C\")"
            " FROM information_schema.column_privileges WHERE grantee = current_user AND privilege_type = 'SELECT'"
            ' GROUP BY table_name ORDER BY table_name COLLATE "C"'
        ).fetchall()
    reviewed = (Path(__file__).parent / "columns_of_the_reader.txt").read_text()
    assert "".join(f"{table}: {columns}\n" for table, columns in seen) == reviewed


def test_no_column_of_a_secret_is_the_readers(roles: None) -> None:
    """Those of tomorrow by their names. Seen to fail: with all columns granted in `readable`."""
    with signed_in_as(READ) as mine:
        seen = mine.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.column_privileges"
            " WHERE grantee = current_user AND privilege_type = 'SELECT'"
        ).fetchall()
    names = {name for (name,) in seen}
    assert len(names) > 100
    assert [name for name in names if SECRET_COLUMN.search(name.partition(".")[2])] == []


def test_made_again_they_are_the_same(roles: None) -> None:
    """Seen to fail: where `_make` grants something of its own to a role that is there already."""
    before = rights()
    make()
    assert rights() == before


def test_what_somebody_has_granted_by_hand_is_taken_back(roles: None) -> None:
    """Seen to fail: without the REVOKE of all tables in `_nothing_for_everybody`."""
    before = rights()
    with connection.cursor() as cursor:
        cursor.execute(
            f"GRANT ALL ON audit_event TO {APP}; GRANT UPDATE ON tickets_tag TO {READ};"
            f"GRANT SELECT ON django_session TO PUBLIC; GRANT CREATE ON SCHEMA public TO {APP}"
        )
    make()
    assert rights() == before
    assert refused(APP, "CREATE TABLE mine (a int)")


def test_a_table_of_the_next_migration_is_the_application_s_at_once(roles: None) -> None:
    """Seen to fail: without `_what_comes_later`."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE of_tomorrow (id serial, token text)")
    try:
        with signed_in_as(APP) as mine:
            assert mine.execute("INSERT INTO of_tomorrow (token) VALUES ('x')").rowcount == 1
        assert refused(READ, "SELECT * FROM of_tomorrow")
        make()
        assert refused(READ, "SELECT token FROM of_tomorrow")
        assert not refused(READ, "SELECT id FROM of_tomorrow")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE of_tomorrow")


def test_passwords_are_kept_as_verifiers(roles: None) -> None:
    """Seen to fail: with an MD5 of its own in place of the verifier."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname IN (%s, %s)", [APP, READ])
        kept = [row[0] for row in cursor.fetchall()]
    assert [word[:13] for word in kept] == 2 * ["SCRAM-SHA-256"]


@pytest.mark.parametrize(
    "power", ["ALTER ROLE {} SUPERUSER", "ALTER ROLE {} CREATEROLE", "GRANT pg_write_all_data TO {}"]
)
def test_a_role_with_powers_is_refused(roles: None, power: str) -> None:
    """Seen to fail: the last without the question about members."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(power).format(sql.Identifier(APP)).as_string())
    try:
        with pytest.raises(CommandError, match="powers it must not have"):
            make()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER ROLE {APP} NOSUPERUSER NOCREATEROLE; REVOKE pg_write_all_data FROM {APP}")


@pytest.mark.parametrize(
    ("power", "undone"),
    [
        ("ALTER DATABASE {database} OWNER TO {role}", "ALTER DATABASE {database} OWNER TO {owner}"),
        ("ALTER SCHEMA public OWNER TO {role}", "ALTER SCHEMA public OWNER TO {owner}"),
        (
            "ALTER FUNCTION audit_refuse_change() OWNER TO {role}",
            "ALTER FUNCTION audit_refuse_change() OWNER TO {owner}",
        ),
        ("ALTER TABLE tickets_tag OWNER TO {role}", "ALTER TABLE tickets_tag OWNER TO {owner}"),
        (
            "CREATE TYPE of_tomorrow AS ENUM (); ALTER TYPE of_tomorrow OWNER TO {role}",
            "DROP TYPE of_tomorrow",
        ),
        ("CREATE ROLE {role}_too; GRANT {role}_too TO {role}", "DROP ROLE {role}_too"),
    ],
)
# The names of the roles are those of this test worker.
@pytest.mark.parametrize("role", [APP, READ], ids=["application", "reader"])
def test_a_role_that_owns_something_is_refused(roles: None, role: str, power: str, undone: str) -> None:
    """As the owner of the database it may drop the schema, and the audit trail with it.

    Seen to fail: each line without its part of the question in `_make`, which once asked for tables only.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user), quote_ident(current_database())")
        owner, database = cursor.fetchone()
        named = {"owner": owner, "database": database, "role": role}
        cursor.execute(power.format(**named))
        try:
            with pytest.raises(CommandError, match=f"{role} has powers it must not have"):
                make()
        finally:
            cursor.execute(undone.format(**named))


def test_nobody_but_the_owner_drops_the_schema(roles: None) -> None:
    """Tried by signing in: with the database's owner in its place all was gone."""
    for role in (APP, READ):
        for statement in (
            "DROP SCHEMA public CASCADE",
            "DROP TABLE audit_event",
            "ALTER SCHEMA public RENAME TO x",
        ):
            assert refused(role, statement), statement


def test_the_application_cannot_run_it(roles: None, tmp_path: Path) -> None:
    """Seen to fail: without the look at current_user in `handle`."""
    done = manage(tmp_path, "database_roles", "--app", APP, "--read", READ)
    assert done.returncode == 1
    assert "is not the owner" in done.stderr


def manage(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    surroundings = os.environ | environment() | {"SERVED_STATIC": str(folder)}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def environment() -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "tests.production_settings",
        "BASE_URL": "https://127.0.0.1",
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(user=APP, password="x"),
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": "9",
    }


def test_the_desk_works_with_the_rights_of_the_application(roles: None, tmp_path: Path) -> None:
    """A furnished desk, its pages, its API, its administration, its worker and its commands: nothing lacks a right.

    Seen to fail: with "SELECT" for any table of its own in LESS.
    """
    seeded = manage(tmp_path, "seed_demo", "--tickets", "40")
    assert seeded.returncode == 0, seeded.stderr[-2000:]
    with installed(tmp_path, DATABASE_URL=database_url(user=APP, password="x")) as desk:
        employee = desk.visitor().sign_in("employee@northwind.example", DEMO)
        page = employee.get("/tickets/new/")
        [form] = forms(page.text, name="title")
        sent = employee.post(
            "/tickets/new/",
            data=form.fields | {"title": "A lamp for my desk", "service": ""},
            files={"files": ("lamp.txt", b"bright", "text/plain")},
            headers={"Referer": page.url},
        )
        assert sent.status_code == 200, sent.text[:500]
        ticket = Ticket.objects.get(title="A lamp for my desk")
        assert employee.get(f"/attachments/{ticket.attachments.get().public_id}/").status_code == 200
        agent = desk.visitor().sign_in("agent@northwind.example", DEMO)
        assert agent.get("/queue/?q=lamp").status_code == 200
        admin = desk.visitor().sign_in("admin@northwind.example", DEMO)
        for path in ("/admin/", "/admin/audit/event/", "/admin/accounts/user/", "/admin/tickets/mailbox/"):
            assert admin.get(path).status_code == 200
        page = admin.get("/account/keys/")
        [form] = forms(page.text, name="days")
        wanted = form.fields | {"name": "Exchange", "scopes": ["read", "write"], "days": "30"}
        issued = admin.post("/account/keys/", data=wanted, headers={"Referer": page.url})
        [raw] = set(re.findall(r"sf_\w{8}_[\w-]{43}", issued.text))
        by_key = admin.post("/api/v1/tickets", json={"title": "Lamps"}, headers={"X-API-Key": raw})
        assert by_key.status_code == 201
        assert employee.submit(employee.get("/account/"), action="/account/sign-out/").status_code == 200
    with working("", tmp_path, **environment()) as worker:
        opened(by=User.objects.get(email="employee@northwind.example"), title="Another lamp")
        until(lambda: not _waiting(), "the jobs were not done", process=worker)
        log = worker.log.read_text()
    for text in (log, desk.log.read_text()):
        assert "permission denied" not in text
        assert '"level": "error"' not in text
    for command in ("upkeep", "verify_audit"):
        done = manage(tmp_path, command)
        assert done.returncode == 0, done.stderr[-1000:]
    assert check(connection) == []


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND attempts = 0"
            " AND coalesce(scheduled_at, now()) <= now()"
        )
        count: int = cursor.fetchone()[0]
    return count
