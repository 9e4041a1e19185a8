"""What becomes of the proof of a ticket: it is taken away."""

from django.db import transaction

from accounts.acting import Actor
from audit import trail
from tickets.models import Ticket


@transaction.atomic
def note_evidence(ticket: Ticket, *, by: Actor) -> None:
    """Keep in mind who has taken away all there is about a ticket, as proof. The ticket itself has not changed."""
    trail.record("evidence.taken", trail.Subject("evidence", ticket.public_id, ticket.reference), by=by)
