"""Diagrams of the documentation, drawn from the very models and tables that the desk runs by. Mermaid in Markdown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models

from tickets import permissions, workflow
from tickets.permissions import TABLE, Fact, Grant, Row
from tickets.workflow import Status

APPS = ("accounts", "tickets", "notifications", "audit")
DRAWN = "<!-- Drawn by `manage.py docs_diagrams`; edit the models and tables, not this file. -->"

_OF_THE_WORKFLOW = """\
*let go*: given to a team's queue, or its agent may no longer hold it. *answer*: the requester writes on a ticket that
waits for them. *reopen* and *answer* lead to NEW where nobody is assigned, since IN_PROGRESS always has somebody who
works on it. A trigger in the database refuses every other pair.
""".splitlines()
_OF_THE_RIGHTS = """\
Columns add up from left to right: an agent may also do what an employee may, the lead of the ticket's team what an
agent may; “←” means nothing beyond the columns before. Only tickets that the person may see are meant; a closed one
takes notes at most. The wrong person is answered 403, the wrong state 409.
""".splitlines()
_FACTS = {
    Fact.REQUESTER: "own request",
    Fact.WATCHER: "watched",
    Fact.ASSIGNEE: "assigned to them",
    Fact.OF_TEAM: "of their team",
    Fact.UNASSIGNED: "unassigned",
}
_COLUMNS = ("employee", "agent", "lead", "admin")


def pages() -> dict[Path, str]:
    """{where it lies: its text} of every page that is drawn."""
    docs = settings.BASE_DIR / "docs"
    return {docs / "erd.md": erd(), docs / "workflow.md": process()}


# --- Entities and relations ----------------------------------------------------------------------


def erd() -> str:
    """Every table of the desk with its columns and references."""
    models = (model for app in APPS for model in apps.get_app_config(app).get_models())
    tables = [model for model in models if not model._meta.proxy]
    lines = ["erDiagram"]
    for model in tables:
        lines += [f"    {model.__name__} {{", *(f"        {line}" for line in _columns(model)), "    }"]
    lines += [f"    {line}" for model in tables for line in _references(model)]
    meanings = [f"| {model.__name__} | `{model._meta.db_table}` | {_meaning(model)} |" for model in tables]
    return "\n".join(
        [
            "# Entities and relations",
            "",
            DRAWN,
            "",
            "Events name people and subjects by value (`actor_id`, `subject_id`), not by reference: they outlive them.",
            "Integer keys stay inside; what leaves is `public_id`, and a ticket's `number`.",
            "",
            "```mermaid",
            *lines,
            "```",
            "",
            "| entity | table | what it is |",
            "|---|---|---|",
            *meanings,
            "",
        ]
    )


def _columns(model: type[models.Model]) -> Iterator[str]:
    for field in model._meta.concrete_fields:
        stored = getattr(field, "output_field", field)  # a generated column is of its expression's type
        kind = stored.db_type(connection) or "unknown"
        kind = kind.replace("timestamp with time zone", "timestamptz").replace(" ", "_")
        words = [kind, str(field.column)]
        if field.primary_key:
            words.append("PK")
        elif field.is_relation:
            words.append("FK")
        elif field.unique:
            words.append("UK")
        notes = [str(value) for value, _label in field.flatchoices if value != ""]
        if field.null:
            notes.append("or null")
        yield " ".join(words) + (f' "{", ".join(notes)}"' if notes else "")


def _references(model: type[models.Model]) -> Iterator[str]:
    for field in model._meta.concrete_fields:
        if field.is_relation:
            one = "|o" if field.null else "||"
            many = "o|" if field.unique else "o{"
            other: Any = field.related_model
            yield f"{other.__name__} {one}--{many} {model.__name__} : {field.name}"


def _meaning(model: type[models.Model]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|")


# --- The workflow and who may do what ------------------------------------------------------------


def process() -> str:
    """The statuses, what leads from one to another, and who may do it."""
    pairs = moves()
    diagram = ["stateDiagram-v2", "    [*] --> NEW : open"]
    diagram += [f"    {old} --> {new} : {', '.join(verbs)}" for (old, new), verbs in pairs.items()]
    ends = [status for status in Status if status not in {old for old, _new in pairs}]
    diagram += [f"    {status} --> [*]" for status in ends]
    matrix = [
        f"| **{old}** | " + " | ".join(", ".join(pairs.get((old, new), ["–"])) for new in Status) + " |"
        for old in Status
    ]
    rights = [
        f"| {verb.replace('_', ' ')} | " + " | ".join(_cells(row)) + " |" for verb, row in TABLE.items()
    ]
    return "\n".join(
        [
            "# The workflow and who may do what",
            "",
            DRAWN,
            "",
            "```mermaid",
            *diagram,
            "```",
            "",
            *_OF_THE_WORKFLOW,
            "",
            "| from \\ to | " + " | ".join(Status) + " |",
            "|---" * (len(Status) + 1) + "|",
            *matrix,
            "",
            "## Who may do what",
            "",
            *_OF_THE_RIGHTS,
            "",
            "| verb | employee | agent | lead of its team | administrator |",
            "|---|---|---|---|---|",
            *rights,
            "",
        ]
    )


def moves() -> dict[tuple[Status, Status], list[str]]:
    """{(from, to): what leads there} for every pair that the desk knows, in the order of the statuses."""
    found: dict[tuple[Status, Status], list[str]] = {}
    for old, news in workflow.CHANGES.items():
        for new in news:
            found.setdefault((old, new), []).append(workflow.VERBS[new])
    for old, new in workflow.RELEASES.items():
        found.setdefault((old, new), []).append("let go")
    for table, verb in ((workflow.REOPENS, "reopen"), (workflow.ANSWERS, "answer")):
        for old, news in table.items():
            for new in news:
                found.setdefault((old, new), []).append(verb)
    order = list(Status)
    return dict(sorted(found.items(), key=lambda item: [order.index(status) for status in item[0]]))


def _cells(row: Row) -> Iterator[str]:
    seen = False
    for column in _COLUMNS:
        grants: tuple[Grant, ...] = getattr(row, column)
        yield "; ".join(_said(grant) for grant in grants) or ("←" if seen else "no")
        seen = seen or bool(grants)


def _said(grant: Grant) -> str:
    words = [", ".join(_FACTS[fact] for fact in Fact if fact in grant.who) or "any"]
    if grant.when == workflow.OPEN:
        words.append("while open")
    elif grant.when != permissions.EVERY:
        words.append("while " + " or ".join(status for status in Status if status in grant.when))
    if grant.unheld:
        words.append("held by nobody")
    if grant.window:
        words.append(f"for {workflow.REOPEN_WINDOW.days} days")
    return " ".join(words)
