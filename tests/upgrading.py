"""The upgrade drill: an older release at work, this one's migrations, all servers replaced one by one, and back again.

Both run as on an installation: settings of production in folders of their own, a PostgreSQL of their own with the roles
of docs/operations.md, goodbyes as long as deploy/kubernetes has them. Each answer is noted. To make it harder
than it is, this release gets one more migration, which wants the table of tickets for itself while a report reads it.
"""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import psycopg
import yaml

from notifications.models import State
from tests.invariants import check
from tests.load import Answer, Browser, Ledger, Program, at_work
from tests.mail_server import MailServer, mail_server
from tests.rolling import Fleet, Manners, Release, fleet
from tests.served import CHECKOUT, Visitor

RELEASES = CHECKOUT / ".run/releases"
PASSWORD = "demo-serviceflow-2026"
PEOPLE = "{}@northwind.example"
SLOWEST = 5.0  # seconds for any answer
LAG = 4.0  # seconds until an ingress has heard that a pod goes
REPORT = 7.0  # seconds that somebody's report reads all tickets
MAILS = "SELECT count(*) FROM notifications_delivery"
GUARDS = ("lock-timeout", "drain", "expand")

TRIAL = '''"""Made by the upgrade drill."""
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tickets", "{after}")]
    operations = [migrations.RunSQL("{sql}", migrations.RunSQL.noop)]
'''


def main() -> None:
    asked = argparse.ArgumentParser(prog="bin/upgrade-drill", description=__doc__)
    asked.add_argument("revision", metavar="FROM", nargs="?", help="any revision; without one the newest tag")
    asked.add_argument("--without", choices=GUARDS, help="leave out a guard: then the drill must fail")
    options = asked.parse_args()
    drill = Drill(without=options.without or "")
    try:
        drill.run(options.revision or newest_tag())
    except AssertionError as trouble:
        drill.faults.append(f"the drill could not go on: {trouble}")
    drill.report()
    sys.exit(bool(drill.faults))


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=CHECKOUT, check=True, capture_output=True).stdout


def newest_tag() -> str:
    tags = git("tag", "--sort=-creatordate").decode().split()
    if not tags:
        sys.exit("error: there is no tag yet: say from which revision, as in bin/upgrade-drill main~50")
    return tags[0]


def say(line: str) -> None:
    sys.stdout.write(f"· {line}\n")
    sys.stdout.flush()


# --- The two releases -----------------------------------------------------------------------------


def checked_out(revision: str) -> tuple[str, Path]:
    """The name and the folder of an older release. Both it and its libraries are kept for the next time."""
    commit = git("rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
    folder = RELEASES / commit[:12]
    if not folder.is_dir():
        unfinished = RELEASES / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", commit))) as archive:
            archive.extractall(unfinished, filter="data")
        unfinished.rename(folder)
    return commit[:12], folder


def python_of(folder: Path) -> Path:
    """Ours where it has the same libraries, else one of its own."""
    if (folder / "requirements.txt").read_bytes() == (CHECKOUT / "requirements.txt").read_bytes():
        return Path(sys.executable)
    say("Its libraries are others than ours: it has a .venv of its own")
    subprocess.run(["bash", "-c", ". bin/_setup && libraries requirements.txt"], cwd=folder, check=True)
    return folder / ".venv/bin/python"


def copied() -> Path:
    """This release as it lies here, edits included: the drill puts a migration of its own into it."""
    folder = RELEASES / "present"
    if folder.is_dir():
        database(folder, "stop")
        shutil.rmtree(folder)
    for name in git("ls-files", "-z").decode().split("\0"):
        if name and (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / name)
    return folder


def database(folder: Path, word: str) -> str:
    """The private PostgreSQL of a folder. With the folder goes what was in it."""
    done = subprocess.run(
        [sys.executable, "-m", "serviceflow.devdb", word],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if word == "stop" and (note := folder / ".run/database-home").is_file():
        shutil.rmtree(note.read_text(), ignore_errors=True)
    return done.stdout.strip()


# --- The drill ------------------------------------------------------------------------------------


@dataclass
class Drill:
    without: str
    faults: list[str] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    steps: list[tuple[str, float, float]] = field(default_factory=list)

    def run(self, revision: str) -> None:
        name, old_folder = checked_out(revision)
        say(f"From {name}: {git('log', '-1', '--format=%s', name).decode().strip()}")
        python, new_folder = python_of(old_folder), copied()
        self.prepare(new_folder)
        with ExitStack() as ends:
            url = database(new_folder, "start")
            ends.callback(database, new_folder, "stop")
            mails = ends.enter_context(mail_server())
            servers = ends.enter_context(fleet(self.manners()))
            settings = installation(url, servers.balancer.url, mails.port, new_folder / ".run/files")
            logs = RELEASES / "logs"
            shutil.rmtree(logs, ignore_errors=True)
            logs.mkdir()
            old = Release(name, old_folder, python, settings, logs)
            new = Release("present", new_folder, Path(sys.executable), settings, logs)
            self.furnish(old, url)
            done(new.manage("collectstatic", "--no-input"))
            say("Starting two web servers and a worker of the old release")
            for _one in range(2):
                servers.bring(old)
            servers.hire(old)
            self.upgrade(old, new, servers, url)
            self.faults += servers.faults
            self.settle(new, mails, url)

    def prepare(self, folder: Path) -> None:
        """One more migration; and what the guard that is left out would have kept from happening."""
        migrations = folder / "tickets/migrations"
        last = max(path.stem for path in migrations.glob("[0-9]*.py"))
        statement = "ALTER TABLE tickets_ticket ADD COLUMN drill integer"
        if self.without == "expand":
            statement = "ALTER TABLE tickets_ticket DROP COLUMN source"
        (migrations / "9999_drill.py").write_text(TRIAL.format(after=last, sql=statement))
        if self.without == "lock-timeout":
            command = folder / "serviceflow/management/commands/migrate.py"
            said = command.read_text()
            assert "lock_timeout = '2s'" in said
            command.write_text(said.replace("lock_timeout = '2s'", "lock_timeout = 0"))

    def manners(self) -> Manners:
        said = yaml.safe_load_all((CHECKOUT / "deploy/kubernetes/base/web.yaml").read_text())
        spec = next(each for each in said if each["kind"] == "Deployment")["spec"]["template"]["spec"]
        pause = float(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        manners = Manners(lag=LAG, pause=pause, grace=float(spec["terminationGracePeriodSeconds"]))
        return replace(manners, pause=0.0) if self.without == "drain" else manners

    def furnish(self, old: Release, url: str) -> None:
        say("An old desk with demo people and tickets")
        owner = as_owner(old, url)
        for words in (
            ["migrate", "--no-input"],
            ["database_roles"],
            ["seed_demo"],
            ["collectstatic", "--no-input"],
        ):
            done(owner.manage(*words))

    def upgrade(self, old: Release, new: Release, servers: Fleet, url: str) -> None:
        place = servers.balancer.url
        people = [
            Program(place, key_of(place, "agent"), self.ledger, requester=PEOPLE.format("employee")),
            Program(place, key_of(place, "lead"), self.ledger),
            Browser(place, PEOPLE.format("employee"), PASSWORD, self.ledger),
            Browser(place, PEOPLE.format("agent"), PASSWORD, self.ledger),
        ]
        with at_work(people):
            with self.step("the old release at work"):
                time.sleep(5)
            with self.step("migrate, database_roles"):
                migrate(as_owner(new, url), url)
            with self.step("new web servers, one by one"):
                servers.roll(new)
            if self.without:
                return  # it has been noticed by now, or never will be
            with self.step("a new worker"):
                servers.hire(new)
            with self.step("the new release at work"):
                time.sleep(5)
            with self.step("back: old web servers, one by one"):
                servers.roll(old)
            with self.step("back: the old worker"):
                servers.hire(old)
            with self.step("forth again"):
                servers.roll(new)
                servers.hire(new)

    def settle(self, new: Release, mails: MailServer, url: str) -> None:
        """Wait until everybody has been told, then look at what is there."""
        with psycopg.connect(url, autocommit=True) as connection:
            open_ones = f"{MAILS} WHERE state IN ('{State.PENDING}', '{State.SENDING}')"
            end = time.monotonic() + 60
            while (left := one(connection, open_ones)) and time.monotonic() < end:
                time.sleep(0.2)
            if left:
                self.faults.append(f"{left} notices were not delivered")
            self.faults += self.ledger.unkept(connection)
            if unheard := len(self.ledger.acknowledged) - self.ledger.kept():
                self.faults.append(f"{unheard} writes were not acknowledged")
            self.faults += check(connection)
            failed = (
                "SELECT string_agg(DISTINCT task_name, ', ') FROM procrastinate_jobs WHERE status = 'failed'"
            )
            if jobs := one(connection, failed):
                self.faults.append(f"jobs have failed: {jobs}")
            sent = one(connection, f"{MAILS} WHERE transport = 'email' AND state = '{State.SENT}'")
        arrived = Counter(each.mail["Message-ID"] for each in mails.received)
        if len(arrived) != sent or set(arrived.values()) - {1}:
            self.faults.append(
                f"{sent} mails were sent, {len(arrived)} arrived, in {sum(arrived.values())} copies"
            )
        proof = new.manage("verify_audit")
        if proof.returncode:
            self.faults.append(f"verify_audit: {proof.stdout[-500:]}{proof.stderr[-500:]}")
        say(f"{sent} mails sent, each once; {proof.stdout.strip().splitlines()[-1:]}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        say(name)
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps.append((name, began, time.monotonic()))

    def report(self) -> None:
        failed = self.ledger.failed(within=SLOWEST)
        line = "{:<36} {:>6} {:>9} {:>7} {:>9}\n".format
        sys.stdout.write("\n" + line("step", "s", "requests", "failed", "longest"))
        for name, began, ended in self.steps:
            during: list[Answer] = [one for one in self.ledger.answers if began <= one.at < ended]
            longest = max((one.seconds for one in during), default=0.0)
            bad = sum(one in failed for one in during)
            sys.stdout.write(line(name, f"{ended - began:.0f}", len(during), bad, f"{longest:.2f} s"))
        sys.stdout.write(f"\n{self.ledger}\n")
        alike: dict[tuple[str, int], list[Answer]] = {}
        for one in failed:
            alike.setdefault((one.what, one.status), []).append(one)
        self.faults += [f"{len(those)} x {those[0]}" for those in alike.values()]
        for fault in self.faults:
            sys.stdout.write(f"FAULT: {fault}\n")
        sys.stdout.write("FAILED: somebody noticed\n" if self.faults else "nobody noticed anything\n")


def installation(url: str, place: str, mail_port: int, files: Path) -> dict[str, str]:
    """The environment of web servers and workers."""
    own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return own | {
        "DJANGO_SETTINGS_MODULE": "serviceflow.settings",
        "BASE_URL": place,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATABASE_URL": url.replace("user=serviceflow", "user=serviceflow_app"),
        "FILES_FOLDER": str(files),
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(mail_port),
        "MAIL_SECURITY": "NONE",
        "WEB_CONCURRENCY": "1",
        **{f"RATE_LIMIT_{kind}": "0" for kind in ("KEY", "ADDRESS", "PERSON", "CREATE", "SEARCH", "SIGN_IN")},
    }


def as_owner(release: Release, url: str) -> Release:
    """As the job that migrates: docs/operations.md."""
    more = {"DATABASE_URL": url, "STATEMENT_TIMEOUT": "0", "DATABASE_APP_PASSWORD": "a long random word"}
    return replace(release, settings=release.settings | more)


def done(process: "subprocess.CompletedProcess[str]") -> None:
    assert process.returncode == 0, f"{process.args}: {process.stdout[-1000:]}{process.stderr[-2000:]}"


def migrate(new: Release, url: str) -> None:
    """While a report reads. As the job does: what gives up for a table in use is run again."""
    with reading(url):
        process, attempts = new.manage("migrate", "--no-input"), 1
        while "Run it again" in process.stderr and attempts < 20:
            time.sleep(1)
            process, attempts = new.manage("migrate", "--no-input"), attempts + 1
        done(process)
        say(f"migrated at attempt {attempts}")
    done(new.manage("database_roles"))


@contextmanager
def reading(url: str) -> Iterator[None]:
    """A report on all tickets that ends some time after somebody wants their table for himself."""
    wanted = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
    over = threading.Event()

    def read() -> None:
        with psycopg.connect(url) as report, psycopg.connect(url, autocommit=True) as watcher:
            report.execute("SELECT count(*) FROM tickets_ticket")
            begun.set()
            while not one(watcher, wanted) and not over.wait(0.1):
                pass
            over.wait(REPORT)

    begun = threading.Event()
    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        over.set()
        thread.join()


def key_of(place: str, who: str) -> str:
    """As somebody makes one at a browser."""
    browser = Visitor(place).sign_in(PEOPLE.format(who), PASSWORD)
    body = {"name": "drill", "scopes": ["read", "write"]}
    answer = browser.post(
        "/api/v1/users/me/api-keys", json=body, headers={"X-CSRFToken": browser.cookies["csrf"]}
    )
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["api_key"]
    return key


def one(connection: "psycopg.Connection[tuple[object, ...]]", query: str) -> object:
    found = connection.execute(query).fetchone()
    return found[0] if found else None
