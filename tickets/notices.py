"""Who hears of what happened to a ticket, and in which words."""

from django.conf import settings
from django.urls import reverse

from accounts.acting import Actor
from notifications import outbox
from notifications.message import Message
from notifications.models import Delivery, Kind
from tickets.models import Ticket

KINDS: dict[str, Kind] = {
    "ticket.opened": Kind.NEW,
    "ticket.claimed": Kind.STATUS,
    "ticket.assigned": Kind.ASSIGNED,
    "ticket.handed_over": Kind.ASSIGNED,
    "ticket.started": Kind.STATUS,
    "ticket.waiting": Kind.STATUS,
    "ticket.resolved": Kind.STATUS,
    "ticket.canceled": Kind.STATUS,
    "ticket.reopened": Kind.STATUS,
    "ticket.commented": Kind.REPLY,
    "ticket.noted": Kind.NOTE,
}


def announce(verb: str, ticket: Ticket, *, internal: bool = False, by: Actor) -> None:
    """Tell everybody concerned, in the verb's own transaction: just before its event is recorded."""
    people = [(ticket.requester_id, "requester")]
    if ticket.assignee_id is not None:
        people.insert(0, (ticket.assignee_id, "assignee"))
    outbox.announce(
        KINDS.get(verb, Kind.CHANGE),
        verb,
        outbox.Subject("ticket", ticket.public_id, str(ticket), ticket.version),
        people=people,
        without=by.user.pk if by.user else None,
        topics=topics_of(ticket),
        internal=internal,
    )


def topics_of(ticket: Ticket) -> list[str]:
    """What channels and webhooks may have subscribed to; `all` leaves confidential tickets out."""
    topics = [] if ticket.service is not None and ticket.service.confidential else ["all"]
    if ticket.team is not None:
        topics.append(f"team:{ticket.team.public_id}")
    if ticket.service is not None:
        topics.append(f"service:{ticket.service.public_id}")
    return topics


def compose(delivery: Delivery) -> Message | None:
    """The notice in its reader's words, as things stand now; None if he may not see the ticket any more."""
    tickets = Ticket.objects.standing()
    if delivery.recipient is not None:
        tickets = Ticket.objects.visible_to(delivery.recipient)
    ticket = tickets.with_people().filter(public_id=delivery.subject_id).first()
    if ticket is None:
        return None
    link = settings.BASE_URL + reverse("tickets:detail", args=[ticket.public_id])
    return Message(
        subject=f"[{ticket.reference}] {ticket.title}", text=f"{ticket.title}\n\n{link}\n", link=link
    )
