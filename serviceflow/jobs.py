"""The worker process: does the jobs that verbs and the clock leave in the database, each kind by its own threads."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from procrastinate.app import App
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ProcrastinateException
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import Error

log = structlog.get_logger("serviceflow.jobs")

FAREWELL = 20.0  # seconds for running jobs to end; whatever does not is taken up again by another worker
LAST_WORDS = 3.0  # seconds more to say so to the database
PAUSE = 2.0  # seconds before a worker whose database went away looks again
SIGN_OF_LIFE = 5.0  # seconds between two touches of the file that says the process is well


@dataclass(frozen=True)
class Group:
    """Queues that share threads. What stands still in one group delays nothing in another."""

    name: str
    queues: tuple[str, ...]
    threads: int


def groups() -> tuple[Group, ...]:
    most = settings.JOB_THREADS
    return (
        Group("email", ("email",), most),
        Group("webhook", ("webhook",), most),
        Group("chat", ("slack", "telegram"), most),
        Group("intake", ("mail",), max(2, most // 2)),
        Group("mailboxes", ("mailboxes",), max(2, most // 2)),
        Group("files", ("files",), 2),
        # What the clock asks for and is soon done: none of it may wait for a long clean-up.
        Group("clock", ("clock",), 2),
        Group("upkeep", ("upkeep",), 1),
    )


def work(*, only: Iterable[str] = (), alive: Path | None = None) -> None:
    """Work until SIGTERM or SIGINT; then let running jobs end.

    `only` names groups, all of them if none; the file `alive` is touched while all is well.
    """
    wanted = set(only)
    chosen = [group for group in groups() if not wanted or group.name in wanted]
    asyncio.run(_work(chosen, alive))


async def _work(chosen: list[Group], alive: Path | None) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            leave_in_time()

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)
    threads = sum(group.threads for group in chosen)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=threads + 2, thread_name_prefix="job"))
    log.info("jobs_started", groups=[group.name for group in chosen], threads=threads)
    while not stopping.is_set():
        try:
            await _until(stopping, chosen, alive)
        except (Error, OSError, ProcrastinateException) as trouble:
            log.warning("jobs_interrupted", said=str(trouble.__cause__ or trouble)[:200])
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), PAUSE)
    log.info("jobs_stopped")


def leave_in_time() -> None:
    """End the process when the farewell is over, whatever its threads still do: nothing else ends a thread."""
    alarm = threading.Timer(FAREWELL + LAST_WORDS, _leave)
    alarm.daemon = True  # it keeps nobody who is ready earlier
    alarm.start()


def _leave() -> None:
    log.warning("jobs_broken_off", after=FAREWELL)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _until(stopping: asyncio.Event, chosen: list[Group], alive: Path | None) -> None:
    """Work over one pool of connections. Ends when told to, or raises when the database is lost."""
    # A place for each group's LISTEN, and a few for everybody's short questions.
    connector = PsycopgConnector(
        kwargs=connector_params(DEFAULT_DB_ALIAS), min_size=2, max_size=len(chosen) + 6, timeout=10
    )
    # Beside the app, not in its place: what a job enqueues belongs to the job's own transaction, which is Django's.
    connected = app.with_connector(connector)
    async with connected.open_async():
        workers = [asyncio.create_task(_serve(connected, group)) for group in chosen]
        ended = asyncio.create_task(stopping.wait())
        try:
            while not ended.done():
                if alive is not None:
                    alive.touch()
                done, _rest = await asyncio.wait(
                    {*workers, ended}, timeout=SIGN_OF_LIFE, return_when=asyncio.FIRST_COMPLETED
                )
                if done - {ended}:
                    break
        finally:
            ended.cancel()
            for worker in workers:
                worker.cancel()  # a request to stop: see procrastinate.Worker.run
            outcomes = await asyncio.gather(*workers, return_exceptions=True)
    if not stopping.is_set():
        raise next((one for one in outcomes if isinstance(one, Exception)), OSError("a worker has ended"))


async def _serve(connected: App, group: Group) -> None:
    await connected.run_worker_async(
        queues=list(group.queues),
        name=group.name,
        concurrency=group.threads,
        install_signal_handlers=False,
        shutdown_graceful_timeout=FAREWELL,
        delete_jobs="successful",
        # A safety net: NOTIFY is what wakes a worker.
        fetch_job_polling_interval=5.0,
    )


def is_well(alive: Path) -> bool:
    """Whether a worker on this machine has touched the file within a minute."""
    try:
        return time.time() - alive.stat().st_mtime < 60
    except OSError:
        return False
