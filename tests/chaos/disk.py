"""A disk of the run's own, which may be filled."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOM = 128  # MB: several times what a full run attaches


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A folder on a file system of its own, which a test may fill; whether that could be had. Only root may."""
    if folder.is_mount():  # of a run that was killed itself
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}m,mode=0700", "none", str(folder)]
    had = os.geteuid() == 0 and shutil.which("mount") is not None
    had = had and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield had
    finally:
        if had:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
