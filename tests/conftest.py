"""What every test stands on: the database server of the run, and the people of the desk."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.http import HttpRequest
from django.test import Client, TransactionTestCase
from psycopg import sql
from rest_framework.test import APIClient

from accounts import api_keys, reauthentication, sessions
from accounts.acting import SYSTEM
from accounts.factors import required as second_factor
from accounts.models import Team, User
from serviceflow import devdb
from tests.factories import ServiceFactory, TeamFactory, UserFactory, opened
from tests.served import Desk, running
from tests.shared import ABSENT, shared
from tickets.models import Service, Ticket

# --- The database of the run ---------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Start the private server once, in the controller; workers of pytest-xdist inherit its address."""
    is_worker = hasattr(config, "workerinput")
    if is_worker or os.environ["DATABASE_URL"] != devdb.url():
        return
    try:
        devdb.ensure_running()
    except devdb.Trouble as trouble:
        pytest.exit(f"database: {trouble}", returncode=pytest.ExitCode.USAGE_ERROR)
    drop_abandoned_databases()
    forget_abandoned_files()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(settings.FILES_FOLDER, ignore_errors=True)


def forget_abandoned_files() -> None:
    """Those of runs that were killed, as their databases."""
    for folder in settings.FILES_FOLDER.parent.iterdir():
        if (
            folder.name.isdigit()
            and Path("/proc/self").exists()
            and not Path(f"/proc/{folder.name}").exists()
        ):
            shutil.rmtree(folder, ignore_errors=True)


def drop_abandoned_databases() -> None:
    """Those of runs that were killed: their names end with the number of a process that is gone."""
    with psycopg.connect(devdb.url(), autocommit=True) as connection:
        for (name,) in connection.execute(
            "SELECT datname FROM pg_database WHERE datname ~ '^test_.+_[0-9]+(_gw[0-9]+)?$'"
        ):
            run = int(name.partition("_gw")[0].rpartition("_")[2])
            if not Path(f"/proc/{run}").exists() and Path("/proc/self").exists():
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def without_triggers(flush: Callable[[Any], None]) -> Callable[[Any], None]:
    """The audit trail refuses TRUNCATE by trigger, and a transactional test ends with one of every table."""

    def flush_without_triggers(case: Any) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        try:
            flush(case)
            with connections["default"].cursor() as cursor:
                # Not ours to manage, so Django leaves them as they are.
                cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
        finally:
            with connections["default"].cursor() as cursor:
                cursor.execute("RESET session_replication_role")

    return flush_without_triggers


TransactionTestCase._fixture_teardown = without_triggers(  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was not tried is said aloud: a run that is green without it must not look like one with it."""
    missed = [report for report in terminalreporter.getreports("skipped") if ABSENT in str(report.longrepr)]
    if missed:
        told = f"WARNING: {len(missed)} tests skipped: {ABSENT} (no {shared()}; see tests/shared.py)"
        terminalreporter.write_line(told, yellow=True, bold=True)


# --- The people of the desk ----------------------------------------------------------------------


@pytest.fixture
def team(db: None) -> Team:
    return TeamFactory.create(name="IT")


@pytest.fixture
def other_team(db: None) -> Team:
    return TeamFactory.create(name="HR")


@pytest.fixture
def service(team: Team) -> Service:
    return ServiceFactory.create(name_en="VPN access", name_ru="Доступ по VPN", team=team)


@pytest.fixture
def confidential(other_team: Team) -> Service:
    """A service of the other team whose tickets only that team sees."""
    return ServiceFactory.create(name_en="Payroll", name_ru="Зарплата", team=other_team, confidential=True)


@pytest.fixture
def employee(db: None) -> User:
    return UserFactory.create(email="anna@example.com", full_name="Anna Kuznetsova")


@pytest.fixture
def colleague(db: None) -> User:
    return UserFactory.create(email="boris@example.com", full_name="Борис Белов", language="ru")


@pytest.fixture
def agent(team: Team) -> User:
    return UserFactory.create(email="igor@example.com", full_name="Igor Orlov", role="AGENT", in_teams=[team])


@pytest.fixture
def other_agent(team: Team) -> User:
    return UserFactory.create(
        email="olga@example.com", full_name="Olga Titova", role="AGENT", in_teams=[team]
    )


@pytest.fixture
def stranger(other_team: Team) -> User:
    """An agent of the other team."""
    return UserFactory.create(
        email="sam@example.com", full_name="Sam Stone", role="AGENT", in_teams=[other_team]
    )


@pytest.fixture
def lead(team: Team) -> User:
    return UserFactory.create(email="lena@example.com", full_name="Lena Sokolova", role="AGENT", leads=[team])


@pytest.fixture
def admin(db: None) -> User:
    return UserFactory.create(email="maria@example.com", full_name="Maria Petrova", role="ADMIN")


@pytest.fixture
def ticket(employee: User, service: Service) -> Ticket:
    """The employee's request to the team, NEW, held by nobody."""
    return opened(by=employee, service=service)


@pytest.fixture
def key_of() -> Callable[..., str]:
    """`key_of(user, "read", "write")`: a fresh raw API key of somebody's; all scopes if none is named."""

    def issue(user: User, *scopes: str) -> str:
        return api_keys.issue(user, name="test", scopes=scopes or ("read", "write", "admin"), by=SYSTEM)[1]

    return issue


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """`api(raw_key)`: a client that calls the API with this key; without one, anonymously."""

    def client(raw_key: str = "") -> APIClient:
        headers: dict[str, Any] = {"HTTP_X_API_KEY": raw_key} if raw_key else {}
        return APIClient(**headers)

    return client


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    """`browser_of(user)`: Django's test client with this person signed in, and all shown that his role asks for.

    `force_login` alone shows no second factor, which matters where SECOND_FACTOR_FOR is set: in tests it is for nobody.
    """

    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        session = client.session
        session[reauthentication.SHOWN] = int(time.time())
        session[second_factor.SHOWN_BY] = str(user.public_id)
        # As after a first page: writing down that a session is used is no part of what is measured later.
        sessions.note(session, user, HttpRequest())
        session.save()
        return client

    return browser


# --- The desk behind a real web server -----------------------------------------------------------


@pytest.fixture(scope="session")
def served(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """gunicorn on the database of this run, started once. It sees only what is committed: transactional tests."""
    name = connections["default"].settings_dict["NAME"]
    assert name.startswith("test_"), "only tests marked django_db(transaction=True) may have the served desk"
    # It is set up to tell people by every way; nobody works off its jobs, so nothing is sent.
    ways = {"MAIL_HOST": "mail.example.com", "SLACK_BOT_TOKEN": "xoxb-1", "TELEGRAM_BOT_TOKEN": "1:a"}
    with running(name, tmp_path_factory.mktemp("served"), **ways) as desk:
        yield desk


@pytest.fixture
def desk(served: Desk) -> Iterator[Desk]:
    """The running desk, which must neither fail nor log an error while this test has it."""
    place = served.log.stat().st_size
    yield served
    faults = [
        line
        for line in served.lines_since(place)
        if line["level"] in {"error", "critical"} or line.get("status", 0) >= 500
    ]
    assert not faults, f"the desk had {len(faults)} faults, the first: {faults[0]}"
