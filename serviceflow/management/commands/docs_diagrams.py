"""manage.py docs_diagrams: draw the diagrams of docs/, or with --check say whether they are still true."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from serviceflow import diagrams


class Command(BaseCommand):
    help = "Draw the diagrams of docs/ from the models and the tables of rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; end with 1 if one is out of date"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        for path, text in diagrams.pages().items():
            name = path.relative_to(settings.BASE_DIR)
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if check:
                raise CommandError(f"{name} is out of date: run manage.py docs_diagrams and commit it.")
            path.write_text(text, encoding="utf-8")
            self.stdout.write(f"drew {name}")
