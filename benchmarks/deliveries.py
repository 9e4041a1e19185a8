"""How many notices one worker delivers in a second, and how long after its commit a notice arrives when all is idle.

    .venv/bin/python benchmarks/deliveries.py [--deliveries 2000] [--threads 8]

In a database of its own on the private server of the checkout, with `manage.py work` as it is run, against a mail
server and a web server on loopback that take everything. Mails are those of replies to a ticket that ten people hear
of, webhooks are signed. Ends with 1 if one is missing or comes twice.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Self
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["DJANGO_SETTINGS_MODULE"] = "serviceflow.settings_test"

import django

django.setup()

from django.conf import settings
from django.db import connection

from accounts.acting import SYSTEM
from accounts.models import User
from notifications import outbox, webhooks
from notifications.models import Delivery
from serviceflow import devdb
from tests.factories import UserFactory, opened, web
from tests.http_server import Listener, http_server
from tests.mail_server import MailServer, mail_server
from tests.working import Workshop
from tickets import actions
from tickets.models import Ticket

READERS = 10
PATIENCE = 300  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deliveries", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument(
        "--single", type=int, default=40, help="notices, one at a time, for the time from the commit"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_what: sys.exit("ended"))  # with its worker and its database
    devdb.ensure_running()
    connection.creation.create_test_db(verbosity=0)
    try:
        with mail_server() as mails, http_server() as web_server, tempfile.TemporaryDirectory() as folder:
            shop = Workshop(
                connection.settings_dict["NAME"],
                Path(folder),
                MAIL_HOST="127.0.0.1",
                MAIL_PORT=str(mails.port),
                MAIL_SECURITY="NONE",
                OUTBOUND_ALLOWED="127.0.0.1",
                JOB_THREADS=str(given.threads),
            )
            measure(shop, mails, web_server, given)
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


def measure(shop: Workshop, mails: MailServer, web_server: Listener, given: argparse.Namespace) -> None:
    arrivals: list[float] = []
    ids: Counter[str] = Counter()
    mails.heard = lambda received: note(arrivals, ids, received.mail["Message-ID"])
    web_server.noted = lambda heard: note(arrivals, ids, heard.headers["webhook-id"])
    agent = UserFactory.create(role="AGENT")
    alone = opened(by=UserFactory.create())
    ticket = opened(by=UserFactory.create())
    for _number in range(READERS - 1):
        ticket = actions.watch(ticket, user=UserFactory.create(), by=SYSTEM)

    settings.MAIL_HOST, settings.OUTBOUND_ALLOWED = "127.0.0.1", [ip_network("127.0.0.1")]
    reply(ticket, agent, times=given.deliveries // READERS)
    with working(shop) as spent:
        tell("mails", *wait_for(arrivals, given.deliveries // READERS * READERS, shop), spent())
        one_at_a_time("mail", alone, agent, arrivals, shop, times=given.single)
    arrivals.clear()
    for _number in range(given.deliveries):
        reply(opened(by=UserFactory.create()), agent, times=1)
    with working(shop) as spent:
        tell("mails of a ticket each", *wait_for(arrivals, given.deliveries, shop), spent())
    arrivals.clear()
    outbox.enqueue([test_mail(ticket.requester) for _number in range(given.deliveries)])
    with working(shop) as spent:
        tell("mails without a ticket to read", *wait_for(arrivals, given.deliveries, shop), spent())
    settings.MAIL_HOST = ""
    arrivals.clear()
    webhooks.create(name="Sink", url=f"{web_server.url}/hook", topics=["all"], by=SYSTEM)
    for _number in range(given.deliveries // 50):
        reply(opened(by=agent), agent, times=49)
    with working(shop) as spent:
        tell("webhooks", *wait_for(arrivals, given.deliveries // 50 * 50, shop), spent())
        one_at_a_time("webhook", alone, agent, arrivals, shop, times=given.single)
    repeated = [key for key, times in ids.items() if times > 1]
    if repeated:
        sys.exit(f"{len(repeated)} came more than once")


def note(arrivals: list[float], ids: Counter[str], key: str) -> None:
    arrivals.append(time.perf_counter())
    ids[key] += 1


def test_mail(reader: User) -> Delivery:
    """As `outbox.send_test` makes it, less the event: what the machinery takes without the words."""
    return Delivery.objects.create(
        kind="change",
        verb="test",
        subject_type=outbox.TEST,
        subject_id=uuid4(),
        subject_name="Test message",
        seq=0,
        reason="test",
        transport="email",
        recipient=reader,
    )


def reply(ticket: Ticket, agent: object, *, times: int) -> None:
    for number in range(times):
        actions.add_comment(ticket, body=f"We are looking into it ({number}).", by=web(agent))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time: of the worker, of the database, of the servers that take the messages."""

    worker: float
    database: float
    servers: float

    @classmethod
    def by(cls, worker: int) -> Self:
        name = f" {connection.settings_dict['NAME']} "
        backends = [one for one in Path("/proc").glob("[0-9]*") if name in words_of(one)]
        return cls(
            seconds_of(worker), sum(seconds_of(int(one.name)) for one in backends), time.process_time()
        )

    def __sub__(self, other: Self) -> Self:
        return type(self)(
            self.worker - other.worker, self.database - other.database, self.servers - other.servers
        )


@contextmanager
def working(shop: Workshop) -> Iterator[Callable[[], Spent]]:
    """A worker; and what asks for the processor time spent since it was there."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_delivery")  # as a desk's database does by itself
    process = shop.start()
    try:
        shop.wait_until_alive()
        before = Spent.by(process.pid)
        yield lambda: Spent.by(process.pid) - before
    finally:
        shop.stop()


def words_of(process: Path) -> str:
    with suppress(OSError):
        return (process / "cmdline").read_text(errors="replace")
    return ""


def seconds_of(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def wait_for(arrivals: list[float], count: int, shop: Workshop) -> tuple[int, float]:
    """How many came, and within how many seconds from the first to the last."""
    end = time.perf_counter() + PATIENCE
    while len(arrivals) < count:
        if time.perf_counter() > end:
            sys.exit(f"only {len(arrivals)} of {count} came: {shop.log.read_text()[-2000:]}")
        time.sleep(0.02)
    return count, arrivals[count - 1] - arrivals[0]


def one_at_a_time(
    what: str, ticket: Ticket, agent: object, arrivals: list[float], shop: Workshop, *, times: int
) -> None:
    seconds = []
    for _number in range(times):
        before = len(arrivals)
        reply(ticket, agent, times=1)
        committed = time.perf_counter()
        wait_for(arrivals, before + 1, shop)
        seconds.append(arrivals[before] - committed)
    high = statistics.quantiles(seconds, n=20)[-1]
    print(
        f"{what}: {statistics.median(seconds) * 1000:.0f} ms from the commit (median), {high * 1000:.0f} ms (p95)"
    )


def tell(what: str, count: int, seconds: float, spent: Spent) -> None:
    each = 1000 / count
    print(
        f"{what}: {count / seconds:.0f} a second ({count} in {seconds:.1f} s); of processor time for each "
        f"{spent.worker * each:.1f} ms in the worker, {spent.database * each:.1f} ms in the database, "
        f"{spent.servers * each:.1f} ms in the servers that take them"
    )


if __name__ == "__main__":
    main()
