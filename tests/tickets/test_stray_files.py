"""Rows and files agree, whatever was killed in between."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from accounts.models import User
from tests.factories import web
from tests.invariants import check
from tests.served import CHECKOUT
from tests.tickets.actions.test_attach import kept
from tests.tickets.test_pictures import image
from tickets import actions, files, pictures, stray_files
from tickets.models import Attachment, Ticket


def aged(path: str, *, days: float) -> str:
    then = (timezone.now() - timedelta(days=days)).timestamp()
    os.utime(default_storage.path(path), (then, then))
    return path


@pytest.fixture(autouse=True)
def empty_store(db: None) -> None:
    for path in kept():
        default_storage.delete(path)


def test_what_no_row_names_is_forgotten_after_a_day(ticket: Ticket, employee: User) -> None:
    [file] = actions.attach(ticket, files=[files.incoming("a.png", image())], by=web(employee))
    actions.look_at(file.public_id)
    own = str(file.file.name)
    for path in (own, pictures.path_of(own, pictures.SMALL)):
        aged(path, days=400)
    old = aged(default_storage.save("attachments/ab/" + "ab" * 16, ContentFile(b"x")), days=1.1)
    young = aged(default_storage.save("attachments/ab/" + "cd" * 16, ContentFile(b"x")), days=0.9)
    drawn = aged(default_storage.save("pictures/ab/" + "ab" * 16 + ".small", ContentFile(b"x")), days=2)
    late = settings.FILE_UPLOAD_TEMP_DIR / "killed.upload"
    late.write_bytes(b"x")
    os.utime(late, (0, 0))
    found = stray_files.tidy_up()
    assert (found.forgotten, found.missing) == (2, ())
    assert not default_storage.exists(old)
    assert not default_storage.exists(drawn)
    assert not late.exists()
    assert kept() == {own, young}
    assert default_storage.exists(pictures.path_of(own, pictures.SMALL))
    default_storage.delete(young)


def test_a_row_without_its_file_is_reported(ticket: Ticket, employee: User, caplog: Any) -> None:
    [file] = actions.attach(ticket, files=[files.incoming("a.txt", b"a")], by=web(employee))
    assert stray_files.tidy_up().missing == ()
    default_storage.delete(str(file.file.name))
    assert stray_files.tidy_up().missing == (file.file.name,)
    assert "files_missing" in caplog.text


# Attaches a file, and is killed at the place named.
PROGRAM = """
import os, signal, sys
import django
django.setup()
from django.db import connection, transaction
from accounts.models import User
from tests.factories import web
from tickets import actions, files
from tickets.models import Ticket
place, number, email = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
ticket, person = Ticket.objects.get(number=number), User.objects.get(email=email)
coming = [files.incoming("a.txt", b"a" * 3_000_000), files.incoming("b.txt", b"b")]
if place == "half":
    real = files.default_storage.save
    files.default_storage.save = lambda path, content: (real(path, content), die())
with files.stored(coming) as arrived:
    place == "stored" and die()
    with transaction.atomic():
        actions.attach(ticket, files=arrived, by=web(person))
        place == "written" and die()
    place == "committed" and die()
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("place", "rows", "left"), [("half", 0, 1), ("stored", 0, 2), ("written", 0, 2), ("committed", 2, 2)]
)
def test_a_kill_leaves_no_row_without_its_file(
    ticket: Ticket, employee: User, place: str, rows: int, left: int
) -> None:
    surroundings = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.served_settings",
        "SERVED_DATABASE": connection.settings_dict["NAME"],
        "SERVED_STATIC": "unused",
    }
    surroundings.pop("COVERAGE_PROCESS_START", None)
    program = [sys.executable, "-c", PROGRAM, place, str(ticket.number), employee.email]
    ended = subprocess.run(program, cwd=CHECKOUT, env=surroundings, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert Attachment.objects.count() == rows
    assert len(kept()) == left
    assert check(connection) == []
    for path in kept():
        aged(path, days=2)
    found = stray_files.tidy_up()
    assert (found.forgotten, found.missing) == (left - rows, ())
    assert kept() == set(Attachment.objects.values_list("file", flat=True))
    assert all(Path(default_storage.path(path)).stat().st_mode & 0o777 == 0o640 for path in kept())
