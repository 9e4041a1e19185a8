"""Where a ticket stands: start, wait, resolve, cancel, reopen. Nobody else changes a status."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Invalid, Refused
from accounts.models import User
from tickets import workflow
from tickets.actions._record import comment_of, let_go, lock, may_hold, note_first_response, record
from tickets.actions.assigning import give
from tickets.files import Incoming
from tickets.models import Ticket
from tickets.models.ticket import Status, WaitingFor
from tickets.permissions import has_right, require

_EVENTS = {
    Status.IN_PROGRESS: "ticket.started",
    Status.WAITING: "ticket.waiting",
    Status.DONE: "ticket.resolved",
    Status.CANCELED: "ticket.canceled",
}


@transaction.atomic
def change_status(
    ticket: Ticket,
    *,
    status: str,
    waiting_for: str = "",
    comment: str = "",
    assignee: User | None = None,
    files: Sequence[Incoming] = (),
    by: Actor,
) -> Ticket:
    """Start, wait, resolve or cancel. `comment` is said to the requester; cancelling needs one, as the reason.

    `files` come with it, or alone.

    `waiting_for` is for WAITING only and REQUESTER if omitted. With `assignee` the ticket is first given to that
    person, which is a verb and an event of its own. Raises Refused with `from`, `to` and `allowed` for a change the
    workflow does not know.
    """
    if status not in Status.values:
        raise Invalid("status", "invalid_choice", _("There is no such status."))
    if waiting_for and (status != Status.WAITING or waiting_for not in WaitingFor.values):
        raise Invalid("waiting_for", "invalid_choice", _("Only a WAITING ticket waits for somebody."))
    ticket, by = lock(ticket, by=by)
    # NEW is nobody's to set: whoever could go on with the ticket hears that it is no legal change.
    verb = workflow.VERBS.get(workflow.Status(status), "start")
    if assignee is not None:
        if not workflow.allows(ticket.status, status):
            if by.user is not None and not by.user.is_agent:
                require(by, verb, ticket)
            raise _illegal(ticket, status)
        ticket = give(ticket, to=assignee, by=by)
    require(by, verb, ticket)
    if not workflow.allows(ticket.status, status):
        raise _illegal(ticket, status)
    if status == Status.IN_PROGRESS and ticket.assignee_id is None:
        raise Refused(
            "assignee_required",
            _("Somebody has to take the ticket before it is in progress."),
            _pair(ticket, status),
        )
    if status == Status.CANCELED and not comment.strip():
        raise Invalid("comment", "reason_required", _("Say why the ticket is canceled."))
    return _move(
        ticket,
        status,
        waiting_for=waiting_for or WaitingFor.REQUESTER,
        comment=comment,
        files=files,
        verb=_EVENTS[Status(status)],
        by=by,
    )


@transaction.atomic
def cancel(ticket: Ticket, *, reason: str = "", by: Actor) -> Ticket:
    """Cancel a ticket: one's own request while nobody has taken it, or as staff, with a reason."""
    ticket, by = lock(ticket, by=by)
    if by.is_desk or (by.user is not None and has_right(by.user, "cancel", ticket)):
        return change_status(ticket, status=Status.CANCELED, comment=reason, by=by)
    require(by, "cancel_own", ticket)
    return _move(ticket, Status.CANCELED, waiting_for="", comment=reason, verb="ticket.canceled", by=by)


@transaction.atomic
def reopen(ticket: Ticket, *, comment: str = "", by: Actor) -> Ticket:
    """Take up a DONE ticket again: IN_PROGRESS, or NEW if nobody is assigned.

    Whoever resolved it may have left since, or may no longer see it: then it goes to its team's queue.
    """
    ticket, by = lock(ticket, by=by)
    require(by, "reopen", ticket)
    ticket.resolved_at = ticket.finished_at = ticket.finished_by = None
    if ticket.assignee is not None and not may_hold(ticket, ticket.assignee):
        let_go(ticket)
    status = Status.IN_PROGRESS if ticket.assignee_id is not None else Status.NEW
    return _move(ticket, status, waiting_for="", comment=comment, verb="ticket.reopened", by=by)


def _move(
    ticket: Ticket,
    status: str,
    *,
    waiting_for: str,
    comment: str,
    verb: str,
    files: Sequence[Incoming] = (),
    by: Actor,
) -> Ticket:
    added = comment_of(comment, internal=False, by=by) if comment.strip() and by.user else None
    ticket.status = status
    ticket.waiting_for = waiting_for if status == Status.WAITING else ""
    if status in workflow.FINAL:
        ticket.finished_at, ticket.finished_by = timezone.now(), by.user
    if status == Status.DONE:
        ticket.resolved_at = ticket.finished_at
    if added is not None or files or status == Status.DONE:
        note_first_response(ticket, by=by)
    return record(ticket, verb, by=by, comment=comment.strip(), added=added, files=files)


def _illegal(ticket: Ticket, status: str) -> Refused:
    return Refused(
        "illegal_status_change",
        _("A ticket cannot go from “%(old)s” to “%(new)s”.")
        % {"old": ticket.get_status_display(), "new": Status(status).label},
        _pair(ticket, status),
    )


def _pair(ticket: Ticket, status: str) -> dict[str, object]:
    allowed = [str(new) for new in workflow.CHANGES[workflow.Status(ticket.status)]]
    return {"from": str(ticket.status), "to": str(status), "allowed": allowed}
