"""Replay a real incident log over the REST API, as a client that knows only the documentation would.

    python benchmarks/replay_incidents.py --base-url http://127.0.0.1:8000 --bootstrap-key KEY [LOG]

The log is one row per update of an incident, as ServiceNow's audit has it (UCI "Incident management process enriched
event log"). Every update is first sent the way its author naively would. What the desk refuses is counted by its
code, and then done by the verb and the person that fit. At the end every ticket must stand where the log says.

Ends with 1 if one does not, or if any answer was a 5xx. See benchmarks/README.md.
"""

import argparse
import csv
import itertools
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

# Beside the checkout, as for the tests: see tests/shared.py.
SHARED = Path(os.environ.get("SERVICEFLOW_SHARED") or Path(__file__).resolve().parents[2] / "shared")
LOG = SHARED / "data" / "incident_event_log.csv"
NOBODY = "?"
MOST_LOSSES = 6  # of one call

# State of the log -> (status, waiting_for) of the desk. A state not in here ("-100") says nothing: the ticket stays.
STATES = {
    "New": ("NEW", None),
    "Active": ("IN_PROGRESS", None),
    "Awaiting User Info": ("WAITING", "REQUESTER"),
    "Awaiting Evidence": ("WAITING", "REQUESTER"),
    "Awaiting Problem": ("WAITING", "THIRD_PARTY"),
    "Awaiting Vendor": ("WAITING", "THIRD_PARTY"),
    "Resolved": ("DONE", None),
    "Closed": ("DONE", None),
}
PRIORITIES = {"1": "URGENT", "2": "HIGH", "3": "NORMAL", "4": "LOW", "5": "LOW"}

type Row = dict[str, str]
type Json = dict[str, Any]


# --- Talking to the desk -------------------------------------------------------------------------


class Refusal(Exception):
    """An answer of 4xx: the desk will not do that."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = str(problem.get("code", ""))


class Broken(Exception):
    """An answer of 5xx."""


class Client:
    """Calls with keep-alive, one connection a thread, and counts what comes back."""

    def __init__(self, base_url: str) -> None:
        self.base = base_url.rstrip("/") + "/api/v1"
        self.answers: Counter[int] = Counter()
        self.refusals: Counter[tuple[int, str, str]] = Counter()
        self.seconds: list[float] = []
        self.lost = 0
        self._local = threading.local()
        self._lock = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str,
        once: str = "",
        header: str = "X-API-Key",
    ) -> Json:
        """The JSON of a 2xx answer. `once` is the Idempotency-Key.

        Waits as long as a 429 says. A connection that is lost may have done its work or not: the Idempotency-Key
        makes it safe to send the same again.
        """
        headers = {header: key} | ({"Idempotency-Key": once} if once else {})
        losses = 0
        while True:
            began = time.perf_counter()
            try:
                answer = self._session().request(
                    method, self.base + path, json=body, headers=headers, timeout=60
                )
            except requests.ConnectionError:
                losses += 1
                with self._lock:
                    self.lost += 1
                if losses == MOST_LOSSES:
                    raise
                time.sleep(losses)
                continue
            with self._lock:
                self.seconds.append(time.perf_counter() - began)
                self.answers[answer.status_code] += 1
            if answer.status_code == 429:
                time.sleep(float(answer.headers.get("Retry-After", "1")))
                continue
            if answer.status_code >= 500:
                raise Broken(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            content: Json = answer.json() if answer.content else {}
            if answer.status_code >= 400:
                raise Refusal(answer.status_code, content)
            return content

    def refused(self, refusal: Refusal, attempt: str) -> None:
        with self._lock:
            self.refusals[refusal.status, refusal.code, attempt] += 1

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


@dataclass(frozen=True)
class Person:
    id: str
    key: str


@dataclass
class Desk:
    """The people and teams of the log, as they are known at the desk."""

    client: Client
    admin_key: str
    run: str
    agents: dict[str, Person] = field(default_factory=dict)
    callers: dict[str, Person] = field(default_factory=dict)
    teams: list[str] = field(default_factory=list)

    def team_of(self, group: str) -> str | None:
        """The groups of the log are dealt out to whatever teams the desk has; it may have none."""
        if not self.teams or group == NOBODY:
            return None
        return self.teams[int("0" + "".join(filter(str.isdigit, group))) % len(self.teams)]

    def hire(self, name: str, role: str, teams: Iterable[str]) -> Person:
        email = f"{'-'.join(name.lower().split())}.{self.run}@replay.example"
        body: Json = {"email": email, "full_name": name, "role": role, "issue_api_key": True}
        if ids := sorted(set(teams)):
            body["team_ids"] = ids
        made = self.client.call("POST", "/users", body, key=self.admin_key, once=email)
        return Person(made["id"], made["api_key"])


# --- The log -------------------------------------------------------------------------------------


def incidents(path: Path) -> list[list[Row]]:
    """The updates of each incident in their order: by sys_mod_count, then time."""
    if not path.is_file():
        sys.exit(f"There is no incident log at {path}: name it as the argument.")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "incident_state" not in rows[0]:
        sys.exit(f"{path} is no incident log: it has no column incident_state.")
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["number"]].append(row)
    for updates in found.values():
        updates.sort(key=lambda row: (int(row["sys_mod_count"]), _moment(row["sys_updated_at"])))
    return list(found.values())


def expected(updates: list[Row]) -> tuple[str, str | None]:
    """Where the log leaves an incident."""
    known = [STATES[row["incident_state"]] for row in updates if row["incident_state"] in STATES]
    return known[-1] if known else ("NEW", None)


def staff_in(log: list[list[Row]]) -> dict[str, set[str]]:
    """{agent: the groups whose incidents he had a hand in}."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in itertools.chain.from_iterable(log):
        for column in ("opened_by", "assigned_to", "sys_updated_by"):
            if row[column] != NOBODY:
                found[_name(row[column])].add(row["assignment_group"])
    return found


def _name(text: str) -> str:
    return " ".join(text.split())


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%d-%m-%Y %H:%M")  # noqa: DTZ007 (only compared)


# --- One incident --------------------------------------------------------------------------------


class Incident:
    """One ticket as its client sees it: by the last answer."""

    def __init__(self, updates: list[Row], desk: Desk) -> None:
        self.updates, self.desk, self.client = updates, desk, desk.client
        self.number = updates[0]["number"]
        self.ticket: Json = {}
        self._calls = itertools.count(1)

    def replay(self) -> Json:
        """The ticket at the end, as the administrator sees it."""
        self._open(self.updates[0])
        before = self.updates[0] | {"incident_state": "New", "assigned_to": NOBODY}
        for row in self.updates:
            self._update(before, row)
            before = row
        return self.client.call("GET", f"/tickets/{self.ticket['id']}", key=self.desk.admin_key)

    def _open(self, row: Row) -> None:
        """By whoever sat at the telephone, for the caller."""
        body: Json = {
            "title": f"{row['category']}, {row['subcategory']}: {row['u_symptom']}",
            "description": f"{self.number} from {row['location']}, by {row['contact_type']}",
            "priority": _priority(row),
            "requester": self._caller(row).id,
        }
        if team := self.desk.team_of(row["assignment_group"]):
            body["team"] = team
        agent = self._agent(row["opened_by"])
        key = agent.key if agent else self._caller(row).key
        if agent is None:
            body.pop("team", None)
        assignee = self._agent(row["assigned_to"])
        if assignee and self._tried("open and assign", "POST", "", body | {"assignee": assignee.id}, key=key):
            return
        self._do("POST", "", body, key=key)

    def _update(self, before: Row, row: Row) -> None:
        """What this row says is new, each as the verb that its author would try."""
        author = self._agent(row["sys_updated_by"]) or self._agent(row["opened_by"]) or self._admin
        changed = False
        if row["priority"] != before["priority"]:
            changed = True
            self._set_priority(_priority(row), author)
        if row["incident_state"] != before["incident_state"] and row["incident_state"] in STATES:
            changed = True
            self._change_state(row, author)
        if self._changes_hands(before, row):
            changed = True
            self._change_hands(row, author)
        if not changed:
            self._say(f"{row['incident_state']}, update {row['sys_mod_count']}", author)

    # --- Status ---

    def _change_state(self, row: Row, author: Person) -> None:
        status, waiting_for = STATES[row["incident_state"]]
        body: Json = {"status": status}
        if waiting_for:
            body["waiting_for"] = waiting_for
        assignee = self._agent(row["assigned_to"])
        if assignee and assignee.id != self._assignee_id and status not in {"NEW", "DONE"}:
            body["assignee"] = assignee.id
        if self._stands(status, waiting_for) and row["incident_state"] != "Closed":
            return
        # First by whoever wrote the update, then by whoever is responsible, then as the workflow wants it.
        for person, what in ((author, "its author"), (assignee or self._responsible, "the assignee")):
            if self._tried(f"{row['incident_state']}, by {what}", "PATCH", "/status", body, key=person.key):
                return
        self._bring_to(status, waiting_for, assignee or author)

    def _bring_to(self, status: str, waiting_for: str | None, agent: Person) -> None:
        """The fitting verbs, by the person they are for."""
        if self._stands(status, waiting_for):
            return
        if self.ticket["status"] == "DONE":
            self._do("POST", "/reopen", {"comment": "It is back."}, key=self._responsible.key)
        if status == "NEW":
            self._let_go()
            return
        if self.ticket["assignee"] is None:
            self._do("POST", "/claim", {}, key=agent.key)
        if self.ticket["status"] == "NEW" or (self.ticket["status"] == status == "WAITING"):
            self._set_status("IN_PROGRESS")
        if not self._stands(status, waiting_for):
            self._set_status(status, waiting_for)

    def _set_status(self, status: str, waiting_for: str | None = None) -> None:
        body = {"status": status} | ({"waiting_for": waiting_for} if waiting_for else {})
        self._do("PATCH", "/status", body, key=self._responsible.key)

    def _stands(self, status: str, waiting_for: str | None) -> bool:
        return (self.ticket["status"], self.ticket["waiting_for"] or None) == (status, waiting_for)

    # --- Hands ---

    def _changes_hands(self, before: Row, row: Row) -> bool:
        assignee = self._agent(row["assigned_to"])
        if self.ticket["status"] == "DONE":
            return False
        if assignee is not None:
            return assignee.id != self._assignee_id
        return (
            row["assigned_to"] != before["assigned_to"]
            or row["assignment_group"] != before["assignment_group"]
        )

    def _change_hands(self, row: Row, author: Person) -> None:
        assignee, team = self._agent(row["assigned_to"]), self.desk.team_of(row["assignment_group"])
        if assignee is not None:
            body: Json = {"assignee": assignee.id}
            if self._tried("hand over to an agent", "POST", "/hand-over", body, key=author.key):
                return
            if self.ticket["assignee"] is None:
                self._do("POST", "/claim", {}, key=assignee.key)
            else:
                self._do("POST", "/hand-over", body, key=self._responsible.key)
            return
        # To a queue. A ticket that is worked on would be NEW again: the log's next row says who goes on with it.
        if team is None or self.ticket["status"] == "IN_PROGRESS" or self._queued_with(team):
            self._say(f"Now with {row['assignment_group']}.", author)
        elif not self._tried("hand over to a team", "POST", "/hand-over", {"team": team}, key=author.key):
            self._do("POST", "/hand-over", {"team": team}, key=self._responsible.key)

    def _let_go(self) -> None:
        """Back to the queue of the ticket's team; a ticket of no team has no queue to go back to."""
        team = self.ticket["team"]
        if team is None:
            self._say("Back to the queue.", self._responsible)
        else:
            self._do("POST", "/hand-over", {"team": team["id"]}, key=self._responsible.key)

    def _queued_with(self, team: str) -> bool:
        return self.ticket["assignee"] is None and (self.ticket["team"] or {}).get("id") == team

    # --- The rest ---

    def _set_priority(self, priority: str, author: Person) -> None:
        if priority == self.ticket["priority"]:
            return
        body = {"priority": priority}
        if not self._tried("set the priority", "PATCH", "", body, key=author.key):
            self._do("PATCH", "", body, key=self._responsible.key)

    def _say(self, text: str, author: Person) -> None:
        self._do("POST", "/comments", {"body": text, "internal": True}, key=author.key)

    def _tried(self, attempt: str, method: str, path: str, body: Json, *, key: str) -> bool:
        """Whether the desk did it. What it refuses is counted."""
        try:
            self._do(method, path, body, key=key)
        except Refusal as refusal:
            if refusal.status not in {403, 409}:
                raise
            self.client.refused(refusal, attempt)
            return False
        return True

    def _do(self, method: str, path: str, body: Json, *, key: str) -> None:
        where = f"/tickets/{self.ticket['id']}{path}" if self.ticket else "/tickets"
        once = f"{self.desk.run} {self.number} {next(self._calls)}"
        answer = self.client.call(method, where, body, key=key, once=once)
        if "version" in answer:
            self.ticket = answer

    @property
    def _admin(self) -> Person:
        return Person("", self.desk.admin_key)

    @property
    def _responsible(self) -> Person:
        """Whoever has it; the administrator where nobody does."""
        return next(
            (agent for agent in self.desk.agents.values() if agent.id == self._assignee_id), self._admin
        )

    @property
    def _assignee_id(self) -> str | None:
        assignee: Json | None = self.ticket["assignee"]
        return assignee["id"] if assignee else None

    def _agent(self, name: str) -> Person | None:
        return None if name == NOBODY else self.desk.agents[_name(name)]

    def _caller(self, row: Row) -> Person:
        return self.desk.callers[_name(row["caller_id"])]


def _priority(row: Row) -> str:
    return PRIORITIES.get(row["priority"][:1], "NORMAL")


# --- The whole -----------------------------------------------------------------------------------


@dataclass
class Outcome:
    wanted: tuple[str, str | None]
    got: tuple[str, str | None]
    trouble: str = ""


def enter(client: Client, options: argparse.Namespace) -> Desk:
    run = options.run or f"{int(time.time()):x}"
    if options.bootstrap_key:
        body = {"email": f"admin.{run}@replay.example", "full_name": "Replay Administrator"}
        made = client.call(
            "POST", "/users", body, key=options.bootstrap_key, header="X-Bootstrap-Key", once=run
        )
        options.admin_key = made["api_key"]
    desk = Desk(client, options.admin_key, run)
    desk.teams = sorted(team["id"] for team in client.call("GET", "/teams", key=desk.admin_key)["results"])
    return desk


def staff(desk: Desk, log: list[list[Row]], pool: ThreadPoolExecutor) -> None:
    agents = staff_in(log)
    callers = sorted({_name(row["caller_id"]) for updates in log for row in updates})
    teams = {
        name: {team for group in groups if (team := desk.team_of(group))} for name, groups in agents.items()
    }
    hired = pool.map(lambda name: desk.hire(name, "AGENT", teams[name]), agents)
    desk.agents = dict(zip(agents, hired, strict=True))
    desk.callers = dict(
        zip(callers, pool.map(lambda name: desk.hire(name, "EMPLOYEE", ()), callers), strict=True)
    )


def replay_one(updates: list[Row], desk: Desk) -> Outcome:
    wanted = expected(updates)
    try:
        ticket = Incident(updates, desk).replay()
    except (Refusal, Broken, requests.RequestException) as error:
        return Outcome(wanted, ("?", None), f"{updates[0]['number']}: {error}")
    return Outcome(wanted, (ticket["status"], ticket["waiting_for"] or None))


def replayed(log: list[list[Row]], desk: Desk, pool: ThreadPoolExecutor) -> Iterator[Outcome]:
    for done, outcome in enumerate(pool.map(lambda updates: replay_one(updates, desk), log), start=1):
        if done % 100 == 0:
            print(f"  {done} of {len(log)} incidents", flush=True)
        yield outcome


def report(outcomes: list[Outcome], client: Client, took: float, updates: int) -> bool:
    """Print what happened; whether all is as it must be."""
    seconds = sorted(client.seconds)
    calls = len(seconds)
    wrong = [outcome for outcome in outcomes if outcome.got != outcome.wanted or outcome.trouble]
    broken = sum(count for status, count in client.answers.items() if status >= 500)
    print(
        f"\nincidents {len(outcomes)}, updates {updates}, calls {calls} in {took:.1f} s: {calls / took:.0f} a second"
    )
    print(
        f"a call took {_ms(seconds, 0.5)} (median), {_ms(seconds, 0.95)} (95 %), {_ms(seconds, 0.99)} (99 %)"
    )
    print("\nanswers")
    for status, count in sorted(client.answers.items()):
        print(f"  {status}  {count:6}")
    print(f"  connections lost, the call repeated with its Idempotency-Key: {client.lost}")
    print("\nrefused at the first try, then done by the verb and the person that fit")
    for (status, code, attempt), count in client.refusals.most_common():
        print(f"  {status} {code:24} {attempt:36} {count:6}")
    print("\nfinal states                     log   desk")
    wanted, got = Counter(o.wanted for o in outcomes), Counter(o.got for o in outcomes)
    for state in sorted(wanted | got, key=str):
        print(f"  {' '.join(filter(None, state)):26} {wanted[state]:8} {got[state]:6}")
    print(f"\nmismatches {len(wrong)}, 5xx {broken}")
    for outcome in wrong[:10]:
        print(f"  {outcome.trouble or f'{outcome.wanted} became {outcome.got}'}")
    return not wrong and not broken


def _ms(seconds: list[float], share: float) -> str:
    return f"{seconds[int(share * (len(seconds) - 1))] * 1000:.0f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description="Replay a real incident log over the REST API.")
    parser.add_argument("log", nargs="?", type=Path, default=LOG, help=f"the CSV file ({LOG})")
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    entry = parser.add_mutually_exclusive_group(required=True)
    entry.add_argument("--bootstrap-key", help="ADMIN_BOOTSTRAP_KEY of an empty desk")
    entry.add_argument("--admin-key", help="an administrator's API key with all scopes")
    parser.add_argument("--threads", type=int, default=4, help="incidents at the same time (4)")
    parser.add_argument("--limit", type=int, default=None, help="only so many incidents")
    parser.add_argument("--run", default="", help="a word in the people's addresses; by default the time")
    options = parser.parse_args()

    log = incidents(options.log)[: options.limit]
    client = Client(options.base_url)
    with ThreadPoolExecutor(options.threads) as pool:
        desk = enter(client, options)
        began = time.perf_counter()
        staff(desk, log, pool)
        print(
            f"{len(desk.agents)} agents and {len(desk.callers)} employees, {len(desk.teams)} teams:"
            f" {time.perf_counter() - began:.1f} s",
            flush=True,
        )
        outcomes = list(replayed(log, desk, pool))
    return 0 if report(outcomes, client, time.perf_counter() - began, sum(map(len, log))) else 1


if __name__ == "__main__":
    sys.exit(main())
