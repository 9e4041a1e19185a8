"""The beats every verb shares: lock the row, and at the end store the change with its one event."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import standing
from accounts.acting import Actor, Invalid, Refused, Stale
from accounts.checking import is_blank, require_storable
from accounts.models import User
from audit import trail
from tickets.models import Comment, Ticket
from tickets.models.ticket import Status


def lock(ticket: Ticket) -> Ticket:
    """The ticket as it stands, locked. Raises Refused if it was deleted meanwhile."""
    try:
        locked: Ticket = Ticket.objects.locked(ticket.pk)
    except Ticket.DoesNotExist:
        raise Refused("deleted", _("This ticket has been deleted."), status=404) from None
    return locked


def expect(ticket: Ticket, *, version: int) -> Ticket:
    """Lock the ticket and raise Stale unless it still has this version. The verb follows in the same transaction."""
    locked = lock(ticket)
    if locked.version != version:
        raise Stale(_("Somebody has changed this ticket since you saw it."), seen=version, now=locked.version)
    return locked


def record(
    ticket: Ticket,
    verb: str,
    *,
    by: Actor,
    comment: str = "",
    added: Comment | None = None,
    internal: bool = False,
    more: Mapping[str, tuple[Any, Any]] | None = None,
) -> Ticket:
    """Store the changed ticket, one version further, and its event. The last beat of every verb.

    `added` is a comment that the verb brings, not yet saved; `more` are changes that are no columns.
    """
    ticket.version += 1
    ticket.updated_at = timezone.now()
    if ticket.pk is None:
        ticket.created_at = ticket.updated_at
    changes = dict(ticket.changes()) | dict(more or {})
    _store(ticket)
    if added is not None:
        added.ticket = ticket
        added.seq = ticket.version
        added.created_at = ticket.updated_at
        added.save(force_insert=True)
        changes[trail.ADDITION] = (None, _described(added))
    trail.record(
        verb,
        trail.Subject("ticket", ticket.public_id, ticket.reference, ticket.version),
        by=by,
        changes=changes,
        comment=comment,
        internal=internal,
        at=ticket.updated_at,
    )
    ticket.remember()
    return ticket


def comment_of(text: str, *, internal: bool, by: Actor) -> Comment:
    """A comment not yet saved. Raises Invalid for one that says nothing or more than 20,000 characters."""
    require_storable("body", text)
    text = text.strip()
    if is_blank(text):
        raise Invalid("body", "required", _("Write something first."))
    if len(text) > 20_000:
        raise Invalid("body", "too_long", _("A comment has at most 20,000 characters."))
    return Comment(author=by.person, body=text, internal=internal, source=by.door)


def note_first_response(ticket: Ticket, *, by: Actor) -> None:
    """Remember when somebody of the desk first answered the requester."""
    if (
        ticket.first_responded_at is None
        and by.user
        and by.user.is_agent
        and by.user.pk != ticket.requester_id
    ):
        ticket.first_responded_at = timezone.now()


def let_go(ticket: Ticket) -> None:
    """Give the ticket back to its queue: what was in progress is new again, for nobody works on it."""
    ticket.assignee = None
    if ticket.status == Status.IN_PROGRESS:
        ticket.status = Status.NEW


def check_assignee(ticket: Ticket, assignee: User) -> None:
    """Raise Refused unless this person may be responsible for the ticket as it is about to stand."""
    if ticket.service is not None and ticket.service.confidential:
        # Held, so that he loses no team between the answer and the end of the transaction. That he keeps his role
        # meanwhile is the guard's doing, which holds whoever is written into the row (_store).
        assignee = standing.held(assignee)
    if not (assignee.is_active and assignee.is_agent):
        raise Refused("not_an_agent", _("Only an active agent can be responsible for a ticket."))
    if not may_see(ticket, assignee):
        raise Refused(
            "assignee_may_not_see",
            _("%(name)s may not see tickets of this confidential service.") % {"name": assignee},
        )


def may_hold(ticket: Ticket, user: User) -> bool:
    """Whether this person may be responsible for the ticket as it is about to stand."""
    return user.is_active and user.is_agent and may_see(ticket, user)


def may_see(ticket: Ticket, agent: User) -> bool:
    """Ticket.objects.visible_to for an agent and a ticket that is not stored yet as it is about to stand."""
    return (
        ticket.service is None
        or not ticket.service.confidential
        or agent.is_admin
        or ticket.team_id in agent.team_leads
        or agent.pk == ticket.requester_id
        or (not ticket._state.adding and agent.pk in ticket.watcher_ids)
    )


def _store(ticket: Ticket) -> None:
    try:
        if ticket._state.adding:
            ticket.save(force_insert=True)
        else:
            ticket.save(update_fields=[*ticket.changed_columns(), "version", "updated_at"])
    except IntegrityError as error:
        # Between the question and the answer somebody was demoted or deactivated: the database noticed.
        if (
            getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
            == "ticket_assignee_is_agent"
        ):
            raise Refused(
                "not_an_agent", _("Only an active agent can be responsible for a ticket.")
            ) from None
        raise


def _described(comment: Comment) -> dict[str, Any]:
    return {
        "id": str(comment.public_id),
        "internal": comment.internal,
        "sha256": sha256(comment.body.encode()).hexdigest(),
    }
