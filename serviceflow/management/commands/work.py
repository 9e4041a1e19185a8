"""manage.py work: do the jobs of the desk until told to stop."""

import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from serviceflow import jobs, metrics_server, weakened

log = structlog.get_logger("serviceflow.jobs")

ALIVE = Path(tempfile.gettempdir()) / "serviceflow-worker-alive"


class Command(BaseCommand):
    help = "Deliver notices, collect mail, and do all else that is not done while somebody waits."

    # Both ask the database: see _wait_for_the_database.
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [group.name for group in jobs.groups()]
        parser.add_argument("--only", nargs="+", choices=names, default=[], help="only these kinds of jobs")
        parser.add_argument("--alive", type=Path, default=ALIVE, help="the file to touch while all is well")
        parser.add_argument(
            "--check", action="store_true", help="end with 1 unless a worker of this machine is well"
        )

    def handle(self, *args: Any, only: list[str], alive: Path, check: bool, **options: Any) -> None:
        if not check:
            self._wait_for_the_database()
            weakened.say_so()
            with metrics_server.serving(settings.HOST, settings.METRICS_PORT):
                jobs.work(only=only, alive=alive)
        elif not jobs.is_well(alive):
            raise CommandError("No worker has said within a minute that it is well.")

    def _wait_for_the_database(self) -> None:
        """A machine that starts anew starts both at once; and whoever is at work already waits for it as well."""
        while True:
            try:
                self.check()
                self.check_migrations()
            except OperationalError as trouble:
                log.warning("jobs_wait_for_the_database", said=str(trouble)[:200])
                time.sleep(jobs.PAUSE)
            else:
                return
