"""Settings of the server that tests/served.py starts: those of tests, with the files collected as in production."""

import os
from ipaddress import ip_network
from pathlib import Path

from serviceflow.settings_test import *  # noqa: F403
from serviceflow.settings_test import DATABASES, RATE_LIMITS, STORAGES

DATABASES["default"]["NAME"] = os.environ["SERVED_DATABASE"]
STATIC_ROOT = Path(os.environ["SERVED_STATIC"])
STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
# Figures as they are told away from loopback: to whoever has the key.
if os.environ.get("METRICS_CLOSED"):
    METRICS_OPEN = False
# Where providers send people back to. A worker listens nowhere.
if port := os.environ.get("PORT"):
    BASE_URL = f"http://127.0.0.1:{port}"
# A desk behind a proxy at this address. TRUSTED_PROXIES itself is nobody's business here: settings_test forgets it.
if proxy := os.environ.get("SERVED_PROXY"):
    TRUSTED_PROXIES = [ip_network(proxy)]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The desk's own addresses, and some that fail on purpose.
ROOT_URLCONF = "tests.serviceflow.urls"
# The jobs that only tests enqueue.
PROCRASTINATE_IMPORT_PATHS = ["tests.jobs"]
# Roles that need a second factor on this desk, where a test asks for it.
SECOND_FACTOR_FOR = frozenset(os.environ.get("NEEDS_FACTOR", "").split())
# The same patience in seconds instead of minutes, for tests that wait for the end of it.
if os.environ.get("HURRIED"):
    PROCRASTINATE_IMPORT_PATHS.append("tests.hurried")
# The limit of production on tries to sign in, and a hasher that leaves a byte for each, for the tests of guessing.
if os.environ.get("TRIES_ALLOWED"):
    RATE_LIMITS["sign_in"] = int(os.environ["TRIES_ALLOWED"])
    PASSWORD_HASHERS = ["tests.hashers.CountingHasher"]
