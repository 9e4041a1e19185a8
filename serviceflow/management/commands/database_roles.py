"""manage.py database_roles: three roles, so that who breaks into the web server has not got the database.

- the owner, who runs this command and migrations, and nothing else;
- the application: reads and writes rows, makes and changes no table, and of the audit trail reads and adds only;
- the reader, for reports: reads, but no secret.

Run it after every migration; what is right already stays. The passwords come from the environment, never from the
command line, and go to the server as SCRAM verifiers, so that its log does not show them.
"""

import os
import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

# What the application may do with tables that are not simply its own.
LESS: dict[str, str] = {
    "audit_event": "SELECT, INSERT",
    "audit_seal": "SELECT, INSERT",
    "accounts_installation": "SELECT, INSERT",  # the first administrator is made once
    "accounts_backup": "SELECT",  # bin/backup writes it, as the owner
    "django_migrations": "SELECT",
    "django_content_type": "SELECT",
    "auth_permission": "SELECT",
}
ALL = "SELECT, INSERT, UPDATE, DELETE"

# What the reader may not see: whoever has it can be somebody else. Columns by their name, wherever they are, and what
# has such things inside.
SECRET_COLUMN = re.compile(r"passw|secret|token|salt|sealed|session|credential|private|(^|_)key$")
SECRETS = {
    "django_session": "*",
    "usersessions_usersession": "*",
    "mfa_authenticator": "*",
    "account_emailconfirmation": "*",
    "socialaccount_socialtoken": "*",
    "socialaccount_socialapp": "*",
    "socialaccount_socialaccount": "extra_data",
    "accounts_apikey": "digest",
    "accounts_link": "state",
    "notifications_webhook": "url",  # of many other systems whoever knows the address may write to them
    "accounts_storedanswer": "*",
    "tickets_inboundmail": "raw",
    "procrastinate_jobs": "args",
    "procrastinate_periodic_defers": "*",
}
# What no role of ours may have, or be a member of.
POWERS = "rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication"


class Command(BaseCommand):
    help = "Make or mend the database's roles: the application's and the reader's. Run it as the owner."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--app", default="serviceflow_app", help="with the password of DATABASE_APP_PASSWORD"
        )
        parser.add_argument("--read", default="serviceflow_read", help="with that of DATABASE_READ_PASSWORD")

    def handle(self, *args: Any, app: str, read: str, **options: Any) -> None:
        # One at a time: grants of two would be "concurrently updated".
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('serviceflow.database_roles'))")
            cursor.execute("SELECT current_user")
            owner = cursor.fetchone()[0]
            if owner in {app, read}:
                raise CommandError(f"{owner} is not the owner: run this with the DATABASE_URL of migrations.")
            for role, variable in ((app, "DATABASE_APP_PASSWORD"), (read, "DATABASE_READ_PASSWORD")):
                self._make(cursor, role, os.environ.get(variable, ""))
            self._nothing_for_everybody(cursor, app, read)
            for table in tables(cursor):
                self._grant(cursor, LESS.get(table, ALL), table, app)
                if columns := readable(cursor, table):
                    self._grant(cursor, sql.SQL("SELECT ({})").format(columns), table, read)
            self._what_comes_later(cursor, owner, app)
        self.stdout.write(f"{app} reads and writes rows, {read} reads; {owner} owns the tables.")

    def _make(self, cursor: CursorWrapper, role: str, password: str) -> None:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            run(cursor, "CREATE ROLE {} LOGIN NOINHERIT", sql.Identifier(role))
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND ({POWERS}))"  # noqa: S608 (our own words)
            " OR EXISTS (SELECT FROM pg_auth_members WHERE member = %s::regrole)"
            # The database itself, a schema, a table, a function, a type: here, or shared with other databases.
            " OR EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass"
            " AND refobjid = %s::regrole AND deptype = 'o' AND dbid IN"
            " (0, (SELECT oid FROM pg_database WHERE datname = current_database())))",
            [role, quoted(role), quoted(role)],
        )
        if cursor.fetchone()[0]:
            raise CommandError(
                f"{role} has powers it must not have: it is a superuser or may make roles or databases, belongs to"
                " another role, or owns something (the database, a schema, a table, a function, a type). Name another"
                " role, or take them away."
            )
        if password:
            link: Any = cursor.connection.pgconn
            verifier = link.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            run(cursor, "ALTER ROLE {} LOGIN PASSWORD {}", sql.Identifier(role), sql.Literal(verifier))

    def _nothing_for_everybody(self, cursor: CursorWrapper, app: str, read: str) -> None:
        cursor.execute("SELECT current_database()")
        database, both = (
            sql.Identifier(cursor.fetchone()[0]),
            sql.SQL(", ").join(map(sql.Identifier, (app, read))),
        )
        run(cursor, "REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC, {}", database, both)
        run(cursor, "GRANT CONNECT ON DATABASE {} TO {}", database, both)
        run(cursor, "REVOKE ALL ON SCHEMA public FROM PUBLIC, {}", both)
        run(cursor, "GRANT USAGE ON SCHEMA public TO {}", both)
        run(cursor, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {}", both)
        run(cursor, "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {}", both)
        run(cursor, "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}", sql.Identifier(app))
        run(cursor, "ALTER ROLE {} SET default_transaction_read_only = on", sql.Identifier(read))

    def _grant(self, cursor: CursorWrapper, what: str | sql.Composed, table: str, role: str) -> None:
        rights = sql.SQL(what) if isinstance(what, str) else what
        run(cursor, "GRANT {} ON {} TO {}", rights, sql.Identifier("public", table), sql.Identifier(role))

    def _what_comes_later(self, cursor: CursorWrapper, owner: str, app: str) -> None:
        """Tables of the next migration: the desk goes on while nobody has run this again. The reader waits."""
        later = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT {} TO {}"
        for rights in (f"{ALL} ON TABLES", "USAGE, SELECT ON SEQUENCES"):
            run(cursor, later, sql.Identifier(owner), sql.SQL(rights), sql.Identifier(app))


def run(cursor: CursorWrapper, statement: str, *parts: sql.Composable) -> None:
    cursor.execute(sql.SQL(statement).format(*parts))


def quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def tables(cursor: CursorWrapper) -> list[str]:
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm')"
        " AND relnamespace = 'public'::regnamespace ORDER BY relname"
    )
    return [name for (name,) in cursor.fetchall()]


def readable(cursor: CursorWrapper, table: str) -> sql.Composed | None:
    """The columns of a table that the reader may see; None if there are none."""
    hidden = SECRETS.get(table, "")
    if hidden == "*":
        return None
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        [f'public."{table}"'],
    )
    names = [name for (name,) in cursor.fetchall() if name != hidden and not SECRET_COLUMN.search(name)]
    return sql.SQL(", ").join(map(sql.Identifier, names)) if names else None
