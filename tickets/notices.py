"""Who hears of what happened to a ticket, and as what. In which words is said in tickets/letters.py."""

from collections.abc import Callable, Iterator

from accounts.acting import Actor
from accounts.models import User
from audit.models import Door
from notifications import outbox
from notifications.models import Kind
from tickets.models import Ticket
from tickets.models.ticket import Priority

# Row id, reason, kind. The reasons have their words in tickets/letters.py.
type Hearer = tuple[int, str, Kind]
type Audience = Callable[[Ticket, Kind], Iterator[Hearer]]


def announce(
    verb: str, ticket: Ticket, *, internal: bool = False, concerning: User | None = None, by: Actor
) -> None:
    """Tell everybody concerned, in the verb's own transaction: just before its event is recorded.

    `concerning` is somebody whom the verb is about without his standing on the ticket. Never told: the actor, and of
    what is internal whoever is no agent. Costs one statement, and one for the followers where they are told.
    """
    kind, audience = AUDIENCES[verb]
    receipt = verb == "ticket.opened" and by.door == Door.MAIL
    people = [*_sender(ticket)] if receipt else []
    people += _added(concerning) if concerning is not None else []
    people += audience(ticket, kind)
    outbox.announce(
        kind,
        verb,
        outbox.Subject("ticket", ticket.public_id, str(ticket), ticket.version),
        people=people,
        teams=_teams(verb, ticket, by=by),
        # A mail is answered: its sender would not know else whether it has arrived.
        without=by.user.pk if by.user and not receipt else None,
        topics=topics_of(ticket),
        internal=internal,
        urgent=ticket.priority == Priority.URGENT,
    )


def topics_of(ticket: Ticket) -> list[str]:
    """What channels and webhooks may have subscribed to; `all` leaves confidential tickets out."""
    topics = [] if ticket.service is not None and ticket.service.confidential else ["all"]
    if ticket.team is not None:
        topics.append(f"team:{ticket.team.public_id}")
    if ticket.service is not None:
        topics.append(f"service:{ticket.service.public_id}")
    return topics


# --- Who -------------------------------------------------------------------------------------------


def _sender(ticket: Ticket) -> Iterator[Hearer]:
    yield ticket.author_id, "sender", Kind.STATUS


def _added(person: User) -> Iterator[Hearer]:
    yield person.pk, "added", Kind.ASSIGNED


def _nobody(ticket: Ticket, kind: Kind) -> Iterator[Hearer]:
    yield from ()


def _assignee(ticket: Ticket, kind: Kind) -> Iterator[Hearer]:
    if ticket.assignee_id is not None:
        yield ticket.assignee_id, "assignee", kind


def _two(ticket: Ticket, kind: Kind) -> Iterator[Hearer]:
    """Who works on it, and for whom."""
    yield from _assignee(ticket, kind)
    yield ticket.requester_id, "requester", kind


def _everybody(ticket: Ticket, kind: Kind) -> Iterator[Hearer]:
    yield from _two(ticket, kind)
    yield ticket.author_id, "author", kind
    for person in sorted(ticket.watcher_ids):
        yield person, "watcher", kind


def _at_opening(ticket: Ticket, kind: Kind) -> Iterator[Hearer]:
    """There are no followers yet. The requester hears of it where a colleague opened it for him."""
    yield from _assignee(ticket, Kind.ASSIGNED)
    yield ticket.requester_id, "requester", Kind.STATUS


def _of_a_new_assignee(ticket: Ticket, kind: Kind) -> Iterator[Hearer]:
    """It is work for one, relief for another, and for the requester a change like many."""
    yield from _assignee(ticket, Kind.ASSIGNED)
    before = ticket.assignee_before
    if before is not None and before != ticket.assignee_id:
        yield before, "before", Kind.ASSIGNED
    yield ticket.requester_id, "requester", Kind.CHANGE


# What an event is to channels and to those it is no more to, and who hears of it. Tags are the assignee's own business;
# whoever is taken off a ticket, and everybody of a deleted one, can no longer read it.
AUDIENCES: dict[str, tuple[Kind, Audience]] = {
    "ticket.opened": (Kind.NEW, _at_opening),
    "ticket.claimed": (Kind.ASSIGNED, _of_a_new_assignee),
    "ticket.assigned": (Kind.ASSIGNED, _of_a_new_assignee),
    "ticket.handed_over": (Kind.ASSIGNED, _of_a_new_assignee),
    "ticket.released": (Kind.ASSIGNED, _of_a_new_assignee),
    # That somebody has begun is good to see in the inbox, and no reason for a mail.
    "ticket.started": (Kind.CHANGE, _everybody),
    "ticket.waiting": (Kind.STATUS, _everybody),
    "ticket.resolved": (Kind.STATUS, _everybody),
    "ticket.canceled": (Kind.STATUS, _everybody),
    "ticket.reopened": (Kind.STATUS, _everybody),
    "ticket.closed": (Kind.STATUS, _everybody),
    "ticket.commented": (Kind.REPLY, _everybody),
    "ticket.noted": (Kind.NOTE, _everybody),
    "ticket.attached": (Kind.REPLY, _everybody),
    "ticket.mail_held": (Kind.NOTE, _assignee),
    "ticket.mail_released": (Kind.REPLY, _everybody),
    "ticket.mail_refused": (Kind.NOTE, _nobody),
    "ticket.sender_accepted": (Kind.STATUS, _two),
    "ticket.edited": (Kind.CHANGE, _two),
    "ticket.priority_set": (Kind.CHANGE, _two),
    "ticket.service_set": (Kind.CHANGE, _two),
    "ticket.due_set": (Kind.CHANGE, _two),
    "ticket.tags_set": (Kind.CHANGE, _assignee),
    "ticket.watched": (Kind.CHANGE, _nobody),
    "ticket.unwatched": (Kind.CHANGE, _nobody),
    "ticket.deleted": (Kind.CHANGE, _nobody),
}

# After these a ticket that nobody holds waits in its team's queue.
_QUEUEING = {"ticket.opened", "ticket.handed_over", "ticket.released", "ticket.reopened", "ticket.mail_held"}


def _teams(verb: str, ticket: Ticket, *, by: Actor) -> list[int]:
    """The team hears where there is work that nobody has, or somebody writes whom nobody would answer."""
    if ticket.team_id is None or ticket.assignee_id is not None or not ticket.is_open:
        return []
    asked = verb == "ticket.commented" and not (by.user and by.user.is_agent)
    return [ticket.team_id] if verb in _QUEUEING or asked else []
