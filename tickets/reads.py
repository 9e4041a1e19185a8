"""What pages and answers read: the standard views of the queue with their counts, and the present for the audit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import configuration
from accounts.models import User
from audit import trail
from audit.models import Event
from tickets.filters import start_of_today
from tickets.models import Attachment, InboundMail, Mailbox, Service, Tag, Ticket, Watch
from tickets.models.ticket import OPEN, Status, TicketQuerySet, WaitingFor, to_be_taken_by, watched_by
from tickets.search import number_in

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

RECENTLY = timedelta(days=14)


def tags(reader: User) -> QuerySet[Tag]:
    """The tags of tickets that this person may see: what only others' tickets are called is nobody else's to know."""
    seen = Ticket.objects.visible_to(reader).filter(tags__contains=[OuterRef("name")])
    return Tag.objects.filter(Exists(seen))


@dataclass(frozen=True)
class View:
    """A standard view of the queue. `condition(agent)` says which of the tickets he may see belong to it."""

    name: str
    title: "_StrPromise"
    icon: str
    condition: Callable[[User], Q]
    key: str  # after g
    order: str = "priority"


def _is_open() -> Q:
    return Q(status__in=OPEN)


def _lately_finished_by(me: User) -> Q:
    return Q(finished_by=me, finished_at__gte=timezone.now() - RECENTLY)


VIEWS: tuple[View, ...] = (
    View(
        "unassigned",
        _("Unassigned"),
        "inbox",
        to_be_taken_by,
        "q",
    ),
    View("mine", _("Mine"), "user-check", lambda me: _is_open() & Q(assignee=me), "m"),
    View("waiting", _("Waiting"), "player-pause", lambda me: Q(status=Status.WAITING, assignee=me), "w"),
    View(
        "due_today",
        _("Due today"),
        "clock",
        lambda me: _is_open() & Q(due_at__lt=start_of_today() + timedelta(days=1)),
        "d",
    ),
    View(
        "followed",
        _("Followed"),
        "eye",
        lambda me: _is_open() & Q(watched_by(me)),
        "f",
    ),
    View(
        "closed_by_me",
        _("Closed by me"),
        "circle-check",
        _lately_finished_by,
        "c",
        order="-closed",
    ),
    View("all", _("All open"), "list", lambda me: _is_open(), "a"),
)
BY_NAME = {view.name: view for view in VIEWS}


def find(reference: str, *, reader: User, beside: TicketQuerySet | None = None) -> Ticket:
    """The ticket of this public id or number (SF-1042), with its people, if the reader may see it.

    The public ids of the tickets `beside` it come along as its `neighbours`, in their order.
    Raises Ticket.DoesNotExist alike for what is not there and what he may not see.
    """
    tickets = Ticket.objects.visible_to(reader).with_people().noting_watch_of(reader)
    if beside is not None:
        tickets = tickets.annotate(neighbours=ArraySubquery(beside.values("public_id")))
    try:
        public_id = UUID(reference)
    except ValueError:
        number = number_in(reference) if reference[:3].upper() == "SF-" else None
        if number is None:
            raise Ticket.DoesNotExist from None
        found: Ticket = tickets.get(number=number)
    else:
        found = tickets.get(public_id=public_id)
    return found


def find_file(public_id: UUID, *, reader: User) -> Attachment:
    """The file of this id, with its ticket, if the reader may see both. Raises Attachment.DoesNotExist."""
    found: Attachment = (
        Attachment.objects.visible_to(reader).select_related("ticket").get(public_id=public_id)
    )
    return found


# The events after which an answer about a ticket of the same version may read otherwise, and what they are then about.
_RENAMING = ("user.profile_changed", "user.email_changed", "team.changed", "service.changed")
_NAMES = ["full_name", "email", "name", "name_en", "name_ru", "language"]


def renamed_since(ticket: Ticket, *, reader: User) -> bool:
    """Whether somebody or something on the ticket has another name, or the reader another language, since its last
    event. Bring `with_people` along.
    """
    shown = (ticket.service, ticket.team, ticket.requester, ticket.author, ticket.assignee, reader)
    return Event.objects.filter(
        subject_id__in={each.public_id for each in shown if each},
        at__gt=ticket.updated_at,
        verb__in=_RENAMING,
        changes__has_any_keys=_NAMES,
    ).exists()


def requests_of(person: User) -> TicketQuerySet:
    """What somebody has asked for. For an employee also what he opened for a colleague, and what he follows."""
    visible: TicketQuerySet = Ticket.objects.visible_to(person)
    return visible.filter(requester=person) if person.is_agent else visible


def waits_for(ticket: Ticket, person: User) -> bool:
    """Whether nothing goes on before this person has answered."""
    return (
        ticket.status == Status.WAITING
        and ticket.waiting_for == WaitingFor.REQUESTER
        and ticket.requester_id == person.pk
    )


def in_view(tickets: TicketQuerySet, view: View, *, reader: User, any_status: bool = False) -> TicketQuerySet:
    """Those of the view. With `any_status` the view of all shows closed ones, too: somebody asked for them."""
    if view.name == "all" and any_status:
        return tickets
    return tickets.filter(view.condition(reader))


def counts(reader: User) -> dict[str, int]:
    """How many tickets each standard view has, in one query."""
    tickets = Ticket.objects.visible_to(reader).filter(_is_open() | _lately_finished_by(reader))
    numbers: dict[str, int] = tickets.aggregate(
        **{view.name: Count("pk", filter=view.condition(reader)) for view in VIEWS}
    )
    return numbers


def present_tickets() -> Iterator[trail.Present]:
    """How every ticket stands now, deleted ones included, in the order of their public ids."""
    watchers = Watch.objects.order_by("ticket__public_id", "user__public_id").values_list(
        "ticket_id", "user__public_id"
    )
    followed: dict[int, list[str]] = {}
    for ticket_id, person in watchers.iterator(chunk_size=2000):
        followed.setdefault(ticket_id, []).append(str(person))
    tickets = Ticket.objects.with_people().select_related("finished_by")
    for ticket in tickets.order_by("public_id").iterator(chunk_size=1000):
        yield trail.Present(
            ticket.public_id,
            ticket.audited() | {"watchers": followed.get(ticket.pk, [])},
            ticket.version,
            ticket.updated_at,
            ticket.reference,
        )


def present_services() -> Iterator[trail.Present]:
    """How every service stands now."""
    for service in Service.objects.select_related("team").order_by("pk").iterator(chunk_size=1000):
        yield trail.Present(service.public_id, configuration.values(service))


def present_mailboxes() -> Iterator[trail.Present]:
    """How every mailbox stands now."""
    for mailbox in Mailbox.objects.select_related("service", "team", "stand_in"):
        yield trail.Present(mailbox.public_id, configuration.values(mailbox))


def present_mails() -> Iterator[trail.Present]:
    """Every mail; its events say what was done with it, and no values."""
    for public_id in InboundMail.objects.values_list("public_id", flat=True).iterator(chunk_size=2000):
        yield trail.Present(public_id, {})


def comment_faults() -> Iterable[trail.Fault]:
    """Comments that are not what their events say: changed, added, lost or given to somebody else.

    So are those of a sender whom no mail has named that was held beside the ticket before.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH said AS (
                SELECT e.id AS event, e.verb, e.subject_id, e.seq, e.actor_id, e.at, e.door,
                    e.changes->'comment'->1 AS said
                FROM audit_event e WHERE e.subject_type = 'ticket' AND e.changes ? 'comment'
            ), written AS (
                SELECT t.public_id AS subject_id, c.seq, u.public_id AS author_id, c.created_at, c.source,
                    c.claimed_by, jsonb_build_object(
                    'id', c.public_id::text, 'internal', c.internal,
                    'sha256', encode(sha256(convert_to(c.body, 'UTF8')), 'hex')) AS written
                FROM tickets_comment c
                JOIN tickets_ticket t ON t.id = c.ticket_id JOIN accounts_user u ON u.id = c.author_id
            )
            SELECT coalesce(s.subject_id, w.subject_id), coalesce(s.seq, w.seq), s.event
            FROM said s FULL JOIN written w ON w.subject_id = s.subject_id AND w.seq = s.seq
            WHERE (s.said, s.actor_id, s.at, s.door)
                IS DISTINCT FROM (w.written, w.author_id, w.created_at, w.source)
                OR w.claimed_by <> '' AND NOT (s.verb = 'ticket.mail_released' AND EXISTS (
                    SELECT FROM audit_event h WHERE h.subject_id = s.subject_id AND h.id < s.event
                    AND h.verb = 'ticket.mail_held' AND h.comment = w.claimed_by))
            ORDER BY s.event NULLS LAST LIMIT 1
            """
        )
        rows = cursor.fetchall()
    for subject_id, seq, event in rows:
        yield trail.Fault("ticket", subject_id, seq, event, "the comment is not what its event says")


def present_files() -> Iterator[trail.Present]:
    """How every file stands now."""
    for public_id, state in Attachment.objects.values_list("public_id", "state").iterator(chunk_size=2000):
        yield trail.Present(public_id, {"state": state})


def file_faults() -> Iterable[trail.Fault]:
    """Files that are not what the events that brought them say: renamed, exchanged, added, lost, made public."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH said AS (
                SELECT e.id AS event, e.subject_id, e.seq, e.actor_id, told
                FROM audit_event e CROSS JOIN jsonb_array_elements(e.changes->'attachments'->1) AS told
                WHERE e.subject_type = 'ticket' AND e.changes ? 'attachments'
            ), kept AS (
                SELECT t.public_id AS subject_id, a.seq, c.seq AS said_at, u.public_id AS uploader_id,
                    jsonb_build_object('id', a.public_id::text, 'name', a.name, 'size', a.size,
                        'sha256', a.sha256, 'internal', a.internal) AS kept
                FROM tickets_attachment a JOIN tickets_ticket t ON t.id = a.ticket_id
                JOIN accounts_user u ON u.id = a.uploader_id LEFT JOIN tickets_comment c ON c.id = a.comment_id
            ), brought AS (
                SELECT subject_id, seq, uploader_id, kept FROM kept
                UNION SELECT subject_id, said_at, uploader_id, kept FROM kept WHERE said_at IS NOT NULL
            )
            SELECT coalesce(s.subject_id, b.subject_id), coalesce(s.seq, b.seq), s.event
            FROM said s FULL JOIN brought b
                ON b.subject_id = s.subject_id AND b.seq = s.seq AND b.kept->>'id' = s.told->>'id'
            WHERE (s.told, s.actor_id) IS DISTINCT FROM (b.kept, b.uploader_id)
            ORDER BY s.event NULLS LAST LIMIT 1
            """
        )
        rows = cursor.fetchall()
    for subject_id, seq, event in rows:
        yield trail.Fault("ticket", subject_id, seq, event, "the files are not what the event says")
