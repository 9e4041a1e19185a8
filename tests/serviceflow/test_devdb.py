"""The private PostgreSQL: one per checkout, started by whoever comes first, whatever has happened before."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from serviceflow import devdb

type NewCheckout = Callable[..., Path]


def devdb_in(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serviceflow.devdb", *arguments],
        cwd=checkout, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def started(checkout: Path) -> str:
    start = devdb_in(checkout, "start")
    assert start.returncode == 0, start.stderr
    return start.stdout.strip()


def home_of(checkout: Path) -> Path:
    asked = subprocess.run(
        [sys.executable, "-c", "from serviceflow.devdb import *; print(possible_homes(server_owner())[0])"],
        cwd=checkout, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Path(asked.stdout.strip())


def socket_folder_of(checkout: Path) -> Path:
    return Path(devdb_in(checkout, "url").stdout.partition("host=")[2].partition("&")[0])


def server_of(checkout: Path) -> int:
    return int(next(home_of(checkout).glob("[0-9]*/postmaster.pid")).read_text().splitlines()[0])


@pytest.fixture(scope="module")
def new_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewCheckout]:
    """Makes folders with the one file it takes; their servers and data go in the end."""
    made: list[Path] = []
    parent = tmp_path_factory.mktemp("checkouts")

    def make(name: str) -> Path:
        checkout = parent / name
        (checkout / "serviceflow").mkdir(parents=True)
        (checkout / "serviceflow" / "__init__.py").touch()
        shutil.copy(devdb.__file__, checkout / "serviceflow")
        made.append(checkout)
        return checkout

    yield make
    for checkout in filter(Path.is_dir, made):
        devdb_in(checkout, "stop")
        shutil.rmtree(home_of(checkout), ignore_errors=True)
        shutil.rmtree(socket_folder_of(checkout), ignore_errors=True)


@pytest.fixture(scope="module")
def checkout(new_checkout: NewCheckout) -> Path:
    """One for all that leave it in order."""
    return new_checkout("a checkout")


def test_eight_at_once_start_one_server(new_checkout: NewCheckout) -> None:
    checkout = new_checkout("for eight")
    with ThreadPoolExecutor(8) as eight:
        urls = set(eight.map(started, [checkout] * 8))
    assert len(urls) == 1
    with psycopg.connect(urls.pop()) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("serviceflow",)
        # Cyrillic is text, not bytes: lower case, order and similarity depend on the locale.
        assert connection.execute("SELECT lower('ПРИНТЕР')").fetchone() == ("принтер",)
    assert devdb_in(checkout, "status").stdout == "ready\n"
    assert devdb_in(checkout, "stop").stdout == "stopped\n"
    assert devdb_in(checkout, "status").stdout == "stopped\n"


def test_it_listens_on_its_socket_only_and_nobody_else_may_enter(checkout: Path) -> None:
    with psycopg.connect(started(checkout)) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    assert socket_folder_of(checkout).stat().st_mode & 0o077 == 0
    assert home_of(checkout).stat().st_mode & 0o077 == 0


def test_it_comes_back_with_its_data_after_a_crash(checkout: Path) -> None:
    with psycopg.connect(started(checkout)) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server = server_of(checkout)
    os.kill(server, signal.SIGKILL)
    time.sleep(0.2)
    with psycopg.connect(started(checkout)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert server_of(checkout) != server


def test_it_comes_back_when_its_socket_was_swept_away(checkout: Path) -> None:
    started(checkout)
    shutil.rmtree(socket_folder_of(checkout))
    with psycopg.connect(started(checkout)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_number_that_now_belongs_to_another_program_does_not_stop_it(checkout: Path) -> None:
    started(checkout)
    left_behind = next(home_of(checkout).glob("[0-9]*")) / "postmaster.pid"
    lines = left_behind.read_text()
    devdb_in(checkout, "stop")
    left_behind.write_text(lines.replace(lines.splitlines()[0], str(os.getpid()), 1))
    with psycopg.connect(started(checkout)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert devdb_in(checkout, "stop").stdout == "stopped\n"
    assert os.getpid()  # and we are still there


def test_two_checkouts_side_by_side_have_a_server_each(new_checkout: NewCheckout) -> None:
    one, other = new_checkout("one"), new_checkout("other")
    with psycopg.connect(started(one)) as connection:
        connection.execute("CREATE TABLE only_here ()")
    with psycopg.connect(started(other)) as connection:
        assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)
    devdb_in(one, "stop")
    assert devdb_in(other, "status").stdout == "ready\n"


def test_a_copy_of_a_running_checkout_starts_its_own(new_checkout: NewCheckout) -> None:
    original, copy = new_checkout("original"), new_checkout("copy")
    started(original)
    shutil.copytree(
        home_of(original), home_of(copy), dirs_exist_ok=True, ignore=shutil.ignore_patterns("lock")
    )
    for path in [home_of(copy), *home_of(copy).rglob("*")]:
        owner = devdb.server_owner()
        os.chown(path, owner.pw_uid, owner.pw_gid)
    started(copy)
    assert server_of(copy) != server_of(original)
    devdb_in(copy, "stop")
    assert devdb_in(original, "status").stdout == "ready\n"


def test_a_moved_checkout_takes_its_data_along_and_a_copied_one_does_not(new_checkout: NewCheckout) -> None:
    old, new, copy = new_checkout("before the move"), new_checkout("after the move"), new_checkout("copied")
    with psycopg.connect(started(old)) as connection:
        connection.execute("CREATE TABLE kept ()")
    forsaken = socket_folder_of(old)
    shutil.copytree(old, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("postgres"))
    shutil.rmtree(new)
    old.rename(new)
    for checkout, there in ((new, True), (copy, False)):
        with psycopg.connect(started(checkout)) as connection:
            found = connection.execute("SELECT to_regclass('kept') IS NOT NULL").fetchone()
        assert found == (there,)
    shutil.rmtree(forsaken)


def test_it_is_left_alone_while_somebody_uses_it(checkout: Path) -> None:
    with psycopg.connect(started(checkout)) as connection:
        assert devdb_in(checkout, "stop", "--if-unused").stdout == "left alone\n"
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert devdb_in(checkout, "stop", "--if-unused").stdout == "stopped\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_a_folder_of_somebody_else_in_its_place_is_refused(checkout: Path) -> None:
    devdb_in(checkout, "stop")
    trap = socket_folder_of(checkout)
    shutil.rmtree(trap, ignore_errors=True)
    trap.mkdir(mode=0o777)
    os.chown(trap, 12345, 12345)
    refused = devdb_in(checkout, "start")
    trap.rmdir()
    assert refused.returncode == 1
    assert refused.stderr == f"database: {trap} belongs to somebody else: remove it.\n"


@pytest.mark.parametrize(
    ("version", "message"),
    [(14, "PostgreSQL 14 is too old: install PostgreSQL 15 or newer or set DATABASE_URL."),
     (0, "no PostgreSQL here: install requirements-devdb.txt or PostgreSQL 15 or newer or set DATABASE_URL.")],
)  # fmt: skip
def test_what_is_missing_is_named_with_its_mend(
    version: int, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(devdb, "major", lambda *_: version)
    with pytest.raises(devdb.Trouble) as trouble:
        devdb.find_server(devdb.Place(devdb.server_owner(), tmp_path))
    assert str(trouble.value) == message
