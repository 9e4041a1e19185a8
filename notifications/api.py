"""The door of programs to webhooks: administrators only."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import URLPattern, reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.actions import require_admin
from accounts.models import Scope
from accounts.rest import conditional, lists
from accounts.rest.calls import Call, answer, nothing, routes
from accounts.rest.inputs import Nothing
from accounts.rest.operations import PAGING, operation, page_example, page_of
from notifications import outbox, webhooks
from notifications.models import Delivery, Webhook
from notifications.serializers import (
    DeliveryShape,
    NewWebhookShape,
    WebhookChangeInput,
    WebhookInput,
    WebhookShape,
    delivery_out,
    webhook_out,
)

WEBHOOK = {
    "id": "0198f1a2-91c3-7a44-b1f0-6d2f8e5a7c20",
    "name": "Monitoring",
    "url": "https://hooks.example.com/desk",
    "topics": ["all"],
    "events": ["ticket.opened", "ticket.resolved"],
    "is_active": True,
    "created_at": "2026-03-02T08:15:00Z",
    "old_secret_until": None,
}
SECRET = "whsec_…"  # noqa: S105 (an example)
DELIVERY = {
    "id": "5f0c1f43-2f1b-4b53-9d3e-0d5f7f6f4f0e",
    "event": "ticket.opened",
    "subject_id": "0198f1a2-9d00-7e01-8a77-1c2d3e4f5a6b",
    "subject": "SF-1042 VPN drops every ten minutes",
    "seq": 1,
    "state": "SENT",
    "attempts": 1,
    "said": "HTTP 200",
    "created_at": "2026-03-02T08:15:00Z",
    "next_attempt_at": None,
    "finished_at": "2026-03-02T08:15:01Z",
}
_WEBHOOK = OpenApiParameter(
    "webhook", OpenApiTypes.UUID, OpenApiParameter.PATH, description="A webhook's id."
)
_DELIVERY = OpenApiParameter(
    "delivery", OpenApiTypes.UUID, OpenApiParameter.PATH, description="A delivery's id: its `webhook-id`."
)


def standing() -> QuerySet[Webhook]:
    return Webhook.objects.filter(deleted_at=None)


def tag_of(webhook: Webhook) -> str:
    return conditional.tag_of(webhook_out(webhook))


class WebhookCall(Call):
    """A call about webhooks. Whoever is no administrator hears nothing of them."""

    reading = Scope.ADMIN
    writing = Scope.ADMIN

    def found(self, public_id: UUID) -> Webhook:
        require_admin(self.by)
        return standing().get(public_id=public_id)

    def locked(self, public_id: UUID) -> Webhook:
        """The same, and If-Match holds until the verb is done."""
        require_admin(self.by)
        webhook = standing().select_for_update().get(public_id=public_id)
        self.expect(tag_of(webhook))
        return webhook


class Webhooks(WebhookCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listWebhooks",
        "List webhooks",
        gives=page_of(WebhookShape, "WebhookPage"),
        parameters=[*PAGING],
        received=page_example(WEBHOOK),
        tags=["Webhooks"],
    )
    def get(self, request: Request) -> HttpResponse:
        require_admin(self.by)
        return lists.listed(request, standing(), order=("name", "public_id"), show=webhook_out)

    @operation(
        "createWebhook",
        "Tell another system of events; the secret is in this answer only",
        takes=WebhookInput,
        gives=NewWebhookShape,
        status=201,
        changes=True,
        resends=True,
        headers={"Location": "The address of the webhook."},
        sent={"name": "Monitoring", "url": "https://hooks.example.com/desk", "topics": ["all"]},
        received=WEBHOOK | {"secret": SECRET},
        tags=["Webhooks"],
    )
    def post(self, request: Request) -> HttpResponse:
        require_admin(self.by)
        webhook, secret = webhooks.create(**self.input(WebhookInput), by=self.by)
        where = reverse("api:webhook", args=[webhook.public_id])
        return answer(webhook_out(webhook) | {"secret": secret}, 201, headers={"Location": where})


class OneWebhook(WebhookCall):
    @operation(
        "getWebhook",
        "Show a webhook, without its secret",
        gives=WebhookShape,
        finds=True,
        parameters=[_WEBHOOK],
        headers={"ETag": "Of this state."},
        received=WEBHOOK,
        tags=["Webhooks"],
    )
    def get(self, request: Request, webhook: UUID) -> HttpResponse:
        shown = webhook_out(self.found(webhook))
        tag = conditional.tag_of(shown)
        return conditional.not_modified(request, tag) or answer(shown, headers={"ETag": tag})

    @operation(
        "updateWebhook",
        "Change a webhook",
        takes=WebhookChangeInput,
        gives=WebhookShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_WEBHOOK],
        headers={"ETag": "Of the new state."},
        sent={"is_active": False},
        received=WEBHOOK | {"is_active": False},
        tags=["Webhooks"],
    )
    def patch(self, request: Request, webhook: UUID) -> HttpResponse:
        wanted = self.input(WebhookChangeInput)
        found = self.locked(webhook)
        for name, value in wanted.items():
            setattr(found, name, value)
        shown = webhook_out(webhooks.change(found, by=self.by))
        return answer(shown, headers={"ETag": conditional.tag_of(shown)})

    @operation(
        "deleteWebhook",
        "Tell it nothing any more",
        status=204,
        changes=True,
        finds=True,
        parameters=[_WEBHOOK],
        tags=["Webhooks"],
    )
    def delete(self, request: Request, webhook: UUID) -> HttpResponse:
        webhooks.delete(self.locked(webhook), by=self.by)
        return nothing()


class SecretRotation(WebhookCall):
    @operation(
        "rotateWebhookSecret",
        "Sign by a new secret; for a day by the old one, too",
        gives=NewWebhookShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_WEBHOOK],
        received=WEBHOOK | {"secret": SECRET, "old_secret_until": "2026-03-03T08:15:00Z"},
        tags=["Webhooks"],
    )
    def post(self, request: Request, webhook: UUID) -> HttpResponse:
        self.input(Nothing)
        rotated, secret = webhooks.rotate_secret(self.locked(webhook), by=self.by)
        return answer(webhook_out(rotated) | {"secret": secret})


class Deliveries(WebhookCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listDeliveries",
        "List what a webhook was told, the latest first",
        gives=page_of(DeliveryShape, "DeliveryPage"),
        finds=True,
        parameters=[_WEBHOOK, *PAGING],
        received=page_example(DELIVERY),
        tags=["Webhooks"],
    )
    def get(self, request: Request, webhook: UUID) -> HttpResponse:
        told = Delivery.objects.filter(webhook=self.found(webhook))
        return lists.listed(request, told, order=("-created_at", "-public_id"), show=delivery_out)


class Redelivery(WebhookCall):
    @operation(
        "redeliver",
        "Send a finished delivery once more, with the same id",
        gives=DeliveryShape,
        status=202,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_WEBHOOK, _DELIVERY],
        received=DELIVERY | {"state": "PENDING", "attempts": 0, "finished_at": None},
        tags=["Webhooks"],
    )
    def post(self, request: Request, webhook: UUID, delivery: UUID) -> HttpResponse:
        self.input(Nothing)
        told = Delivery.objects.get(webhook=self.found(webhook), public_id=delivery)
        return answer(delivery_out(outbox.send_again(told, by=self.by)), 202)


urlpatterns: list[URLPattern] = [
    *routes("webhooks", Webhooks.as_view(), "webhooks"),
    *routes("webhooks/<uuid:webhook>", OneWebhook.as_view(), "webhook"),
    *routes("webhooks/<uuid:webhook>/rotate-secret", SecretRotation.as_view(), "rotate_webhook_secret"),
    *routes("webhooks/<uuid:webhook>/deliveries", Deliveries.as_view(), "deliveries"),
    *routes(
        "webhooks/<uuid:webhook>/deliveries/<uuid:delivery>/redeliver", Redelivery.as_view(), "redeliver"
    ),
]
