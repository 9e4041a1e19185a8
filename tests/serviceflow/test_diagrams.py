"""The diagrams of docs/ are those of the code."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from serviceflow import diagrams
from tickets import workflow
from tickets.permissions import TABLE


def test_the_committed_diagrams_are_true() -> None:
    call_command("docs_diagrams", "--check")


def test_a_diagram_that_is_out_of_date_is_named_and_then_drawn(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    with pytest.raises(CommandError, match=r"docs/erd\.md is out of date"):
        call_command("docs_diagrams", "--check")
    assert list((tmp_path / "docs").iterdir()) == []
    said = StringIO()
    call_command("docs_diagrams", stdout=said)
    assert said.getvalue().split("\n") == ["drew docs/erd.md", "drew docs/workflow.md", ""]
    call_command("docs_diagrams", "--check")


def test_the_workflow_shows_every_pair_the_database_accepts_and_no_other() -> None:
    assert set(diagrams.moves()) == set(workflow.jumps())


def test_every_verb_has_its_line_and_every_table_its_box() -> None:
    page = diagrams.process()
    assert page.count("| reopen | own request while DONE for 14 days | assigned to them while DONE |") == 1
    assert all(f"| {verb.replace('_', ' ')} |" in page for verb in TABLE)
    picture = diagrams.erd()
    assert "    User |o--o{ Ticket : assignee\n" in picture
    assert not re.search(r"(?m)^ +unknown ", picture)  # a column whose type has no name there
