"""Webhooks and their deliveries as the API takes and gives them."""

from typing import Any

from rest_framework import serializers

from accounts.rest.inputs import Flag, Shape, Text, TextList
from accounts.serializers import moment_out
from notifications import answers
from notifications.models import Delivery, State, Webhook

STATES = [state.upper() for state in State.values]


def webhook_out(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": str(webhook.public_id),
        "name": webhook.name,
        "url": webhook.url,
        "topics": webhook.topics,
        "events": webhook.events,
        "is_active": webhook.is_active,
        "created_at": moment_out(webhook.created_at),
        "old_secret_until": moment_out(webhook.old_secret_until),
    }


def delivery_out(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.public_id),
        "event": delivery.verb,
        "subject_id": str(delivery.subject_id),
        "subject": delivery.subject_name,
        "seq": delivery.seq,
        "state": delivery.state.upper(),
        "attempts": delivery.attempts,
        "said": answers.told(delivery.said),
        "created_at": moment_out(delivery.created_at),
        "next_attempt_at": moment_out(delivery.due_at) if delivery.finished_at is None else None,
        "finished_at": moment_out(delivery.finished_at),
    }


class WebhookShape(serializers.Serializer[Any]):
    """A system that hears of events. Its secret is shown when it is made or rotated, and never again."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField()
    topics = serializers.ListField(child=serializers.CharField())
    events = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    old_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then messages carry a signature by the secret before this one, too."
    )


class NewWebhookShape(WebhookShape):
    """A webhook with its secret, which is shown this once."""

    secret = serializers.CharField()


class DeliveryShape(serializers.Serializer[Any]):
    """One event on its way to a webhook; `id` is its `webhook-id`."""

    id = serializers.UUIDField()
    event = serializers.CharField()
    subject_id = serializers.UUIDField()
    subject = serializers.CharField()
    seq = serializers.IntegerField(help_text="The version of the ticket that the event made.")
    state = serializers.ChoiceField(choices=STATES)
    attempts = serializers.IntegerField()
    said = serializers.CharField(allow_blank=True, help_text="What came of the last attempt.")
    created_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


_TOPICS = "`all` (whatever is not confidential), `team:<id>`, `service:<id>`; at least one."
_EVENTS = "Such as `ticket.opened`; none means all of them."


class WebhookInput(Shape):
    """Where to tell of what."""

    name = Text(max_length=100)
    url = Text(max_length=500)
    topics = TextList(max_length=200, allow_empty=False, help_text=_TOPICS)
    events = TextList(max_length=200, required=False, help_text=_EVENTS)


class WebhookChangeInput(Shape):
    """What of a webhook to change; the rest stays."""

    name = Text(max_length=100, required=False)
    url = Text(max_length=500, required=False)
    topics = TextList(max_length=200, required=False, allow_empty=False, help_text=_TOPICS)
    events = TextList(max_length=200, required=False, help_text=_EVENTS)
    is_active = Flag(required=False)
