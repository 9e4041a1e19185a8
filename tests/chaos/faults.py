"""What may befall a desk. Each function is one fault: its docstring says what is done and what is expected.

`trial.full` asks for more of it. What must hold after every fault, `proof` looks at; what only this one promises,
the function expects itself.
"""

import http.client
import imaplib
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from tests import mail_server as does
from tests.chaos.proof import turn_the_clock
from tests.chaos.stand import Clerk, Stand, mark, until
from tests.http_server import Heard, Reply
from tests.load import NONE, Answer, Ledger, at_work
from tests.served import Visitor
from tests.test_slow_clients import SLOW
from tests.tickets.mail import imap
from tests.tickets.mail.post import letter
from tickets.inbound_email.collecting import visit_all
from tickets.models import InboundMail, Mailbox

WITHIN = 10.0  # seconds until everybody is served again once the database is back
SERVED = 5  # answers in a row after which somebody is


class Skipped(Exception):
    """It cannot be done on this machine."""


@dataclass
class Trial:
    """One fault while it is done: who was at work, what was found beside what `proof` finds."""

    stand: Stand
    full: bool
    ledger: Ledger = field(default_factory=Ledger)
    found: list[str] = field(default_factory=list)
    recovery: float | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def times(self, short: int, full: int) -> int:
        return full if self.full else short

    def expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.found.append(otherwise)

    @contextmanager
    def at_work(self, clerks: int = 6) -> Iterator[list[Clerk]]:
        """So many programs that open tickets, comment, attach and change, and send again what got no answer."""
        people = [Clerk(self.stand, number, self.ledger) for number in range(clerks)]
        with at_work(people):
            self.wait_for_writes(10)
            yield people

    def wait_for_writes(self, more: int) -> None:
        goal, kept = self.ledger.kept() + more, -1
        while kept < self.ledger.kept() < goal:
            kept = self.ledger.kept()
            until(lambda before=kept: self.ledger.kept() > before, seconds=40)  # type: ignore[misc]
        self.expect(self.ledger.kept() >= goal, "nobody's writes were taken for 40 s")

    def served_again(self, back: float) -> None:
        """Wait until whoever is at work is served, and note how long after the database was back the last was not."""

        def served() -> bool:
            return not any(bad(one.status) for one in self.ledger.answers[-SERVED * 6 :]) and any(
                one.at > back for one in self.ledger.answers[-SERVED * 6 :]
            )

        self.expect(until(served, seconds=30), "nobody was served for 30 s after the database was back")
        lately = [one.at + one.seconds - back for one in list(self.ledger.answers) if bad(one.status)]
        self.recovery = max([self.recovery or 0.0, *lately])
        self.expect(self.recovery <= WITHIN, f"served {self.recovery:.1f} s after the database was back")


def bad(status: int) -> bool:
    return status == NONE or status >= 500


@dataclass(frozen=True)
class Fault:
    """What is done, and what may come of it for those who are at work.

    `told` is what they may get instead of what they asked for, NONE or 503, and `calls` is the only call that may. What
    `leaves_unsure` lets a message come again to who has it: the worker dies, or its database, before that is noted.
    """

    do: Callable[[Trial], None]
    told: frozenset[int]
    calls: str
    leaves_unsure: bool

    def allows(self, answer: Answer) -> bool:
        return answer.status in self.told and self.calls in {"", answer.what}


FAULTS: dict[str, Fault] = {}


def fault(
    *told: int, calls: str = "", leaves_unsure: bool = False
) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
    def kept(do: Callable[[Trial], None]) -> Callable[[Trial], None]:
        FAULTS[do.__name__.replace("_", "-")] = Fault(do, frozenset(told), calls, leaves_unsure)
        return do

    return kept


# --- Processes die -------------------------------------------------------------------------------


@fault(NONE)
def web_killed(trial: Trial) -> None:
    """kill -9 of web workers while they answer: others take their place, and what is sent again is done once."""
    with trial.at_work():
        for _turn in range(trial.times(5, 40)):
            trial.wait_for_writes(5)
            victim = trial.dice.choice(trial.stand.web.workers())
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            until(lambda: len(trial.stand.web.workers()) == 2, seconds=10)


@fault(leaves_unsure=True)
def worker_killed(trial: Trial) -> None:
    """kill -9 of the job worker while it sends: another takes up what it had begun, everything arrives."""
    stand = trial.stand
    with trial.at_work(clerks=3):
        for _turn in range(trial.times(2, 12)):
            heard = len(stand.hooks.heard)
            until(lambda before=heard: len(stand.hooks.heard) > before + 5, seconds=15)  # type: ignore[misc]
            stand.shop.kill()
            stand.shop.start()
            stand.shop.wait_until_alive()


@fault()
def clients_hang_up(trial: Trial) -> None:
    """Clients hang up on their own requests at any moment, then send the same again: it is done once."""
    people = [Impatient(trial.stand, number, trial.ledger) for number in range(6)]
    with at_work(people):
        trial.wait_for_writes(trial.times(80, 1000))


class Impatient(Clerk):
    """Sends a request and goes, now and then; only then in earnest, under the same key."""

    def _write(self, what: str, method: str, place: str, body: dict[str, str], mark: str) -> Any:
        if self.dice.random() < 0.5:
            there = http.client.HTTPConnection(urlsplit(self.visitor.base).netloc, timeout=10)
            headers = {"Content-Type": "application/json", "Idempotency-Key": mark}
            headers["X-API-Key"] = str(self.visitor.headers["X-API-Key"])
            with suppress(OSError):
                there.request(method, place, json.dumps(body).encode(), headers)
                time.sleep(self.dice.random() * 0.05)
            there.close()
        return super()._write(what, method, place, body, mark)


# --- The database dies ---------------------------------------------------------------------------


@fault(503, leaves_unsure=True)
def database_restarted(trial: Trial) -> None:
    """PostgreSQL is restarted (fast): meanwhile 503 with Retry-After, never 500, and all is well within ten seconds."""
    with trial.at_work():
        for _turn in range(trial.times(1, 5)):
            trial.wait_for_writes(10)
            before = refused(trial.ledger)
            trial.stand.database.stop()
            until(lambda seen=before: refused(trial.ledger) > seen + 5, seconds=20)  # type: ignore[misc]
            trial.served_again(trial.stand.database.start())
            trial.wait_for_writes(20)
    trial.expect(refused(trial.ledger), "nobody was told 503 while the database was away")


@fault(503, leaves_unsure=True)
def database_killed(trial: Trial) -> None:
    """kill -9 of every process of PostgreSQL: what was acknowledged is there after its recovery."""
    with trial.at_work():
        for _turn in range(trial.times(2, 10)):
            trial.wait_for_writes(15)
            trial.stand.database.kill()
            trial.served_again(trial.stand.database.start())


@fault(503, leaves_unsure=True)
def connections_killed(trial: Trial) -> None:
    """pg_terminate_backend at random, of web servers and workers: 503 or done, nothing by halves."""
    with trial.at_work():
        for _turn in range(trial.times(8, 50)):
            for _connection in range(5):
                trial.stand.database.hang_up_on_somebody()
                time.sleep(0.1)
            trial.wait_for_writes(3)  # or nobody would get through as long as this lasts


@fault(NONE, 503, leaves_unsure=True)
def all_killed(trial: Trial) -> None:
    """Web server, worker and database are killed at once, and started again."""
    stand = trial.stand
    with trial.at_work():
        for _turn in range(trial.times(1, 4)):
            trial.wait_for_writes(15)
            deaths = [stand.web.kill, stand.database.kill, stand.shop.kill]
            trial.dice.shuffle(deaths)
            for death in deaths:
                death()
            stand.start_all()
            stand.database.start()
            stand.wait_until_well()  # how long Python takes to begin is the machine's matter
            trial.served_again(time.monotonic())


def refused(ledger: Ledger) -> int:
    return sum(one.status == 503 for one in list(ledger.answers))


# --- The others fail -----------------------------------------------------------------------------

# What a mail server may do instead of taking a mail.
MAIL_FAULTS = (does.CUT_BEFORE, does.CUT_AFTER, does.BUSY, does.SILENT, does.SILENT_AFTER, does.REFUSE_SENDER)
# What a web server may do instead of saying that it has a message, which it has heard all the same.
WEB_FAULTS = (
    Reply(status=500),
    Reply(status=503, headers={"Retry-After": "1"}),
    Reply(status=429, headers={"Retry-After": "1"}),
    Reply(raw=[b"HTTP/1.1 2"]),
    Reply(raw=[b"HTTP/1.1 200", b" OK\r\n"], pause=30),
    Reply(hang_up=True),
)


@fault()
def mail_server_fails(trial: Trial) -> None:
    """The mail server refuses, is busy, hangs up or keeps silent for a third of the mails: all of them arrive."""
    mails, dice, met = trial.stand.mails, trial.dice, Counter[str]()

    def behaved(_number: int) -> str:
        met[behaviour := dice.choice(MAIL_FAULTS) if dice.random() < 0.3 else does.TAKE] += 1
        return behaviour

    mails.behave = behaved
    try:
        with trial.at_work():
            enough = until(
                lambda: met.total() - met[does.TAKE] > trial.times(12, 100), seconds=trial.times(40, 300)
            )
    finally:
        mails.behave = lambda _number: does.TAKE
        mails.hang_up()
    trial.expect(enough, f"hardly a mail met with a fault: this shows nothing: {met}")


@fault()
def web_hooks_fail(trial: Trial) -> None:
    """A webhook and Slack answer 500, 503 or 429, hang up, or stop in the middle: what they are told arrives."""
    stand, dice = trial.stand, trial.dice
    before = len(stand.failed)

    def answered(heard: Heard) -> Reply:
        if dice.random() > 0.3:
            return Reply()
        stand.failed.append(heard)
        return dice.choice(WEB_FAULTS)

    stand.hooks.reply = stand.slack.reply = answered
    try:
        with trial.at_work(clerks=3):
            goal = before + trial.times(10, 60)
            enough = until(lambda: len(stand.failed) > goal, seconds=trial.times(40, 300))
    finally:
        stand.hooks.reply = stand.slack.reply = lambda _heard: Reply()
    trial.expect(enough, "hardly a message met with a fault: this shows nothing")


@fault(leaves_unsure=True)
def mailbox_fails(trial: Trial) -> None:
    """The IMAP server hangs up anywhere in its answers, and workers die meanwhile: each mail becomes one ticket."""
    stand, number = trial.stand, trial.times(8, 60)
    subjects = [mark() for _mail in range(number)]
    with imap.server() as port, mailbox_at(stand.mailbox, port) as proxy:
        imap.put(port, [letter(proven=True, subject=subject) for subject in subjects])
        for turn in range(trial.times(5, 20)):
            proxy.cut_after = trial.dice.randint(50, 2500 + 200 * turn)
            seen = proxy.calls
            ask_to_visit()
            going_on(lambda before=seen: proxy.calls > before, seconds=10)  # type: ignore[misc]
            if turn % 4 == 2:
                stand.shop.kill()
                stand.shop.start()
                stand.shop.wait_until_alive()
        proxy.cut_after = -1
        trial.expect(
            going_on(lambda: read(subjects) == number, seconds=trial.times(60, 240)),
            f"only {read(subjects)} of {number} mails were read",
        )
    expect_once(trial, subjects)


@fault()
def mail_twice(trial: Trial) -> None:
    """The same mails come again and again, some at the same moment, from several visits: each becomes one ticket."""
    stand, number = trial.stand, trial.times(6, 30)
    subjects = [mark() for _mail in range(number)]
    mails = [letter(proven=True, subject=subject) for subject in subjects]
    with imap.server() as port, mailbox_at(stand.mailbox, port):
        copies = 0
        for _turn in range(trial.times(2, 4)):
            copies += sum(delivered(port, mail) for mail in [*mails, *mails])
            ask_to_visit()
        trial.expect(copies > 2 * number, f"the mail server has taken {copies} mails: this shows nothing")
        all_there = going_on(lambda: read(subjects) >= copies, seconds=trial.times(60, 240))
        trial.expect(all_there, f"only {read(subjects)} of {copies} copies were read")
    expect_once(trial, subjects)


def delivered(port: int, mail: bytes) -> bool:
    """Whether the server said that it has it: this one hangs up now and then when somebody reads meanwhile."""
    with suppress(imaplib.IMAP4.abort):
        imap.put(port, [mail])
        return True
    return False


@contextmanager
def mailbox_at(mailbox: Mailbox, port: int) -> Iterator["CountingProxy"]:
    proxy = CountingProxy(port)
    connection.close()
    imap.points_at(mailbox, proxy.port, is_active="1")
    try:
        yield proxy
    finally:
        proxy.close()
        Mailbox.objects.update(is_active=False)


class CountingProxy(imap.Proxy):
    calls = 0

    def _serve(self, caller: socket.socket) -> None:
        super()._serve(caller)
        self.calls += 1


def ask_to_visit() -> None:
    """As the clock does each minute."""
    visit_all()


def going_on(come_true: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it came true in time, while the clock goes on asking for visits, and for what dead workers have left."""
    end = time.monotonic() + seconds
    while not come_true() and time.monotonic() < end:
        ask_to_visit()
        turn_the_clock()
        until(come_true, seconds=0.5)
    return come_true()


def read(subjects: list[str]) -> int:
    return InboundMail.objects.filter(subject__in=subjects).exclude(outcome="fetched").count()


def expect_once(trial: Trial, subjects: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT title, count(*) FROM tickets_ticket WHERE title = ANY(%s) GROUP BY title", [subjects]
        )
        found: Counter[str] = Counter(dict(cursor.fetchall()))
    missing = [one for one in subjects if not found[one]]
    twice = {one: found[one] for one in subjects if found[one] > 1}
    trial.expect(not missing, f"{len(missing)} mails became no ticket, first {missing[:2]}")
    trial.expect(not twice, f"{len(twice)} mails became several tickets, first {list(twice.items())[:2]}")


# --- There is not enough of something ------------------------------------------------------------


@fault(503, calls="api attach")
def disk_full(trial: Trial) -> None:
    """The disk of the files is full: who attaches is told 503 and nothing is stored of it, all else goes on."""
    stand = trial.stand
    if not stand.may_fill_the_disk:
        raise Skipped("only root may mount a small disk to be filled")
    ballast = stand.files / "ballast"
    with trial.at_work():
        for _turn in range(trial.times(2, 6)):
            before = told_full(trial.ledger)
            try:
                with ballast.open("wb", buffering=0) as file, suppress(OSError):
                    while file.write(bytes(4096)):
                        pass
                full = until(lambda seen=before: told_full(trial.ledger) > seen + 2, seconds=20)  # type: ignore[misc]
                trial.expect(full, "nobody was told that there is no room")
            finally:
                ballast.unlink()
            trial.wait_for_writes(10)


def told_full(ledger: Ledger) -> int:
    return sum(one.status == 503 and one.what == "api attach" for one in list(ledger.answers))


@fault()
def overload(trial: Trial) -> None:
    """Ten times as many clients as threads, without a pause: everybody is answered, nobody by a 5xx."""
    clerks = [Hasty(trial.stand, number % 16, trial.ledger) for number in range(80)]
    with at_work(clerks):
        began = trial.ledger.kept()
        time.sleep(trial.times(8, 45))
    trial.expect(trial.ledger.kept() > began, "nothing was done meanwhile")


class Hasty(Clerk):
    pause = 0.0


@fault()
def slow_clients(trial: Trial) -> None:
    """Hundreds of clients that begin a request and never end it: nobody else waits for them."""
    stand = trial.stand
    address = ("127.0.0.1", urlsplit(stand.url).port)
    with ExitStack() as wires, trial.at_work():
        for _turn in range(trial.times(1, 5)):
            for begun in SLOW.values():
                for _client in range(trial.times(15, 40)):
                    wire = wires.enter_context(socket.create_connection(address, timeout=20))
                    with suppress(OSError):
                        wire.sendall(begun)
            since = time.monotonic()
            trial.wait_for_writes(60)
            late = [one for one in trial.ledger.answers if one.at > since and one.seconds > 5]
            trial.expect(not late, f"{len(late)} others had to wait, first {late[:1]}")


@fault()
def huge_bodies(trial: Trial) -> None:
    """Bodies of gigabytes, by length or in chunks, and endless heads: refused unread, in little memory."""
    stand = trial.stand
    key = stand.keys[0].encode()
    before = memory(stand)
    with trial.at_work(), ThreadPoolExecutor(16) as pool:
        sent = [(name, begun.replace(b"KEY", key)) for name, begun in HUGE.items()] * trial.times(3, 20)
        answers = list(pool.map(lambda one: (one[0], poured(stand, one[1])), sent))
    wrong = Counter(f"{name}: {answer[:60]!r}" for name, answer in answers if not is_refusal(answer))
    trial.expect(not wrong, f"huge requests were not refused: {dict(wrong)}")
    grown = memory(stand) - before
    trial.expect(grown < 200, f"the web server has grown by {grown:.0f} MB")


_POST = b"POST /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: KEY\r\n"
_FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"
HUGE = {
    "10 GB of JSON": _POST + b"Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n",
    "50 MB of JSON": _POST + b"Content-Type: application/json\r\nContent-Length: 50000000\r\n\r\n",
    "10 GB of a form": _POST + _FORM + b"Content-Length: 10000000000\r\n\r\n--x\r\n",
    "endless chunks": _POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n",
    "an endless head": _POST + b"X-More: ",
    "an endless line": b"GET /api/v1/tickets?",
}


def poured(stand: Stand, begun: bytes) -> bytes:
    """Send this and then as much as is taken, 60 MB at most; the answer, or nothing."""
    with socket.create_connection(("127.0.0.1", urlsplit(stand.url).port), timeout=20) as wire:
        with suppress(OSError):
            wire.sendall(begun)
            for _piece in range(1000):
                wire.sendall(b"a" * 60_000)
        answer = b""
        with suppress(OSError):
            answer = wire.recv(4096)
        return answer


def is_refusal(answer: bytes) -> bool:
    """4xx, or hung up on before it was all sent: an answer that the client has not read in time is cut off."""
    return not answer or answer.startswith((b"HTTP/1.1 4",))


def memory(stand: Stand) -> float:
    """MB that the web workers hold at most until now."""
    found = 0.0
    for pid in stand.web.workers():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                found += int(line.split()[1]) / 1024
    return found


# --- Everybody wants the same --------------------------------------------------------------------


@fault()
def claims_of_two(trial: Trial) -> None:
    """Two agents claim the same thousand tickets at the same moments: each is one's, and the other is told whose."""
    claims(trial, agents=2, tickets=trial.times(48, 1000))


@fault()
def claims_of_sixteen(trial: Trial) -> None:
    """Sixteen agents do."""
    claims(trial, agents=16, tickets=trial.times(24, 1000))


def claims(trial: Trial, *, agents: int, tickets: int) -> None:
    stand = trial.stand
    numbers = [number for number in opened(trial, tickets) if number]
    won: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    together = threading.Barrier(agents)

    def claim(agent: int) -> None:
        visitor = Visitor(stand.url)
        visitor.headers["X-API-Key"] = stand.keys[agent]
        for number in numbers:
            with suppress(threading.BrokenBarrierError):
                together.wait(30)
            answer = visitor.post(f"/api/v1/tickets/{number}/claim")
            if answer.status_code == 200:
                won[number] += 1
            elif answer.status_code != 409 or answer.json()["code"] != "already_claimed":
                wrong[f"{answer.status_code} {answer.text[:200]}"] += 1

    with ThreadPoolExecutor(agents) as pool:
        list(pool.map(claim, range(agents)))
    several = {number: won[number] for number in numbers if won[number] != 1}
    trial.expect(
        not several, f"{len(several)} tickets were given to none or several: {list(several.items())[:3]}"
    )
    trial.expect(not wrong, f"others were told {dict(wrong)}")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.subject_id, count(*) FROM audit_event e JOIN tickets_ticket t ON t.public_id = e.subject_id"
            " WHERE e.verb = 'ticket.claimed' AND 'SF-' || t.number = ANY(%s) GROUP BY 1 HAVING count(*) > 1",
            [numbers],
        )
        twice = cursor.fetchall()
    trial.expect(not twice, f"{len(twice)} tickets were claimed twice: {twice[:3]}")


def opened(trial: Trial, number: int) -> list[str]:
    """So many tickets that nobody holds."""
    clerks = [Clerk(trial.stand, agent, trial.ledger) for agent in range(8)]
    with ThreadPoolExecutor(len(clerks)) as pool:
        list(pool.map(lambda turn: clerks[turn].open_many(number // len(clerks) + 1), range(len(clerks))))
    return [one for clerk in clerks for one in clerk.mine][:number]
