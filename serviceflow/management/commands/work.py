"""manage.py work: do the jobs of the desk until told to stop."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from serviceflow import jobs, weakened

ALIVE = Path(tempfile.gettempdir()) / "serviceflow-worker-alive"


class Command(BaseCommand):
    help = "Deliver notices, collect mail, and do all else that is not done while somebody waits."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [group.name for group in jobs.groups()]
        parser.add_argument("--only", nargs="+", choices=names, default=[], help="only these kinds of jobs")
        parser.add_argument("--alive", type=Path, default=ALIVE, help="the file to touch while all is well")
        parser.add_argument(
            "--check", action="store_true", help="end with 1 unless a worker of this machine is well"
        )

    def handle(self, *args: Any, only: list[str], alive: Path, check: bool, **options: Any) -> None:
        if not check:
            weakened.say_so()
            jobs.work(only=only, alive=alive)
        elif not jobs.is_well(alive):
            raise CommandError("No worker has said within a minute that it is well.")
