"""The notifications app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

CHOSEN = {
    "notices": _("notices"),
    "quiet_hours": _("quiet hours"),
    "digest": _("mails"),
    "slack": _("Slack"),
    "telegram": _("Telegram"),
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
        from accounts import letters as account_letters
        from accounts import sign_in
        from accounts.providers import fetching
        from audit import trail, words
        from notifications import digest, http, inbox, letters, outbox, preferences, quiet, webhooks
        from notifications.models import Channel, Delivery, Quiet, Webhook

        fetching.WAYS_OUT["http"] = http.fetched
        outbox.TOPICS.append(webhooks.team_topics)
        trail.TOLD["channel"] = webhooks.present_channels
        trail.TOLD["webhook"] = webhooks.present_webhooks
        # What happens to a delivery changes nothing that an event has told of.
        trail.TOLD["delivery"] = lambda: ()
        words.teach("channel", Channel, verbs=CHANNEL_VERBS, security=CHANNEL_VERBS)
        words.teach("webhook", Webhook, verbs=WEBHOOK_VERBS, security=WEBHOOK_VERBS)
        words.teach("delivery", Delivery, verbs=DELIVERY_VERBS)
        outbox.COMPOSERS[quiet.DIGEST] = lambda _deliveries: digest.compose
        outbox.COMPOSERS[letters.ACCOUNT] = lambda _deliveries: letters.compose
        account_letters.POSTS.append(letters.post)
        words.VERBS.update(
            {f"{letters.ACCOUNT}.{kind}": name for kind, name in account_letters.NAMES.items()}
        )
        sign_in.ALONG["unread"] = inbox.count_unread
        trail.TOLD["notices"] = preferences.present
        words.teach("notices", Quiet, verbs={"chosen": _("Notices chosen")}, fields=CHOSEN)
