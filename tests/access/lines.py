"""The tables of tests/access/table.py as requests that can be made."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.shortcuts import resolve_url
from django.test import Client

from tests.access import table
from tests.access.bodies import CALLS, FORMS
from tests.access.routes import routes
from tests.access.world import PERSONS, PROGRAMS, World

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Line:
    """What is asked, and the answer of every caller."""

    route: str
    subject: str
    method: str
    answers: dict[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.route} ({self.subject})"

    @property
    def is_call(self) -> bool:
        return f"{self.method} {self.route}" in CALLS or self.route.startswith(("api:", "older_"))


@cache
def lines() -> tuple[Line, ...]:
    return (*_pages(), *_admin(), *_calls())


def methods_of(route: str) -> set[str]:
    return {line.method for line in lines() if line.route == route}


def _read(text: str) -> Iterator[dict[str, str]]:
    head, *rows = [row.split() for row in text.splitlines() if row.strip()]
    for row in rows:
        assert len(row) == len(head), f"a line has too few or too many answers: {row}"
        yield dict(zip(head, row, strict=True))


def _with_keys(answers: dict[str, str]) -> dict[str, str]:
    """A key opens no page: whoever has only that is a stranger there."""
    return answers | dict.fromkeys(PROGRAMS, answers["stranger"])


def _pages() -> Iterator[Line]:
    for row in _read(table.PAGES):
        answers = {person: row[person] for person in PERSONS}
        yield Line(row["route"], row["subject"], row["method"], _with_keys(answers))


def _admin() -> Iterator[Line]:
    for text in (table.ADMIN, table.ADMIN_MORE):
        for row in _read(text):
            yield _of_maria(row["route"], row["methods"], row["maria"])
    for row in _read(table.ADMIN_MODELS):
        label, name = row["model"].split(".")
        page = f"admin:{label}_{name}"
        may_add, may_change = row["add"] == "ok", row["change"] == "ok"
        for method in ("GET", "POST"):
            yield _of_maria(f"{page}_changelist", method, "ok")
            yield _of_maria(f"{page}_add", method, "ok" if may_add else "403")
            reads = method == "GET" or may_change or name == "ticket"  # whose page is the desk's own
            yield _of_maria(f"{page}_change", method, "ok" if reads else "403")
            yield _of_maria(f"{page}_history", method, "ok")
            yield _of_maria(f"{page}_delete", method, "403")
            yield _of_maria(f"admin/{label}/{name}/<path:object_id>/", method, "ok")


def _of_maria(route: str, method: str, answer: str) -> Line:
    answers = dict.fromkeys(PERSONS, "403") | {"stranger": "sign-in", "maria": answer}
    return Line(route, "-", method, _with_keys(answers))


def _calls() -> Iterator[Line]:
    for row in _read(table.CALLS):
        answers = {caller: row[caller] for caller in (*PERSONS, *PROGRAMS)}
        yield Line(row["route"], row["subject"], row["method"], answers)


# --- Asking ----------------------------------------------------------------------------------------


def body_of(line: Line, world: World, caller: str) -> dict[str, Any]:
    """What belongs to the line: empty where nothing is sent."""
    if line.method == "GET":
        return {}
    body = CALLS.get(f"{line.method} {line.route}") if line.is_call else FORMS.get(line.route)
    return dict(body(world, line.subject, caller)) if body else {}


def ask(
    client: Client, method: str, address: str, body: dict[str, Any], *, is_call: bool, **more: Any
) -> Any:
    """The answer. Files go in a form at every door."""
    if method == "GET":
        return client.get(address, **more)
    if is_call and not any(hasattr(value, "read") for value in body.values()):
        return client.generic(method, address, _json(body), "application/json", **more)
    return getattr(client, method.lower())(address, body, **more)


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, default=str)


def answered(line: Line, world: World, caller: str) -> str:
    """In the words of the table."""
    address = world.address(routes()[line.route], line.subject, caller=caller)
    body = body_of(line, world, caller)
    visitor = world.visitor(caller, line.route, line.subject)
    answer = ask(visitor, line.method, address, body, is_call=line.is_call)
    if answer.streaming:
        list(answer.streaming_content)  # which closes the file
    return in_words(answer, address)


def in_words(answer: Any, asked: str = "") -> str:
    if answer.status_code < 300:
        return "ok"
    if answer.status_code >= 400:
        return str(answer.status_code)
    goal = urlsplit(answer["Location"]).path
    if goal == resolve_url(settings.LOGIN_URL):
        return "sign-in"
    return "start" if goal == resolve_url("tickets:start") != asked else "ok"
