"""How the desk stands, for administrators: what is told to Prometheus, in words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import seals
from serviceflow import figures
from serviceflow.asking import Question
from tests.tickets.mail.conftest import mailbox, stand_in
from tickets.models import Mailbox, Ticket

__all__ = ["mailbox", "stand_in"]

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/admin/standing/"


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_question", Question(figures.look, name="figures"))


def run(statement: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(statement)


def page(browser: Client) -> str:
    answer = browser.get(ADDRESS)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_an_administrator_sees_what_waits_and_what_is_wrong(
    browser_of: Callable[[User], Client], admin: User, mailbox: Mailbox, settings: Any
) -> None:
    """Seen to fail without the look at the age of the queue, or of the last visit, in serviceflow.standing."""
    settings.RELEASE = "2026.3"
    run("INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) "
        "VALUES ('email', 'x', now() - interval '3 hours'), ('webhook', 'x', now())")  # fmt: skip
    told = page(browser_of(admin))
    assert "No job worker is alive" in told
    assert '<th scope="row">Messages by mail</th><td>1</td><td>3 hours <strong class="trouble">' in told
    assert '<th scope="row">Messages to Slack</th><td>0</td><td>—</td>' in told
    assert "Jobs wait too long." in told
    assert '<th scope="row">Desk</th><td>— <strong class="trouble">Not visited of late.</strong>' in told
    assert "<dd>2026.3</dd>" in told
    run("SELECT procrastinate_register_worker_v1()")
    run("TRUNCATE procrastinate_jobs CASCADE")
    Mailbox.objects.update(visited_at=timezone.now() - timedelta(minutes=2))
    told = page(browser_of(admin))
    assert "trouble" not in told
    assert "messagelist" not in told
    assert "errornote" not in told


def test_it_tells_of_the_last_backup_and_of_the_last_seal(
    browser_of: Callable[[User], Client], admin: User, ticket: Ticket
) -> None:
    """Seen to fail without either trouble of serviceflow.standing, and where the first seal is not waited for."""
    browser = browser_of(admin)
    told = page(browser)
    assert '<th scope="row">Backup</th><td>—</td>' in told
    assert '<th scope="row">Sealed events</th><td>—</td>' in told
    run("INSERT INTO accounts_backup VALUES (1, now() - interval '37 hours')")
    run("SET session_replication_role = replica")
    try:
        run("UPDATE audit_event SET at = now() - interval '31 minutes'")
    finally:
        run("RESET session_replication_role")
    told = page(browser)
    assert "The last one is old." in told
    assert '<th scope="row">Sealed events</th><td>— <strong class="trouble">Events wait to be sealed.' in told
    run("UPDATE accounts_backup SET made_at = now()")
    assert seals.seal_all() == 1
    told = page(browser)
    assert "trouble" not in told.partition("In safe keeping")[2]
    assert "<td>—" not in told.partition("In safe keeping")[2].partition("</table>")[0]


def test_it_says_what_could_not_be_counted(browser_of: Callable[[User], Client], admin: User) -> None:
    browser = browser_of(admin)
    with transaction.atomic():
        run("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        told = page(browser)
    assert "Could not be counted." in told


def test_it_is_for_administrators(browser_of: Callable[[User], Client], agent: User, admin: User) -> None:
    assert browser_of(agent).get(ADDRESS).status_code == 403
    assert browser_of(admin).post(ADDRESS).status_code == 405
