"""/metrics of processes as they are run: after a day of known work it says exactly what was done, whoever died."""

import os
import shlex
import shutil
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection, connections, transaction
from django.urls import Resolver404, resolve
from procrastinate.contrib.django import app

from accounts.acting import SYSTEM
from accounts.models import User
from notifications import webhooks
from notifications.models import Delivery, State
from serviceflow import metrics
from tests import mail_server as does
from tests.factories import opened, web
from tests.http_server import Heard, Reply, http_server
from tests.mail_server import mail_server
from tests.prometheus import Samples, at, samples_of
from tests.served import Desk, Visitor, forms, running
from tests.tickets.mail import post
from tests.tickets.mail.conftest import mailbox, stand_in
from tests.working import until, working
from tickets import actions, inbound_email
from tickets.models import Mailbox, Service, Ticket

__all__ = ["mailbox", "stand_in"]

pytestmark = pytest.mark.django_db(transaction=True)

SHARED = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())  # noqa: S108 (gunicorn's)


class Ledger:
    """What was asked of a desk and answered by it, as /metrics should tell it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.answered: Counter[tuple[str, str, str]] = Counter()

    def visitor(self, key: str = "") -> Visitor:
        visitor = self.desk.visitor()
        if key:
            visitor.headers["X-API-Key"] = key
        visitor.headers["Connection"] = "close"  # a connection for each request: so every process gets some
        visitor.hooks["response"].append(self.note)
        return visitor

    def note(self, answer: requests.Response, *_more: Any, **_named: Any) -> None:
        method, path = str(answer.request.method), urlsplit(str(answer.request.url)).path
        try:
            route = str(resolve(path).route) if answer.status_code not in {400, 405} else metrics.UNKNOWN
        except Resolver404:
            route = metrics.UNKNOWN
        named = method if method in metrics.METHODS and answer.status_code != 400 else metrics.OTHER
        self.answered[route, named, str(answer.status_code)] += 1

    def told(self) -> Samples:
        """What the desk says of itself, from whichever process."""
        answer = self.desk.visitor().get("/metrics")
        assert answer.status_code == 200
        return samples_of(answer.text)

    def agrees(self) -> bool:
        """Each request once, by route, method and status, and nothing else: but who looked, and how the desk was when
        it started.
        """
        told = {
            (labels["route"], labels["method"], labels["status"]): value
            for (name, key), value in self.told().items()
            if name == "serviceflow_http_requests_total" and (labels := dict(key))
        }
        told = {what: times for what, times in told.items() if what[0] not in {"metrics", "health/ready"}}
        assert told == dict(self.answered)
        return True


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Of a desk of two processes that was just started."""
    with running(connection.settings_dict["NAME"], tmp_path / "web") as desk:
        yield Ledger(desk)


def processes(folder: Path) -> tuple[int, list[int]]:
    """Who serves with its files in this folder: the one that started the others, if it lives, and those."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            surroundings = (place / "environ").read_bytes().split(b"\0")
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if f"SERVED_STATIC={folder / 'static'}".encode() in surroundings:
            found[int(place.name)] = parent
    first = next((parent for parent in found.values() if parent in found), 0)
    return first, [one for one in found if one != first]


def folders_of(workers: list[int], place: Path = SHARED) -> set[Path]:
    """Where these processes count."""
    return {file.parent for one in workers for file in place.glob(f"serviceflow-metrics-*/*_{one}.db")}


# --- What was sent is what is told ---------------------------------------------------------------


def test_after_a_load_of_known_requests_two_processes_tell_what_was_sent(
    ledger: Ledger, employee: User, agent: User, service: Service, key_of: Callable[..., str]
) -> None:
    """Read by the client library of Prometheus. Seen to fail without PROMETHEUS_MULTIPROC_DIR: each process then tells
    of itself alone.
    """
    anna, igor = ledger.visitor(key_of(employee)), ledger.visitor(key_of(agent))
    made = []
    for number in range(12):
        fields = {"title": f"VPN {number}", "service": str(service.public_id)}
        answer = anna.post("/api/v1/tickets/", json=fields)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    for one in made[:7]:
        assert igor.post(f"/api/v1/tickets/{one}/claim/").status_code == 200
    for one in made[:5]:
        assert igor.patch(f"/api/v1/tickets/{one}/status/", json={"status": "IN_PROGRESS"}).status_code == 200
    for one in made[:3]:
        assert anna.patch(f"/api/v1/tickets/{one}/status/", json={"status": "DONE"}).status_code == 403
    for number in range(9):
        assert ledger.visitor().get(f"/no/such/page-{number}/").status_code == 404
    assert ledger.visitor().request("BREW", "/").status_code == 405
    assert ledger.visitor().get("/", headers={"Content-Length": "x"}).status_code == 400
    for _number in range(3):
        browser = ledger.visitor().sign_in(agent.email)
        assert browser.get("/queue/").status_code == 200
        page = ledger.visitor().get("/account/sign-in/")
        [form] = forms(page.text, name="password")
        wrong = form.fields | {"email": agent.email, "password": "wrong-wrong-wrong"}
        stranger = ledger.visitor()
        stranger.cookies.update(page.cookies)
        stranger.post(page.url, data=wrong, headers={"Referer": page.url})
    assert ledger.agrees()
    assert len({status for _route, _method, status in ledger.answered}) > 6
    told = ledger.told()
    seconds = "serviceflow_http_request_duration_seconds_count"
    assert at(told, seconds, route="api/v1/tickets/", method="POST") == 12
    assert at(told, "serviceflow_tickets_opened_total", source="api") == 12
    assert at(told, "serviceflow_ticket_status_changes_total", **{"from": "NEW", "to": "IN_PROGRESS"}) == 5
    assert at(told, "serviceflow_sign_ins_total", outcome="signed_in") == 3
    assert at(told, "serviceflow_sign_ins_total", outcome="refused") == 3
    assert at(told, "serviceflow_http_requests_in_progress") == 1  # the one that asks
    _first, workers = processes(ledger.desk.log.parent)
    assert {
        int(file.stem.rpartition("_")[2]) for place in folders_of(workers) for file in place.glob("*.db")
    } == set(workers)
    # One more: that of the question itself, which is no request's.
    until(lambda: connections_told(ledger) == connections_there() + 1, "connections are told otherwise")


def connections_told(ledger: Ledger) -> float:
    told = ledger.told()
    return sum(value for (name, _key), value in told.items() if name == "serviceflow_database_connections")


def connections_there() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_worker_tells_what_it_delivered_and_what_became_of_mails(
    tmp_path: Path, employee: User, agent: User, service: Service, mailbox: Mailbox, settings: Any
) -> None:
    """Over real servers, of which each keeps its own account of what it has been sent.

    Seen to fail without the word about a try that fails (attempts.failed), and with a mail counted twice.
    """
    port = free_port()
    ticket = opened(by=employee, service=service)
    Delivery.objects.all().delete()

    def hook(heard: Heard) -> Reply:
        return Reply(status=503 if len(receiver.heard) == 2 else 204)

    def host(number: int) -> str:
        return {1: does.BUSY, 3: does.REFUSE}.get(number, does.TAKE)

    with http_server() as receiver, mail_server() as server:
        receiver.reply, server.behave = hook, host
        settings.OUTBOUND_ALLOWED, settings.MAIL_HOST = [ip_network("127.0.0.1/32")], "127.0.0.1"
        webhooks.create(name="Monitoring", url=f"{receiver.url}/hook", topics=["all"], by=SYSTEM)
        for number in range(6):
            actions.add_comment(ticket, body=f"News {number}", by=web(agent))
        mails = [
            post.fetched(mailbox, post.letter(sender=employee.email, proven=True)),
            post.fetched(mailbox, post.letter(sender="stranger@example.org")),
            post.fetched(mailbox, post.letter(Auto_Submitted="auto-replied")),
        ]
        for mail in mails:
            app.configure_task(inbound_email.TASK, queue="mail").defer(mail=str(mail.public_id))
        surroundings = {
            "METRICS_PORT": str(port), "HOST": "127.0.0.1", "HURRIED": "1", "OUTBOUND_ALLOWED": "127.0.0.1/32",
            "MAIL_HOST": "127.0.0.1", "MAIL_PORT": str(server.port), "MAIL_SECURITY": "NONE",
        }  # fmt: skip
        with working(connection.settings_dict["NAME"], tmp_path, **surroundings):
            until(is_done, "something is left to be done")

            def told() -> Samples:
                session = requests.Session()
                session.trust_env = False
                return samples_of(session.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text)

            sent = {
                ("email", "sent"): len(server.taken),
                ("email", "retried"): 1,
                ("email", "failed"): 1,
                ("email", "skipped"): 1,  # the stand-in for strangers has no address of his own
                ("webhook", "sent"): len(receiver.heard) - 1,
                ("webhook", "retried"): 1,
            }
            until(lambda: sum(tries(told()).values()) >= sum(sent.values()), "not all was told")
            assert tries(told()) == sent
            samples = told()
            # The desk's own account says the same.
            assert (
                sent["email", "sent"]
                == Delivery.objects.filter(transport="email", state=State.SENT).count()
                > 4
            )
            assert (
                sent["webhook", "sent"]
                == Delivery.objects.filter(transport="webhook", state=State.SENT).count()
            )
            for transport in ("email", "webhook"):
                aged = at(samples, "serviceflow_delivery_age_seconds_count", transport=transport)
                assert aged == sent[transport, "sent"]
            assert of(samples, "serviceflow_inbound_mail_total", "outcome") == {
                ("ticket",): 2,
                ("ignored",): 1,
            }
            assert of(samples, "serviceflow_tickets_opened_total", "source") == {("mail",): 2}


def tries(samples: Samples) -> dict[tuple[str, ...], float]:
    return of(samples, "serviceflow_deliveries_total", "transport", "outcome")


def is_done() -> bool:
    waiting = Delivery.objects.filter(state__in=[State.PENDING, State.SENDING]).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tickets_inboundmail WHERE outcome = 'fetched'")
        return not waiting and cursor.fetchone()[0] == 0


def of(samples: Samples, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """What is counted under this name, but for zeros."""
    return {
        tuple(dict(key)[label] for label in labels): value
        for (told, key), value in samples.items()
        if told == name and value
    }


# --- Whoever dies --------------------------------------------------------------------------------


def test_what_dead_processes_have_counted_is_told_once_and_what_they_had_in_hand_is_not(
    ledger: Ledger, ticket: Ticket, agent: User, key_of: Callable[..., str]
) -> None:
    """Killed with a request in hand, then asked to end: nothing is lost, nothing counts twice.

    Seen to fail without child_exit: the request in hand is then told for ever.
    """
    igor = ledger.visitor(key_of(agent))
    for _number in range(10):
        assert igor.get("/api/v1/tickets/").status_code == 200
    assert ledger.agrees()
    _first, workers = processes(ledger.desk.log.parent)
    assert len(workers) == 2
    with ThreadPoolExecutor(1) as hands, transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        held = hands.submit(igor.post, f"/api/v1/tickets/{ticket.public_id}/claim/")
        until(lambda: in_hand(ledger) == 2, "nobody waits for the ticket")
        for one in workers:
            os.kill(one, signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            held.result(30)
    until(
        lambda: is_answered(ledger) and in_hand(ledger) == 1,
        "what dead processes had in hand is told for ever",
    )
    assert ledger.agrees()
    for _number in range(10):
        assert igor.get("/api/v1/tickets/").status_code == 200
    _first, others = processes(ledger.desk.log.parent)
    assert len(others) == 2
    assert not set(others) & set(workers)
    os.kill(others[0], signal.SIGTERM)
    until(lambda: others[0] not in processes(ledger.desk.log.parent)[1], "it does not end")
    until(lambda: len(processes(ledger.desk.log.parent)[1]) == 2, "nobody has taken its place")
    until(lambda: is_answered(ledger), "nobody answers")
    for _number in range(10):
        assert igor.get("/api/v1/tickets/").status_code == 200
    assert ledger.agrees()


def test_processes_that_keep_dying_fill_nothing(ledger: Ledger) -> None:
    """What they have counted stays, in one file of each kind. Seen to fail without gather in child_exit."""
    for _turn in range(3):
        for _number in range(6):
            ledger.visitor().get("/account/sign-in/")
        _first, workers = processes(ledger.desk.log.parent)
        [folder] = folders_of(workers)
        for one in workers:
            os.kill(one, signal.SIGKILL)
        until(lambda gone=workers: not set(gone) & set(processes(ledger.desk.log.parent)[1]), "they live")  # type: ignore[misc]
        until(lambda: len(processes(ledger.desk.log.parent)[1]) == 2, "nobody has taken their place")
        until(lambda: is_answered(ledger), "nobody answers")
    _first, workers = processes(ledger.desk.log.parent)
    whose = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
    assert whose <= {"gone", *map(str, workers)}
    assert {file.name for file in folder.glob("*_gone.db")} == {"counter_gone.db", "histogram_gone.db"}
    assert ledger.agrees()


def is_answered(ledger: Ledger) -> bool:
    """By each process: a new one listens before it has read the program."""
    try:
        return all(ledger.desk.visitor().get("/metrics").status_code == 200 for _number in range(6))
    except requests.ConnectionError:
        return False


def in_hand(ledger: Ledger) -> float:
    return at(ledger.told(), "serviceflow_http_requests_in_progress")


def test_a_start_takes_away_what_a_crash_has_left_and_nothing_of_those_who_live(
    tmp_path: Path,
) -> None:
    """In a place of their own, for any other server that starts takes away, too, what lies in that of the machine.

    Seen to fail without the loop of gunicorn._folder_of_ours, without its look at the lock, and without the lock of
    one's own: then whoever lives loses what he has counted.
    """
    name = connections["default"].settings_dict["NAME"]
    here = {"GUNICORN_CMD_ARGS": f"--worker-tmp-dir {shlex.quote(str(tmp_path))}"}
    with running(name, tmp_path / "neighbour", **here) as desk:
        ledger = Ledger(desk)
        for _number in range(10):
            ledger.visitor().get("/account/sign-in/")
        [kept] = folders_of(processes(tmp_path / "neighbour")[1], tmp_path)
        with running(name, tmp_path / "crashed", **here) as crashed:
            crashed.visitor().get("/metrics")
            first, workers = processes(tmp_path / "crashed")
            [left] = folders_of(workers, tmp_path)
            os.kill(first, signal.SIGKILL)
            until(lambda: processes(tmp_path / "crashed")[1] == [], "its processes go on without it")
        assert left.is_dir()
        with running(name, tmp_path / "anew", **here) as anew:
            assert not left.exists()
            # Whoever looked whether it was ready may have given up on a first answer that is still being made.
            until(lambda: in_hand(Ledger(anew)) == 1, "it tells what another had in hand")
            [own] = folders_of(processes(tmp_path / "anew")[1], tmp_path)
        assert not own.exists()  # who ends by himself leaves nothing
        assert kept.is_dir()
        assert ledger.agrees()


def test_a_server_whose_counts_somebody_takes_away_tells_of_the_rest(ledger: Ledger) -> None:
    """And says so in its log. Seen to fail, with 500 for good, without the look for the folder."""
    _first, workers = processes(ledger.desk.log.parent)
    [folder] = folders_of(workers)
    shutil.rmtree(folder)
    samples = samples_of(ledger.visitor().get("/metrics").text)
    assert at(samples, "serviceflow_database_up") == 1
    assert not [name for name, *_labels in samples if name.startswith("serviceflow_http_")]
    assert ledger.visitor().get("/account/sign-in/").status_code == 200
    assert "counts_are_gone" in ledger.desk.log.read_text()
