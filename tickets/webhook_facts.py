"""What a webhook is told of a ticket: as the API would tell it, and never anything internal."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import translation

from audit.models import Event
from notifications.models import Delivery
from tickets import notices
from tickets.models import Comment, Service, Ticket
from tickets.serializers import comment_out, event_out, ticket_facts


def facts_of(delivery: Delivery) -> Mapping[str, Any] | None:
    """The ticket as it stands now, the event, and what was said with it.

    None where the webhook hears of such tickets no more: what it was told of may have become confidential meanwhile.
    """
    events = Event.objects.filter(subject_type="ticket", subject_id=delivery.subject_id, internal=False)
    event = events.filter(seq=delivery.seq).first()
    ticket = Ticket.objects.with_people().filter(public_id=delivery.subject_id).first()
    webhook = delivery.webhook
    if event is None or ticket is None or webhook is None or not is_his(webhook.topics, ticket):
        return None
    gone = ticket.deleted_at is not None
    if gone and event.verb != "ticket.deleted":
        return None
    comment = (
        Comment.objects.filter(ticket=ticket, seq=delivery.seq, internal=False)
        .select_related("author")
        .first()
    )
    with translation.override("en"):
        return {
            "ticket": _remains(ticket) if gone else ticket_facts(ticket),
            "event": event_out(event),
            "comment": comment_out(comment) if comment is not None and not gone else None,
        }


def is_his(topics: Iterable[str], ticket: Ticket) -> bool:
    return not set(topics).isdisjoint(notices.topics_of(ticket))


def topics() -> Iterable[tuple[str, str]]:
    """All that is not confidential, or the tickets of a service."""
    yield "all", translation.gettext("all tickets that are not confidential")
    for service in Service.objects.order_by("name_en", "pk"):
        yield (
            f"service:{service.public_id}",
            translation.gettext("service: %(name)s") % {"name": service.name},
        )


def _remains(ticket: Ticket) -> dict[str, Any]:
    return {"id": str(ticket.public_id), "number": ticket.reference, "version": ticket.version}
