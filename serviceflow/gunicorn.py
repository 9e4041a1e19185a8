"""Settings of the web server, for bin/run and the image: gunicorn -c python:serviceflow.gunicorn serviceflow.wsgi"""

import os
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from serviceflow.logging import configure

_host = os.environ.get("HOST", "127.0.0.1")
bind = (
    f"[{_host}]:{os.environ.get('PORT', '8000')}"
    if ":" in _host
    else f"{_host}:{os.environ.get('PORT', '8000')}"
)

worker_class = "serviceflow.worker.Worker"  # a thread for whole requests only
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
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
configure(os.environ.get("LOG_LEVEL") or "INFO")


class logger_class(Logger):  # type: ignore[misc]  # noqa: N801 (gunicorn's name for the setting)
    """Hands gunicorn's messages on to the root logger."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True
