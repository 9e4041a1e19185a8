"""Settings of the test run: those of production on a private database, less what would only slow tests down."""

import os
from pathlib import Path

from serviceflow import devdb

# What a developer has exported for his own desk must not decide whether a test passes.
for name in (
    "DEBUG",
    "ALLOWED_HOSTS",
    "SECOND_FACTOR_FOR",
    "TRUSTED_PROXIES",
    "ADMIN_BOOTSTRAP_KEY",
    "SECRET_KEY_FALLBACKS",
    "TIME_ZONE",
    "SCANNER",
    "FILES_S3_BUCKET",
    "FILES_PER_TICKET_MB",
):
    os.environ.pop(name, None)
os.environ["BASE_URL"] = "http://127.0.0.1:8000"
os.environ["SECRET_KEY"] = "a-key-of-the-test-run-only-" + 40 * "0"
# The address alone: the controller starts the server (tests/conftest.py); workers and type checkers only read this.
os.environ.setdefault("DATABASE_URL", devdb.url())
# Names the databases of this run, so that two runs in one checkout leave each other alone. Workers inherit it.
# Set it yourself to keep a database between runs with --reuse-db.
os.environ.setdefault("TEST_RUN", str(os.getpid()))
# And its files, of each of its workers apart: see tests/conftest.py, which takes them away.
os.environ["FILES_FOLDER"] = str(
    Path(__file__).resolve().parent.parent
    / ".run"
    / "test-files"
    / os.environ["TEST_RUN"]
    / os.environ.get("PYTEST_XDIST_WORKER", "")
)

from serviceflow.settings import *  # noqa: E402, F403 (reads the environment above)
from serviceflow.settings import DATABASES, RATE_LIMITS, STORAGES  # noqa: E402

ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
DATABASES["default"]["TEST"] = {"NAME": f"test_{DATABASES['default']['NAME']}_{os.environ['TEST_RUN']}"}
DATABASES["default"]["OPTIONS"]["options"] = (
    # A busy machine must not fail a test, and nothing in a test database needs to survive a power cut.
    "-c statement_timeout=30000 -c lock_timeout=10000 -c synchronous_commit=off"
    # Four times production's: whoever waits for something else inside a transaction loses it.
    " -c idle_in_transaction_session_timeout=60000"
)
PASSWORD_HASHERS = ["tests.hashers.QuickHasher"]
# Nothing is collected: the live servers of browser tests find the files where they are.
STATIC_ROOT = None  # type: ignore[assignment]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
RATE_LIMITS.update(dict.fromkeys(RATE_LIMITS, 1_000_000))
