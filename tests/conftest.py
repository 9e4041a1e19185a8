"""What every test stands on: the database server of the run, and the people of the desk."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import TransactionTestCase

from serviceflow import devdb

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


def without_triggers(flush: Callable[[Any], None]) -> Callable[[Any], None]:
    """The audit trail refuses TRUNCATE by trigger, and a transactional test ends with one of every table."""

    def flush_without_triggers(case: Any) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        try:
            flush(case)
        finally:
            with connections["default"].cursor() as cursor:
                cursor.execute("RESET session_replication_role")

    return flush_without_triggers


TransactionTestCase._fixture_teardown = without_triggers(  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
)
