"""Who may do what: one table. Buttons, API hints and enforcement read it; nobody decides beside it.

A grant names facts about the actor and the ticket that must all hold (`who`, else 403) and the state in which it
counts (`when`, `unheld`, else 409). Columns add up: an agent also has what employees have, a lead what agents have.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Forbidden, Refused
from accounts.models import User
from tickets import workflow
from tickets.models import Ticket
from tickets.workflow import Status

EVERY = frozenset(Status)


class Fact(StrEnum):
    """How a person stands to a ticket."""

    REQUESTER = "requester"
    WATCHER = "watcher"
    ASSIGNEE = "assignee"
    OF_TEAM = "of_team"  # an agent of its team; a ticket of no team counts as every agent's
    UNASSIGNED = "unassigned"


@dataclass(frozen=True)
class Grant:
    """A right: of whom, and in which state of the ticket."""

    who: frozenset[Fact] = frozenset()
    when: frozenset[Status] = EVERY
    unheld: bool = False  # only while nobody is assigned
    window: bool = False  # only within the reopen window

    def fits(self, facts: frozenset[Fact]) -> bool:
        return self.who <= facts

    def counts(self, ticket: Ticket, *, now: datetime) -> bool:
        return (
            ticket.status in self.when
            and not (self.unheld and ticket.assignee_id is not None)
            and not (self.window and not _in_window(ticket, now=now))
        )


@dataclass(frozen=True)
class Row:
    """One line of the table: what each role has of its own, beside what the roles before it have."""

    employee: tuple[Grant, ...] = ()
    agent: tuple[Grant, ...] = ()
    lead: tuple[Grant, ...] = ()  # of the ticket's team
    admin: tuple[Grant, ...] = ()


def _on(
    *facts: Fact, when: frozenset[Status] = EVERY, unheld: bool = False, window: bool = False
) -> tuple[Grant, ...]:
    return (Grant(frozenset(facts), when, unheld, window),)


def _whoever(*, when: frozenset[Status] = EVERY, unheld: bool = False) -> tuple[Grant, ...]:
    return (Grant(frozenset(), when, unheld),)


def _staff(when: frozenset[Status]) -> Row:
    """An agent his own, a lead his team's, an administrator any."""
    return Row(agent=_on(Fact.ASSIGNEE, when=when), lead=_whoever(when=when), admin=_whoever(when=when))


def _sorting() -> Row:
    """As _staff, and an agent also what nobody of his team holds yet."""
    return Row(
        agent=_on(Fact.ASSIGNEE) + _on(Fact.UNASSIGNED, Fact.OF_TEAM), lead=_whoever(), admin=_whoever()
    )


def _before(new: Status) -> frozenset[Status]:
    return frozenset(old for old, news in workflow.CHANGES.items() if new in news)


_NEW = frozenset({Status.NEW})
_DONE = frozenset({Status.DONE})

TABLE: dict[str, Row] = {
    "claim": Row(agent=_whoever(when=workflow.OPEN, unheld=True)),
    "assign": Row(lead=_whoever(when=workflow.OPEN), admin=_whoever(when=workflow.OPEN)),
    "start": _staff(_before(Status.IN_PROGRESS)),
    "wait": _staff(_before(Status.WAITING)),
    "resolve": _staff(_before(Status.DONE)),
    "cancel": _staff(_before(Status.CANCELED)),
    "hand_over": _staff(workflow.OPEN),
    "hand_over_to_team": Row(
        agent=_on(Fact.ASSIGNEE, when=workflow.OPEN) + _on(Fact.UNASSIGNED, Fact.OF_TEAM, when=workflow.OPEN),
        lead=_whoever(when=workflow.OPEN),
        admin=_whoever(when=workflow.OPEN),
    ),
    "cancel_own": Row(employee=_on(Fact.REQUESTER, when=_NEW, unheld=True)),
    "reopen": Row(
        employee=_on(Fact.REQUESTER, when=_DONE, window=True),
        agent=_on(Fact.ASSIGNEE, when=_DONE),
        lead=_whoever(when=_DONE),
        admin=_whoever(when=_DONE),
    ),
    "edit": Row(
        employee=_on(Fact.REQUESTER, when=_NEW), agent=_on(Fact.ASSIGNEE), lead=_whoever(), admin=_whoever()
    ),
    "set_priority": _sorting(),
    "set_service": _sorting(),
    "set_tags": _sorting(),
    "set_due": _sorting(),
    "comment": Row(employee=_on(Fact.REQUESTER) + _on(Fact.WATCHER), agent=_whoever()),
    "note": Row(agent=_whoever()),
    "manage_watchers": Row(employee=_on(Fact.REQUESTER), agent=_whoever()),
    "unfollow": Row(employee=_on(Fact.WATCHER), agent=_whoever()),
    "delete": Row(admin=_whoever()),
}


def facts(user: User, ticket: Ticket) -> frozenset[Fact]:
    """Everything the table may ask about this person and this ticket."""
    held = {
        Fact.REQUESTER: ticket.requester_id == user.pk,
        Fact.WATCHER: ticket.is_watched_by(user),
        Fact.ASSIGNEE: ticket.assignee_id == user.pk,
        Fact.OF_TEAM: user.is_agent and (ticket.team_id is None or ticket.team_id in user.team_leads),
        Fact.UNASSIGNED: ticket.assignee_id is None,
    }
    return frozenset(fact for fact, holds in held.items() if holds)


def grants(user: User, verb: str, ticket: Ticket) -> list[Grant]:
    """The grants of the verb's row that this person has on this ticket, whatever its state."""
    row = TABLE[verb]
    columns = row.employee
    if user.is_agent:
        columns += row.agent
        if ticket.team_id is not None and user.team_leads.get(ticket.team_id):
            columns += row.lead
    if user.is_admin:
        columns += row.admin
    known = facts(user, ticket)
    return [grant for grant in columns if grant.fits(known)]


def has_right(user: User, verb: str, ticket: Ticket) -> bool:
    """Whether the person might do this in some state of the ticket."""
    return bool(grants(user, verb, ticket))


def can(user: User, verb: str, ticket: Ticket) -> bool:
    """Whether the person may do this now. What buttons and `allowed` show."""
    if ticket.closed_at is not None and verb not in {"note", "delete", "unfollow"}:
        return False
    if verb == "start" and ticket.assignee_id is None:
        return False
    now = timezone.now()
    return any(grant.counts(ticket, now=now) for grant in grants(user, verb, ticket))


def require(by: Actor, verb: str, ticket: Ticket) -> None:
    """Raise Forbidden for the wrong person, Refused for the wrong state. The desk itself may do everything."""
    if by.is_desk:
        return
    if by.user is None or not by.user.is_active or not has_right(by.user, verb, ticket):
        raise Forbidden(
            "not_permitted", _("You are not permitted to do this with this ticket."), {"verb": verb}
        )
    if ticket.closed_at is not None and not can(by.user, verb, ticket):
        raise Refused("ticket_closed", _("This ticket is closed. Open a new one and refer to it."))
    if verb in _STATUS_VERBS:
        return  # change_status says more about what is wrong
    now = timezone.now()
    mine = grants(by.user, verb, ticket)
    if any(grant.counts(ticket, now=now) for grant in mine):
        return
    if ticket.status in {status for grant in mine for status in grant.when}:
        if ticket.assignee is not None and any(grant.unheld for grant in mine):
            raise Refused(
                "already_claimed",
                _("%(name)s has already taken this ticket.") % {"name": ticket.assignee},
                {"assignee": str(ticket.assignee.public_id)},
            )
        raise Refused(
            "reopen_window_over", _("A ticket can be reopened for 14 days. Open a new one and refer to it.")
        )
    raise Refused(
        "wrong_status",
        _("This cannot be done while the ticket is “%(status)s”.") % {"status": ticket.get_status_display()},
        {"status": ticket.status},
    )


_STATUS_VERBS = frozenset(workflow.VERBS.values())


# What `can` has said of each verb, by all that it asks about: a list asks for fifty tickets that stand much alike.
_SAID: dict[tuple[object, ...], tuple[str, ...]] = {}


def allowed_verbs(user: User, ticket: Ticket) -> list[str]:
    """The verbs this person may use on this ticket now, in the table's order."""
    essence = (
        user.role,
        ticket.team_id is not None and user.team_leads.get(ticket.team_id, False),
        facts(user, ticket),
        ticket.status,
        ticket.closed_at is None,
        _in_window(ticket, now=timezone.now()),
    )
    verbs = _SAID.get(essence)
    if verbs is None:
        verbs = _SAID[essence] = tuple(verb for verb in TABLE if can(user, verb, ticket))
    return list(verbs)


def allowed_statuses(user: User, ticket: Ticket) -> list[str]:
    """The statuses this person may change the ticket to now."""
    return statuses_by(allowed_verbs(user, ticket), ticket)


def statuses_by(verbs: list[str], ticket: Ticket) -> list[str]:
    """The statuses that whoever may use these verbs may change the ticket to."""
    return [
        str(status) for status in workflow.CHANGES[Status(ticket.status)] if workflow.VERBS[status] in verbs
    ]


def _in_window(ticket: Ticket, *, now: datetime) -> bool:
    return ticket.resolved_at is not None and now - ticket.resolved_at <= workflow.REOPEN_WINDOW
