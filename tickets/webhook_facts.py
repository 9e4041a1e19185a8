"""What a webhook is told of a ticket: as the API would tell it, and never anything internal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.utils import translation

from audit.models import Event
from notifications.models import Delivery
from tickets import notices
from tickets.models import Comment, Service, Ticket
from tickets.serializers import comment_out, event_out, ticket_facts


def teller(deliveries: Sequence[Delivery]) -> Callable[[Delivery], Mapping[str, Any] | None]:
    """What says of each of these: the ticket as it stands now, the event, and what was said with it.

    None where the webhook hears of such tickets no more: what it was told of may have become confidential meanwhile.
    """
    events, comments = Q(), Q()
    for one in deliveries:
        events |= Q(subject_id=one.subject_id, seq=one.seq)
        comments |= Q(ticket__public_id=one.subject_id, seq=one.seq)
    ids = {one.subject_id for one in deliveries}
    tickets = {
        one.public_id: one for one in Ticket.objects.with_people().defer("search").filter(public_id__in=ids)
    }
    happened = {
        (one.subject_id, one.seq): one
        for one in Event.objects.filter(events, subject_type="ticket", internal=False)
    }
    said = {
        (one.ticket_id, one.seq): one
        for one in Comment.objects.filter(comments, internal=False)
        .select_related("author")
        .prefetch_related("attachments")
    }

    def tell(delivery: Delivery) -> Mapping[str, Any] | None:
        event = happened.get((delivery.subject_id, delivery.seq))
        ticket, webhook = tickets.get(delivery.subject_id), delivery.webhook
        if event is None or ticket is None or webhook is None or not is_his(webhook.topics, ticket):
            return None
        gone = ticket.deleted_at is not None
        if gone and event.verb != "ticket.deleted":
            return None
        comment = said.get((ticket.pk, delivery.seq))
        with translation.override("en"):
            return {
                "ticket": _remains(ticket) if gone else ticket_facts(ticket),
                "event": event_out(event),
                "comment": comment_out(comment) if comment is not None and not gone else None,
            }

    return tell


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
