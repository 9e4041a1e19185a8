"""What the calls about one ticket share: find it, heed If-Match, show it."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from accounts.rest import conditional
from accounts.rest.calls import Call, answer
from tickets import actions, files, reads
from tickets.files import Incoming
from tickets.models import Ticket
from tickets.serializers import ticket_out

TICKET_IN_PATH = OpenApiParameter(
    "ticket", str, OpenApiParameter.PATH, description="A ticket's id, or its number: `SF-1042`."
)
ETAG = {"ETag": "The ticket's version, for If-Match."}
TICKETS = ("Tickets",)

EXAMPLE: dict[str, Any] = {
    "id": "0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1",
    "number": "SF-1042",
    "title": "VPN drops every ten minutes",
    "description": "Since this morning, at home only.",
    "status": "NEW",
    "waiting_for": None,
    "priority": "NORMAL",
    "service": {"id": "0198f1a2-5a20-7e1b-8f11-0d9b7c6a5e43", "name": "VPN access"},
    "team": {"id": "0198f1a2-6a01-7d3c-a1b4-2a90cf7be6d2", "name": "IT"},
    "requester": {
        "id": "0198f1a2-7c4e-7b0a-9d52-3f6d1c0e8b11",
        "full_name": "Anna Kuznetsova",
        "email": "anna@example.com",
    },
    "author": {
        "id": "0198f1a2-7c4e-7b0a-9d52-3f6d1c0e8b11",
        "full_name": "Anna Kuznetsova",
        "email": "anna@example.com",
    },
    "assignee": None,
    "tags": ["vpn"],
    "source": "API",
    "due_at": None,
    "created_at": "2026-03-02T08:15:00Z",
    "updated_at": "2026-03-02T08:15:00Z",
    "first_responded_at": None,
    "resolved_at": None,
    "closed_at": None,
    "version": 1,
    "allowed": {"verbs": ["cancel_own", "edit", "comment", "manage_watchers"], "statuses": []},
}


_VERSION = re.compile(r'"[1-9][0-9]{0,8}"')


class TicketCall(Call):
    """A call about one ticket, named by its id or number. What the caller does not see is not there: 404."""

    one_verb = True

    def found(self, reference: str) -> Ticket:
        return reads.find(reference, reader=self.by.person)

    def to_change(self, reference: str) -> Ticket:
        """The ticket for a verb that follows; where If-Match names a version it is locked and has that version."""
        ticket = self.found(reference)
        believed = conditional.believed(self.request)
        self.matched = True
        if believed is not None:
            actions.expect(ticket, version=_version_among(believed, now=ticket.version))
        return ticket

    def shown(
        self, ticket: Ticket, *, found: Ticket, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """The ticket after a verb. Whether the caller watches it is known from when it was found."""
        ticket.noted_watch = found.noted_watch  # type: ignore[attr-defined]
        return show(ticket, self, status=status, headers=headers)


class UploadCall(TicketCall):
    """A call that takes in files: in a form, each under the name `file`, beside the fields of its shape.

    They are in the store before the transaction begins, and out of it again if that comes to nothing.
    """

    several = frozenset({"attachments"})  # fields that may come more than once
    needs_files = False  # whether JSON will not do

    arrived: list[Incoming]

    def _act(self, request: Request) -> HttpResponseBase:
        self.arrived = []
        if request.method != "POST":
            return super()._act(request)
        called = request._request
        if called.content_type != FORM:
            if self.needs_files:
                raise exceptions.UnsupportedMediaType(called.content_type or "")
            return super()._act(request)
        self.found(self.kwargs["ticket"])  # who does not see the ticket stores nothing
        odd = {
            name: [ErrorDetail(_("There is no such field here."), "unknown_field")] for name in called.FILES
        }
        if odd.keys() - {"file"}:
            raise exceptions.ValidationError({name: said for name, said in odd.items() if name != "file"})
        sent = called.FILES.getlist("file")
        if len(sent) > settings.MOST_FILES:
            raise files.too_many()
        arrivals = [files.incoming(each.name or "", each, each.content_type or "") for each in sent]
        with files.stored(arrivals) as self.arrived:
            return super()._act(request)

    def _body(self) -> dict[str, Any]:
        called = self.request._request
        if called.content_type != FORM:
            return super()._body()
        if getattr(called, "is_odd", False):
            raise exceptions.ParseError(_("The request could not be understood."))
        fields: dict[str, Any] = {}
        for name, values in called.POST.lists():
            if len(values) > 1 and name not in self.several:
                raise exceptions.ValidationError(
                    {name: [ErrorDetail(_("This field may come once only."), "invalid")]}
                )
            fields[name] = values if name in self.several else values[0]
        if (flag := fields.get("internal")) in _FLAGS:
            fields["internal"] = _FLAGS[flag]
        return fields | ({"file": called.FILES.getlist("file")} if called.FILES else {})


FORM = "multipart/form-data"
# A form has no other way to say so.
_FLAGS = {"true": True, "false": False}


def show(
    ticket: Ticket, call: Call, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    tag = conditional.version_tag(ticket.version)
    return answer(ticket_out(ticket, call.by.person), status, headers={"ETag": tag, **(headers or {})})


def _version_among(tags: frozenset[str], *, now: int) -> int:
    """The version that the caller has seen: the present one, if it is among them, and 0 if none is a version."""
    if conditional.version_tag(now) in tags:
        return now
    return max((int(tag.strip('"')) for tag in tags if _VERSION.fullmatch(tag)), default=0)
