"""What administrators do with webhooks and channels: other places that hear of what happens."""

import base64
import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import configuration
from accounts.acting import Actor, Invalid, Refused
from accounts.actions import require_admin_still
from accounts.models import Team
from accounts.sealed import Unreadable
from audit import trail
from notifications import answers, http, outbox
from notifications.message import Permanent
from notifications.models import Channel, Delivery, Kind, State, Transport, Webhook
from notifications.transports.webhook import PREFIX

# For how long the receiver may go by the old secret.
OVERLAP = timedelta(hours=24)
MOST_OLD = 3  # secrets that are kept for it
MOST_NAMED = 200  # topics or events of one webhook


@transaction.atomic
def create(
    *, name: str, url: str, topics: Sequence[str], events: Sequence[str] = (), by: Actor
) -> tuple[Webhook, str]:
    """Tell another system of what happens. Answers the row and the secret that signs, which is shown this once."""
    webhook = Webhook(name=name, url=url, topics=list(topics), events=list(events))
    secret = _new_secret()
    webhook.secret = secret
    return change(webhook, by=by), secret


@transaction.atomic
def change(webhook: Webhook, *, by: Actor) -> Webhook:
    """Store what was changed. Raises Invalid for an address we would not go to, or something we cannot tell of."""
    if webhook.deleted_at is not None:
        raise Refused("deleted", _("This webhook has been deleted."))
    _check_address(webhook.url)
    _check_topics(webhook.topics)
    webhook.events = sorted(set(webhook.events))
    if not set(webhook.events) <= outbox.EVENTS or len(webhook.events) > MOST_NAMED:
        raise Invalid("events", "unknown", _("There is no such event."))
    return configuration.save(webhook, by=by)


@transaction.atomic
def rotate_secret(webhook: Webhook, *, by: Actor) -> tuple[Webhook, str]:
    """A new secret, shown this once. For a day messages are signed by the old one, too, and by the one before if its
    day is not over.
    """
    require_admin_still(by)
    webhook = _locked(webhook)
    old_until = webhook.old_secret_until
    try:
        old = [webhook.secret, *webhook.old_secrets()][:MOST_OLD]
        webhook.old_secret, webhook.old_secret_until = " ".join(old), timezone.now() + OVERLAP
    except Unreadable:
        # Nothing was signed by it any more.
        webhook.old_secret, webhook.old_secret_until = "", None
    secret = _new_secret()
    webhook.secret = secret
    webhook.save(update_fields=["secret_sealed", "old_secret_sealed", "old_secret_until"])
    changes = {"old_secret_until": (_told(old_until), _told(webhook.old_secret_until))}
    trail.record("webhook.secret_rotated", _subject(webhook), by=by, changes=changes)
    return webhook, secret


@transaction.atomic
def delete(webhook: Webhook, *, by: Actor) -> Webhook:
    """Tell it nothing any more. What it was told stays to be seen."""
    require_admin_still(by)
    webhook = _locked(webhook)
    changes: dict[str, tuple[Any, Any]] = {"is_active": (True, False)} if webhook.is_active else {}
    webhook.is_active, webhook.deleted_at = False, timezone.now()
    changes |= {"deleted_at": (None, _told(webhook.deleted_at))}
    if webhook.old_secret_until is not None:
        changes |= {"old_secret_until": (_told(webhook.old_secret_until), None)}
    webhook.secret_sealed = webhook.old_secret_sealed = ""
    webhook.old_secret_until = None
    webhook.save()
    waiting = Delivery.objects.filter(webhook=webhook, state=State.PENDING)
    waiting.update(state=State.SKIPPED, said="The webhook was deleted.", finished_at=webhook.deleted_at)
    trail.record("webhook.deleted", _subject(webhook), by=by, changes=changes)
    return webhook


@transaction.atomic
def save_channel(channel: Channel, *, token: str = "", by: Actor) -> Channel:
    """Store a channel; a new token in place of the old one, if one is given.

    Raises Invalid for what could never be sent: no token, no chat, an address that we do not go to.
    """
    if token:
        if channel.transport == Transport.SLACK and token.startswith(("https:", "http:")):
            _check_address(token, field="token")
        channel.token, channel.token_set_at = token, timezone.now()
    if not channel.token_sealed:
        raise Invalid("token", "required", _("Without a secret nothing can be sent there."))
    by_address = channel.transport == Transport.SLACK and channel.token.startswith("http")
    if not by_address and not channel.address:
        raise Invalid("address", "required", _("Say which channel or chat a bot is to write to."))
    _check_topics(channel.topics)
    return configuration.save(channel, by=by)


# What a channel can be told of. Nobody is “I” there, and internal notes never reach it.
KINDS = {
    Kind.NEW: _("a ticket waits in the team's queue"),
    Kind.ASSIGNED: _("a ticket is given to somebody or taken from him"),
    Kind.REPLY: Kind.REPLY.label,
    Kind.STATUS: Kind.STATUS.label,
    Kind.CHANGE: _("anything else: work begun, priority, service, dates"),
}


def topics() -> list[tuple[str, str]]:
    """What there is to be told of: (topic, name) pairs."""
    return [pair for source in outbox.TOPICS for pair in source()]


def team_topics() -> Iterator[tuple[str, str]]:
    for team in Team.objects.order_by("name"):
        yield f"team:{team.public_id}", _("team: %(name)s") % {"name": team.name}


def present_webhooks() -> Iterator[trail.Present]:
    for webhook in Webhook.objects.iterator():
        state = configuration.values(webhook) | {
            "deleted_at": _told(webhook.deleted_at),
            "old_secret_until": _told(webhook.old_secret_until),
        }
        yield trail.Present(webhook.public_id, state)


def present_channels() -> Iterator[trail.Present]:
    for channel in Channel.objects.iterator():
        yield trail.Present(channel.public_id, configuration.values(channel))


def _check_address(url: str, *, field: str = "url") -> None:
    # Where its name leads is asked anew with every message.
    try:
        http.parsed(url)
    except Permanent as no:
        never = _("Messages cannot go to this address.")
        raise Invalid(field, "invalid_address", f"{never} {answers.told(no.said)}") from None


def _check_topics(chosen: Sequence[str]) -> None:
    if not chosen:
        raise Invalid("topics", "required", _("Choose what it is to hear of."))
    if len(chosen) > MOST_NAMED or not set(chosen) <= {topic for topic, _name in topics()}:
        raise Invalid("topics", "unknown", _("There is nothing like that to hear of."))


def _locked(webhook: Webhook) -> Webhook:
    found: Webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)
    if found.deleted_at is not None:
        raise Refused("deleted", _("This webhook has been deleted."))
    return found


def _new_secret() -> str:
    """As the standard has it: 24 to 64 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def _subject(webhook: Webhook) -> trail.Subject:
    return trail.Subject("webhook", webhook.public_id, webhook.name)


def _told(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
