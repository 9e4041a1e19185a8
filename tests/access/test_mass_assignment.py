"""Whoever sends more than a form asks for changes nothing more by it.

Every address that takes something is sent what it takes, and then the same together with the name of every column of
every model, and a few that Django and others have, with tempting values and with values of the wrong kind. Whole rows
are compared, of every table. What each address takes and what it writes is listed in tests/access/writing.py.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from tests.access.lines import Line, ask, body_of, in_words, lines
from tests.access.routes import routes
from tests.access.rows import Rows, changed, stored
from tests.access.world import PERSONS, World
from tests.access.writing import ANYWAY, LENIENT, NOTHING_HERE, NOTHING_IN_ADMIN, WRITING, Written
from tests.matrix import undone

pytestmark = pytest.mark.django_db

OURS = ("accounts", "audit", "notifications", "tickets")


# --- What is sent besides -------------------------------------------------------------------------


def names() -> list[str]:
    """Every column, and every attribute that a form or a serializer of a model would know it by."""
    known = {
        name
        for label in OURS
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.get_fields()
        for name in (field.name, getattr(field, "attname", field.name))
    }
    return sorted(known | {"pk", "is_staff", "is_superuser", "is_admin", "groups", "user_permissions", "permissions",
                           "state", "_state", "owner", "actor", "by", "door", "is_lead", "confidential", "role_id",
                           "requester_email", "author_email", "created", "updated", "deleted", "_method"})  # fmt: skip


def tempting(name: str, world: World) -> Any:
    """What somebody would send to be more than he is."""
    if name in {"role", "scopes"}:
        return "ADMIN" if name == "role" else "admin"
    if name in {
        "assignee",
        "author",
        "requester",
        "user",
        "uploader",
        "finished_by",
        "stand_in",
        "owner",
        "recipient",
    }:
        return str(world.people["boris"].public_id)
    if name.endswith("_id") or name in {"id", "pk"}:
        return str(world.people["boris"].pk)
    if name in {"team", "teams", "service", "ticket"}:
        row: Any = {"team": world.other_team, "teams": world.other_team, "service": world.services["payroll"]}
        return str(row.get(name, world.tickets["secret-new"]).public_id)
    if name.endswith(("_at", "due")):
        return "2031-01-01T00:00:00Z"
    if name == "status":
        return "CANCELED"
    if name == "version":
        return "999"
    return "true" if name.startswith(("is_", "confidential", "internal")) else "1"


ODD: tuple[Any, ...] = ({"role": "ADMIN"}, ["ADMIN"], [{"id": 1}], -1, True, None, 1.5)

# --- What is compared -----------------------------------------------------------------------------

_MADE_UP = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "uuid"),
    (re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}"), "path"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "hex"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d|Z)?"), "moment"),
    (re.compile(r"SF-\d+"), "number"),
    (re.compile(r"sf_[0-9a-z]{8}"), "key"),
)
# Made anew each time, and by ourselves.
RANDOM = frozenset({"prefix", "data", "session_key", "password", "session_salt", "digest", "search", "number",
                    "secret_sealed", "old_secret_sealed", "password_sealed", "token_sealed"})  # fmt: skip


def comparable(changes: dict[str, Any], before: Rows) -> dict[str, Any]:
    """The changes without what is another each time: ids, moments, what is drawn by lot."""
    return {
        where: sorted(_told(where, one, before) for one in rows)
        for where, rows in changes.items()
        if "procrastinate" not in where and where.partition(".")[2] not in RANDOM
    }


def _told(where: str, one: Any, before: Rows) -> str:
    told = _row(where[1:], one, before) if where[0] in "+-" else _cell(where, one, before)
    return json.dumps(told, sort_keys=True)


def _row(table: str, row: dict[str, Any], before: Rows) -> dict[str, Any]:
    return {
        column: _value(table, column, value, before)
        for column, value in row.items()
        if column not in RANDOM and column != "id"
    }


def _cell(where: str, change: tuple[str, Any], before: Rows) -> list[Any]:
    table, _dot, column = where.partition(".")
    return [change[0], _value(table, column, change[1], before)]


def _value(table: str, column: str, value: Any, before: Rows) -> Any:
    leads_to = FOREIGN.get(table, {}).get(column)
    if leads_to is not None and value is not None and str(value) not in before[leads_to]:
        return "new"
    return _settled(value)


def _settled(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, word in _MADE_UP:
            value = pattern.sub(word, value)
        return value
    if isinstance(value, dict):
        return {key: _settled(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(one) for one in value]
    return value


FOREIGN = {
    model._meta.db_table: {
        field.column: field.related_model._meta.db_table
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
    }
    for model in apps.get_models()
}

# --- Who sends ------------------------------------------------------------------------------------


# Others than those who are answered, because nothing is left to do for them.
ABLE = {
    "accounts:sign_in": ["stranger"],
    "accounts:add_app": ["boris", "lena"],  # the others have one
}


def writers() -> Iterator[tuple[Line, list[str]]]:
    """Each address that takes something, once, with the least and the mightiest of those who may."""
    seen = set()
    for line in lines():
        able = [
            one
            for one in PERSONS
            if line.answers[one] in {"ok", "start"} or (line.answers[one] == "sign-in" and one != "stranger")
        ]
        if line.route in ABLE:
            able = ABLE[line.route]
        if line.method != "GET" and able and (line.route, line.method) not in seen:
            seen.add((line.route, line.method))
            yield line, list(dict.fromkeys((able[0], able[-1])))


def what_changes(
    world: World, line: Line, caller: str, body: dict[str, Any]
) -> tuple[str, dict[str, Any], dict[str, Any], Any]:
    with undone():
        before = stored()
        address = world.address(routes()[line.route], line.subject, caller=caller)
        visitor = world.visitor(caller, line.route, line.subject)
        answer = ask(visitor, line.method, address, body, is_call=line.is_call)
        changes = changed(before, stored())
        return in_words(answer, address), changes, comparable(changes, before), answer


def comes_to_nothing(line: Line) -> bool:
    asked = f"{line.method} {line.route}"
    only_shows = re.search(r"_(history|delete)$|<path:object_id>|<path:rest>", line.route)
    return asked in NOTHING_HERE | NOTHING_IN_ADMIN or bool(only_shows)


def listed_of(line: Line) -> Written:
    return WRITING.get(f"{line.method} {line.route}", Written())


def columns(changes: dict[str, Any]) -> set[str]:
    return {where for where in changes if where not in ANYWAY and "procrastinate" not in where}


# --- The tests ------------------------------------------------------------------------------------


def test_every_line_is_about_an_address_that_there_is() -> None:
    assert set(WRITING) <= {f"{line.method} {line.route}" for line, _callers in writers()}


PARTS = 4  # so that the workers share it


@pytest.mark.parametrize("part", range(PARTS))
def test_nobody_changes_more_than_the_form_asks_for(world: World, part: int) -> None:
    """Seen to fail with `setattr(ticket, name, value)` for whatever is posted in tickets/views/answers.py (_do), with
    `"role"` among the fields of ProfileForm, without the check for unknown fields in accounts/rest/calls.py, and with
    `instance=user` saved by the profile's form.
    """
    every = names()
    wrong: list[str] = []
    for line, callers in list(writers())[part::PARTS]:
        listed = listed_of(line)
        has_effect = comes_to_nothing(line)
        for caller in callers:
            plain, changes, expected, _answer = what_changes(
                world, line, caller, body_of(line, world, caller)
            )
            where = f"{line} by {caller}"
            if plain not in {"ok", "start", "sign-in"}:
                wrong.append(f"{where}: {plain} although nothing was wrong")
            if not columns(changes) <= listed.writes:
                wrong.append(f"{where}: writes {sorted(columns(changes))}")
            has_effect |= bool(columns(changes))
            for kind, more in besides(line, every, world):
                got, more_changes, after, answer = what_changes(
                    world, line, caller, body_of(line, world, caller) | more
                )
                if got[0] == "5":
                    wrong.append(f"{where}, {kind}: {got}")
                elif got[0] == "4":
                    if columns(more_changes):
                        wrong.append(f"{where}, {kind}: {got}, and yet {sorted(after)}")
                    elif is_strict(line) and (unknown := set(more) - set(answer.json()["errors"])):
                        wrong.append(f"{where}, {kind}: takes {sorted(unknown)}")
                elif is_strict(line):
                    wrong.append(f"{where}, {kind}: {got}, unknown names are not refused")
                elif after != expected:
                    wrong.append(f"{where}, {kind}: {difference(expected, after)}")
        if not has_effect:
            wrong.append(f"{line}: changes nothing, so nothing is shown by it")
    assert not wrong, "\n".join(wrong)


def is_strict(line: Line) -> bool:
    """Whether every name that it does not know is refused. A body of DELETE has no meaning: most look at none."""
    return line.is_call and line.route not in LENIENT and line.method != "DELETE"


def besides(line: Line, every: list[str], world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    takes = listed_of(line).takes
    extra = [name for name in every if name not in takes]
    yield "tempting", {name: tempting(name, world) for name in extra}
    if "file" not in takes:  # of what comes twice in such a form, only the first is spoken of
        yield "odd", odd(extra, is_json=line.is_call)


def odd(extra: list[str], *, is_json: bool) -> dict[str, Any]:
    """The same names with what no column holds, and written as those write them who look for a way in."""
    if is_json:
        return {name: ODD[place % len(ODD)] for place, name in enumerate(extra)}
    sent: dict[str, Any] = {name: ["1", "ADMIN"] for name in extra}
    for name in ("user", "requester", "ticket", "author"):
        sent |= {
            f"{name}[role]": "ADMIN",
            f"{name}__role": "ADMIN",
            f"{name}.role": "ADMIN",
            f"{name}[]": "1",
        }
    return sent | {"role[]": "ADMIN", "is_staff[]": "1", "form-0-role": "ADMIN", "data": '{"role": "ADMIN"}'}


def difference(expected: dict[str, Any], after: dict[str, Any]) -> str:
    return "; ".join(
        f"{where}: {after.get(where)} instead of {expected.get(where)}"
        for where in sorted(expected.keys() | after.keys())
        if expected.get(where) != after.get(where)
    )[:600]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_field_of_the_api_takes_what_it_says_and_nothing_like_it(world: World, part: int) -> None:
    """Every listed field with values of every wrong kind: a 4xx that names it, and nothing has changed.

    Seen to fail with serializers.CharField and BooleanField in the place of Text and Flag.
    """
    wrong: list[str] = []
    for line, callers in list(writers())[part::PARTS]:
        takes = listed_of(line).takes
        if not line.is_call or "file" in takes or (line.method == "DELETE" and line.route != "api:ticket"):
            continue
        for name, value in wrong_values(takes):
            body = body_of(line, world, callers[-1]) | {name: value}
            got, changes, after, _answer = what_changes(world, line, callers[-1], body)
            if got not in {"400", "409"} or columns(changes):
                wrong.append(f"{line}: {name}={value!r}: {got}, {sorted(after)}")
    assert not wrong, "\n".join(wrong)


def wrong_values(takes: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for name in sorted(takes - {"attachments"}):
        for value in (*ODD, 10**30, "ADMIN'--"):
            is_right = (
                value is None
                or (value == ["ADMIN"] and name in {"tags", "events", "topics"})
                or (value == "ADMIN'--" and name in FREE)
                or (isinstance(value, dict) and name == "arguments")
                or (isinstance(value, bool) and name in FLAGS)
            )
            if not is_right:
                yield name, value


# Of these any text will do.
FREE = frozenset({"title", "description", "comment", "reason", "body", "full_name", "name"})
FLAGS = frozenset({"is_active", "internal", "issue_api_key", "dry_run"})
