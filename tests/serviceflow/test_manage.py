"""manage.py: at work in a checkout that bin/run has set up, and one plain line where a setting is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

HERE = Path(__file__).resolve().parent.parent.parent
KEY = "a key of this checkout " * 4
SAY = "from django.conf import settings as s; print(s.DEBUG, s.SECRET_KEY, s.DATABASES['default']['HOST'])"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with manage.py alone; the rest is ours."""
    shutil.copy(HERE / "manage.py", tmp_path)
    return tmp_path


def manage(checkout: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(checkout / "manage.py"), *arguments],
        env=plain | {"PYTHONPATH": str(HERE)} | environment,
        cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def give_key(checkout: Path) -> None:
    (checkout / ".run").mkdir()
    (checkout / ".run" / "secret_key").write_text(f"{KEY}\n")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "SECRET_KEY"),
        ({"SECRET_KEY": KEY}, "DATABASE_URL"),
        ({"SECRET_KEY": KEY, "BASE_URL": "http://desk.example.com"}, "BASE_URL"),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["migrate"], ["bootstrap_admin"]])
def test_what_is_missing_in_production_is_said_in_one_line(
    checkout: Path, command: list[str], given: dict[str, str], missing: str
) -> None:
    done = manage(checkout, *command, **given)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {missing} must be")
    assert done.stderr.count("\n") == 1


def test_the_trace_is_there_for_those_who_ask(checkout: Path) -> None:
    assert "Traceback" in manage(checkout, "check", "--traceback").stderr


def test_a_checkout_that_is_set_up_lends_its_key_and_its_private_database(checkout: Path) -> None:
    give_key(checkout)
    done = manage(checkout, "shell", "--no-imports", "-c", SAY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"False {KEY.strip()} /tmp/serviceflow-")


def test_whatever_the_environment_names_goes_first(checkout: Path) -> None:
    give_key(checkout)
    done = manage(
        checkout, "shell", "--no-imports", "-c", SAY, DATABASE_URL="postgresql://db.example.com/desk"
    )
    assert done.stdout == f"False {KEY.strip()} db.example.com\n"
    done = manage(checkout, "check", SECRET_KEY="short")
    assert done.stderr.startswith("error: SECRET_KEY must be")


def test_nobody_is_made_up_in_production(checkout: Path) -> None:
    here = connection.settings_dict
    database = make_conninfo(
        host=here["HOST"], port=here["PORT"], user=here["USER"], password=here["PASSWORD"], dbname="postgres"
    )
    production = {"SECRET_KEY": KEY, "DATABASE_URL": database, "BASE_URL": "https://desk.example.com"}
    done = manage(checkout, "seed_demo", **production)
    assert done.returncode == 1
    assert "password that everybody knows" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_that_is_not_there_is_said_in_one_line(checkout: Path, tmp_path: Path) -> None:
    done = manage(checkout, "migrate", SECRET_KEY=KEY, DATABASE_URL=f"postgresql:///desk?host={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the database cannot be reached: ")
    assert done.stderr.count("\n") == 1
