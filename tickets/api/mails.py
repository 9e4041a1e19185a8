"""Mails of unverified senders: what waits on a ticket for an agent to decide, and the deciding."""

from collections.abc import Sequence
from uuid import UUID

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.acting import Invalid
from accounts.rest import lists
from accounts.rest.calls import answer
from accounts.rest.inputs import Nothing
from accounts.rest.operations import PAGING, operation, page_example, page_of
from tickets import actions, files, inbound_email, timeline
from tickets.api._call import ETAG, EXAMPLE, TICKET_IN_PATH, TICKETS, TicketCall
from tickets.api.conversation import COMMENT
from tickets.files import Incoming
from tickets.models import InboundMail, Ticket
from tickets.permissions import require
from tickets.serializers import (
    CommentShape,
    MailShape,
    ReleaseInput,
    TicketShape,
    comment_out,
    mail_out,
)

MAIL = {
    "id": "0198f1a2-d21e-7c31-b4a8-1f2e3d4c5b6a",
    "outcome": "HELD",
    "sender": "anna@private.example",
    "sender_name": "Anna K",
    "subject": "Re: [SF-1042] VPN drops every ten minutes",
    "text": "It is Anna, from my private address.",
    "files": [{"name": "log.txt", "size": 4096}],
    "internal": False,
    "reason": "the reply address was given to somebody else",
    "received_at": "2026-03-02T08:30:00Z",
}
_MAIL_IN_PATH = OpenApiParameter("mail", UUID, OpenApiParameter.PATH, description="A mail's id.")
_IN_PATH = [TICKET_IN_PATH, _MAIL_IN_PATH]


class _MailCall(TicketCall):
    """Agents only: nobody else learns that such mails are there."""

    def asked(self, reference: str) -> Ticket:
        ticket = self.found(reference)
        require(self.by, "note", ticket)
        return ticket

    def mail(self, ticket: Ticket, public_id: UUID) -> InboundMail:
        require(self.by, "note", ticket)
        mail: InboundMail | None = ticket.mails.filter(public_id=public_id).defer("raw", "folded").first()
        if mail is None:
            raise Http404
        return mail


class Mails(_MailCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listUnverifiedMails",
        "List the mails on a ticket that an agent has to decide about, oldest first; for agents",
        gives=page_of(MailShape, "MailPage"),
        finds=True,
        parameters=[TICKET_IN_PATH, *PAGING],
        received=page_example(MAIL),
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str) -> HttpResponse:
        mails = timeline.undecided_mails(self.asked(ticket), reader=self.by.person)
        return lists.listed(request, mails, order=("fetched_at", "public_id"), show=mail_out)


class ReleaseMail(_MailCall):
    """Its files are read and stored before the transaction, where no row stays locked meanwhile."""

    arrived: Sequence[Incoming] = ()

    def _act(self, request: Request) -> HttpResponseBase:
        if request.method != "POST":
            return super()._act(request)
        mail = self.mail(self.asked(self.kwargs["ticket"]), self.kwargs["mail"])
        chosen = self.input(ReleaseInput)["files"]
        if any(place >= len(mail.files) for place in chosen):
            raise Invalid("files", "invalid", _("This mail has no such file."))
        brought = inbound_email.files_of(mail, chosen=chosen) if mail.is_held else ()
        with files.stored(brought) as self.arrived:
            return super()._act(request)

    @operation(
        "releaseMail",
        "Put a held mail on its ticket, as words of somebody who only says who they are",
        takes=ReleaseInput,
        gives=CommentShape,
        status=201,
        changes=True,
        resends=True,
        finds=True,
        parameters=_IN_PATH,
        sent={"files": [0]},
        received=COMMENT
        | {
            "body": "Anna K <anna@private.example> (unverified sender) wrote by mail:\n\n> It is Anna.",
            "unverified_sender": "Anna K <anna@private.example>",
        },
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str, mail: UUID) -> HttpResponse:
        found = self.to_change(ticket)
        comment = actions.release_mail(self.mail(found, mail), files=self.arrived, by=self.by)
        return answer(comment_out(comment), 201)


class RefuseMail(_MailCall):
    @operation(
        "refuseMail",
        "Say that a held mail has no place on its ticket",
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=_IN_PATH,
        headers=ETAG,
        received=EXAMPLE | {"version": 4},
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str, mail: UUID) -> HttpResponse:
        found = self.to_change(ticket)
        self.input(Nothing)
        actions.refuse_mail(self.mail(found, mail), by=self.by)
        return self.shown(self.found(ticket), found=found)


class ConfirmSender(_MailCall):
    @operation(
        "confirmSender",
        "Say that the ticket of an unverified mail is of the person whose address it names",
        gives=TicketShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=_IN_PATH,
        headers=ETAG,
        received=EXAMPLE | {"source": "MAIL", "version": 2},
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str, mail: UUID) -> HttpResponse:
        found = self.to_change(ticket)
        self.input(Nothing)
        return self.shown(actions.accept_sender(self.mail(found, mail), by=self.by), found=found)
