"""What happened on a ticket, what was said, and who follows it."""

from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.models import User
from accounts.rest import lists
from accounts.rest.calls import answer, nothing
from accounts.rest.inputs import Nothing, person_called
from accounts.rest.operations import PAGING, operation, page_example, page_of
from accounts.serializers import PersonShape, person_out
from tickets import actions, timeline
from tickets.api._call import EXAMPLE, TICKET_IN_PATH, TICKETS, TicketCall, UploadCall
from tickets.models import Watch
from tickets.serializers import (
    CommentFormInput,
    CommentInput,
    CommentShape,
    EventShape,
    comment_out,
    event_out,
)

EVENT = {
    "seq": 1,
    "at": "2026-03-02T08:15:00Z",
    "actor": {"id": EXAMPLE["author"]["id"], "name": "Anna Kuznetsova"},
    "door": "API",
    "verb": "ticket.opened",
    "changes": {"title": [None, EXAMPLE["title"]]},
    "comment": "",
    "request_id": "3f0c1e6a9d0b4d0f8a3f6a6f5b1c2d3e",
}
COMMENT = {
    "id": "0198f1a2-ab77-7a02-9e5d-7d1f0a4c8e66",
    "body": "Which version of the client is it?",
    "internal": False,
    "author": EXAMPLE["author"],
    "unverified_sender": None,
    "source": "API",
    "created_at": "2026-03-02T08:20:00Z",
    "seq": 2,
    "attachments": [],
}
_USER_IN_PATH = OpenApiParameter(
    "user", str, OpenApiParameter.PATH, description="A user's id, an e-mail address, or `me`."
)


class History(TicketCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listTicketHistory",
        "List what happened to a ticket, oldest first",
        gives=page_of(EventShape, "EventPage"),
        finds=True,
        parameters=[TICKET_IN_PATH, *PAGING],
        received=page_example(EVENT),
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str) -> HttpResponse:
        events = timeline.readable(self.found(ticket), reader=self.by.person)
        return lists.listed(request, events, order=("seq",), show=event_out)


class Comments(UploadCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listComments",
        "List what was said, oldest first; internal notes for agents only",
        gives=page_of(CommentShape, "CommentPage"),
        finds=True,
        parameters=[TICKET_IN_PATH, *PAGING],
        received=page_example(COMMENT),
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str) -> HttpResponse:
        comments = self.found(ticket).comments.select_related("author").prefetch_related("attachments")
        readable = comments.defer("search").readable_by(self.by.person)
        return lists.listed(request, readable, order=("seq",), show=comment_out)

    @operation(
        "addComment",
        "Say something, to everyone who sees the ticket or to its agents only",
        takes=CommentInput,
        uploads=CommentFormInput,
        gives=CommentShape,
        status=201,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        sent={"body": COMMENT["body"], "internal": False},
        received=COMMENT,
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        said = self.input(CommentFormInput if self.arrived else CommentInput)
        said.pop("file", None)
        comment = actions.add_comment(found, **said, files=self.arrived, by=self.by)
        return answer(comment_out(comment), 201)


class Watchers(TicketCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listWatchers",
        "List who follows a ticket",
        gives=page_of(PersonShape, "PersonPage"),
        finds=True,
        parameters=[TICKET_IN_PATH, *PAGING],
        received=page_example(EXAMPLE["requester"]),
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str) -> HttpResponse:
        watchers = User.objects.filter(watches__ticket=self.found(ticket))
        return lists.listed(request, watchers, order=("full_name", "public_id"), show=person_out)


class OneWatcher(TicketCall):
    @operation(
        "getWatcher",
        "Show whether somebody follows a ticket; 404 if not",
        gives=PersonShape,
        finds=True,
        parameters=[TICKET_IN_PATH, _USER_IN_PATH],
        received=EXAMPLE["requester"],
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str, user: str) -> HttpResponse:
        found, person = self.found(ticket), self._person(user)
        if not Watch.objects.filter(ticket=found, user=person).exists():
            raise Http404
        return answer(person_out(person))

    @operation(
        "addWatcher",
        "Have somebody follow a ticket; he may read it from then on",
        gives=PersonShape,
        changes=True,
        finds=True,
        parameters=[TICKET_IN_PATH, _USER_IN_PATH],
        received=EXAMPLE["requester"],
        tags=TICKETS,
    )
    def put(self, request: Request, ticket: str, user: str) -> HttpResponse:
        found, person = self.to_change(ticket), self._person(user)
        self.input(Nothing)
        actions.watch(found, user=person, by=self.by)
        return answer(person_out(person))

    @operation(
        "removeWatcher",
        "Have somebody no longer follow a ticket",
        status=204,
        changes=True,
        finds=True,
        parameters=[TICKET_IN_PATH, _USER_IN_PATH],
        tags=TICKETS,
    )
    def delete(self, request: Request, ticket: str, user: str) -> HttpResponse:
        found, person = self.to_change(ticket), self._person(user)
        self.input(Nothing)
        actions.unwatch(found, user=person, by=self.by)
        return nothing()

    def _person(self, reference: str) -> User:
        person = person_called(reference, me=self.by.person)
        if person is None:
            raise Http404
        return person
