"""/metrics: what was done is counted once, nothing else is, and nobody can make it grow."""

import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import structlog
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone
from prometheus_client import Counter

from accounts.acting import Actor
from accounts.models import User
from audit import watching
from audit.models import Door
from notifications import attempts, outbox, upkeep
from notifications.attempts import Attempt, Later
from notifications.message import Passing
from notifications.models import Delivery, Kind, State, Transport
from serviceflow import figures, metrics
from serviceflow.asking import Question
from tests.factories import PASSWORD, opened
from tests.prometheus import Samples, at, samples_of
from tests.served import CHECKOUT
from tests.tickets.mail import post
from tests.tickets.mail.conftest import mailbox, stand_in
from tests.working import until, working
from tickets import actions
from tickets.inbound_email.receiving import receive
from tickets.models import Mailbox, Service, Ticket
from tickets.models.mail import Outcome

__all__ = ["mailbox", "stand_in"]


class Counted:
    """What has been counted in this process since the last look."""

    def __init__(self) -> None:
        self.before = self.now()

    def now(self) -> Samples:
        return samples_of(metrics.exposed().decode())

    def since(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        now = self.now()
        more = {
            name: value - self.before.get(name, 0)
            for name, value in now.items()
            if not name[0].endswith("_created") and value != self.before.get(name, 0)
        }
        self.before = now
        return more


@pytest.fixture
def counted() -> Counted:
    return Counted()


def named(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


# --- Who may read it -----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("key", "status"), [("", 404), ("k" * 24, 401)])
def test_figures_are_for_whoever_has_the_key(settings: Any, key: str, status: int) -> None:
    """Seen to fail with `return True` in health.may_know."""
    settings.METRICS_OPEN, settings.METRICS_KEY = False, key
    prometheus = Client(headers={"host": "10.42.0.7:8000"})
    for said in ("", "Bearer ", "Bearer wrong", "k" * 24, "Bearer é"):
        answer = prometheus.get("/metrics", headers={"authorization": said})
        assert answer.status_code == status
        assert b"serviceflow_" not in answer.content
        assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)
    if key:
        answer = prometheus.get("/metrics", headers={"authorization": f"Bearer {key}"})
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        assert b"serviceflow_http_requests_total" in answer.content
        assert not answer.cookies


@pytest.mark.django_db
def test_they_are_only_read() -> None:
    answer = Client().post("/metrics")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


# --- What cannot grow ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_thousand_made_up_addresses_and_methods_add_no_series(client: Client) -> None:
    """Seen to fail with the path, or the method as it came, in metrics.request."""
    client.get("/nowhere/")
    client.get("/api/v1/nowhere")
    client.generic("BREW", "/nowhere/")
    client.generic("BREW", "/api/v1/nowhere")
    client.get("/tickets/SF-1/")
    client.get("/admin/nowhere/")
    client.get("/static/nowhere.css")
    series = set(samples_of(metrics.exposed().decode()))
    for number in range(200):
        client.get(f"/nowhere-{number}/")
        client.get(f"/api/v1/nowhere-{number}")
        client.generic(f"BREW{number}", f"/nowhere-{number}/")
        client.generic(f"BREW{number}", f"/api/v1/nowhere-{number}")
        client.get(f"/tickets/SF-{number}/")
        client.get(f"/admin/nowhere-{number}/")
        client.get(f"/static/nowhere-{number}.css")
    assert set(samples_of(metrics.exposed().decode())) == series


# --- What verbs do -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_was_done_is_counted_once_and_what_was_not_is_not(
    employee: User, agent: User, service: Service, counted: Counted
) -> None:
    """Seen to fail with the counter called at once in watching.tell instead of on commit."""
    by = Actor(agent, Door.WEB)
    with transaction.atomic():
        opened(by=employee, service=service)
        transaction.set_rollback(True)  # as if something had gone wrong after the verb
    assert not counted.since()
    ticket = opened(by=employee, service=service)
    assert counted.since() == {named("serviceflow_tickets_opened_total", source="web"): 1}
    with transaction.atomic():  # one ticket, two verbs, one transaction
        ticket = actions.claim(ticket, by=by)
        actions.change_status(ticket, status="IN_PROGRESS", by=by)
        assert not counted.since()
    assert counted.since() == {
        named("serviceflow_ticket_status_changes_total", **{"from": "NEW", "to": "IN_PROGRESS"}): 1
    }


@pytest.mark.django_db(transaction=True)
def test_how_long_a_ticket_took_and_whether_it_was_in_time(
    ticket: Ticket, agent: User, counted: Counted
) -> None:
    by = Actor(agent, Door.WEB)
    Ticket.objects.filter(pk=ticket.pk).update(
        created_at=timezone.now() - timedelta(hours=3), due_at=timezone.now() - timedelta(hours=1)
    )
    actions.change_status(actions.claim(ticket, by=by), status="IN_PROGRESS", by=by)
    counted.since()
    actions.change_status(ticket, status="DONE", comment="Done.", by=by)
    more = counted.since()
    for measured in ("first_response", "resolution"):
        assert more[named(f"serviceflow_ticket_{measured}_seconds_count")] == 1
        assert 3 * 3600 <= more[named(f"serviceflow_ticket_{measured}_seconds_sum")] < 3 * 3600 + 60
        assert named(f"serviceflow_ticket_{measured}_seconds_bucket", le="7200.0") not in more
        assert more[named(f"serviceflow_ticket_{measured}_seconds_bucket", le="14400.0")] == 1
    assert more[named("serviceflow_ticket_deadlines_total", outcome="missed")] == 1


@pytest.mark.django_db(transaction=True)
def test_sign_ins_are_counted_by_what_came_of_them(client: Client, employee: User, counted: Counted) -> None:
    client.post("/account/sign-in/", {"email": employee.email, "password": "wrong-wrong-wrong"})
    client.post("/account/sign-in/", {"email": "nobody@example.com", "password": "wrong-wrong-wrong"})
    client.post("/account/sign-in/", {"email": employee.email, "password": PASSWORD})
    more = counted.since()
    assert more[named("serviceflow_sign_ins_total", outcome="refused")] == 2
    assert more[named("serviceflow_sign_ins_total", outcome="signed_in")] == 1


@pytest.mark.django_db
def test_who_counts_can_fail_nobody(
    ticket: Ticket, agent: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """Seen to fail without robust=True in watching.tell."""

    def broken(*_facts: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setitem(watching.COUNTERS, "event", broken)
    with django_capture_on_commit_callbacks(execute=True):
        actions.claim(ticket, by=Actor(agent, Door.WEB))
    ticket.refresh_from_db()
    assert ticket.assignee == agent


@pytest.mark.django_db
def test_an_answer_stands_though_it_cannot_be_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Before the request, after it, and where the web server refuses one. It is logged, and the thread forgets the
    request. Seen to fail without metrics._failing_nobody on `request`, and on `unreadable`.
    """

    def broken(*_values: object) -> None:
        raise OSError("No space left on device")

    for counter, verb in ((metrics.IN_HAND, "inc"), (metrics.IN_HAND, "dec"), (metrics.REQUESTS, "labels")):
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(counter, verb, broken)
            assert client.get("/health/live").status_code == 200
            metrics.unreadable(431)
        assert not structlog.contextvars.get_contextvars()
    told = [line for line in log_lines() if line["event"] == "not_counted"]
    assert len(told) == 4
    assert all("No space left" in str(line) for line in told)


def test_every_outcome_that_alerts_watch_is_told_before_it_happens() -> None:
    """By a process that has just begun: Prometheus sees no rise in what is new to it. Seen to fail without the
    loop of metrics.register.
    """
    program = (
        "import django; django.setup()\nfrom serviceflow import metrics; print(metrics.exposed().decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    samples = samples_of(done.stdout)

    def outcomes(name: str) -> set[str]:
        found = {dict(labels)["outcome"]: value for (one, labels), value in samples.items() if one == name}
        assert not any(found.values())
        return set(found)

    # What the code can say: the ends of a delivery, of a mail, and of a try to sign in.
    ended = {State.SENT, State.SKIPPED, State.UNKNOWN, State.FAILED}
    assert set(State) - ended == {State.PENDING, State.SENDING, State.GATHERED}
    for transport in set(Transport) - {Transport.INBOX}:
        for outcome in {str(one) for one in ended} | {attempts.RETRIED}:
            assert named("serviceflow_deliveries_total", transport=transport, outcome=outcome) in samples
    assert outcomes("serviceflow_inbound_mail_total") == set(Outcome) - {Outcome.FETCHED}
    assert outcomes("serviceflow_sign_ins_total") == set(metrics._SIGN_INS.values())
    assert set(metrics._MAIL.values()) <= outcomes("serviceflow_inbound_mail_total")
    # And every counter with an outcome is one of these.
    counters = {one for one in vars(metrics).values() if isinstance(one, Counter)}
    watched = {one for one in counters if "outcome" in one._labelnames}
    assert watched - {metrics.DEADLINES} == set(metrics.OUTCOMES)


# --- Messages and mails --------------------------------------------------------------------------


def delivery_to(user: User, **more: Any) -> Delivery:
    """One that a worker has just taken."""
    now = timezone.now()
    facts: dict[str, Any] = {
        "kind": Kind.REPLY, "verb": "ticket.commented", "subject_type": "ticket", "subject_id": uuid4(),
        "subject_name": "SF-1 x", "seq": 1, "reason": "requester", "transport": Transport.EMAIL, "recipient": user,
        "state": State.SENDING, "started_at": now, "attempts": 1, "created_at": now - timedelta(minutes=2),
    }  # fmt: skip
    made = Delivery.objects.create(**facts | more)
    made.destination, made.shaky, made.on_trial = "email", False, False  # type: ignore[attr-defined]
    return made


@pytest.mark.django_db(transaction=True)
def test_deliveries_are_counted_by_what_came_of_them(employee: User, counted: Counted) -> None:
    """And not by a worker whose attempt another has taken over. Seen to fail without the look at rowcount in _end."""
    Attempt(delivery_to(employee)).succeeded("250 ok")
    with pytest.raises(Later):
        Attempt(delivery_to(employee)).failed(Passing("451 later", about_this=True))
    lost = delivery_to(employee)
    Delivery.objects.filter(pk=lost.pk).update(started_at=timezone.now() + timedelta(seconds=50))
    Attempt(lost).succeeded("250 ok")
    delivery_to(employee, state=State.PENDING, created_at=timezone.now() - timedelta(days=4))
    upkeep.give_up()
    more = counted.since()
    assert {name: value for name, value in more.items() if name[0] == "serviceflow_deliveries_total"} == {
        named("serviceflow_deliveries_total", transport="email", outcome="sent"): 1,
        named("serviceflow_deliveries_total", transport="email", outcome="retried"): 1,
        named("serviceflow_deliveries_total", transport="email", outcome="failed"): 1,
    }
    assert more[named("serviceflow_delivery_age_seconds_count", transport="email")] == 1
    assert 120 <= more[named("serviceflow_delivery_age_seconds_sum", transport="email")] < 180


@pytest.mark.django_db(transaction=True)
def test_mails_are_counted_by_what_became_of_them(employee: User, mailbox: Mailbox, counted: Counted) -> None:
    """One that was read already is no second one."""
    post.arrives(mailbox, sender=employee.email, proven=True)
    post.arrives(mailbox, sender="stranger@example.org")
    receive(str(post.arrives(mailbox, Auto_Submitted="auto-replied").public_id))
    more = counted.since()
    assert {dict(name[1])["outcome"]: value for name, value in more.items() if "inbound" in name[0]} == {
        "ticket": 2,
        "ignored": 1,
    }


# --- How the desk stands -------------------------------------------------------------------------


@pytest.fixture
def figures_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_question", Question(figures.look, name="figures"))


def told() -> Samples:
    return samples_of(Client().get("/metrics").content.decode())


def run(statement: str, *values: Any) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.django_db(transaction=True)
def test_queues_messages_and_mailboxes_are_told_as_they_stand(employee: User, mailbox: Mailbox) -> None:
    run("INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
        "VALUES ('email', 'x', now() - interval '3 hours'), ('email', 'x', now() + interval '1 day')")  # fmt: skip
    run("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('webhook', 'x')")
    delivery_to(employee, state=State.PENDING)
    delivery_to(employee, state=State.PENDING, attempts=0, due_at=timezone.now() + timedelta(hours=8),
                created_at=timezone.now() - timedelta(hours=9))  # fmt: skip
    delivery_to(employee, state=State.SENT)
    Mailbox.objects.update(visited_at=datetime(2026, 3, 1, tzinfo=UTC), trouble="silent")
    samples = told()
    assert at(samples, "serviceflow_database_up") == 1
    assert at(samples, "serviceflow_jobs_due", queue="email") == 1
    assert at(samples, "serviceflow_jobs_oldest_seconds", queue="email") // 3600 == 3
    assert at(samples, "serviceflow_jobs_due", queue="webhook") == 1
    assert at(samples, "serviceflow_jobs_oldest_seconds", queue="webhook") < 60
    assert samples["serviceflow_jobs_due", frozenset({("queue", "mail")})] == 0  # told although there is none
    assert at(samples, "serviceflow_deliveries_waiting", transport="email") == 2
    # What waits for the end of somebody's night is in nobody's way.
    assert 120 <= at(samples, "serviceflow_deliveries_oldest_seconds", transport="email") < 180
    visited = at(samples, "serviceflow_mailbox_visited_timestamp_seconds", mailbox=mailbox.name)
    assert visited == datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert at(samples, "serviceflow_mailbox_in_trouble", mailbox=mailbox.name) == 1
    assert at(samples, "serviceflow_database_connections", state="active") >= 1
    assert at(samples, "serviceflow_database_connections_limit") > 10
    assert at(samples, "serviceflow_database_size_bytes") > 1_000_000


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_asked_is_left_out_and_the_rest_is_told() -> None:
    """Seen to fail without the look at OperationalError in figures.look."""
    with transaction.atomic():
        run("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        samples = told()
    names = {name for name, _labels in samples}
    assert "serviceflow_jobs_due" not in names
    assert {
        "serviceflow_database_up",
        "serviceflow_deliveries_waiting",
        "serviceflow_http_requests_total",
    } <= names


@pytest.mark.django_db(transaction=True)
def test_many_slow_questions_are_no_database_that_is_away() -> None:
    """Nor do they take along what is quick. Seen to fail with a second for each question, and no end of them: together
    they took longer than anybody waits.
    """
    with transaction.atomic():
        run("LOCK TABLE procrastinate_jobs, notifications_delivery, notifications_rest, tickets_inboundmail, "
            "tickets_mailbox, accounts_backup, audit_seal IN ACCESS EXCLUSIVE MODE")  # fmt: skip
        samples = told()
    assert at(samples, "serviceflow_database_up") == 1
    with transaction.atomic():
        run(
            "LOCK TABLE procrastinate_jobs, notifications_delivery, tickets_inboundmail IN ACCESS EXCLUSIVE MODE"
        )
        samples = told()
    assert at(samples, "serviceflow_database_up") == 1
    assert "serviceflow_deliveries_waiting" not in {name for name, _labels in samples}
    assert at(samples, "serviceflow_database_connections_limit") > 10


@pytest.mark.django_db
def test_without_its_database_the_desk_tells_what_it_has_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is not asked for anything else: a request without a session costs no query of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = str(listener.getsockname()[1])
    place = connections["default"].settings_dict
    monkeypatch.setitem(place, "HOST", "127.0.0.1")
    monkeypatch.setitem(place, "PORT", closed_port)
    answer = Client().get("/metrics")
    samples = samples_of(answer.content.decode())
    assert (answer.status_code, at(samples, "serviceflow_database_up")) == (200, 0)
    assert "serviceflow_http_requests_in_progress" in {name for name, _labels in samples}
    assert "serviceflow_jobs_due" not in {name for name, _labels in samples}


# --- Through the door ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_worker_tells_of_its_deliveries_at_a_port_of_its_own(tmp_path: Path, employee: User) -> None:
    """For whoever has the key, and no other address is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address, key = f"http://127.0.0.1:{port}", "k" * 24
    name = connections["default"].settings_dict["NAME"]
    surroundings = {"METRICS_PORT": str(port), "METRICS_KEY": key, "HOST": "127.0.0.1", "METRICS_CLOSED": "1"}
    with working(name, tmp_path, **surroundings):
        by_right = requests.Session()
        by_right.trust_env = False
        by_right.headers["Authorization"] = f"Bearer {key}"

        def skipped() -> float:
            samples = samples_of(by_right.get(f"{address}/metrics", timeout=30).text)
            assert at(samples, "serviceflow_database_up") == 1
            return at(samples, "serviceflow_deliveries_total", transport="telegram", outcome="skipped")

        assert skipped() == 0
        # Nobody has told the desk how to write by Telegram, and after three days nobody waits for that.
        old = timezone.now() - timedelta(days=2, hours=23, minutes=59)
        outbox.enqueue([delivery_to(employee, state=State.PENDING, transport="telegram", created_at=old)])
        until(lambda: skipped() == 1, "the delivery was not counted")
        assert by_right.get(f"{address}/", timeout=30).status_code == 404
        by_right.headers["Authorization"] = "Bearer wrong"
        answer = by_right.get(f"{address}/metrics", timeout=30)
        assert (answer.status_code, answer.headers["WWW-Authenticate"], answer.content) == (
            401,
            "Bearer",
            b"",
        )
