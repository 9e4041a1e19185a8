"""What is told to whom: channels of teams, webhooks, the choices of people, and every single delivery."""

import hashlib
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import Language, User
from accounts.sealed import Sealed
from audit import words


class Kind(models.TextChoices):
    """What a notice is about, as people choose it."""

    NEW = "new", _("a ticket waits in my team's queue")
    ASSIGNED = "assigned", _("a ticket is given to me or taken from me, or I am added to it")
    REPLY = "reply", _("a reply")
    NOTE = "note", _("an internal note")
    STATUS = "status", _("a ticket waits, is done, canceled or reopened")
    CHANGE = "change", _("anything else: who has it, work begun, priority, service, dates")


class Transport(models.TextChoices):
    INBOX = "inbox", _("inbox")
    EMAIL = "email", _("e-mail")
    SLACK = "slack", "Slack"
    TELEGRAM = "telegram", "Telegram"
    WEBHOOK = "webhook", _("webhook")


class Digest(models.TextChoices):
    NONE = "", _("at once")
    HOURLY = "hourly", _("once an hour")
    DAILY = "daily", _("once a day")


class Preference(models.Model):
    """Whether somebody wants to hear of a kind of event over a transport; what has no row goes by the defaults."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notification_preferences", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    transport = models.CharField(max_length=10, choices=Transport)
    wanted = models.BooleanField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "kind", "transport"], name="preference_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.transport}: {self.wanted}"


class Quiet(models.Model):
    """When somebody wants to be left alone, and whether his mails are gathered. Times are of his own time zone."""

    user = models.OneToOneField(User, models.CASCADE, related_name="quiet", primary_key=True)
    begins = models.TimeField(_("quiet hours from"), null=True, blank=True)
    ends = models.TimeField(_("quiet hours until"), null=True, blank=True)
    digest = models.CharField(_("mails"), max_length=10, choices=Digest, default=Digest.NONE, blank=True)

    class Meta:
        verbose_name = _("choice of notices")
        verbose_name_plural = _("choices of notices")

    def __str__(self) -> str:
        return f"{self.begins}-{self.ends} {self.digest}"


class Contact(models.Model):
    """Where somebody is found in a chat: his Slack member id, his Telegram chat."""

    user = models.ForeignKey(User, models.CASCADE, related_name="contacts", db_index=False)
    transport = models.CharField(max_length=10, choices=Transport)
    address = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "transport"], name="contact_once"),
        ]

    def __str__(self) -> str:
        return f"{self.transport}: {self.address}"


class Channel(models.Model):
    """A place where a team or a service is told what happens: a channel of Slack, a group of Telegram.

    `topics` are labels that the announcing app gives to what it tells of, such as `team:<uuid>`; see outbox.TOPICS.
    """

    BY = (
        (Transport.SLACK.value, Transport.SLACK.label),
        (Transport.TELEGRAM.value, Transport.TELEGRAM.label),
    )

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    transport = models.CharField(_("by"), max_length=10, choices=BY)
    # The channel or chat that a bot writes to.
    address = models.CharField(_("channel or chat"), max_length=100, blank=True)
    # The key of that bot; or the address of an incoming webhook of Slack, which is a secret itself.
    token_sealed = models.TextField(blank=True, editable=False)
    token = Sealed("token_sealed")
    token_set_at = models.DateTimeField(_("secret set"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=5, choices=Language, default=Language.ENGLISH)
    topics = ArrayField(models.CharField(max_length=64), verbose_name=_("tells of"), default=list)
    kinds = ArrayField(
        models.CharField(max_length=10, choices=Kind), verbose_name=_("events"), default=list, blank=True
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(transport__in=["slack", "telegram"]), name="channel_is_a_chat"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def token_set_at_told(self) -> str | None:
        return self.token_set_at.isoformat() if self.token_set_at else None


class Webhook(models.Model):
    """Another system that hears of events, signed as in Standard Webhooks. Never of internal notes."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(_("address"), max_length=500)
    topics = ArrayField(models.CharField(max_length=64), verbose_name=_("tells of"), default=list, blank=True)
    # Verbs such as ticket.resolved; none: all of them.
    events = ArrayField(models.CharField(max_length=64), verbose_name=_("events"), default=list, blank=True)
    secret_sealed = models.TextField(editable=False)
    secret = Sealed("secret_sealed")
    # While a receiver learns the new secret, both sign; the latest first, with a space between.
    old_secret_sealed = models.TextField(blank=True, editable=False)
    old_secret = Sealed("old_secret_sealed")
    old_secret_until = models.DateTimeField(_("old secret until"), null=True, blank=True, editable=False)
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # Its deliveries stay to be looked at; the secrets go.
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering: ClassVar[list[str]] = ["name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(deleted_at=None) | models.Q(is_active=False, secret_sealed=""),
                name="webhook_deleted_is_silent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def old_secrets(self) -> list[str]:
        """Those that still sign. Raises Unreadable."""
        is_over = self.old_secret_until is None or self.old_secret_until <= timezone.now()
        return [] if is_over else self.old_secret.split()

    @property
    def url_told(self) -> str:
        """For the audit: the server, and of the rest only whether it has changed. Many such addresses are secrets."""
        parts = urlsplit(self.url)
        digest = hashlib.sha256(self.url.encode()).hexdigest()[:8]
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/… #{digest}"


class State(models.TextChoices):
    PENDING = "pending", _("waits")
    SENDING = "sending", _("is being sent")
    GATHERED = "gathered", _("waits for the digest")
    SENT = "sent", _("sent")
    SKIPPED = "skipped", _("not sent, on purpose")
    UNKNOWN = "unknown", _("unknown whether it arrived")
    FAILED = "failed", _("failed")


class Delivery(models.Model):
    """One event for one recipient over one transport: told once, or visible as failed.

    `public_id` is the stable id towards the outside (Message-ID, webhook-id), so a receiver can drop a repeat.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    verb = models.CharField(_("event"), max_length=64)
    subject_type = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    subject_name = models.CharField(_("subject"), max_length=255)
    seq = models.PositiveIntegerField()
    # Why he hears of it: requester, assignee, watcher, team, sender …; a channel and a webhook: subscribed.
    reason = models.CharField(max_length=16)
    # Breaks quiet hours and is not gathered.
    urgent = models.BooleanField(default=False)
    transport = models.CharField(_("by"), max_length=10, choices=Transport)
    # Exactly one of the three.
    recipient = models.ForeignKey(
        User,
        models.CASCADE,
        null=True,
        related_name="deliveries",
        verbose_name=_("recipient"),
        db_index=False,
    )
    channel = models.ForeignKey(Channel, models.CASCADE, null=True, related_name="deliveries")
    webhook = models.ForeignKey(Webhook, models.CASCADE, null=True, related_name="deliveries")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("announced"), default=timezone.now)
    due_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    started_at = models.DateTimeField(null=True)
    # When somebody had it sent once more, by hand and out of its turn.
    again_at = models.DateTimeField(_("sent again"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # The last answer in words, never an address with a secret in it.
    said = models.CharField(_("what was said"), max_length=500, blank=True)
    read_at = models.DateTimeField(_("read"), null=True)
    # The delivery that told of this one among others.
    digest = models.ForeignKey("self", models.SET_NULL, null=True, related_name="gathered", db_index=False)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["subject_id", "seq", "transport", "recipient", "channel", "webhook"],
                name="delivery_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Exact(
                    models.Func(
                        "recipient",
                        "channel",
                        "webhook",
                        function="num_nonnulls",
                        output_field=models.IntegerField(),
                    ),
                    1,
                ),
                name="delivery_to_somebody",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["pending", "sending", "gathered"]),
                name="delivery_unfinished",
            ),
            models.Index(
                fields=["due_at"],
                condition=models.Q(transport="email", state="pending"),
                name="delivery_mail_waiting",
            ),
            models.Index(
                fields=["webhook", "due_at"],
                condition=models.Q(transport="webhook", state="pending"),
                name="delivery_webhook_waiting",
            ),
            models.Index(
                fields=["recipient", "-id"], condition=models.Q(transport="inbox"), name="delivery_inbox"
            ),
            models.Index(
                fields=["recipient", "-id"],
                condition=models.Q(transport="inbox", read_at=None),
                name="delivery_unread",
            ),
            models.Index(
                fields=["recipient", "created_at"],
                condition=models.Q(transport="email", reason="sender"),
                name="delivery_receipt",
            ),
            models.Index(
                fields=["digest"], condition=models.Q(digest__isnull=False), name="delivery_of_digest"
            ),
            models.Index(
                fields=["webhook", "-created_at", "-public_id"],
                condition=models.Q(webhook__isnull=False),
                name="delivery_of_webhook",
            ),
            models.Index(
                fields=["-id"], condition=models.Q(state__in=["failed", "unknown"]), name="delivery_failed"
            ),
        ]

    def __str__(self) -> str:
        # What a test is about is that it is one.
        about = "" if self.verb == "test" else f"{self.subject_name} · "
        return f"{about}{self.what} → {self.whom}"

    @property
    def what(self) -> str:
        """What happened, in the reader's language."""
        return gettext("Test message") if self.verb == "test" else words.of_verb(self.verb)

    @property
    def whom(self) -> str:
        return str(self.recipient or self.channel or self.webhook)

    if TYPE_CHECKING:
        recipient_id: int | None
        channel_id: int | None
        webhook_id: int | None


class Rest(models.Model):
    """A destination that does not answer is left alone for a while: a mail server, a channel, a webhook."""

    destination = models.CharField(max_length=40, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.destination}: {self.failures}"
