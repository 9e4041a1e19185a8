"""Settings of the desk that bin/chaos torments: those of an installation, in a hurry, and less what WITHOUT names."""

import os

from tests.production_settings import *  # noqa: F403
from tests.production_settings import DATABASES

PROCRASTINATE_WORKER_DEFAULTS = {"update_heartbeat_interval": 1.0, "stalled_worker_timeout": 60.0}
# In web servers and workers alike, once all is loaded: every pause a fraction of what it is.
PROCRASTINATE_ON_APP_READY = "tests.chaos.without.begin"
if "commits" in os.environ.get("WITHOUT", "").split():
    DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"
