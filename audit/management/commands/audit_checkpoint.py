"""manage.py audit_checkpoint: the last seal in one line, to be kept where nobody who has the database can write."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import seals


class Command(BaseCommand):
    help = "Print the last seal in one line. Keep it elsewhere; verify_audit --checkpoint compares."

    def handle(self, *args: Any, **options: Any) -> None:
        line = seals.last_line()
        if not line:
            raise CommandError("No event was sealed yet: a worker does it every five minutes.")
        self.stdout.write(line)
