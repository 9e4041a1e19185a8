"""The notifications app."""

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

USER_VERBS = {"notifications_changed": _("Notifications chosen")}
USER_FIELDS: "dict[str, str | _StrPromise]" = {
    "notices": _("notices"),
    "quiet_hours": _("quiet hours"),
    "digest": _("mails"),
    "slack": "Slack",
    "telegram": "Telegram",
}


CHANNEL_VERBS = {"created": _("Channel added"), "changed": _("Channel changed")}
WEBHOOK_VERBS = {
    "created": _("Webhook added"),
    "changed": _("Webhook changed"),
    "secret_rotated": _("Secret of a webhook replaced"),
    "deleted": _("Webhook deleted"),
}
DELIVERY_VERBS = {"sent_again": _("Message sent again"), "tested": _("Test message sent")}


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from accounts import sign_in
        from audit import trail, words
        from notifications import digest, inbox, outbox, quiet, webhooks
        from notifications.models import Channel, Delivery, Webhook

        outbox.TOPICS.append(webhooks.team_topics)
        trail.TOLD["channel"] = webhooks.present_channels
        trail.TOLD["webhook"] = webhooks.present_webhooks
        # What happens to a delivery changes nothing that an event has told of.
        trail.TOLD["delivery"] = lambda: ()
        words.teach("channel", Channel, verbs=CHANNEL_VERBS)
        words.teach("webhook", Webhook, verbs=WEBHOOK_VERBS)
        words.teach("delivery", Delivery, verbs=DELIVERY_VERBS)
        outbox.COMPOSERS[quiet.DIGEST] = digest.compose
        sign_in.ALONG["unread"] = inbox.count_unread
        words.teach_more("user", verbs=USER_VERBS, fields=USER_FIELDS)
