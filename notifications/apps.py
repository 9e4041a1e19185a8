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


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from accounts import sign_in
        from audit import words
        from notifications import digest, inbox, outbox, quiet

        outbox.COMPOSERS[quiet.DIGEST] = digest.compose
        sign_in.ALONG["unread"] = inbox.count_unread
        words.teach_more("user", verbs=USER_VERBS, fields=USER_FIELDS)
