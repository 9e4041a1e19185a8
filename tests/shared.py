"""Real data that lies beside a checkout, in a folder `shared`: lists of hostile strings, logs of real desks.

It is no part of the project. A test that needs it skips where it is absent, and the end of the run says how many did;
SERVICEFLOW_SHARED names another place.
"""

import os
from pathlib import Path

import pytest

ABSENT = "real data absent"


def shared() -> Path:
    """The folder, there or not: the one named, or the nearest `shared` beside the checkout or above it."""
    if named := os.environ.get("SERVICEFLOW_SHARED"):
        return Path(named)
    checkout = Path(__file__).resolve().parent.parent
    beside = [folder / "shared" for folder in checkout.parents]
    return next((folder for folder in beside if (folder / "corpora").is_dir()), beside[0])


def real(name: str) -> Path:
    """A file or folder of it by its path in there; skips the test, loudly, where it is absent."""
    path = shared() / name
    if not path.exists():
        pytest.skip(f"{ABSENT}: {path}")
    return path
