"""The worker process: does what is enqueued, outlives its database, and ends without breaking anything off."""

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.jobs import Job
from procrastinate.jobs import Status as JobStatus
from procrastinate.manager import JobManager
from procrastinate.psycopg_connector import PsycopgConnector

from accounts.models import Allowance
from notifications import upkeep
from serviceflow import jobs
from tests.jobs import fail, mark
from tests.served import CHECKOUT
from tests.working import Workshop, until, working

pytestmark = pytest.mark.django_db(transaction=True)


def is_there(name: str) -> bool:
    return Allowance.objects.filter(name=name).exists()


def rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_every_task_has_a_queue_that_some_group_works_on() -> None:
    worked_on = {queue for group in jobs.groups() for queue in group.queues}
    queues = {name: task.queue for name, task in app.tasks.items() if "procrastinate." not in name}
    assert queues
    assert {name: queue for name, queue in queues.items() if queue not in worked_on} == {}


def test_periodic_jobs_are_enqueued_once_at_a_time() -> None:
    # A worker that was away for an hour must not do sixty of them one after the other.
    without = [
        name
        for (name, _id), one in app.periodic_registry.periodic_tasks.items()
        if not one.task.queueing_lock
    ]
    assert app.periodic_registry.periodic_tasks
    assert without == []


def test_a_worker_does_what_was_committed_and_nothing_of_what_was_not(tmp_path: Path) -> None:
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        with transaction.atomic():
            mark.defer(name="rolled back")
            transaction.set_rollback(True)
        mark.defer(name="committed")
        until(lambda: is_there("committed ended"), "the job was not done", process=shop)
        assert not is_there("rolled back began")
        left = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'tests.mark'"
        until(lambda: rows(left) == [(0,)], "the job stays", process=shop)
        assert shop.stop() == 0


def test_a_worker_that_is_told_to_stop_ends_its_jobs_first(tmp_path: Path) -> None:
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        mark.defer(name="long", seconds=2)
        until(lambda: is_there("long began"), "the job was not begun", process=shop)
        assert shop.stop() == 0
        assert is_there("long ended")
    assert rows("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_a_worker_does_not_wait_for_ever_for_its_jobs(tmp_path: Path) -> None:
    with working(connection.settings_dict["NAME"], tmp_path, HURRIED="1") as shop:
        mark.defer(name="endless", seconds=300)
        until(lambda: is_there("endless began"), "the job was not begun", process=shop)
        assert shop.stop() == 0
        assert "jobs_broken_off" in shop.log.read_text()
    assert not is_there("endless ended")


def test_a_long_clean_up_keeps_nothing_else_of_the_clock_waiting(tmp_path: Path) -> None:
    short = {
        "tickets.collect_all_mail",
        "notifications.rescue",
        "notifications.reconcile",
        "notifications.digests",
    }
    assert {app.tasks[name].queue for name in short} == {"clock"}
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        mark.defer(name="clean-up", seconds=300)  # in the queue of clean-ups
        until(lambda: is_there("clean-up began"), "the job was not begun", process=shop)
        mark.configure(queue="clock").defer(name="short")
        until(lambda: is_there("short ended"), "it waited for the clean-up", process=shop)
        assert not is_there("clean-up ended")
        shop.kill()


def test_a_worker_outlives_its_database(tmp_path: Path) -> None:
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        for turn in range(2):
            cut = rows(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cut > [(0,)]
            mark.defer(name=f"after {turn}")
            until(partial(is_there, f"after {turn} ended"), "the job was not done", process=shop)
        assert shop.stop() == 0


def test_every_thread_of_a_worker_outlives_its_database(tmp_path: Path) -> None:
    """Seen to fail without the app's own middleware in jobs._serve: threads that had worked before failed."""
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        for turn in range(2):
            for number in range(40):
                mark.configure(queue="email").defer(name=f"{turn}.{number}")
            until(
                lambda turn=turn: all(is_there(f"{turn}.{number} ended") for number in range(40)),  # type: ignore[misc]
                "not all jobs were done",
                process=shop,
            )
            rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert shop.stop() == 0


def test_a_job_whose_end_could_not_be_noted_is_not_stuck(tmp_path: Path) -> None:
    """One connection dies just then, and the worker lives on, so nobody takes its jobs from it.

    Seen to fail without Connector.cut_off: the job counted as running for good.
    """
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        mark.defer(name="cut", seconds=2)
        until(lambda: is_there("cut began"), "the job was not begun", process=shop)
        with transaction.atomic():
            held = "SELECT id FROM procrastinate_jobs WHERE task_name = 'tests.mark' FOR UPDATE"
            assert len(rows(held)) == 1
            until(
                lambda: (
                    rows("SELECT pg_stat_clear_snapshot()")
                    and rows(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND wait_event_type = 'Lock' AND query LIKE '%procrastinate_finish_job%'"
                    )
                ),
                "its end was not to be noted",
                process=shop,
            )
        # It is done again, and fails, as this job may not be done twice.
        left = "SELECT status::text FROM procrastinate_jobs WHERE task_name = 'tests.mark'"
        until(lambda: rows(left) == [("failed",)], "the job is stuck", process=shop)
        assert shop.stop() == 0


def test_a_worker_that_starts_before_its_database_waits_for_it(tmp_path: Path) -> None:
    """Seen to fail with requires_migrations_checks in the place of the wait: it ended with 1."""
    there = connection.settings_dict["HOST"]
    if not there.startswith("/"):
        pytest.skip("only a database at a socket can be away for one worker alone")
    with TemporaryDirectory(prefix="sf-") as elsewhere:  # a short name: the address of a socket has 104 bytes
        url = f"postgresql:///?host={elsewhere}&user={connection.settings_dict['USER']}"
        shop = Workshop(connection.settings_dict["NAME"], tmp_path, DATABASE_URL=url)
        process = shop.start()
        try:
            until(
                lambda: "jobs_wait_for_the_database" in shop.log.read_text(), "it did not wait", process=shop
            )
            (Path(elsewhere) / ".s.PGSQL.5432").symlink_to(Path(there) / ".s.PGSQL.5432")
            shop.wait_until_alive()
            mark.defer(name="late")
            until(lambda: is_there("late ended"), "the job was not done", process=shop)
            assert shop.stop() == 0
        finally:
            process.kill()
            process.wait(10)


def test_a_worker_takes_no_more_connections_than_is_told(tmp_path: Path) -> None:
    """With every thread at work. Seen to fail without the connections of the start and of the clock."""
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        for group in jobs.groups():
            for number in range(group.threads + 1):
                mark.configure(queue=group.queues[0]).defer(name=f"{group.name} {number}", seconds=300)
        threads = sum(group.threads for group in jobs.groups())
        begun = "SELECT count(*) FROM accounts_allowance WHERE name LIKE '% began'"
        until(lambda: rows(begun) == [(threads,)], "not every thread has work", process=shop)
        [(taken,)] = rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                          "AND backend_type = 'client backend' AND pid <> pg_backend_pid()")  # fmt: skip
        assert isinstance(taken, int)
        assert threads + len(jobs.groups()) <= taken <= jobs.most_connections()
        shop.kill()


def test_the_page_tells_how_many_connections_a_worker_takes(settings: Any) -> None:
    """And what a cluster takes with all its servers. Seen to fail with a thread more in a group."""
    settings.JOB_THREADS = 8
    told = " ".join((CHECKOUT / "docs" / "operations.md").read_text().split())
    worker, threads = jobs.most_connections(), jobs.SPARE + sum(group.threads for group in jobs.groups())
    pool = worker - threads - 3
    assert (
        f"a worker {worker} (`JOB_THREADS=8`: one for each of its {threads} threads, {pool} to be woken"
        in told
    )
    web = 2 * (4 + 2)  # deploy/kubernetes/overlays/example: WEB_CONCURRENCY, WEB_THREADS
    all_of_them = f"8 web servers and 2 workers takes {8 * web + 2 * worker}, and {web + worker} more while"
    assert all_of_them in told


class Overtaken(JobManager):
    """Between listing what a dead worker has left and taking it up, the first of it ends."""

    async def get_stalled_jobs(self, *asked: Any, **more: Any) -> list[Job]:
        found = list(await super().get_stalled_jobs(*asked, **more))
        await self.finish_job(found[0], JobStatus.SUCCEEDED, delete_job=True)
        return found


def test_a_job_that_ended_meanwhile_keeps_no_other_from_being_taken_up() -> None:
    """Seen to fail without the `except` of upkeep.rescue_jobs: one that was gone left all others where they were."""
    for name in ("first", "second", "third"):
        mark.defer(name=name)
    with_them_a_worker_died()
    assert rescued(Overtaken) == 2
    assert rows("SELECT status, count(*) FROM procrastinate_jobs GROUP BY status") == [("todo", 2)]


def test_what_was_asked_for_again_goes_on_though_a_worker_died_with_it() -> None:
    """A mailbox whose worker was killed is visited again: the next visit waits for the lock of the dead one, which
    cannot be put back beside it.

    Seen to fail without the `except` of upkeep._rescue: nobody visited it ever again, nor was any job rescued after it.
    """
    visit = mark.configure(queueing_lock="visit", lock="visit")
    visit.defer(name="visit")
    mark.defer(name="another")
    with_them_a_worker_died()
    visit.defer(name="visit again")
    assert rescued() == 2
    left = rows("SELECT args->>'name', status FROM procrastinate_jobs ORDER BY id")
    assert left == [("another", "todo"), ("visit again", "todo")]


def with_them_a_worker_died() -> None:
    dead = (
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
    )
    [(worker,)] = rows(dead)
    rows(f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = {worker} RETURNING id")


def rescued(manager: type[JobManager] = JobManager) -> int:
    async def rescue() -> int:
        connector = PsycopgConnector(kwargs=connector_params(DEFAULT_DB_ALIAS))
        async with app.with_connector(connector).open_async() as there:
            there.job_manager = manager(there.connector)
            return await upkeep.rescue_jobs(there)

    return asyncio.run(rescue())


def test_a_job_that_fails_stays_to_be_seen_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with working(connection.settings_dict["NAME"], tmp_path) as shop:
        fail.defer()
        mark.defer(name="next")
        until(lambda: is_there("next ended"), "the job was not done", process=shop)
    assert rows("SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'") == [("tests.fail",)]


def test_whoever_asks_learns_whether_a_worker_is_well(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is well"):
        call_command("work", check=True, alive=tmp_path / "alive")
    (tmp_path / "alive").touch()
    call_command("work", check=True, alive=tmp_path / "alive")
