"""The first administrator, made at the server's own prompt."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import actions
from accounts.acting import SYSTEM, Actor, Refused
from accounts.management.passwords import new_password
from accounts.models import Installation, Language
from audit.models import Door

PASSWORD = "ADMIN_PASSWORD"  # noqa: S105 (the name of a variable)


class Command(BaseCommand):
    help = (
        "Make the first administrator and an API key for him. Works once in the life of an installation. "
        f"The password is asked for, or taken from {PASSWORD}; without one he has the key alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", help="the address to sign in with")
        parser.add_argument("--full-name", help="the name others see")
        parser.add_argument("--language", choices=Language.values, default=Language.ENGLISH.value)

    def handle(self, *args: Any, **options: Any) -> None:
        if Installation.objects.exists():
            raise CommandError("The first administrator has already been made.")
        email = options["email"] or self._asked("E-mail: ", "--email")
        full_name = options["full_name"] or self._asked("Full name: ", "--full-name")
        password = os.environ.get(PASSWORD) or (
            new_password("Password (empty for none): ") if sys.stdin.isatty() else ""
        )
        try:
            with transaction.atomic():
                user, _key, raw = actions.bootstrap_admin(
                    email=email.strip(), full_name=full_name.strip(), language=options["language"], by=SYSTEM
                )
                if password:
                    actions.change_password(user, password=password, by=Actor(user, Door.SYSTEM))
        except Refused as no:
            raise CommandError(str(no.message)) from None
        self.stdout.write(self.style.SUCCESS(f"{user.full_name} <{user.email}> is the first administrator."))
        if not password:
            self.stdout.write("No password is set: the key below is the only way in.")
        self.stdout.write(f"API key, shown this once:\n{raw}")

    def _asked(self, question: str, option: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError(f"{option} is missing.")
        return input(question)
