"""Servers and workers are replaced while people work, and nobody notices.

Another release than the present one takes part in `bin/upgrade-drill`.
"""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import requests
from django.db import connection

from accounts.models import User
from notifications.models import Delivery, State
from tests.factories import PASSWORD
from tests.invariants import check
from tests.load import Browser, Ledger, Program, at_work
from tests.mail_server import MailServer, mail_server
from tests.rolling import Manners, Release, fleet, is_ready
from tests.served import CHECKOUT, Server, Visitor, free_port
from tests.working import until
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

# As in deploy/kubernetes (tests/deploy/test_kubernetes.py holds the figures together), less the waiting.
QUICK = Manners(lag=0.5, pause=1.5, grace=31.5)


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def release(tmp_path: Path, mails: MailServer) -> Release:
    """The present one, on the database of the test."""
    settings = {
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(mails.port),
        "MAIL_SECURITY": "NONE",
        "WEB_CONCURRENCY": "1",
    }
    server = Server(connection.settings_dict["NAME"], tmp_path / "desk", 1, **settings)
    server.collect()
    return Release("present", CHECKOUT, Path(sys.executable), dict(server.surroundings), tmp_path)


def waiting() -> int:
    return Delivery.objects.filter(state__in=[State.PENDING, State.SENDING]).count()


def test_all_servers_are_replaced_and_nobody_notices(
    release: Release, mails: MailServer, agent: User, employee: User, key_of: Callable[..., str]
) -> None:
    """No call fails, what was acknowledged is there once, and each mail is sent once, by the worker of before or by the
    next.

    Seen to fail: without the pause before SIGTERM, as the proxy has not heard yet (connections refused).
    """
    ledger = Ledger()
    with fleet(QUICK) as servers:
        for _one in range(2):
            servers.bring(release)
        first, url = set(servers.servers), servers.balancer.url
        servers.hire(release)
        people = [
            Program(url, key_of(agent), ledger, requester=employee.email),
            Program(url, key_of(agent), ledger),
            Browser(url, employee.email, PASSWORD, ledger),
        ]
        with at_work(people):
            servers.roll(release)
            servers.hire(release)
        assert not first & set(servers.servers)
        until(lambda: not waiting(), "mails are left")
        assert servers.faults == []
    assert len(ledger.answers) > 50
    assert [str(one) for one in ledger.failed()] == []
    assert all(ledger.acknowledged.values())
    assert ledger.unkept(connection) == []
    assert check(connection) == []
    sent = Counter(one.mail["Message-ID"] for one in mails.received)
    assert len(sent) == Delivery.objects.filter(transport="email", state=State.SENT).count() > 10
    assert set(sent.values()) == {1}


def test_a_server_that_is_told_to_end_takes_nobody_in_and_answers_whom_it_has(
    release: Release, ticket: Ticket, agent: User, key_of: Callable[..., str]
) -> None:
    """A call that waits for somebody else's lock when SIGTERM comes.

    Seen to fail: with a graceful_timeout of 0; without `close_the_door`.
    """
    answers: list[int] = []
    key = key_of(agent)

    def comment(port: int) -> None:
        caller = Visitor(f"http://127.0.0.1:{port}")
        place = f"/api/v1/tickets/{ticket.public_id}/comments"
        with suppress(requests.ConnectionError):
            told = caller.post(place, json={"body": "In time"}, headers={"X-API-Key": key})
            answers.append(told.status_code)

    with (
        free_port() as port,
        psycopg.connect(**connection.get_connection_params()) as other,
    ):
        server = release.web(port)
        try:
            server.wait_until(lambda: is_ready(port))
            other.execute("SELECT FROM tickets_ticket WHERE id = %s FOR UPDATE", [ticket.pk])
            call = threading.Thread(target=comment, args=[port])
            call.start()
            until(lambda: others_wait(other), "nobody waits for the ticket")
            server.process.terminate()
            until(lambda: is_refused(port), "it still takes calls")
            assert server.process.poll() is None
            assert answers == []
            other.commit()
            call.join(30)
            assert server.process.wait(30) == 0
        finally:
            server.kill()
    assert answers == [201]
    assert ticket.comments.filter(body="In time").count() == 1


def others_wait(other: "psycopg.Connection[tuple[int]]") -> bool:
    found = other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(found and found[0])


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False
