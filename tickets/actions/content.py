"""What a ticket says and how it is sorted: text, priority, service, tags, due date; and its deletion."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Invalid
from accounts.checking import is_blank, require_storable
from tickets.actions._record import held, let_go, lock, may_see, record
from tickets.models import Priority, Service, Ticket
from tickets.models.ticket import DUE_BEFORE, EARLIEST_DUE, LONGEST_TEXT
from tickets.permissions import require

MOST_TAGS = 20


@transaction.atomic
def edit(ticket: Ticket, *, title: str | None = None, description: str | None = None, by: Actor) -> Ticket:
    """Change title or description; what is None stays."""
    ticket, by = lock(ticket, by=by)
    require(by, "edit", ticket)
    title = ticket.title if title is None else title
    description = ticket.description if description is None else description
    ticket.title, ticket.description = check_text(title, description)
    return _record_if_changed(ticket, "ticket.edited", by=by)


@transaction.atomic
def set_priority(ticket: Ticket, *, priority: str, by: Actor) -> Ticket:
    """Say how urgent it is."""
    ticket, by = lock(ticket, by=by)
    require(by, "set_priority", ticket)
    check_priority(priority)
    ticket.priority = priority
    return _record_if_changed(ticket, "ticket.priority_set", by=by)


@transaction.atomic
def set_service(ticket: Ticket, *, service: Service | None, by: Actor) -> Ticket:
    """Say what it is about. A ticket that its service's team had goes on to the new service's team.

    An assignee who may not see tickets of the new service lets go of it.
    """
    ticket, by = lock(ticket, by=by)
    require(by, "set_service", ticket)
    # Nobody makes it confidential until we are done.
    service = held(service) if service is not None else None
    if service is not None and not service.is_active and service != ticket.service:
        raise Invalid("service", "not_in_use", _("This service is no longer offered."))
    if ticket.service is None or ticket.team_id == ticket.service.team_id:
        ticket.team = service.team if service else ticket.team
    ticket.service = service
    if ticket.assignee is not None and not may_see(ticket, ticket.assignee):
        let_go(ticket)
    return _record_if_changed(ticket, "ticket.service_set", by=by)


@transaction.atomic
def set_tags(ticket: Ticket, *, tags: Sequence[str], by: Actor) -> Ticket:
    """Replace the tags."""
    ticket, by = lock(ticket, by=by)
    require(by, "set_tags", ticket)
    ticket.tags = as_tags(tags)
    return _record_if_changed(ticket, "ticket.tags_set", by=by)


@transaction.atomic
def set_due(ticket: Ticket, *, due_at: datetime | None, by: Actor) -> Ticket:
    """Say until when, or that there is no date."""
    ticket, by = lock(ticket, by=by)
    require(by, "set_due", ticket)
    check_due(due_at)
    ticket.due_at = due_at
    return _record_if_changed(ticket, "ticket.due_set", by=by)


@transaction.atomic
def delete(ticket: Ticket, *, reason: str, by: Actor) -> Ticket:
    """Take a ticket off every list, for everyone. Its events stay."""
    ticket, by = lock(ticket, by=by)
    require(by, "delete", ticket)
    if is_blank(reason):
        raise Invalid("reason", "required", _("Say why the ticket is to be deleted."))
    require_storable("reason", reason)
    ticket.deleted_at = timezone.now()
    return record(ticket, "ticket.deleted", by=by, comment=reason.strip())


def check_text(title: str, description: str) -> tuple[str, str]:
    """Title and description as they are stored: trimmed, white space in a title folded, line ends as one newline.

    Raises Invalid for a length outside 3–255 and 0–20,000, and for what cannot be stored.
    """
    require_storable("title", title)
    require_storable("description", description)
    title = "" if is_blank(title) else " ".join(title.split())
    if not 3 <= len(title) <= 255:
        raise Invalid("title", "invalid_length", _("A title has 3 to 255 characters."))
    description = description.replace("\r\n", "\n").strip()
    if len(description) > LONGEST_TEXT:
        raise Invalid("description", "too_long", _("A description has at most 20,000 characters."))
    return title, description


def check_priority(priority: str) -> None:
    """Raise Invalid for an unknown one."""
    if priority not in Priority.values:
        raise Invalid("priority", "invalid_choice", _("Choose one of: LOW, NORMAL, HIGH, URGENT."))


def check_due(moment: datetime | None) -> None:
    """Raise Invalid for a due date outside 2000 to 2199, in UTC."""
    if moment is not None and not EARLIEST_DUE <= moment < DUE_BEFORE:
        raise Invalid("due_at", "out_of_range", _("A year from 2000 to 2199, please."))


def as_tags(words: Sequence[str]) -> list[str]:
    """The words as tags: lower case, each once, sorted."""
    for word in words:
        require_storable("tags", word)
    names = sorted({word.strip().lower() for word in words} - {""})
    if len(names) > MOST_TAGS:
        raise Invalid("tags", "too_many", _("A ticket has at most 20 tags."))
    if any(len(name) > 50 or "," in name for name in names):
        raise Invalid("tags", "invalid_tag", _("A tag has at most 50 characters and no comma."))
    return names


def _record_if_changed(ticket: Ticket, verb: str, *, by: Actor) -> Ticket:
    # Setting what is set already is no change, and no event pretends one.
    return record(ticket, verb, by=by) if ticket.changes() else ticket
