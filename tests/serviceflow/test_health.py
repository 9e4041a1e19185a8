"""Probes: the truth about the database, in time, whatever the database does."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from accounts.models import User
from notifications.models import Delivery, Kind, State, Transport
from serviceflow import health
from serviceflow.asking import Question


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr(health, "_question", Question(lambda cursor: health.look(cursor), name="readiness"))


@pytest.fixture
def probe() -> Client:
    return Client(headers={"host": "10.42.0.7:8000"})  # a container's address, which is no name of the desk


@pytest.fixture
def database_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The desk looks for its database on a loopback port where we decide what happens."""
    place = connections["default"].settings_dict
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setitem(place, "HOST", "127.0.0.1")
        monkeypatch.setitem(place, "PORT", str(listener.getsockname()[1]))
        yield listener


def test_live_never_asks_the_database(probe: Client, database_elsewhere: socket.socket) -> None:
    response = probe.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


@pytest.mark.django_db
def test_ready_when_the_database_has_every_table(probe: Client) -> None:
    response = probe.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_not_ready_while_a_migration_is_missing_then_ready_by_itself(probe: Client) -> None:
    applied = MigrationRecorder.Migration.objects.filter(app="sessions")
    removed = list(applied)
    applied.delete()
    try:
        response = probe.get("/health/ready")
        assert response.status_code == 503
        assert response.json()["reasons"] == ["The database lacks migrations: run manage.py migrate."]
    finally:
        MigrationRecorder.Migration.objects.bulk_create(removed)
    assert probe.get("/health/ready").status_code == 200


@pytest.mark.django_db
def test_a_database_that_is_away_is_told_and_comes_back_by_itself(probe: Client, monkeypatch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = str(listener.getsockname()[1])
    with monkeypatch.context() as away:
        place = connections["default"].settings_dict
        away.setitem(place, "HOST", "127.0.0.1")
        away.setitem(place, "PORT", closed_port)
        response = probe.get("/health/ready")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json() == {"status": "unavailable", "reasons": ["The database does not answer."]}
    assert closed_port not in response.content.decode()
    assert probe.get("/health/ready").status_code == 200


@pytest.mark.django_db
def test_a_database_that_hangs_is_told_within_five_seconds(
    probe: Client, database_elsewhere: socket.socket
) -> None:
    began = time.monotonic()  # the listener takes the connection and says nothing
    response = probe.get("/health/ready")
    assert response.status_code == 503
    assert time.monotonic() - began < 5


@pytest.mark.django_db
def test_nobody_waits_for_a_question_that_never_ends(probe: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hang(_cursor: object) -> health.Standing:
        asked.append(1)
        time.sleep(3)
        return health.Standing()

    monkeypatch.setattr(health, "look", hang)
    monkeypatch.setattr(Question.answer, "__kwdefaults__", {"patience": 0.2})
    answers = [probe.get("/health/ready") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert len(asked) == 1  # and the others joined it


@pytest.mark.django_db
def test_a_bug_in_the_question_is_not_readiness(probe: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_cursor: object) -> health.Standing:
        raise KeyError("options")

    monkeypatch.setattr(health, "look", fail)
    response = probe.get("/health/ready")
    assert (response.status_code, json.loads(response.content)["status"]) == (503, "unavailable")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/health/jobs"])
def test_probes_only_look(probe: Client, path: str) -> None:
    response = probe.post(path)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.django_db
def test_a_stranger_is_told_the_status_and_nothing_else(
    probe: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures and reasons are for whoever has METRICS_KEY.

    Seen to fail: with `return True` in health.may_know; with an empty key taken for one.
    """
    standing = health.Standing(["Not well."], ["Jobs wait."], {"due": 7})
    monkeypatch.setattr(health, "ask_once", lambda: standing)
    settings.METRICS_OPEN = False
    for key in ("", "k" * 24):
        settings.METRICS_KEY = key
        for path in ("/health/ready", "/health/jobs"):
            for said in ("", "Bearer ", "Bearer", "Bearer wrong", "k" * 24, "Bearer é"):
                answer = probe.get(path, headers={"authorization": said})
                assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    told = probe.get("/health/jobs", headers={"authorization": f"Bearer {'k' * 24}"})
    assert told.json() == {
        "status": "unavailable",
        "reasons": ["Not well.", "Jobs wait."],
        "jobs": {"due": 7},
    }


# --- Jobs ----------------------------------------------------------------------------------------


def jobs_stand(probe: Client) -> tuple[int, list[str], dict[str, int]]:
    response = probe.get("/health/jobs")
    assert probe.get("/health/ready").status_code == 200  # whatever the jobs do, pages are served
    answer = response.json()
    return response.status_code, answer.get("reasons", []), answer["jobs"]


@pytest.fixture
def worker(transactional_db: None) -> int:
    """The row of a worker that has just said that it lives."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT procrastinate_register_worker_v1()")
        (row,) = cursor.fetchone()
    return int(row)


def run(statement: str, *values: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement, values)


def test_without_a_worker_jobs_are_in_trouble(worker: int, probe: Client) -> None:
    assert jobs_stand(probe)[:2] == (200, [])
    run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'")
    assert jobs_stand(probe)[:2] == (503, ["No job worker is alive: start manage.py work."])


def test_the_age_of_the_queue_is_told(worker: int, probe: Client) -> None:
    run("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('email', 'accounts.forget')")
    run("INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
        "VALUES ('email', 'accounts.forget', now() + interval '1 day')")  # fmt: skip
    status, _reasons, figures = jobs_stand(probe)
    assert (status, figures["due"], figures["workers"]) == (200, 1, 1)
    run("UPDATE procrastinate_events SET at = now() - interval '10 minutes'")
    status, reasons, figures = jobs_stand(probe)
    assert (status, figures["oldest"] // 60) == (503, 10)
    assert reasons[0].startswith("Jobs wait: the oldest has been due for 60")


def test_the_oldest_is_what_waits_longest_whatever_its_number(worker: int, probe: Client) -> None:
    for due in ("1 second", "3 hours"):
        run("INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
            "VALUES ('email', 'x', now() - %s::interval)", due)  # fmt: skip
    assert jobs_stand(probe)[2]["oldest"] // 3600 == 3
    run("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('email', 'x')")
    run("UPDATE procrastinate_events SET at = now() - interval '5 hours'")
    assert jobs_stand(probe)[2]["oldest"] // 3600 == 5


def test_no_more_jobs_are_counted_than_it_takes_to_wake_somebody(
    worker: int, probe: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MOST_COUNTED", 2)
    run(
        "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'email', 'x' FROM generate_series(1, 5)"
    )
    status, reasons, figures = jobs_stand(probe)
    assert (status, reasons, figures["due"]) == (503, ["Jobs wait: 2 and more are due."], 2)


def broken(task: str) -> None:
    run("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('email', %s, 'doing')", task)
    run("UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'doing'")


def test_a_failed_job_is_told_for_an_hour(worker: int, probe: Client) -> None:
    broken("tickets.receive_mail")
    status, reasons, figures = jobs_stand(probe)
    assert (status, figures["failed"]) == (503, 1)
    assert reasons == ["1 jobs have failed within an hour: see the log."]
    run("UPDATE procrastinate_events SET at = at - interval '61 minutes'")
    status, reasons, figures = jobs_stand(probe)
    assert (status, figures["failed"]) == (200, 0)


def test_what_the_clock_repeats_may_fail_now_and_then(worker: int, probe: Client) -> None:
    for _ in range(2):
        broken("tickets.collect_all_mail")
    assert jobs_stand(probe)[::2][0] == 200
    broken("tickets.collect_all_mail")
    status, _reasons, figures = jobs_stand(probe)
    assert (status, figures["failed"]) == (503, 3)


def test_abandoned_jobs_are_told(worker: int, probe: Client) -> None:
    run("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('email', 'x', 'doing')")
    assert jobs_stand(probe)[2]["abandoned"] == 1


def test_many_messages_that_were_given_up_wake_somebody(worker: int, probe: Client, employee: User) -> None:
    for number in range(9):
        given_up(employee, State.UNKNOWN if number % 2 else State.FAILED, timedelta(minutes=number))
    given_up(employee, State.FAILED, timedelta(hours=2))
    given_up(employee, State.FAILED, timedelta(hours=25))
    given_up(employee, State.SENT, timedelta())
    status, _reasons, figures = jobs_stand(probe)
    assert (status, figures["undelivered"]) == (200, 10)
    given_up(employee, State.FAILED, timedelta())
    status, reasons, figures = jobs_stand(probe)
    assert (status, figures["undelivered"]) == (503, 11)
    assert reasons == ["10 messages were given up within an hour: see the deliveries in the administration."]


def given_up(to: User, state: State, ago: timedelta) -> None:
    Delivery.objects.create(
        kind=Kind.REPLY,
        verb="ticket.commented",
        subject_type="ticket",
        subject_id=uuid4(),
        subject_name="SF-1 x",
        seq=1,
        reason="requester",
        transport=Transport.EMAIL,
        recipient=to,
        state=state,
        finished_at=timezone.now() - ago,
    )


def test_pages_are_served_while_nobody_can_count_the_jobs(worker: int, probe: Client) -> None:
    with transaction.atomic():
        run("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        ready = probe.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
        response = probe.get("/health/jobs")
    assert response.status_code == 503
    assert response.json()["reasons"] == ["The jobs could not be counted within a second."]
