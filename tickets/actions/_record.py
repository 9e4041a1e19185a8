"""The beats every verb shares: lock the row, and at the end store the change with its one event."""

from collections.abc import Mapping, Sequence
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
from tickets import files as ways
from tickets import notices
from tickets.files import Incoming
from tickets.models import Attachment, Comment, Service, Ticket
from tickets.models.ticket import LONGEST_TEXT, Status


def lock(ticket: Ticket, *, by: Actor) -> tuple[Ticket, Actor]:
    """The ticket as it stands, locked, and the actor as he stands by now: he may have been shut out while he waited.

    The first lock of every verb. After it come, in this order, the service, a person, a key. Raises Refused if the
    ticket was deleted meanwhile.
    """
    return locked(ticket), standing.again(by)


def locked(ticket: Ticket) -> Ticket:
    """The ticket as it stands, locked. Raises Refused if it was deleted meanwhile."""
    try:
        found: Ticket = Ticket.objects.locked(ticket.pk)
    except Ticket.DoesNotExist:
        raise Refused("deleted", _("This ticket has been deleted."), status=404) from None
    return found


def expect(ticket: Ticket, *, version: int) -> Ticket:
    """Lock the ticket and raise Stale unless it still has this version. The verb follows in the same transaction."""
    found = locked(ticket)
    if found.version != version:
        raise Stale(_("Somebody has changed this ticket since you saw it."), seen=version, now=found.version)
    return found


def record(
    ticket: Ticket,
    verb: str,
    *,
    by: Actor,
    comment: str = "",
    added: Comment | None = None,
    internal: bool = False,
    silent: bool = False,
    files: Sequence[Incoming] = (),
    joined: Sequence[Attachment] = (),
    concerning: User | None = None,
    more: Mapping[str, tuple[Any, Any]] | None = None,
) -> Ticket:
    """Store the changed ticket, one version further, and its event. The last beat of every verb.

    `added` is a comment that the verb brings, not yet saved, with its `files` and those that are there already and
    join it; `more` are changes that are no columns; `concerning` is somebody else who is to hear of it; of what
    is `silent` nobody hears.
    """
    if files or joined:
        ways.check(files, ticket, joined=len(joined))
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
    if files or joined:
        brought = ways.attach(files, ticket=ticket, comment=added, uploader=by.person, internal=internal)
        ways.look_at_all(brought)
        changes[trail.FILES] = (None, [_file_described(each) for each in (*joined, *brought)])
        if added is not None and joined:
            Attachment.objects.filter(pk__in=[each.pk for each in joined]).update(comment=added)
    if not silent:
        notices.announce(verb, ticket, internal=internal, concerning=concerning, by=by)
    trail.record(
        verb,
        trail.Subject(
            "ticket",
            ticket.public_id,
            ticket.reference,
            ticket.version,
            since=ticket.created_at,
            due=ticket.due_at,
        ),
        by=by,
        changes=changes,
        comment=comment,
        internal=internal,
        at=ticket.updated_at,
    )
    ticket.remember()
    return ticket


def note(
    file: Attachment,
    verb: str,
    *,
    by: Actor,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    comment: str = "",
) -> None:
    """Write an event about a file that leaves its ticket as it was."""
    name = f"{file.ticket.reference} · {file.name}"
    subject = trail.Subject("attachment", file.public_id, name)
    trail.record(verb, subject, by=by, changes=changes, comment=comment, internal=file.internal)


def comment_of(text: str, *, internal: bool, by: Actor) -> Comment:
    """A comment not yet saved. Raises Invalid for one that says nothing or more than 20,000 characters."""
    require_storable("body", text)
    text = text.strip()
    if is_blank(text):
        raise Invalid("body", "required", _("Write something first."))
    if len(text) > LONGEST_TEXT:
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
    # For a clear answer. That it is still so when the transaction ends is the guard's doing: it holds the service and
    # the person while it asks again (_store).
    if not (assignee.is_active and assignee.is_agent):
        raise _not_an_agent()
    if not may_see(ticket, assignee):
        raise _may_not_see(assignee)


def _not_an_agent() -> Refused:
    return Refused("not_an_agent", _("Only an active agent can be responsible for a ticket."))


def _may_not_see(assignee: User | None) -> Refused:
    said = _("%(name)s may not see tickets of this confidential service.") % {"name": assignee}
    return Refused("assignee_may_not_see", said)


def held(service: Service) -> Service:
    """The service as it stands; nobody changes it before the transaction ends."""
    found: Service = Service.objects.raw(
        "SELECT * FROM tickets_service WHERE id = %s FOR SHARE", [service.pk]
    )[0]
    return found


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
        # Between the question and the answer somebody lost his role or team, or a service became confidential.
        broken = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
        if broken == "ticket_assignee_is_agent":
            raise _not_an_agent() from None
        if broken == "ticket_assignee_may_see":
            raise _may_not_see(ticket.assignee) from None
        raise


def _described(comment: Comment) -> dict[str, Any]:
    return {
        "id": str(comment.public_id),
        "internal": comment.internal,
        "sha256": sha256(comment.body.encode()).hexdigest(),
    }


def _file_described(file: Attachment) -> dict[str, Any]:
    return {
        "id": str(file.public_id),
        "name": file.name,
        "size": file.size,
        "sha256": file.sha256,
        "internal": file.internal,
    }
