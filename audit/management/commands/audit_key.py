"""manage.py audit_key: the public half of the key that signs seals, or a new key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import signing


class Command(BaseCommand):
    help = "Print the public half of AUDIT_SIGNING_KEY. Keep it with the checkpoints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new", action="store_true", help="print a new AUDIT_SIGNING_KEY instead")

    def handle(self, *args: Any, new: bool = False, **options: Any) -> None:
        if not (new or signing.public()):
            raise CommandError("AUDIT_SIGNING_KEY is not set: seals are not signed. --new makes one.")
        self.stdout.write(signing.new() if new else signing.public())
