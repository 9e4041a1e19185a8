"""bin/_setup: one set-up of a checkout at a time, and none for ever."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent.parent
# A second takes no time; after twenty the other one has given up waiting for us.
CLOCK = 'seconds=0; sleep() { seconds=$((seconds + 1)); if [ "$seconds" -gt 20 ]; then echo "for ever"; exit 1; fi; }'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a check'out"
    (folder / "bin").mkdir(parents=True)
    shutil.copy(HERE / "bin" / "_setup", folder / "bin")
    return folder


def set_up(checkout: Path, script: str = "") -> str:
    words = f'{CLOCK}; . "$1/bin/_setup"; {script} begin_setup; echo "after $seconds"'
    done = subprocess.run(
        ["bash", "-c", words, "bash", str(checkout)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def lock(checkout: Path, pid: int | None) -> Path:
    folder = checkout / ".run" / "setup.lock"
    folder.mkdir(parents=True)
    if pid is not None:
        (folder / "pid").write_text(f"{pid}\n")
    return folder


def test_the_first_one_waits_for_nobody_and_leaves_no_lock(checkout: Path) -> None:
    assert set_up(checkout) == "after 0\n"
    assert not (checkout / ".run" / "setup.lock").exists()


def test_one_at_work_is_waited_for(checkout: Path) -> None:
    lock(checkout, os.getpid())
    assert set_up(checkout).endswith("for ever\n")


def test_the_lock_of_the_dead_is_taken_at_once(checkout: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock(checkout, ended.pid)
    assert set_up(checkout) == "after 0\n"


def test_a_lock_that_nobody_has_signed_is_taken_after_seconds(checkout: Path) -> None:
    lock(checkout, None)
    assert set_up(checkout).endswith("after 5\n")
