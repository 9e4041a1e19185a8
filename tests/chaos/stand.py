"""All that runs: database, web server, worker, the servers they talk to, and the people of the desk."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import Team, User
from notifications import webhooks
from notifications.models import Channel
from tests.chaos.database import Database
from tests.factories import ServiceFactory, TeamFactory, UserFactory
from tests.http_server import Heard, Listener, http_server
from tests.load import Ledger, Program
from tests.mail_server import MailServer, mail_server
from tests.served import Server, free_port
from tests.tickets.mail import imap
from tests.tickets.mail.post import BELIEVED
from tests.working import Workshop
from tickets.models import Mailbox


@dataclass
class Stand:
    database: Database
    web: Server
    shop: Workshop
    mails: MailServer
    hooks: Listener
    slack: Listener
    files: Path
    may_fill_the_disk: bool
    team: Team = field(init=False)
    employee: User = field(init=False)
    keys: list[str] = field(default_factory=list)  # of agents
    failed: list[Heard] = field(default_factory=list)  # messages that were heard without a good word
    mailbox: Mailbox = field(init=False)

    @property
    def url(self) -> str:
        return self.web.desk.url

    def asked(self) -> psycopg.Connection:
        """A connection past Django, for whoever looks at what is there."""
        return psycopg.connect(self.database.url, autocommit=True)

    def people(self) -> None:
        """A team of sixteen agents with a service, somebody they work for, and everywhere that is told."""
        self.team = TeamFactory.create(name="IT")
        service = ServiceFactory.create(team=self.team)
        UserFactory.create(email="admin@example.com", role="ADMIN")
        self.employee = UserFactory.create(email="anna@example.com", full_name="Anna Kuznetsova")
        for number in range(16):
            agent = UserFactory.create(email=f"agent{number}@example.com", role="AGENT", in_teams=[self.team])
            self.keys.append(api_keys.issue(agent, name="chaos", scopes=("read", "write"), by=SYSTEM)[1])
        webhooks.create(name="Monitoring", url=f"{self.hooks.url}/hook", topics=["all"], by=SYSTEM)
        channel = Channel(name="Slack", transport="slack", address="#desk", topics=["all"], kinds=["status"])
        channel.token = f"{self.slack.url}/services/a"
        channel.save()
        self.mailbox = Mailbox(
            name="Desk", address="desk@example.com", host="127.0.0.1", username="desk", service=service,
            stand_in=UserFactory.create(email="unknown@example.com"), authserv_id=BELIEVED, is_active=False,
        )  # fmt: skip
        self.mailbox.password = imap.PASSWORD
        self.mailbox.save()

    def start_all(self) -> None:
        self.web.start()
        self.shop.start()

    def wait_until_well(self) -> None:
        self.web.wait_until_ready()
        self.shop.wait_until_alive()


class Clerk(Program):
    """An agent's program that works for somebody else, who is told by mail, and attaches files."""

    pause = 0.05

    def __init__(self, stand: Stand, number: int, ledger: Ledger, *, patience: float = 60) -> None:
        super().__init__(stand.url, stand.keys[number], ledger, patience=patience)
        self.requester = stand.employee.email
        self.dice.seed(number)

    def deeds(self) -> list[Callable[[], object]]:
        return [self.detail, self.open, self.comment, self.comment, self.take_up, self.attach]

    def open(self) -> None:
        mark = self.mark()
        body = {"title": mark, "description": "As it was.", "priority": "LOW", "requester": self.requester}
        if opened := self._write("open", "POST", "/api/v1/tickets", body, mark):
            self.mine.append(opened.json()["number"])

    def open_many(self, times: int) -> None:
        for _turn in range(times):
            self.open()

    def attach(self) -> None:
        """A comment with a file: both are there, or neither."""
        if self.mine:
            mark = self.mark()
            place = f"/api/v1/tickets/{self.dice.choice(self.mine)}/comments"
            content = mark.encode() * self.dice.randint(1, 800)
            sent = {"data": {"body": mark}, "files": {"file": (f"{mark}.txt", content)}}
            self._send("attach", "POST", place, mark, **sent)


@contextmanager
def standing(database: Database, folder: Path, **environment: str) -> Iterator[Stand]:
    """Everything, started and well; all of it is gone in the end."""
    with ExitStack() as all_of_it:
        port = all_of_it.enter_context(free_port())
        mails = all_of_it.enter_context(mail_server())
        hooks = all_of_it.enter_context(http_server())
        slack = all_of_it.enter_context(http_server())
        surroundings = {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "DATABASE_URL": database.url,
            "BASE_URL": f"http://127.0.0.1:{port}",
            "MAIL_PORT": str(mails.port),
            **environment,
        }
        files = Path(os.environ["FILES_FOLDER"])
        web = Server("", folder, port, **surroundings)
        shop = Workshop("", folder, **surroundings)
        stand = Stand(database, web, shop, mails, hooks, slack, files, os.path.ismount(files))
        stand.people()
        web.collect()
        try:
            stand.start_all()
            stand.wait_until_well()
            yield stand
        finally:
            for process in (web.process, shop.process):
                if process is not None and process.poll() is None:
                    (web.kill if process is web.process else shop.kill)()


def until(come_true: Callable[[], object], *, seconds: float) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not come_true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def mark() -> str:
    return f"mark {uuid4().hex}"
