"""The verbs of a ticket that PATCH cannot say."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.acting import Invalid
from accounts.rest.calls import nothing
from accounts.rest.inputs import Nothing
from accounts.rest.operations import operation
from tickets import actions
from tickets.api._call import ETAG, EXAMPLE, TICKET_IN_PATH, TICKETS, TicketCall, show
from tickets.serializers import CancelInput, HandOverInput, ReopenInput, StatusInput, TicketShape

AGENT = {"id": "0198f1a2-7c90-7d12-a6f3-94e1b0c2d388", "full_name": "Igor Orlov", "email": "igor@example.com"}
CLAIMED = EXAMPLE | {"assignee": AGENT, "version": 2}


class ChangeStatus(TicketCall):
    @operation(
        "changeTicketStatus",
        "Start, wait, resolve or cancel",
        takes=StatusInput,
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        sent={
            "status": "WAITING",
            "waiting_for": "REQUESTER",
            "comment": "Which version of the client is it?",
        },
        received=CLAIMED | {"status": "WAITING", "waiting_for": "REQUESTER", "version": 4},
        tags=TICKETS,
    )
    def patch(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        wanted = self.input(StatusInput)
        changed = actions.change_status(
            found,
            status=wanted["status"],
            waiting_for=wanted.get("waiting_for") or "",
            comment=wanted.get("comment", ""),
            assignee=wanted.get("assignee"),
            by=self.by,
        )
        return self.shown(changed, found=found)


class OlderChangeStatus(ChangeStatus):
    lenient = True


class Claim(TicketCall):
    @operation(
        "claimTicket",
        "Take a ticket that nobody has",
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        received=CLAIMED,
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        self.input(Nothing)
        return self.shown(actions.claim(found, by=self.by), found=found)


class ClaimNext(TicketCall):
    @operation(
        "claimNextTicket",
        "Take the most urgent ticket that nobody has; 204 if there is none",
        gives=TicketShape,
        also={204: None},
        changes=True,
        resends=True,
        headers=ETAG,
        received=CLAIMED,
        tags=TICKETS,
    )
    def post(self, request: Request) -> HttpResponse:
        self.input(Nothing)
        ticket = actions.claim_next(by=self.by)
        return nothing() if ticket is None else show(ticket, self)


class HandOver(TicketCall):
    @operation(
        "handOverTicket",
        "Give a ticket to another agent, or to a team's queue",
        takes=HandOverInput,
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        sent={"assignee": "igor@example.com", "comment": "You know this client."},
        received=CLAIMED,
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        wanted = self.input(HandOverInput)
        given = actions.hand_over(
            found,
            to=wanted.get("assignee"),
            team=wanted.get("team"),
            note=wanted.get("comment", ""),
            by=self.by,
        )
        return self.shown(given, found=found)


class Reopen(TicketCall):
    @operation(
        "reopenTicket",
        "Take up a DONE ticket again",
        takes=ReopenInput,
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        sent={"comment": "It happened again."},
        received=CLAIMED | {"status": "IN_PROGRESS", "version": 6},
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        wanted = self.input(ReopenInput)
        return self.shown(actions.reopen(found, comment=wanted.get("comment", ""), by=self.by), found=found)


class Cancel(TicketCall):
    @operation(
        "cancelTicket",
        "Cancel a ticket: one's own request while nobody has it, or as staff, with a reason",
        takes=CancelInput,
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        headers=ETAG,
        sent={"reason": "It works again."},
        received=EXAMPLE | {"status": "CANCELED", "version": 2},
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        wanted = self.input(CancelInput)
        name = "comment" if wanted.get("comment") and not wanted.get("reason") else "reason"
        try:
            changed = actions.cancel(found, reason=wanted.get(name, ""), by=self.by)
        except Invalid as no:
            # The verb calls what is said a comment or its body: blame the field that held it, or should have.
            raise Invalid(name, no.code, no.message) from None
        return self.shown(changed, found=found)
