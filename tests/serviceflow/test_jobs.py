"""The worker process: does what is enqueued, outlives its database, and ends without breaking anything off."""

from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from procrastinate.contrib.django import app

from accounts.models import Allowance
from serviceflow import jobs
from tests.jobs import fail, mark
from tests.working import until, working

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
        assert rows("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'tests.mark'") == [(0,)]
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
