"""A file is held until the scanner has passed it, and stays so while the scanner is away."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import Event
from tests.factories import web
from tests.invariants import check
from tests.tickets.clamd import EICAR, Clamd, clamd
from tickets import actions, files, scanner
from tickets.models import Attachment, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def guard(settings: Any) -> Iterator[Clamd]:
    with clamd() as guard:
        settings.SCANNER = guard.url
        yield guard


def attached(ticket: Ticket, by: User, content: bytes = b"hello") -> Attachment:
    [file] = actions.attach(ticket, files=[files.incoming("a.txt", content)], by=web(by))
    return file


def jobs() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args->>'attachment' FROM procrastinate_jobs WHERE task_name = %s", [files.TASK]
        )
        return [row[0] for row in cursor.fetchall()]


def test_a_clean_file_is_given_free(guard: Clamd, ticket: Ticket, employee: User) -> None:
    file = attached(ticket, employee)
    assert (file.state, jobs()) == ("held", [str(file.public_id)])
    actions.look_at(file.public_id)
    file.refresh_from_db()
    ticket.refresh_from_db()
    assert (file.state, guard.asked, ticket.version) == ("clean", [b"hello"], 2)
    event = Event.objects.get(verb="attachment.checked")
    assert (event.actor_name, event.changes) == ("ServiceFlow", {"state": ["held", "clean"]})
    assert check(connection) == []


def test_a_virus_is_refused_for_good(guard: Clamd, ticket: Ticket, employee: User, browser_of: Any) -> None:
    file = attached(ticket, employee, b"look: " + EICAR)
    actions.look_at(file.public_id)
    guard.says = b"stream: OK\0"
    actions.look_at(file.public_id)
    file.refresh_from_db()
    assert file.state == "refused"
    assert Event.objects.get(verb="attachment.checked").comment == "Eicar-Test-Signature"
    assert browser_of(employee).get(reverse("tickets:file", args=[file.public_id])).status_code == 409


def test_without_the_scanner_it_was_held_for_it_stays_held(
    guard: Clamd, ticket: Ticket, employee: User, settings: Any
) -> None:
    file = attached(ticket, employee)
    settings.SCANNER = ""
    with pytest.raises(scanner.ScannerAway):
        actions.look_at(file.public_id)
    file.refresh_from_db()
    assert file.state == "held"
    # What comes now is held for nobody.
    assert attached(ticket, employee).state == "clean"


@pytest.mark.parametrize("says", [None, b"INSTREAM size limit exceeded. ERROR\0", b"stream: ", b"nonsense\0"])
def test_what_the_scanner_does_not_clear_stays_held(
    guard: Clamd, ticket: Ticket, employee: User, says: bytes | None
) -> None:
    file = attached(ticket, employee)
    guard.says = says
    with pytest.raises(scanner.ScannerAway):
        actions.look_at(file.public_id)
    file.refresh_from_db()
    assert file.state == "held"


def test_a_scanner_that_is_down_holds_everything_and_says_so(
    settings: Any, ticket: Ticket, employee: User, agent: User, browser_of: Any, caplog: Any
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.SCANNER = f"clamd://127.0.0.1:{nobody.getsockname()[1]}"
        file = attached(ticket, employee)
        with pytest.raises(scanner.ScannerAway):
            actions.look_at(file.public_id)
    assert "file_not_scanned" in caplog.text
    page = browser_of(agent).get(reverse("tickets:detail", args=[ticket.public_id])).content.decode()
    assert "is being checked" in page
    assert reverse("tickets:file", args=[file.public_id]) not in page
    assert browser_of(agent).get(reverse("tickets:file", args=[file.public_id])).status_code == 409


def test_a_local_socket_will_do(settings: Any, ticket: Ticket, employee: User, tmp_path: Path) -> None:
    settings.SCANNER = f"clamd://{tmp_path}/no.sock"
    file = attached(ticket, employee)
    with pytest.raises(scanner.ScannerAway, match="FileNotFoundError"):
        actions.look_at(file.public_id)


def test_who_was_forgotten_is_looked_at_again(guard: Clamd, ticket: Ticket, employee: User) -> None:
    file = attached(ticket, employee)
    assert files.look_again(older_than=timedelta()) == 0  # its job is there
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    Attachment.objects.update(created_at=timezone.now() - timedelta(minutes=10))
    assert files.look_again(older_than=timedelta(minutes=20)) == 0
    assert files.look_again(older_than=timedelta(minutes=5)) == 1
    assert jobs() == [str(file.public_id)]


def test_a_job_for_a_file_that_never_was_does_nothing(guard: Clamd, employee: User) -> None:
    actions.look_at(employee.public_id)
    assert guard.asked == []
