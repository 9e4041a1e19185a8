"""The job worker as it is run, for tests: manage.py work on the database of the test run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.served import CHECKOUT

PATIENCE = 60  # seconds for anything at all on a busy machine


class Workshop:
    """A worker process, which may be ended and started again."""

    def __init__(self, database: str, folder: Path, *options: str, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "jobs.log"
        self.alive = folder / "alive"
        self.options = options
        self.surroundings = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.served_settings",
            "SERVED_DATABASE": database,
            "SERVED_STATIC": str(folder),
            **environment,
        }
        self.surroundings.pop("COVERAGE_PROCESS_START", None)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "work", "--alive", str(self.alive), *self.options]
        self.alive.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=CHECKOUT, env=self.surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self.process

    def wait_until_alive(self) -> None:
        until(self.alive.exists, "the worker did not start", process=self)

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """As a platform does that replaces it: SIGTERM, and it ends by itself. Answers its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def until(come_true: Callable[[], object], otherwise: str, *, process: Workshop | None = None) -> None:
    end = time.monotonic() + PATIENCE
    while not come_true():
        told = process.log.read_text()[-3000:] if process else ""
        if process and process.process:
            assert process.process.poll() is None, f"the worker ended: {told}"
        assert time.monotonic() < end, f"{otherwise}: {told}"
        time.sleep(0.05)


@contextmanager
def working(database: str, folder: Path, *options: str, **environment: str) -> Iterator[Workshop]:
    """A worker, started and well; it is ended with the test."""
    shop = Workshop(database, folder, *options, **environment)
    shop.start()
    try:
        shop.wait_until_alive()
        yield shop
    finally:
        if shop.process is not None and shop.process.poll() is None:
            shop.process.kill()
            shop.process.wait(10)
