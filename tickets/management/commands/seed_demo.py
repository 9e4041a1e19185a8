"""manage.py seed_demo: fill an empty desk with three months of a company's life."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Installation, User
from audit.models import Event
from tickets.demo import seeding
from tickets.demo.people import PEOPLE
from tickets.models import Ticket


class Command(BaseCommand):
    help = "Fill an empty desk with demo people and their requests of the last 90 days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tickets", type=int, default=400, help="how many (400)")
        parser.add_argument("--sign-ins", action="store_true", help="only print the sign-ins of a demo desk")

    def handle(self, *args: Any, tickets: int, sign_ins: bool, **options: Any) -> None:
        if sign_ins:
            self._print_sign_ins()
            return
        if not settings.DEMO_ALLOWED:
            raise CommandError(
                "Demo people have a password that everybody knows: they are only for a developer's own machine"
                " (DEBUG=1, or BASE_URL on loopback)."
            )
        if User.objects.exists() or Installation.objects.exists():
            raise CommandError("This desk has people already. The demo is for an empty one.")
        try:
            seeding.seed(tickets=tickets, progress=self._progress)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"The demo desk is ready: {User.objects.count()} people, {Ticket.objects.count()} tickets,"
            f" {Event.objects.count()} events."
        )
        self._print_sign_ins()

    def _print_sign_ins(self) -> None:
        if not User.objects.by_email(PEOPLE[0].email).exists():
            return
        self.stdout.write(f"Sign in with the password {seeding.PASSWORD} as")
        for person, what in zip(PEOPLE, ("administrator", "agent", "team lead", "employee"), strict=False):
            self.stdout.write(f"  {person.email:<28} {what}, {person.full_name}")

    def _progress(self, tickets: int) -> None:
        if tickets % 100 == 0:
            self.stdout.write(f"  {tickets} tickets")
            self.stdout.flush()
