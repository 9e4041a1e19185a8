"""manage.py migrate: Django's, but it queues for a table no longer than two seconds, and works as long as it takes.

Whoever waits for a table makes everybody wait who comes after: a desk at work would stand still. An index over years
of tickets, on the other hand, takes its time.
"""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
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
