"""Do to a desk what may befall it, and prove after each fault that nothing is lost, doubled or stuck.

    bin/chaos [short|full] [FAULT ...] [--without GUARD] [--list]

Ends with 1 if anything does not hold. It brings its own PostgreSQL and its own servers, all of them on loopback.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django

from serviceflow import devdb
from tests.chaos.database import own_database
from tests.chaos.disk import small_disk

if TYPE_CHECKING:
    from tests.chaos.stand import Stand

HOME = Path(__file__).resolve().parents[2] / ".run" / "chaos"
LINE = "{:<19} {:>7} {:>5} {:>8} {:>5} {:>9} {:>10} {:>9} {:>10} {:>9} {:>11} {:>6}"
HEAD = (
    "fault", "written", "lost", "doubled", "503", "no answer", "other 5xx", "undue", "told again", "served in",
    "invariants", "took",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="short|full|FAULT")
    parser.add_argument("--without", metavar="GUARD", action="append", default=[])
    parser.add_argument("--list", action="store_true", help="the faults and the guards")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_what: sys.exit("ended"))  # with all that runs
    folder = HOME / "desk"
    surround(folder)
    django.setup()
    from tests.chaos import faults, without

    if given.list:
        for name, one_fault in faults.FAULTS.items():
            print(f"{name:<20} {' '.join((one_fault.do.__doc__ or '').split())}")
        for name, said in sorted(without.SAID.items()):
            print(f"--without {name:<26} {said}")
        return 0
    wanted = [word for word in given.words if word not in {"short", "full"}] or list(faults.FAULTS)
    for kind, names, known in (("fault", wanted, faults.FAULTS), ("guard", given.without, without.SAID)):
        if unknown := [name for name in names if name not in known]:
            parser.error(f"there is no {kind} {', '.join(unknown)}: see bin/chaos --list")
    with alone(), own_database(HOME), small_disk(folder / "files"):
        for leftover in ("log", "jobs.log"):
            (folder / leftover).unlink(missing_ok=True)
        return torment(folder, wanted, given.without, full="full" in given.words)


def surround(folder: Path) -> None:
    """The environment of an installation, for this process and all that it starts."""
    for name in (
        "SECOND_FACTOR_FOR",
        "TRUSTED_PROXIES",
        "SCANNER",
        "FILES_S3_BUCKET",
        "WITHOUT",
        "TIME_ZONE",
    ):
        os.environ.pop(name, None)
    # Nobody has an address of his own here, and nobody is to be slowed down.
    limits = ("KEY", "ADDRESS", "PERSON", "CREATE", "UPLOAD", "SEARCH", "REFUSED")
    os.environ |= {f"RATE_LIMIT_{name}": "0" for name in limits} | {
        "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
        "DEBUG": "0",
        "BASE_URL": "http://127.0.0.1:8000",
        "SECRET_KEY": "a-key-of-this-run-only-" + 40 * "0",
        "DATABASE_URL": database_url(),
        "FILES_FOLDER": str(folder / "files"),
        "SERVED_STATIC": str(folder / "static"),
        "MAIL_HOST": "127.0.0.1",
        "MAIL_SECURITY": "NONE",
        "MAIL_FROM": "Service desk <desk@example.com>",
        "OUTBOUND_ALLOWED": "127.0.0.1",
    }


def database_url() -> str:
    of_the_checkout, devdb.CHECKOUT = devdb.CHECKOUT, HOME
    try:
        return devdb.url()
    finally:
        devdb.CHECKOUT = of_the_checkout


@contextmanager
def alone() -> Iterator[None]:
    """One run of a checkout at a time."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("error: another bin/chaos of this checkout is running")
        yield


def torment(folder: Path, wanted: list[str], without: list[str], *, full: bool) -> int:
    from django.core.management import call_command

    from tests.chaos.database import Database
    from tests.chaos.stand import standing
    from tests.chaos.without import SAID, SETTINGS

    began, good = time.monotonic(), True
    call_command("migrate", verbosity=0)
    environment = {"WITHOUT": " ".join(without)}
    for name in without:
        print(f"without {name}: {SAID[name]}")
        environment |= SETTINGS.get(name, {})
    with standing(Database(), folder, **environment) as stand:
        print(LINE.format(*HEAD), flush=True)
        for name in wanted:
            good = one(name, stand, full=full) and good
    print(f"{'nothing is lost' if good else 'SOMETHING DOES NOT HOLD'}: {time.monotonic() - began:.0f} s")
    return not good


def one(name: str, stand: "Stand", *, full: bool) -> bool:
    """Do it, and print its line. Whether all of it holds."""
    from tests.chaos import faults, proof

    trial, began, fault = faults.Trial(stand, full), time.monotonic(), faults.FAULTS[name]
    log, since = stand.web.desk.log.stat().st_size, proof.told(stand)
    try:
        fault.do(trial)
    except faults.Skipped as why:
        print(f"{name:<19} SKIPPED: {why}", flush=True)
        return True
    except Exception:  # noqa: BLE001 (it is told, and the next one is tried)
        trial.found.append(traceback.format_exc())
    broken = proof.settle(stand)
    lost, doubled, which = proof.lost_and_doubled(trial.ledger)
    broken += proof.broken(stand)
    lines = stand.web.desk.lines_since(log)
    undue, told = proof.wrong_answers(trial.ledger, lines, may_be_told=fault.allows)
    again, repeats = proof.told_again(stand, since=since, may_be=fault.leaves_unsure)
    statuses = Counter(answer.status for answer in trial.ledger.answers)
    figures = (
        name, trial.ledger.kept(), lost, doubled, statuses[503], statuses[0],
        sum(times for status, times in statuses.items() if status >= 500 and status != 503),
        undue, again, "" if trial.recovery is None else f"{trial.recovery:.1f} s", len(broken) or "hold",
        f"{time.monotonic() - began:.0f} s",
    )  # fmt: skip
    print(LINE.format(*figures))
    wrong = [*which, *broken, *told, *repeats, *trial.found]
    for said in wrong[:20]:
        print(f"    {said[:1500]}")
    sys.stdout.flush()
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
