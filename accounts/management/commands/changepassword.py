"""manage.py changepassword: Django's command of this name, but by the verb, so that it is on record."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import actions
from accounts.acting import SYSTEM, Refused
from accounts.management.passwords import new_password
from accounts.models import User


class Command(BaseCommand):
    help = (
        "Set somebody's password; all sessions of the person end. It is asked for, or read from the standard input:"
        " manage.py changepassword you@example.com < file"
    )
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the address the person signs in with")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.by_email(email).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}.")
        password = new_password(f"New password of {user.full_name}: ")
        if not password:
            raise CommandError("No password was given: nothing is changed.")
        try:
            actions.change_password(user, password=password, by=SYSTEM)
        except Refused as no:
            raise CommandError(str(no.message)) from None
        self.stdout.write(
            self.style.SUCCESS(f"{user.full_name} has a new password and is signed out everywhere.")
        )
