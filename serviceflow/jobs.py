"""The worker process: does the jobs that verbs and the clock leave in the database, each kind by its own threads."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, close_old_connections
from procrastinate.app import App
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException, ProcrastinateException
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import Error, InterfaceError, OperationalError

from serviceflow import tracing

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


# Connections for everybody's short questions, beside one of each group that listens; threads for what is no job.
QUESTIONS, SPARE = 6, 2


def most_connections(chosen: Collection[Group] | None = None) -> int:
    """To the database, by one worker: docs/operations.md tells it for `JOB_THREADS=8`.

    Each thread keeps one from its first job on, the pool has its own, and there are those of the start, the clock and
    /metrics.
    """
    chosen = groups() if chosen is None else chosen
    return _threads(chosen) + _pooled(chosen) + 3


def _threads(chosen: Collection[Group]) -> int:
    return sum(group.threads for group in chosen) + SPARE


def _pooled(chosen: Collection[Group]) -> int:
    return len(chosen) + QUESTIONS


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
    loop.set_default_executor(ThreadPoolExecutor(max_workers=_threads(chosen), thread_name_prefix="job"))
    log.info("jobs_started", groups=[group.name for group in chosen], threads=threads)
    while not stopping.is_set():
        try:
            # That of the clock, which has a job of its own only now and then: it may have died with the last worker.
            await sync_to_async(close_old_connections)()
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


class Connector(PsycopgConnector):
    """Knows that a question was cut off.

    What it was about is not done, or is done and nobody has heard: a job that has ended counts as running, or one that
    was taken is begun by nobody, for as long as its worker lives. So all begin anew, and what they leave is rescued.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.cut_off = asyncio.Event()

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except ConnectorException as trouble:
            if isinstance(trouble.__cause__, OperationalError | InterfaceError):
                self.cut_off.set()
            raise

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        with self._noticing():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        with self._noticing():
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
            return row

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        with self._noticing():
            rows: list[dict[str, Any]] = await super().execute_query_all_async(query, **arguments)
            return rows


async def _until(stopping: asyncio.Event, chosen: list[Group], alive: Path | None) -> None:
    """Work over one pool of connections. Ends when told to, or raises when the database is lost."""
    connector = Connector(
        kwargs=connector_params(DEFAULT_DB_ALIAS), min_size=2, max_size=_pooled(chosen), timeout=10
    )
    # Beside the app, not in its place: what a job enqueues belongs to the job's own transaction, which is Django's.
    connected = app.with_connector(connector)
    async with connected.open_async():
        workers = [asyncio.create_task(_serve(connected, group)) for group in chosen]
        ended = asyncio.create_task(stopping.wait())
        cut_off = asyncio.create_task(connector.cut_off.wait())
        try:
            while not ended.done():
                if alive is not None:
                    alive.touch()
                done, _rest = await asyncio.wait(
                    {*workers, ended, cut_off}, timeout=SIGN_OF_LIFE, return_when=asyncio.FIRST_COMPLETED
                )
                if done - {ended}:
                    break
        finally:
            ended.cancel()
            cut_off.cancel()
            for worker in workers:
                worker.cancel()  # a request to stop: see procrastinate.Worker.run
            outcomes = await asyncio.gather(*workers, return_exceptions=True)
    if not stopping.is_set():
        raise next((one for one in outcomes if isinstance(one, Exception)), OSError("the database was lost"))


async def _serve(connected: App, group: Group) -> None:
    await connected.run_worker_async(
        queues=list(group.queues),
        name=group.name,
        concurrency=group.threads,
        install_signal_handlers=False,
        shutdown_graceful_timeout=FAREWELL,
        # What is said here takes the place of the app's own, which gives each thread a connection that works.
        task_middleware=[*connected.worker_defaults.get("task_middleware", ()), *tracing.of_jobs()],
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
