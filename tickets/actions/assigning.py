"""Who is responsible: claim, assign, hand over, and letting go when somebody leaves."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Forbidden, Invalid, Refused
from accounts.models import Team, User
from tickets.actions._record import check_assignee, comment_of, let_go, lock, locked, may_hold, record
from tickets.models import Service, Ticket
from tickets.permissions import require


@transaction.atomic
def claim(ticket: Ticket, *, by: Actor) -> Ticket:
    """Make the actor responsible for a ticket that nobody holds."""
    ticket, by = lock(ticket, by=by)
    require(by, "claim", ticket)
    check_assignee(ticket, by.person)
    ticket.assignee = by.person
    return record(ticket, "ticket.claimed", by=by)


@transaction.atomic
def claim_next(*, by: Actor) -> Ticket | None:
    """Claim the most urgent ticket that nobody holds, or answer None. Never waits for another agent's claim.

    It is looked for among the agent's teams and the tickets of no team; among all where the agent has no team.
    """
    if not by.person.is_agent:
        raise Forbidden("not_permitted", _("Only agents take tickets."), {"verb": "claim"})
    waiting = Ticket.objects.visible_to(by.person).to_be_taken_by(by.person)
    ticket = waiting.by_urgency().select_for_update(skip_locked=True, of=("self",)).first()
    return claim(ticket, by=by) if ticket else None


@transaction.atomic
def assign(ticket: Ticket, *, assignee: User, by: Actor) -> Ticket:
    """Make somebody responsible: a lead one of his team's agents, an administrator any agent."""
    ticket, by = lock(ticket, by=by)
    require(by, "assign", ticket)
    if by.user and not by.user.is_admin and ticket.team_id not in assignee.team_leads:
        raise Forbidden(
            "not_permitted", _("A lead assigns to agents of the ticket's team."), {"verb": "assign"}
        )
    _check_new_assignee(ticket, assignee)
    ticket.assignee = assignee
    return record(ticket, "ticket.assigned", by=by)


@transaction.atomic
def hand_over(
    ticket: Ticket, *, to: User | None = None, team: Team | None = None, note: str = "", by: Actor
) -> Ticket:
    """Give a ticket to another agent, or to a team, whose queue it then waits in. `note` is an internal note."""
    if to is None and team is None:
        raise Invalid("assignee", "required", _("Name an agent or a team."))
    ticket, by = lock(ticket, by=by)
    require(by, "hand_over" if to else "hand_over_to_team", ticket)
    if team is not None:
        if not team.is_active:
            raise Invalid("team", "not_in_use", _("This team is no longer in use."))
        if to is None and team.pk == ticket.team_id and ticket.assignee_id is None:
            raise Refused("already_there", _("The ticket is already in this team's queue."))
        ticket.team = team
    if to is None:
        let_go(ticket)
    else:
        _check_new_assignee(ticket, to)
        ticket.assignee = to
    added = comment_of(note, internal=True, by=by) if note.strip() else None
    return record(
        ticket, "ticket.handed_over", by=by, comment=note.strip(), added=added, internal=bool(added)
    )


def give(ticket: Ticket, *, to: User, by: Actor) -> Ticket:
    """Make somebody responsible by the verb that fits: claim for oneself, assign what nobody holds, else hand over.

    Giving it to whoever has it changes nothing.
    """
    if ticket.assignee_id == to.pk:
        return ticket
    if ticket.assignee_id is not None:
        return hand_over(ticket, to=to, by=by)
    if by.user and by.user.pk == to.pk:
        return claim(ticket, by=by)
    return assign(ticket, assignee=to, by=by)


@transaction.atomic
def release(ticket: Ticket, *, by: Actor) -> Ticket:
    """Give a ticket back to its team's queue, because its assignee may no longer hold it."""
    ticket = locked(ticket)
    if ticket.assignee is None or not ticket.is_open or may_hold(ticket, ticket.assignee):
        return ticket
    let_go(ticket)
    return record(ticket, "ticket.released", by=by)


def release_what_is_lost(user: User, *, by: Actor) -> None:
    """Give back every open ticket that this person may no longer hold: demoted, deactivated, gone from the team."""
    for ticket in Ticket.objects.standing().open().filter(assignee=user).order_by("pk"):
        release(ticket, by=by)


def lock_open(service: Service) -> None:
    """Lock every open ticket of a service that is about to be changed: tickets come before their service."""
    tickets = Ticket.objects.standing().open().filter(service=service).order_by("pk")
    list(tickets.select_for_update().values_list("pk"))


def release_what_is_unseen(service: Service, *, by: Actor) -> None:
    """Give back every open ticket of a service that its assignee may not see, now that it is confidential."""
    for ticket in (
        Ticket.objects.standing().open().filter(service=service, assignee__isnull=False).order_by("pk")
    ):
        release(ticket, by=by)


def _check_new_assignee(ticket: Ticket, assignee: User) -> None:
    if ticket.assignee_id == assignee.pk:
        raise Refused("already_assigned", _("%(name)s already has this ticket.") % {"name": assignee})
    check_assignee(ticket, assignee)
