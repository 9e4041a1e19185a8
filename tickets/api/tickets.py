"""Open, list, show, edit and delete tickets."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

from accounts.acting import Invalid
from accounts.models import User
from accounts.rest import conditional, lists
from accounts.rest.calls import nothing
from accounts.rest.operations import PAGING, operation, page_example, page_of
from tickets import actions, reads
from tickets.api._call import ETAG, EXAMPLE, TICKET_IN_PATH, TICKETS, TicketCall, show
from tickets.filters import ORDERINGS, TicketFilter
from tickets.models import Priority, Ticket
from tickets.models.ticket import Status, TicketQuerySet
from tickets.serializers import (
    DeletionInput,
    TicketChangeInput,
    TicketInput,
    TicketShape,
    names_in,
    ticket_out,
)

USUAL_ORDER = "-created_at"
ONE_VALUE = frozenset({"created_after", "created_before", "updated_after", "updated_before", "q"})
FILTERS = frozenset(TicketFilter.base_filters)


def _several(name: str, about: str, *, among: list[str] | None = None) -> OpenApiParameter:
    items: dict[str, Any] = {"type": "string"} | ({"enum": among} if among else {})
    return OpenApiParameter(name, {"type": "array", "items": items}, description=about, explode=True)


FILTER_PARAMETERS = [
    _several("status", "Any of these.", among=Status.values),
    _several("priority", "Any of these.", among=Priority.values),
    _several("assignee", "Any of these: `me`, `none` or an id."),
    _several("requester", "Any of these: `me` or an id."),
    _several("team", "Any of these: `none` or an id."),
    _several("service", "Any of these: `none` or an id."),
    _several("tag", "Any of these."),
    *(
        OpenApiParameter(name, str, description="A date or time as ISO 8601; without a zone the caller's.")
        for name in sorted(ONE_VALUE - {"q"})
    ),
    _several("sla", "Any of these.", among=["breached", "due_today"]),
    OpenApiParameter(
        "q", {"type": "string", "maxLength": 200}, description="Words, in Russian or English, or a number."
    ),
    OpenApiParameter("ordering", {"type": "string", "enum": list(ORDERINGS), "default": USUAL_ORDER}),
]


class Tickets(TicketCall):
    parameters = {"GET": lists.PARAMETERS | FILTERS | {"ordering"}}
    repeatable = FILTERS - ONE_VALUE

    @operation(
        "listTickets",
        "List the tickets one may see",
        gives=page_of(TicketShape, "TicketPage"),
        parameters=[*FILTER_PARAMETERS, *PAGING],
        received=page_example(EXAMPLE),
        tags=TICKETS,
    )
    def get(self, request: Request) -> HttpResponse:
        viewer = self.by.person
        # The search column is large and never shown.
        tickets = Ticket.objects.visible_to(viewer).with_people().noting_watch_of(viewer).defer("search")
        return lists.listed(
            request,
            filtered(tickets, request, reader=viewer),
            order=ordering(request),
            show=lambda ticket: ticket_out(ticket, viewer),
            identity=lambda ticket: (ticket.pk, ticket.version, names_in(ticket)),
        )

    @operation(
        "openTicket",
        "Open a ticket",
        takes=TicketInput,
        gives=TicketShape,
        status=201,
        changes=True,
        resends=True,
        headers={"Location": "The address of the ticket.", **ETAG},
        sent={"title": EXAMPLE["title"], "description": EXAMPLE["description"], "tags": ["vpn"]},
        received=EXAMPLE,
        tags=TICKETS,
    )
    def post(self, request: Request) -> HttpResponse:
        ticket = actions.open_ticket(**self.input(TicketInput), by=self.by)
        ticket.noted_watch = False  # type: ignore[attr-defined] # nobody watches it yet
        return show(
            ticket, self, status=201, headers={"Location": reverse("api:ticket", args=[ticket.public_id])}
        )


class OneTicket(TicketCall):
    one_verb = False
    parameters = {"DELETE": {"reason"}}

    @operation(
        "getTicket",
        "Show a ticket",
        gives=TicketShape,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        received=EXAMPLE,
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str) -> HttpResponse:
        found = self.found(ticket)
        known = conditional.not_modified(request, conditional.version_tag(found.version))
        if known is None or reads.renamed_since(found, reader=self.by.person):
            return show(found, self)
        return known

    @operation(
        "updateTicket",
        "Edit a ticket; several fields are several verbs, all or none",
        takes=TicketChangeInput,
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        sent={"priority": "HIGH", "tags": ["vpn", "home"]},
        received=EXAMPLE | {"priority": "HIGH", "tags": ["home", "vpn"], "version": 3},
        tags=TICKETS,
    )
    def patch(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        wanted = self.input(TicketChangeInput)
        changed = found
        for fields, verb in VERBS.items():
            given = {name: wanted[name] for name in fields if name in wanted}
            if given:
                changed = verb(changed, **given, by=self.by)
        return self.shown(changed, found=found)

    @operation(
        "deleteTicket",
        "Delete a ticket, with a reason; for administrators",
        takes=DeletionInput,
        status=204,
        changes=True,
        finds=True,
        parameters=[
            TICKET_IN_PATH,
            OpenApiParameter("reason", str, description="The reason, if not in the body."),
        ],
        sent={"reason": "Opened by a test."},
        tags=TICKETS,
    )
    def delete(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        reason = self.input(DeletionInput).get("reason") or request.query_params.get("reason", "")
        actions.delete(found, reason=reason, by=self.by)
        return nothing()


class OlderTickets(Tickets):
    lenient = True
    http_method_names = ["post", "options"]


# A field is a verb; title and description are one together.
VERBS: dict[tuple[str, ...], Callable[..., Ticket]] = {
    ("title", "description"): actions.edit,
    ("priority",): actions.set_priority,
    ("service",): actions.set_service,
    ("tags",): actions.set_tags,
    ("due_at",): actions.set_due,
}


def filtered(tickets: TicketQuerySet, request: Request, *, reader: User) -> TicketQuerySet:
    """Those whom the query asks for. Raises ValidationError for a value there is not."""
    if FILTERS.isdisjoint(request.query_params):
        return tickets
    wanted = TicketFilter(request.query_params, tickets, reader=reader)
    if not wanted.is_valid():
        raise exceptions.ValidationError({name: [*said] for name, said in wanted.errors.items()})
    found: TicketQuerySet = wanted.qs
    return found


def ordering(request: Request) -> tuple[str, ...]:
    """The columns to order by. Raises Invalid for an order there is not."""
    order = request.query_params.get("ordering", USUAL_ORDER)
    if order not in ORDERINGS:
        raise Invalid(
            "ordering", "invalid_choice", _("Choose one of: %(all)s.") % {"all": ", ".join(ORDERINGS)}
        )
    return ORDERINGS[order]
