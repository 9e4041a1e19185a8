"""Every field that takes words, on pages, in admin and in the API: refused in words or kept as text, never a 5xx.

What becomes of each string in the verbs is shown in tests/tickets/actions/test_naughty_strings.py, and the whole list
goes over the wire in tests/test_hostile_input.py. Here each field is sent a share of them, another share each, so that
every string meets a few fields at every door.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Team, User
from tests.accounts.test_admin import form_of
from tests.factories import opened, stand
from tests.invariants import check
from tests.matrix import undone
from tests.test_hostile_input import corpus
from tickets.models import InboundMail, Mailbox, Service, Ticket

pytestmark = pytest.mark.django_db

SHARE = 80  # of the strings, one in so many for each field
OURS = [
    "a\0b",
    "\u202etxt.exe",
    "\x1b[31m",
    "98765432109876543210",
    "-1",
    "1e999",
    "%00",
    "\r\nX-Injected: yes",
    "0000-00-00",
    "9999-12-31T23:59:59+14:00",
    "0001-01-01T00:00:00-14:00",
    "2026-02-30",
    "'; DROP TABLE tickets_ticket; --",
]


@dataclass
class Desk:
    """Whom and what the fields belong to."""

    ticket: Ticket  # the agent's, in progress
    new: Ticket
    done: Ticket
    employee: User
    team: Team
    service: Service
    admin: User
    mail: InboundMail  # that waits on the ticket


@pytest.fixture
def world(employee: User, agent: User, admin: User, team: Team, service: Service) -> Desk:
    ticket = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent)
    box = Mailbox.objects.create(name="Desk", address="desk@example.com", service=service, stand_in=employee)
    return Desk(
        ticket=ticket,
        mail=InboundMail.objects.create(
            mailbox=box, uid_validity=1, uid=1, raw=b"x", size=1, outcome="held", ticket=ticket
        ),
        new=opened(by=employee, service=service),
        done=stand(opened(by=employee, service=service), "DONE", assignee=agent),
        employee=employee,
        team=team,
        service=service,
        admin=admin,
    )


# name of the field → method, address, the body around the text; None in the body stands for the text
Sent = tuple[str, str, dict[str, Any]]
TICKETS = "/api/v1/tickets"
TICKET_FILTERS = (
    *(
        "q",
        "cursor",
        "limit",
        "status",
        "priority",
        "assignee",
        "requester",
        "team",
        "service",
        "tag",
        "tags",
    ),
    *(
        "ordering",
        "created_after",
        "created_before",
        "updated_after",
        "updated_before",
        "due_before",
        "count",
    ),
)
QUEUE_FILTERS = (
    *("q", "view", "status", "priority", "assignee", "team", "service", "tag", "ordering", "cursor", "after"),
    *("before", "show", "next", "density"),
)
PAGES: dict[str, Callable[[Desk], Sent]] = {
    "new.title": lambda d: ("post", "/tickets/new/", {"title": None, "description": "x"}),
    "new.description": lambda d: ("post", "/tickets/new/", {"title": "Good", "description": None}),
    "new.requester": lambda d: ("post", "/tickets/new/", {"title": "Good", "requester": None}),
    "new.tags": lambda d: ("post", "/tickets/new/", {"title": "Good", "tags": None}),
    "new.due_at": lambda d: ("post", "/tickets/new/", {"title": "Good", "due_at": None}),
    "new.service": lambda d: ("post", "/tickets/new/", {"title": "Good", "service": None}),
    "new.form_name": lambda d: ("post", "/tickets/new/", {"title": "Good", "form_name": None}),
    "edit.title": lambda d: ("post", f"/tickets/{d.ticket.public_id}/edit/", {"title": None}),
    "edit.description": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/edit/",
        {"title": "Good", "description": None},
    ),
    "edit.version": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/edit/",
        {"title": "Good", "version": None},
    ),
    "edit.next": lambda d: ("post", f"/tickets/{d.ticket.public_id}/edit/", {"title": "Good", "next": None}),
    "comment.body": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/comment/",
        {"body": None, "visibility": "public"},
    ),
    "note.body": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/comment/",
        {"body": None, "visibility": "internal"},
    ),
    "comment.visibility": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/comment/",
        {"body": "x", "visibility": None},
    ),
    "status.comment": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/status/",
        {"to": "CANCELED", "comment": None},
    ),
    "status.to": lambda d: ("post", f"/tickets/{d.ticket.public_id}/status/", {"to": None}),
    "hand_over.note": lambda d: (
        "post",
        f"/tickets/{d.ticket.public_id}/hand-over/",
        {"to": f"team:{d.team.public_id}", "note": None},
    ),
    "hand_over.to": lambda d: ("post", f"/tickets/{d.ticket.public_id}/hand-over/", {"to": None}),
    "assign.assignee": lambda d: ("post", f"/tickets/{d.ticket.public_id}/assign/", {"assignee": None}),
    "cancel.reason": lambda d: ("post", f"/tickets/{d.new.public_id}/cancel/", {"reason": None}),
    "reopen.comment": lambda d: ("post", f"/tickets/{d.done.public_id}/reopen/", {"comment": None}),
    "delete.reason": lambda d: ("post", f"/tickets/{d.ticket.public_id}/delete/", {"reason": None}),
    "properties.tags": lambda d: ("post", f"/tickets/{d.ticket.public_id}/properties/", {"tags": None}),
    "properties.due_at": lambda d: ("post", f"/tickets/{d.ticket.public_id}/properties/", {"due_at": None}),
    "watch.email": lambda d: ("post", f"/tickets/{d.ticket.public_id}/watch/", {"email": None}),
    "accept_sender.mail": lambda d: ("post", f"/tickets/{d.ticket.public_id}/mail/accept/", {"mail": None}),
    "release_mail.mail": lambda d: ("post", f"/tickets/{d.ticket.public_id}/mail/release/", {"mail": None}),
    "refuse_mail.mail": lambda d: ("post", f"/tickets/{d.ticket.public_id}/mail/refuse/", {"mail": None}),
    "unwatch.person": lambda d: ("post", f"/tickets/{d.ticket.public_id}/unwatch/", {"person": None}),
    "bulk.comment": lambda d: ("post", "/queue/bulk/", _in_bulk(d, action="status", to="DONE", comment=None)),
    "bulk.reason": lambda d: ("post", "/queue/bulk/", _in_bulk(d, action="cancel", reason=None)),
    "bulk.tags": lambda d: ("post", "/queue/bulk/", _in_bulk(d, action="tags", tags=None)),
    "bulk.ticket": lambda d: ("post", "/queue/bulk/", {"action": "claim", "ticket": None}),
    "bulk.action": lambda d: ("post", "/queue/bulk/", _in_bulk(d, action=None)),
    "profile.full_name": lambda d: (
        "post",
        "/account/",
        {"full_name": None, "language": "en", "time_zone": "UTC"},
    ),
    "profile.time_zone": lambda d: (
        "post",
        "/account/",
        {"full_name": "A B", "language": "en", "time_zone": None},
    ),
    "profile.language": lambda d: ("post", "/account/language/", {"language": None, "next": "/"}),
    "profile.theme": lambda d: ("post", "/account/theme/", {"theme": None}),
    "profile.next": lambda d: ("post", "/account/theme/", {"theme": "dark", "next": None}),
    "password.password": lambda d: (
        "post",
        "/account/password/",
        {"current_password": "x", "password": None, "repeated": None},
    ),
    "password.current": lambda d: ("post", "/account/password/", {"current_password": None, "password": "y"}),
    "confirm.password": lambda d: ("post", "/account/confirm/", {"password": None}),
    **{
        f"notices.{name}": lambda d, name=name: (  # type: ignore[misc]
            "post",
            "/account/notifications/",
            {"digest": "now", "begins": "22:00", "ends": "07:00", name: None},
        )
        for name in ("digest", "begins", "ends", "reply-inbox")
    },
    "inbox.upto": lambda d: ("post", "/inbox/read/", {"upto": None}),
    "inbox.page": lambda d: ("get", "/inbox/", {"page": None}),
    "key.name": lambda d: ("post", "/account/keys/", {"name": None, "scopes": ["read"], "days": "30"}),
    "key.days": lambda d: ("post", "/account/keys/", {"name": "x", "scopes": ["read"], "days": None}),
    "sign_in.email": lambda d: ("post", "/account/sign-in/", {"email": None, "password": "x"}),
    "sign_in.password": lambda d: ("post", "/account/sign-in/", {"email": "x@example.com", "password": None}),
    **{
        f"queue?{name}": lambda d, name=name: ("get", "/queue/", {"view": "all"} | {name: None})  # type: ignore[misc]
        for name in QUEUE_FILTERS
    },
    "start?q": lambda d: ("get", "/", {"q": None}),
    "start?cursor": lambda d: ("get", "/", {"cursor": None}),
    "ticket?show": lambda d: ("get", f"/tickets/{d.ticket.public_id}/", {"show": None, "view": None}),
}
ADMIN: dict[str, Callable[[Desk], Sent]] = {
    **{
        f"user.{name}": lambda d, name=name: (  # type: ignore[misc]
            "post",
            f"/admin/accounts/user/{d.employee.pk}/change/",
            form_of(d.employee) | {name: None},
        )
        for name in ("full_name", "email", "role", "language", "time_zone", "memberships-TOTAL_FORMS")
    },
    "user.password": lambda d: (
        "post",
        f"/admin/accounts/user/{d.employee.pk}/password/",
        {"password": None, "repeated": None},
    ),
    "team.name": lambda d: (
        "post",
        f"/admin/accounts/team/{d.team.pk}/change/",
        {"name": None, "is_active": "on"},
    ),
    **{
        f"service.{name}": lambda d, name=name: (  # type: ignore[misc]
            "post",
            f"/admin/tickets/service/{d.service.pk}/change/",
            {"name_en": "VPN", "name_ru": "VPN", "team": d.team.pk, "is_active": "on"} | {name: None},
        )
        for name in ("name_en", "name_ru", "description_en", "description_ru", "team")
    },
    **{
        f"mailbox.{name}": lambda d, name=name: (  # type: ignore[misc]
            "post",
            "/admin/tickets/mailbox/add/",
            {"name": "Desk", "address": "desk@example.com", "host": "imap.example.com", "port": "993"}
            | {
                "security": "tls",
                "username": "desk",
                "password": "secret",
                "folder": "INBOX",
                "unverified": "ticket",
            }
            | {"stand_in": d.employee.pk, "is_active": "on"}
            | {name: None},
        )
        for name in (
            "name",
            "address",
            "host",
            "port",
            "username",
            "password",
            "folder",
            "trusted_domains",
            "stand_in",
        )
    },
    "key.name": lambda d: (
        "post",
        "/admin/accounts/apikey/add/",
        {"user": d.employee.pk, "name": None, "scopes": ["read"], "days": "30"},
    ),
    **{
        f"{page}?{name}": lambda d, page=page, name=name: ("get", f"/admin/{page}/", {name: None})  # type: ignore[misc]
        for page in (
            "audit/event",
            "accounts/user",
            "accounts/apikey",
            "tickets/ticket",
            "tickets/service",
            "tickets/inboundmail",
        )
        for name in ("q", "p", "o", "verb", "actor", "at__year")
    },
}
API: dict[str, Callable[[Desk], Sent]] = {
    **{
        f"open.{name}": lambda d, name=name: ("post", TICKETS, {"title": "Good"} | {name: None})  # type: ignore[misc]
        for name in ("title", "description", "priority", "requester", "assignee", "team", "service", "due_at")
    },
    "open.tags": lambda d: ("post", TICKETS, {"title": "Good", "tags": [None]}),
    **{
        f"edit.{name}": lambda d, name=name: ("patch", f"{TICKETS}/{d.ticket.public_id}", {name: None})  # type: ignore[misc]
        for name in ("title", "description", "priority", "service", "due_at")
    },
    "edit.tags": lambda d: ("patch", f"{TICKETS}/{d.ticket.public_id}", {"tags": [None]}),
    "comment.body": lambda d: ("post", f"{TICKETS}/{d.ticket.public_id}/comments", {"body": None}),
    "note.body": lambda d: (
        "post",
        f"{TICKETS}/{d.ticket.public_id}/comments",
        {"body": None, "internal": True},
    ),
    "status.comment": lambda d: (
        "patch",
        f"{TICKETS}/{d.ticket.public_id}/status",
        {"status": "CANCELED", "comment": None},
    ),
    "status.status": lambda d: ("patch", f"{TICKETS}/{d.ticket.public_id}/status", {"status": None}),
    "status.waiting_for": lambda d: (
        "patch",
        f"{TICKETS}/{d.ticket.public_id}/status",
        {"status": "WAITING", "waiting_for": None},
    ),
    "hand_over.comment": lambda d: (
        "post",
        f"{TICKETS}/{d.ticket.public_id}/hand-over",
        {"team": str(d.team.public_id), "comment": None},
    ),
    "hand_over.assignee": lambda d: (
        "post",
        f"{TICKETS}/{d.ticket.public_id}/hand-over",
        {"assignee": None},
    ),
    "release.files": lambda d: (
        "post",
        f"{TICKETS}/{d.ticket.public_id}/mails/{d.mail.public_id}/release",
        {"files": [None]},
    ),
    "cancel.reason": lambda d: ("post", f"{TICKETS}/{d.new.public_id}/cancel", {"reason": None}),
    "reopen.comment": lambda d: ("post", f"{TICKETS}/{d.done.public_id}/reopen", {"comment": None}),
    "delete.reason": lambda d: ("delete", f"{TICKETS}/{d.ticket.public_id}", {"reason": None}),
    "user.full_name": lambda d: (
        "post",
        "/api/v1/users",
        {"email": "x@example.com", "full_name": None, "role": "AGENT"},
    ),
    "user.email": lambda d: ("post", "/api/v1/users", {"email": None, "full_name": "X", "role": "AGENT"}),
    "user.time_zone": lambda d: ("patch", f"/api/v1/users/{d.employee.public_id}", {"time_zone": None}),
    "user.patched_name": lambda d: ("patch", f"/api/v1/users/{d.employee.public_id}", {"full_name": None}),
    "key.name": lambda d: ("post", "/api/v1/users/me/api-keys", {"name": None, "scopes": ["read"]}),
    "key.expires_at": lambda d: (
        "post",
        "/api/v1/users/me/api-keys",
        {"name": "x", "scopes": ["read"], "expires_at": None},
    ),
    **{
        f"list?{name}": lambda d, name=name: ("get", TICKETS, {name: None})  # type: ignore[misc]
        for name in TICKET_FILTERS
    },
    **{
        f"users?{name}": lambda d, name=name: ("get", "/api/v1/users", {name: None})  # type: ignore[misc]
        for name in ("q", "cursor", "limit", "role", "is_active", "team")
    },
}


def _in_bulk(desk: Desk, **fields: Any) -> dict[str, Any]:
    seen = f"{desk.ticket.public_id}:{desk.ticket.version}"
    return {"step": "confirm", "ticket": seen, "next": "/queue/"} | fields


def filled(body: Any, text: str) -> Any:
    """The body with the text wherever it has None."""
    if isinstance(body, dict):
        return {name: filled(value, text) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, text) for value in body]
    return text if body is None else body


def share(place: int) -> list[str]:
    strings = [text for text in corpus() if not any("\ud800" <= character <= "\udfff" for character in text)]
    return [*strings[place % SHARE :: SHARE], *OURS]


@pytest.mark.parametrize("place", [*(f"page {name}" for name in PAGES), *(f"admin {name}" for name in ADMIN)])
def test_no_text_breaks_a_page(world: Desk, place: str) -> None:
    door, _space, name = place.partition(" ")
    method, address, body = (PAGES if door == "page" else ADMIN)[name](world)
    browser = Client(raise_request_exception=False)
    browser.force_login(world.admin)
    answered = set()
    for text in share(sorted(PAGES | ADMIN).index(name)):
        with undone():
            answer = getattr(browser, method)(address, filled(body, text))
            answered.add(answer.status_code)
            assert answer.status_code < 500, (place, text)
            assert "X-Injected" not in answer
            page = answer.content.decode()
            assert not (looks_like_markup(text) and text in page), (place, text)
            if door == "page" and answer.status_code == 303 and looks_like_markup(text):
                shown = browser.get(f"/tickets/{world.ticket.public_id}/")
                assert shown.status_code in {200, 404}  # 404: it has been deleted
                assert text not in shown.content.decode(), (place, text)
    assert answered & {200, 302, 303, 400, 404, 409}, answered
    assert 404 not in answered or "ticket" in address, "the address of this field has moved"
    assert check(connection) == []


def looks_like_markup(text: str) -> bool:
    return "<" in text and len(text) > 8


@pytest.mark.parametrize("place", API)
def test_no_text_breaks_a_call(
    world: Desk, place: str, api: Callable[..., APIClient], key_of: Callable[..., str]
) -> None:
    method, address, body = API[place](world)
    program = api(key_of(world.admin))
    program.raise_request_exception = False
    ApiKey.objects.update(
        last_used_at=timezone.now() + timedelta(hours=1)
    )  # written down is no answer of ours
    answered = set()
    for text in share(sorted(API).index(place)):
        with undone():
            if method == "get":
                answer = program.get(address, filled(body, text))
            else:
                answer = program.generic(
                    method.upper(), address, json.dumps(filled(body, text)), "application/json"
                )
            answered.add(answer.status_code)
            assert answer.status_code < 500, (place, text, answer.content)
            assert answer.status_code == 204 or "json" in answer["Content-Type"], (place, text)
            told = answer.json() if answer.content else {}
            if answer.status_code in {200, 201} and place in KEPT_AS_SENT:
                assert told[KEPT_AS_SENT[place]] == as_kept(place, text), (place, text)
    assert answered & {200, 201, 204, 400}, answered
    assert check(connection) == []


# field → under which name the answer gives back what was sent
KEPT_AS_SENT = {
    "open.title": "title",
    "open.description": "description",
    "edit.title": "title",
    "edit.description": "description",
    "comment.body": "body",
    "note.body": "body",
    "user.full_name": "full_name",
    "user.patched_name": "full_name",
    "key.name": "name",
}


def as_kept(place: str, text: str) -> str:
    """A title in one line, the rest as it is but for what surrounds it."""
    return " ".join(text.split()) if place.endswith("title") else text.strip()
