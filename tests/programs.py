"""Short programs with a Python of their own, for what happens once in a process: imports, first calls."""

import os
import subprocess
import sys

from tests.served import CHECKOUT


def last_line(program: str, **environment: str) -> str:
    """The last line that this program prints. Fails with what it says of its own failure."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]
