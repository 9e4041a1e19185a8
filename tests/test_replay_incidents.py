"""The replay of a real incident log works, with the oddities that such a log has."""

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.models import Team, User
from tests.served import CHECKOUT, Desk
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = CHECKOUT / "benchmarks" / "replay_incidents.py"
COLUMNS = [
    "number", "incident_state", "sys_mod_count", "caller_id", "opened_by", "sys_updated_by", "sys_updated_at",
    "contact_type", "location", "category", "subcategory", "u_symptom", "priority", "assignment_group", "assigned_to",
]  # fmt: skip
# What each incident goes through: state, group, assignee; and where it must stand in the end.
STORIES: dict[str, tuple[list[tuple[str, str, str]], str]] = {
    "INC1": ([("New", "?", "?")], "NEW"),
    "INC2": ([("New", "Group 1", "Resolver 1"), ("Closed", "Group 1", "Resolver 1")], "DONE"),
    "INC3": ([("New", "Group 1", "?"), ("Active", "Group 1", "?"), ("-100", "Group 2", "?")], "IN_PROGRESS"),
    "INC4": ([("Active", "Group 1", "Resolver 1"), ("Awaiting Vendor", "Group 2", "Resolver 2")], "WAITING"),
    "INC5": (
        [
            ("Awaiting User Info", "?", "?"),
            ("Awaiting Problem", "?", "Resolver 1"),
            ("Resolved", "?", "?"),
            ("Active", "?", "Resolver 2"),
            ("Closed", "?", "Resolver 2"),
            ("Awaiting Evidence", "?", "Resolver 1"),
        ],
        "WAITING",
    ),
    "INC6": ([("Resolved", "Group 1", "?"), ("Resolved", "Group 1", "?")], "DONE"),
}


def write(log: Path, stories: dict[str, list[tuple[str, str, str]]]) -> Path:
    """The log, its rows in the wrong order and the text with double spaces, as the real one has it."""
    with log.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for number, updates in stories.items():
            for count, (state, group, assignee) in reversed(list(enumerate(updates))):
                rows.writerow(
                    dict.fromkeys(COLUMNS, "Something")
                    | {
                        "number": number,
                        "incident_state": state,
                        "sys_mod_count": str(count),
                        "sys_updated_at": f"29-02-2016 01:{count:02}",
                        "caller_id": "Caller  7",
                        "opened_by": "Opened by  8" if number != "INC6" else "?",
                        "sys_updated_by": f"Updated by {count}",
                        "priority": "1 - Critical" if count else "3 - Moderate",
                        "assignment_group": group,
                        "assigned_to": assignee,
                    }
                )
    return log


def replay(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("teams", [[], ["IT", "HR"]])
def test_every_incident_ends_where_the_log_ends(
    desk: Desk, admin: User, key_of: Callable[..., str], tmp_path: Path, teams: list[str]
) -> None:
    for name in teams:
        Team.objects.create(name=name)
    log = write(tmp_path / "log.csv", {number: updates for number, (updates, _end) in STORIES.items()})
    done = replay(log, "--base-url", desk.url, "--admin-key", key_of(admin), "--threads", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mismatches 0, 5xx 0" in done.stdout
    stands = {ticket.description.split()[0]: ticket.status for ticket in Ticket.objects.all()}
    assert stands == {number: end for number, (_updates, end) in STORIES.items()}
    assert "409 illegal_status_change" in done.stdout


def test_back_to_the_queue_needs_a_team(
    desk: Desk, admin: User, key_of: Callable[..., str], tmp_path: Path
) -> None:
    log = write(
        tmp_path / "log.csv", {"INC1": [("Active", "Group 1", "Resolver 1"), ("New", "Group 1", "?")]}
    )
    alone = replay(log, "--base-url", desk.url, "--admin-key", key_of(admin))
    assert alone.returncode == 1
    assert "mismatches 1" in alone.stdout
    Team.objects.create(name="IT")
    together = replay(log, "--base-url", desk.url, "--admin-key", key_of(admin), "--run", "again")
    assert together.returncode == 0, together.stdout + together.stderr


def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    done = replay(tmp_path / "nothing.csv", "--admin-key", "sf_")
    assert done.returncode == 1
    assert "There is no incident log at" in done.stderr
