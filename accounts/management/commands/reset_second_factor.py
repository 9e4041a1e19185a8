"""manage.py reset_second_factor: for the last administrator, whom no other one can help."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.acting import SYSTEM
from accounts.factors import actions as factors
from accounts.models import User


class Command(BaseCommand):
    help = "Take all second factors from somebody who has lost them; all sessions of the person end."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the address the person signs in with")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.by_email(email).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}.")
        if not factors.has_any(user):
            raise CommandError(f"{user.full_name} has no second factor: nothing is changed.")
        factors.reset(user, by=SYSTEM)
        self.stdout.write(self.style.SUCCESS(f"{user.full_name} has no second factor any more."))
