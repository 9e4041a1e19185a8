"""Opening a ticket."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.acting import Actor, Forbidden, Invalid
from accounts.models import Team, User
from audit.models import Door
from tickets.actions._record import check_assignee, record
from tickets.actions.content import as_tags, check_due, check_priority, check_text
from tickets.files import Incoming
from tickets.models import Priority, Service, Ticket


@transaction.atomic
def open_ticket(
    *,
    title: str,
    description: str = "",
    service: Service | None = None,
    priority: str = Priority.NORMAL,
    requester: User | None = None,
    assignee: User | None = None,
    team: Team | None = None,
    tags: Sequence[str] = (),
    due_at: datetime | None = None,
    public_id: UUID | None = None,
    files: Sequence[Incoming] = (),
    by: Actor,
) -> Ticket:
    """Open a ticket for the actor or for a colleague. Its team is the service's unless an agent names another.

    An agent may give it to himself at once, a lead to his team's agents, an administrator to any agent.
    `public_id` is for forms that may be sent twice: raises IntegrityError where a ticket has it already. `files` belong
    to the description (see tickets.files).
    """
    author = by.person
    title, description = check_text(title, description)
    check_priority(priority)
    check_due(due_at)
    if service is not None and not service.is_active:
        raise Invalid("service", "not_in_use", _("This service is no longer offered."))
    if requester is not None and not requester.is_active:
        raise Invalid("requester", "inactive", _("This person is deactivated."))
    # A mailbox may be a team's: by mail it is not the sender who chooses.
    if not author.is_agent and ((team is not None and by.door != Door.MAIL) or due_at is not None):
        raise Forbidden("not_permitted", _("Only agents choose a team or a due date."), {"verb": "open"})
    if team is not None and not team.is_active:
        raise Invalid("team", "not_in_use", _("This team is no longer in use."))
    ticket = Ticket(
        public_id=public_id or uuid7(),
        title=title,
        description=description,
        service=service,
        priority=priority,
        requester=requester or author,
        author=author,
        team=team or (service.team if service else None),
        source=by.door,
        tags=as_tags(tags),
        due_at=due_at,
    )
    if assignee is not None:
        _require_to_assign(ticket, assignee, author=author)
        check_assignee(ticket, assignee)
        ticket.assignee = assignee
    return record(ticket, "ticket.opened", by=by, files=files)


def _require_to_assign(ticket: Ticket, assignee: User, *, author: User) -> None:
    if author.is_admin or (author.is_agent and assignee.pk == author.pk):
        return
    leads = author.is_agent and ticket.team_id is not None and author.team_leads.get(ticket.team_id)
    if not (leads and ticket.team_id in assignee.team_leads):
        raise Forbidden(
            "not_permitted", _("You are not permitted to give this ticket to them."), {"verb": "assign"}
        )
