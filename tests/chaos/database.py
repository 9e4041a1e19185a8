"""A PostgreSQL of the run's own, which may be killed."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from serviceflow import devdb
from tests.processes import children


class Database:
    """As serviceflow.devdb makes it. Where it matters its settings are PostgreSQL's own: what is committed is kept."""

    def __init__(self) -> None:
        self.place = devdb.make_place()

    @property
    def url(self) -> str:
        return devdb.url()

    def start(self) -> float:
        """Answers when it was there, by time.monotonic()."""
        devdb.ensure_running()
        return time.monotonic()

    def stop(self) -> None:
        """As an operator restarts it: fast, everybody is hung up on."""
        devdb.stop()

    def kill(self) -> None:
        """As a machine that loses its power, but for its disks: not one process comes to write anything more."""
        postmaster = self._postmaster()
        all_of_it = [postmaster, *children(postmaster)]
        os.kill(postmaster, signal.SIGSTOP)  # it would start others
        for process in reversed(all_of_it):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while self._runs():
            time.sleep(0.01)

    def hang_up_on_somebody(self) -> bool:
        """End one connection, whoever's it is. Whether there was one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() AND datname = current_database() ORDER BY random() LIMIT 1"
            ).fetchone()
        return found is not None

    def _postmaster(self) -> int:
        [pid] = [pid for cluster in self.place.home.glob("[0-9]*") if (pid := devdb.running(cluster))]
        return pid

    def _runs(self) -> bool:
        return any(devdb.running(cluster) for cluster in self.place.home.glob("[0-9]*"))


@contextmanager
def own_database(folder: Path) -> Iterator[Database]:
    """A server that belongs to this folder as that of bin/run belongs to the checkout; nothing of it stays."""
    of_the_checkout = devdb.CHECKOUT, devdb.NOTE, devdb.SETTINGS
    devdb.CHECKOUT, devdb.NOTE = folder, folder / ".run" / "database-home"
    devdb.SETTINGS += "max_connections = 100\n"  # PostgreSQL's own, too: tests in parallel want more
    database = None
    try:
        _forget(folder)  # what a run left that was killed itself
        database = Database()
        database.start()
        yield database
    finally:
        _forget(folder)
        devdb.CHECKOUT, devdb.NOTE, devdb.SETTINGS = of_the_checkout


def _forget(folder: Path) -> None:
    devdb.stop()
    for place in devdb.existing_places():
        shutil.rmtree(place.home)
    shutil.rmtree(devdb.socket_folder(), ignore_errors=True)
    (folder / ".run").mkdir(parents=True, exist_ok=True)
