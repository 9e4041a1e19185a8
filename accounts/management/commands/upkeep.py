"""manage.py upkeep: forget what nobody needs any more. The worker does it by the clock; this does it now."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import upkeep


class Command(BaseCommand):
    help = (
        "Forget answers kept for an Idempotency-Key, counters of rate limits and sessions that are over."
        " May be run at any time, by several at once, and again."
    )
    requires_migrations_checks = True

    def handle(self, *args: Any, **options: Any) -> None:
        gone = upkeep.forget_all()
        self.stdout.write(f"Forgotten: {', '.join(f'{what} {number}' for what, number in gone.items())}.")
