"""The catalogue, as an administrator edits it."""

from django.db import transaction

from accounts import configuration
from accounts.acting import Actor
from tickets.actions.assigning import lock_open, release_what_is_unseen
from tickets.models import Service


@transaction.atomic
def save_service(service: Service, *, by: Actor) -> Service:
    """Store a service. Where it has become confidential, assignees who may not see its tickets let go of them."""
    if service.pk and service.confidential:
        lock_open(service)
    service = configuration.save(service, by=by)
    if service.confidential:
        release_what_is_unseen(service, by=by)
    return service
