"""A guard that breaks lets nobody by: nothing is shown or done, and the answer says only how to ask about it.

Seen to fail with an `except Exception` that goes on as if all were well: around second_factor.is_due in the middleware,
in allowances.spend, markdown.render, permissions.allowed_verbs and scanner.threat_in.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

import pytest
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from accounts import allowances
from accounts.factors import required as second_factor
from accounts.models import User
from notifications import markdown
from tests.access.rows import changed, stored
from tests.factories import web
from tests.tickets.clamd import clamd
from tickets import actions, files, permissions, scanner
from tickets.models import Service, Ticket
from tickets.models.ticket import TicketQuerySet

pytestmark = pytest.mark.django_db

TITLE, TEXT = "Quite private title", "quite private text"
SAID = "what only the log may hear of 10.0.0.9"
# That a key was used, and of what he is reminded no more.
LAST_SEEN = {"accounts_apikey.last_used_at", "notifications_delivery.read_at"}


def breaks(*_arguments: Any, **_named: Any) -> NoReturn:
    raise RuntimeError(SAID)


class Broken:
    """Whatever is asked of it breaks, with a bug or with what a database says that has gone."""

    def __init__(self, error: type[Exception] = RuntimeError) -> None:
        self.error = error

    def __getattr__(self, name: str) -> NoReturn:
        raise self.error(SAID)


def the_table(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(permissions, "_SAID", {})
    patch.setattr(permissions, "grants", breaks)


def the_sanitiser(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(markdown, "_cleaner", Broken())


def the_limits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allowances, "connection", Broken())


def the_limits_database(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allowances, "connection", Broken(OperationalError))


def what_is_visible(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TicketQuerySet, "visible_to", breaks)


def the_factor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(second_factor, "is_due", breaks)


@dataclass(frozen=True)
class Call:
    """By whom: the agent's browser, or his key."""

    by: str
    method: str
    path: str
    body: tuple[tuple[str, str], ...] = ()


OPEN = Call("browser", "get", "/tickets/{ticket}/")
SEARCH = Call("browser", "get", "/queue/?q=private")
QUEUE = Call("browser", "get", "/queue/?scope=all")
CLAIM = Call("browser", "post", "/tickets/{ticket}/claim/")
COMMENT = Call("browser", "post", "/tickets/{ticket}/comment/", (("body", "Have you tried?"),))
READ = Call("key", "get", "/api/v1/tickets/{ticket}")
LIST = Call("key", "get", "/api/v1/tickets")
TAKE = Call("key", "post", "/api/v1/tickets/{ticket}/claim")
READ_AS_BROWSER = Call("browser", "get", "/api/v1/tickets/{ticket}")
TAKE_AS_BROWSER = Call("browser", "post", "/api/v1/tickets/{ticket}/claim")

BROKEN: list[tuple[Callable[[pytest.MonkeyPatch], None], int, tuple[Call, ...]]] = [
    (the_table, 500, (OPEN, CLAIM, COMMENT, READ, TAKE)),
    (the_sanitiser, 500, (OPEN,)),  # programs get texts as they were typed
    (the_limits, 500, (SEARCH, CLAIM, COMMENT, READ, LIST, TAKE)),
    (the_limits_database, 503, (SEARCH, CLAIM, COMMENT, READ, LIST, TAKE)),
    (what_is_visible, 500, (OPEN, SEARCH, QUEUE, CLAIM, COMMENT, READ, LIST, TAKE)),
    (the_factor, 500, (OPEN, SEARCH, QUEUE, CLAIM, COMMENT, READ_AS_BROWSER, TAKE_AS_BROWSER)),
]
CASES = [(guard, status, call) for guard, status, calls in BROKEN for call in calls]


@dataclass
class Desk:
    ticket: Ticket
    browser: Client
    key: Client

    def answer(self, call: Call) -> Any:
        client = getattr(self, call.by)
        form: dict[str, Any] = {"data": dict(call.body)} if call.method == "post" else {}
        if call.path.startswith("/api/") and form:
            form["content_type"] = "application/json"
        return getattr(client, call.method)(call.path.format(ticket=self.ticket.public_id), **form)


@pytest.fixture
def desk(
    employee: User, agent: User, service: Service, browser_of: Any, api: Any, key_of: Any, settings: Any
) -> Desk:
    settings.SECOND_FACTOR_FOR = frozenset({"AGENT", "ADMIN"})
    ticket = actions.open_ticket(title=TITLE, description=TEXT, service=service, by=web(employee))
    browser, program = browser_of(agent), api(key_of(agent))
    browser.raise_request_exception = program.handler.raise_request_exception = False
    program.raise_request_exception = False
    assert isinstance(program, APIClient)
    return Desk(ticket, browser, program)


def says_nothing(answer: Any, status: int, *, program: bool, secret: tuple[str, ...] = (TITLE, TEXT)) -> None:
    body = answer.content.decode()
    assert answer.status_code == status
    assert not [
        word for word in (*secret, SAID, "10.0.0.9", "RuntimeError", "Traceback", ".py") if word in body
    ]
    assert status != HTTPStatus.INTERNAL_SERVER_ERROR or answer["X-Request-ID"] in body
    if program:
        assert answer["Content-Type"] == "application/problem+json"
        assert json.loads(body)["request_id"] == answer["X-Request-ID"]
    else:
        assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("call", dict.fromkeys(call for _guard, _status, call in CASES), ids=str)
def test_all_of_it_works_while_the_guards_do(desk: Desk, call: Call) -> None:
    before = stored()
    answer = desk.answer(call)
    assert answer.status_code in {200, 303}
    if call.method == "get":
        assert TITLE in answer.content.decode()
    else:
        assert changed(before, stored()).keys() - LAST_SEEN


@pytest.mark.parametrize(
    ("guard", "status", "call"),
    CASES,
    ids=[f"{guard.__name__}-{call.by}-{call.method}-{call.path}" for guard, _status, call in CASES],
)
def test_a_guard_that_breaks_lets_nobody_by(
    desk: Desk,
    guard: Callable[[pytest.MonkeyPatch], None],
    status: int,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = stored()
    with monkeypatch.context() as patch:
        guard(patch)
        answer = desk.answer(call)
    says_nothing(answer, status, program=call.path.startswith("/api/"))
    assert not changed(before, stored()).keys() - LAST_SEEN


def test_a_scanner_that_breaks_gives_no_file_free(
    desk: Desk, agent: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clamd() as guard:
        settings.SCANNER = guard.url
        [file] = actions.attach(desk.ticket, files=[files.incoming("a.txt", TEXT.encode())], by=web(agent))
        before = stored()
        with monkeypatch.context() as patch:
            patch.setattr(scanner, "_connected", breaks)
            with pytest.raises(RuntimeError):
                actions.look_at(file.public_id)
        assert changed(before, stored()) == {}
        for call in (
            Call("browser", "get", f"/attachments/{file.public_id}/"),
            Call("key", "get", f"/api/v1/attachments/{file.public_id}/content"),
        ):
            says_nothing(desk.answer(call), 409, program=call.by == "key", secret=(TEXT,))
        assert not changed(before, stored()).keys() - LAST_SEEN
        actions.look_at(file.public_id)  # asked once more, it is heard
        file.refresh_from_db()
        assert file.is_clean
