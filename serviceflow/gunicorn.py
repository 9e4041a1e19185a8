"""Settings of the web server, for bin/run and the image: gunicorn -c python:serviceflow.gunicorn serviceflow.wsgi"""

import fcntl
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.glogging import Logger

from serviceflow import metrics_files, weakened

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


def on_starting(server: Any) -> None:
    weakened.say_so()
    # The processes count together in here (serviceflow.metrics). A folder of this server's own, new with each start:
    # what Prometheus is told begins anew, and no other server writes into it.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_folder_of_ours(server.cfg.worker_tmp_dir))


COUNTED = "serviceflow-metrics-"


def _folder_of_ours(shared: str | None) -> Path:
    """Locked while one of our processes lives, however it ends; those that nobody locks any more are taken away."""
    place = Path(shared or tempfile.gettempdir())
    for left in place.glob(f"{COUNTED}*"):
        with suppress(OSError):  # somebody's who lives, or of another user
            held = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(held)
    # Named last: nobody finds it before it is locked.
    made = Path(tempfile.mkdtemp(prefix="serviceflow-starts-", dir=place))
    fcntl.flock(os.open(made, os.O_RDONLY), fcntl.LOCK_EX)
    return made.rename(made.with_name(made.name.replace("serviceflow-starts-", COUNTED)))


def child_exit(server: Any, worker: Any) -> None:
    """What a worker that is gone had in hand nobody has in hand; what it has counted stays counted.

    Where that cannot be done, while somebody reads for one, its files lie there until the next one goes.
    """
    from prometheus_client import multiprocess

    try:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
        metrics_files.gather(server.WORKERS.keys() - {worker.pid})
    except BlockingIOError:
        pass
    except Exception as trouble:  # noqa: BLE001 (the server goes on)
        server.log.warning("What a worker has counted was not gathered: %s", trouble)


def on_exit(_server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


class logger_class(Logger):  # type: ignore[misc]  # noqa: N801 (gunicorn's name for the setting)
    """Hands gunicorn's messages on to the root logger."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True
