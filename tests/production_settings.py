"""Settings of an installation as they are, with the environment of one; only passwords are checked more quickly."""

import os
from pathlib import Path

from serviceflow.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["SERVED_STATIC"])
# That of tests.factories, before the one that installations have.
PASSWORD_HASHERS = ["tests.hashers.QuickHasher", *PASSWORD_HASHERS]  # noqa: F405
# The desk's own addresses, and some that fail on purpose.
ROOT_URLCONF = "tests.serviceflow.urls"
