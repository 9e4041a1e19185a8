"""manage.py verify_audit: prove the audit trail, or name the first row where it does not hold."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from audit import trail
from audit.models import Event


class Command(BaseCommand):
    help = "Prove that no event was changed and that histories fold to the present. Ends with 1 at a fault."

    def handle(self, *args: Any, **options: Any) -> None:
        is_outermost = not connection.in_atomic_block
        with transaction.atomic():
            with connection.cursor() as cursor:
                # One snapshot for events and present, however long it takes and whoever writes meanwhile. It can be
                # asked for only where a transaction begins.
                if is_outermost:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SET LOCAL statement_timeout = 0")
            fault = trail.first_fault()
            count = Event.objects.count()
        if fault is not None:
            raise CommandError(f"The audit does not hold. First fault: {fault}")
        self.stdout.write(
            self.style.SUCCESS(f"The audit holds: {count} events, every row as it was written.")
        )
        self.stdout.write(
            f"Gapless, and folded to how it stands: {' and '.join(trail.KEPT)}, with every comment and watcher.\n"
            f"As their events last said: {', '.join(trail.TOLD)}. Not seen: an event of these that was taken away, "
            "one of these that nobody ever spoke of, passwords."
        )
