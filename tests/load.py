"""People and programs at work on a desk, and the ledger of what it has told them: for faults, restarts and upgrades.

    ledger = Ledger()
    with at_work([Program(url, key, ledger), Browser(url, email, password, ledger)]):
        ...                       # whatever may go wrong meanwhile
    ledger.failed(within=5)       # who was not served
    ledger.unkept(connection)     # what was acknowledged and is not there, or is there twice

Every write carries a mark of its own as its title or its text, so that the database itself says how often it is there.
"""

import random
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.served import Visitor

NONE = 0  # the status of what got no answer


@dataclass(frozen=True)
class Answer:
    """What came of one request. `at` is when it was sent, by time.monotonic()."""

    what: str
    at: float
    seconds: float
    status: int
    said: str = ""
    retry_after: str = ""
    mark: str = ""  # of the write that it was to be

    def __str__(self) -> str:
        said = " ".join(self.said.split())[:200]
        return f"{self.what}: {self.status or 'no answer'} after {self.seconds:.2f} s {said}"


@dataclass
class Ledger:
    """All answers, and of each mark whether its write was acknowledged. Filled by many threads."""

    answers: list[Answer] = field(default_factory=list)
    acknowledged: dict[str, bool] = field(default_factory=dict)

    def failed(self, *, within: float | None = None) -> list[Answer]:
        """Those who were not served: no answer, a fault, a refusal that nothing called for, or one that came late."""
        return [
            one
            for one in self.answers
            if not 200 <= one.status < 400 or (within is not None and one.seconds > within)
        ]

    def kept(self) -> int:
        return sum(self.acknowledged.values())

    def unkept(self, connection: Any) -> list[str]:
        """A line for each write that was acknowledged and is not there once, or that is there twice."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT mark, count(said) FROM unnest(%s::text[]) AS mark LEFT JOIN ("
                " SELECT title AS said FROM tickets_ticket UNION ALL SELECT body FROM tickets_comment"
                ") AS there ON said = mark GROUP BY mark",
                [list(self.acknowledged)],
            )
            there = dict(cursor.fetchall())
        return [
            f"{mark} was {'acknowledged' if told else 'not acknowledged'} and is there {there[mark]} times"
            for mark, told in self.acknowledged.items()
            if there[mark] > 1 or (told and there[mark] != 1)
        ]

    def __str__(self) -> str:
        """Figures for a human being."""
        times = sorted(one.seconds for one in self.answers) or [0.0]
        statuses = Counter(one.status for one in self.answers)
        return (
            f"{len(self.answers)} requests, {dict(sorted(statuses.items()))}, {self.kept()} writes acknowledged, "
            f"median {times[len(times) // 2] * 1000:.0f} ms, p99 {times[len(times) * 99 // 100] * 1000:.0f} ms, "
            f"longest {times[-1]:.2f} s"
        )


class Worker:
    """Somebody who does one thing after the other until he is told to stop."""

    pause = 0.02  # seconds between two deeds: the two cores are everybody's

    def __init__(self, visitor: Visitor, ledger: Ledger) -> None:
        self.visitor = visitor
        self.ledger = ledger
        self.dice = random.Random(7)

    def deeds(self) -> list[Callable[[], object]]:
        raise NotImplementedError

    def work(self, stopping: threading.Event) -> None:
        deeds = self.deeds()
        while not stopping.wait(self.pause):
            self.dice.choice(deeds)()

    def mark(self) -> str:
        mark = f"mark {uuid.uuid4().hex}"
        self.ledger.acknowledged[mark] = False
        return mark

    def ask(
        self, what: str, send: Callable[[], requests.Response], *, mark: str = ""
    ) -> requests.Response | None:
        """Send it and write down what came of it. No answer is None."""
        began = time.monotonic()
        try:
            answer = send()
        except requests.RequestException as trouble:
            self._note(what, began, NONE, f"{type(trouble).__name__}: {trouble}", mark=mark)
            return None
        said = "" if answer.ok else answer.text[:300]
        waits = answer.headers.get("Retry-After", "")
        self._note(what, began, answer.status_code, said, retry_after=waits, mark=mark)
        return answer

    def _note(self, what: str, began: float, status: int, said: str, **more: str) -> None:
        self.ledger.answers.append(Answer(what, began, time.monotonic() - began, status, said, **more))


class Program(Worker):
    """Calls the API with a key of somebody who may work on tickets.

    A patient one sends what got no answer, or a fault, again under the same Idempotency-Key for so many seconds.
    `requester` is whom its tickets are opened for, so that somebody hears of them.
    """

    def __init__(
        self, url: str, key: str, ledger: Ledger, *, patience: float = 0, requester: str = "me"
    ) -> None:
        super().__init__(Visitor(url), ledger)
        self.visitor.headers["X-API-Key"] = key
        self.patience = patience
        self.requester = requester
        self.mine: list[str] = []  # numbers of the tickets that nobody else works on

    def deeds(self) -> list[Callable[[], object]]:
        return [self.look_through, self.detail, self.open, self.comment, self.take_up, self.search]

    def look_through(self) -> None:
        self._get("list", "/api/v1/tickets?limit=20")

    def search(self) -> None:
        self._get("search", "/api/v1/tickets?q=mark&limit=20")

    def detail(self) -> None:
        if self.mine:
            self._get("detail", f"/api/v1/tickets/{self.dice.choice(self.mine)}")

    def open(self) -> None:
        mark = self.mark()
        body = {"title": mark, "description": "As it was.", "priority": "LOW", "requester": self.requester}
        if opened := self._write("open", "POST", "/api/v1/tickets", body, mark):
            self.mine.append(opened.json()["number"])

    def comment(self) -> None:
        if self.mine:
            mark = self.mark()
            place = f"/api/v1/tickets/{self.dice.choice(self.mine)}/comments"
            self._write("comment", "POST", place, {"body": mark}, mark)

    def take_up(self) -> None:
        """The oldest of his own, and from then on it is none of his business."""
        if len(self.mine) > 1:
            mark = self.mark()
            body = {"status": "IN_PROGRESS", "assignee": "me", "comment": mark}
            self._write("status", "PATCH", f"/api/v1/tickets/{self.mine.pop(0)}/status", body, mark)

    def _get(self, what: str, place: str) -> None:
        self.ask(f"api {what}", lambda: self.visitor.get(place))

    def _write(
        self, what: str, method: str, place: str, body: dict[str, str], mark: str
    ) -> requests.Response | None:
        return self._send(what, method, place, mark, json=body)

    def _send(self, what: str, method: str, place: str, mark: str, **sent: Any) -> requests.Response | None:
        headers = {"Idempotency-Key": mark}
        end = time.monotonic() + self.patience
        while True:
            answer = self.ask(
                f"api {what}",
                lambda: self.visitor.request(method, place, headers=headers, **sent),
                mark=mark,
            )
            if answer is not None and answer.ok:
                self.ledger.acknowledged[mark] = True
                return answer
            if time.monotonic() >= end or (answer is not None and answer.status_code < 500):
                return None
            time.sleep(0.2)


class Browser(Worker):
    """Somebody who is signed in and fills in forms; nothing of it is ever sent twice."""

    def __init__(self, url: str, email: str, password: str, ledger: Ledger) -> None:
        super().__init__(Visitor(url).sign_in(email, password), ledger)
        self.mine: list[str] = []  # addresses of tickets

    def deeds(self) -> list[Callable[[], object]]:
        return [self.look, self.open, self.read, self.comment]

    def look(self) -> None:
        self.ask("page /", lambda: self.visitor.get("/"))

    def open(self) -> None:
        if (page := self.ask("page new", lambda: self.visitor.get("/tickets/new/"))) is None or not page.ok:
            return
        mark = self.mark()
        if place := self._submit("form new", page, mark, name="title", title=mark, description="As it was."):
            self.mine.append(place)

    def read(self) -> requests.Response | None:
        return (
            self.ask("page ticket", lambda: self.visitor.get(self.dice.choice(self.mine)))
            if self.mine
            else None
        )

    def comment(self) -> None:
        if (page := self.read()) is not None and page.ok:
            mark = self.mark()
            self._submit("form comment", page, mark, action="/comment/", body=mark)

    def _submit(self, what: str, page: requests.Response, mark: str, **form: str) -> str:
        """The address of the ticket, if the form has been heard: then he is sent on to it. Otherwise nothing."""
        answer = self.ask(what, lambda: self.visitor.submit(page, **form), mark=mark)
        if answer is None or not answer.history:
            return ""
        heard = re.match(r"/tickets/[^/]+/", answer.history[0].headers["Location"])
        self.ledger.acknowledged[mark] = bool(heard)
        return heard[0] if heard else ""


@contextmanager
def at_work(workers: Iterable[Worker]) -> Iterator[None]:
    """All of them, each in a thread, for as long as this lasts; then each ends what he has begun."""
    stopping, broken = threading.Event(), []

    def work(worker: Worker) -> None:
        try:
            worker.work(stopping)
        except Exception as trouble:  # noqa: BLE001 (told below)
            broken.append(trouble)

    threads = [threading.Thread(target=work, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(90)
    assert not broken, broken
    assert not any(thread.is_alive() for thread in threads)
