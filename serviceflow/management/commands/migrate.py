"""manage.py migrate: Django's, but it queues for a table no longer than two seconds, and works as long as it takes.

Whoever waits for a table makes everybody wait who comes after: a desk at work would stand still. An index over years
of tickets, on the other hand, takes its time. CREATE INDEX CONCURRENTLY waits for everybody's open transactions under
the same limit, and giving up leaves an invalid index: docs/development.md says how to write one that can be run again.
"""

from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'; SET statement_timeout = 0")
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise CommandError(
                "A table was in use for two seconds. Run it again: what is done stays done."
            ) from error
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout; RESET statement_timeout")
        # Whoever asks for a plan, or for the migrations of one app, has not asked for everything to be there.
        everything = not (options["app_label"] or options["plan"] or options["check_unapplied"])
        if everything and (lacking := missing_columns(connection)):
            raise CommandError(
                f"Every migration is on record, yet the database lacks {', '.join(lacking)}: it was made by migrations"
                " that have been rewritten since. Start with an empty one; docs/development.md says how."
            )


def missing_columns(connection: BaseDatabaseWrapper) -> list[str]:
    """What the models have and the tables have not: records of migrations may promise more than there is."""
    wanted = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if model._meta.managed
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns"
            " WHERE table_schema = ANY(current_schemas(false))"
        )
        return sorted(wanted.difference(name for (name,) in cursor.fetchall()))
