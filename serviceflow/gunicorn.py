"""Settings of the web server, for bin/run and the image: gunicorn -c python:serviceflow.gunicorn serviceflow.wsgi"""

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.glogging import Logger

from serviceflow import weakened

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings")
try:
    _host = settings.HOST  # the first look: now all of them are read, and logging is set up
except ImproperlyConfigured as missing:
    sys.exit(f"error: {missing} See .env.example.")

if settings.STATEMENT_TIMEOUT == 0:
    sys.exit(
        "error: STATEMENT_TIMEOUT must not be 0 for the web server: only migrations may take as long as they like."
    )

bind = f"[{_host}]:{settings.PORT}" if ":" in _host else f"{_host}:{settings.PORT}"

worker_class = "serviceflow.worker.Worker"  # a thread for whole requests only
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
# One socket a worker: with a shared one and keep-alive one worker may get nearly all connections.
reuse_port = True
# No max_requests: with a socket of its own a worker that is replaced takes along whoever waits at that socket.
timeout = 30
graceful_timeout = 20
keepalive = 15
# The heartbeat of a worker must not wait for a disk, and the root of a container is read-only.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True

# Over-long requests end here: 414 for the line, 431 for the headers. The worker says so as the API says everything.
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190

# Who is a proxy of ours is decided in one place, TRUSTED_PROXIES.
forwarded_allow_ips = ""
forwarder_headers = ""

# The middleware writes one line for each request; what gunicorn itself has to say joins the same stream of JSON.
accesslog = None
errorlog = None
loglevel = "warning"


def on_starting(_server: Any) -> None:
    weakened.say_so()


class logger_class(Logger):  # type: ignore[misc]  # noqa: N801 (gunicorn's name for the setting)
    """Hands gunicorn's messages on to the root logger."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True
