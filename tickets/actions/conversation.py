"""What is said on a ticket, and who follows it."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Invalid
from accounts.models import User
from tickets.actions._record import comment_of, let_go, lock, may_see, note_first_response, record
from tickets.files import Incoming
from tickets.models import Attachment, Comment, Ticket, Watch
from tickets.models.ticket import Status, WaitingFor, named
from tickets.permissions import require


@transaction.atomic
def add_comment(
    ticket: Ticket,
    *,
    body: str,
    internal: bool = False,
    files: Sequence[Incoming] = (),
    attachments: Sequence[UUID] = (),
    automatic: bool = False,
    by: Actor,
) -> Comment:
    """Say something: to everyone who sees the ticket, or (internal) to the agents who do.

    `files` come with it (see tickets.files); `attachments` are ids of files that the actor has put on the ticket before
    and that belong to no message yet. When the requester answers a ticket that waits for him it goes back to work:
    IN_PROGRESS, or NEW if nobody has it. What a program of his has written (`automatic`) is no answer.
    """
    ticket, by = lock(ticket, by=by)
    require(by, "note" if internal else "comment", ticket)
    comment = comment_of(body, internal=internal, by=by)
    joined = _own_files(ticket, attachments, internal=internal, by=by)
    if not internal and not automatic:
        _note_an_answer(ticket, by=by)
    record(
        ticket,
        "ticket.noted" if internal else "ticket.commented",
        by=by,
        added=comment,
        internal=internal,
        files=files,
        joined=joined,
    )
    return comment


@transaction.atomic
def attach(
    ticket: Ticket, *, files: Sequence[Incoming], internal: bool = False, by: Actor
) -> list[Attachment]:
    """Put files on the ticket without a word: for everyone who sees it, or (internal) for the agents who do.

    It is an answer as a comment is one. Wrap it in `tickets.files.stored`.
    """
    ticket, by = lock(ticket, by=by)
    require(by, "note" if internal else "comment", ticket)
    if not files:
        raise Invalid("file", "required", _("Choose a file first."))
    if not internal:
        _note_an_answer(ticket, by=by)
    record(ticket, "ticket.attached", by=by, internal=internal, files=files)
    return list(Attachment.objects.filter(ticket=ticket, seq=ticket.version).select_related("uploader"))


@transaction.atomic
def watch(ticket: Ticket, *, user: User, by: Actor) -> Ticket:
    """Have somebody follow the ticket; he may read it from then on. Changes nothing if he does already."""
    ticket, by = lock(ticket, by=by)
    require(by, "manage_watchers", ticket)
    if not user.is_active:
        raise Invalid("user", "inactive", _("This person is deactivated."))
    watchers = _watchers(ticket)
    _watch, created = Watch.objects.get_or_create(ticket=ticket, user=user)
    if not created:
        return ticket
    ticket.__dict__.pop("watcher_ids", None)
    changed = {"watchers": (watchers, _watchers(ticket))}
    return record(ticket, "ticket.watched", by=by, concerning=user, more=changed)


@transaction.atomic
def unwatch(ticket: Ticket, *, user: User, by: Actor) -> Ticket:
    """Have somebody no longer follow the ticket. Whoever follows may always stop."""
    ticket, by = lock(ticket, by=by)
    require(by, "unfollow" if by.user and by.user.pk == user.pk else "manage_watchers", ticket)
    watchers = _watchers(ticket)
    deleted, _rows = Watch.objects.filter(ticket=ticket, user=user).delete()
    if not deleted:
        return ticket
    ticket.__dict__.pop("watcher_ids", None)
    if ticket.is_open and ticket.assignee is not None and not may_see(ticket, ticket.assignee):
        let_go(ticket)
    return record(ticket, "ticket.unwatched", by=by, more={"watchers": (watchers, _watchers(ticket))})


def _own_files(ticket: Ticket, ids: Sequence[UUID], *, internal: bool, by: Actor) -> list[Attachment]:
    """The files of these ids, if the actor may still say something with them. Raises Invalid."""
    if not ids:
        return []
    free = Attachment.objects.filter(ticket=ticket, uploader=by.person, comment=None, seq__gt=1)
    found = list(free.filter(public_id__in=ids))
    if len(found) != len(set(ids)):
        raise Invalid(
            "attachments", "unknown", _("Name files that you have put on this ticket and not used yet.")
        )
    if any(each.internal != internal for each in found):
        raise Invalid(
            "attachments",
            "other_readers",
            _("An internal file goes with an internal note only, any other with a reply only."),
        )
    return found


def _note_an_answer(ticket: Ticket, *, by: Actor) -> None:
    note_first_response(ticket, by=by)
    if _is_the_answer(ticket, by=by):
        ticket.status = Status.IN_PROGRESS if ticket.assignee_id is not None else Status.NEW
        ticket.waiting_for = ""


def _is_the_answer(ticket: Ticket, *, by: Actor) -> bool:
    return (
        ticket.status == Status.WAITING
        and ticket.waiting_for == WaitingFor.REQUESTER
        and by.user is not None
        and by.user.pk == ticket.requester_id
    )


def _watchers(ticket: Ticket) -> list[dict[str, str]]:
    people = User.objects.filter(watches__ticket=ticket).order_by("public_id")
    return [named(person) for person in people]
