"""Mailboxes that become tickets, and every mail that was ever fetched from them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import Team, User
from accounts.sealed import Sealed
from tickets.models.catalogue import Service
from tickets.models.conversation import Comment
from tickets.models.ticket import Ticket


class Policy(models.TextChoices):
    """What becomes of a mail whose sender nobody vouches for."""

    TICKET = "ticket", _("a new ticket, marked “unverified sender”")
    QUARANTINE = "quarantine", _("quarantine")


class Security(models.TextChoices):
    """How the connection to a mail server is kept private."""

    TLS = "tls", _("TLS from the first byte")
    STARTTLS = "starttls", "STARTTLS"
    NONE = "none", _("none (only to this machine)")


class Mailbox(models.Model):
    """An IMAP mailbox, bound to a service or a team."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    # The address people write to; answers come to it with a token after a +.
    address = models.EmailField(_("address"))
    host = models.CharField(_("server"), max_length=255)
    port = models.PositiveIntegerField(_("port"), default=993)
    security = models.CharField(_("encryption"), max_length=10, choices=Security, default=Security.TLS)
    username = models.CharField(_("user name"), max_length=255)
    password_sealed = models.TextField(editable=False)
    password = Sealed("password_sealed")
    # When, as text: what the audit tells of the password.
    password_set = models.CharField(_("password set"), max_length=40, blank=True)
    folder = models.CharField(_("folder"), max_length=255, default="INBOX")
    # Where fetched mail goes; empty: it is marked as read and stays.
    done_folder = models.CharField(_("folder for fetched mail"), max_length=255, blank=True)
    service = models.ForeignKey(Service, models.PROTECT, null=True, blank=True, verbose_name=_("service"))
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, verbose_name=_("team"))
    # The host whose Authentication-Results we believe (RFC 8601); empty: nobody's, and only reply tokens vouch.
    authserv_id = models.CharField(_("believed authserv-id"), max_length=255, blank=True)
    # Whoever is proven to write from these gets an account with his first mail.
    trusted_domains = ArrayField(
        models.CharField(max_length=253), default=list, blank=True, verbose_name=_("domains of our people")
    )
    unverified = models.CharField(
        _("unverified senders"), max_length=10, choices=Policy, default=Policy.TICKET
    )
    # Whose the tickets of unverified senders are until an agent says who wrote.
    stand_in = models.ForeignKey(User, models.PROTECT, verbose_name=_("stands in for unknown senders"))
    is_active = models.BooleanField(_("in use"), default=True)
    # How the last visit went; no configuration, and not in the audit.
    visited_at = models.DateTimeField(_("last visited"), null=True, editable=False)
    trouble = models.CharField(_("trouble"), max_length=300, blank=True, editable=False)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Outcome(models.TextChoices):
    FETCHED = "fetched", _("waits to be read")
    TICKET = "ticket", _("became a ticket")
    COMMENT = "comment", _("became a comment")
    HELD = "held", _("waits for an agent")
    IGNORED = "ignored", _("ignored")
    QUARANTINED = "quarantined", _("in quarantine")


class Proof(models.TextChoices):
    """What proves who wrote a mail. Nothing in the mail itself does."""

    NONE = "", _("nothing")
    TOKEN = "token", _("reply address")
    DMARC = "dmarc", "DMARC"
    AGENT = "agent", _("an agent's word")


# The columns that reading a mail fills. The source and where it came from never change, and the source may be large.
FOUND = [
    "message_id", "body_sha256", "sender", "sender_name", "subject", "text", "folded", "proof", "machine", "outcome",
    "reason", "ticket", "comment", "received_at",
]  # fmt: skip


class InboundMail(models.Model):
    """A mail as it came, and the one thing that became of it."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    mailbox = models.ForeignKey(Mailbox, models.PROTECT, related_name="mails", verbose_name=_("mailbox"))
    uid_validity = models.BigIntegerField()
    uid = models.BigIntegerField()
    # Empty where the message was too large to keep; then `reason` says where it lies.
    raw = models.BinaryField(editable=False)
    size = models.PositiveBigIntegerField(_("size"))  # bytes
    sha256 = models.CharField("SHA-256", max_length=64)
    # What it says of itself: nothing of it is proven.
    message_id = models.CharField("Message-ID", max_length=998, blank=True)
    body_sha256 = models.CharField(max_length=64, blank=True)
    sender = models.CharField(_("sender"), max_length=320, blank=True)
    sender_name = models.CharField(_("sender's name"), max_length=200, blank=True)
    subject = models.CharField(_("subject"), max_length=998, blank=True)
    text = models.TextField(_("text"), blank=True)
    # Signature and history: shown on demand, never lost.
    folded = models.TextField(_("signature and history"), blank=True)
    # What was found out.
    proof = models.CharField(_("sender proven by"), max_length=10, choices=Proof, blank=True)
    machine = models.CharField(_("written by a program"), max_length=10, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, default=Outcome.FETCHED)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, null=True, related_name="mails", verbose_name=_("ticket")
    )
    comment = models.ForeignKey(Comment, models.PROTECT, null=True, related_name="mails")
    fetched_at = models.DateTimeField(_("fetched"), default=timezone.now)
    received_at = models.DateTimeField(_("dealt with"), null=True)

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["mailbox", "uid_validity", "uid"], name="mail_fetched_once"),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.TICKET, ticket__isnull=False)
                | Q(outcome=Outcome.COMMENT, ticket__isnull=False, comment__isnull=False)
                | Q(outcome=Outcome.HELD, ticket__isnull=False, comment__isnull=True)
                | Q(outcome__in=[Outcome.FETCHED, Outcome.IGNORED, Outcome.QUARANTINED]),
                name="mail_became_something",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["message_id"], name="mail_message_id"),
            models.Index(fields=["ticket"], name="mail_held", condition=Q(outcome=Outcome.HELD)),
            models.Index(fields=["fetched_at"], name="mail_unread", condition=Q(outcome=Outcome.FETCHED)),
            models.Index(fields=["sha256"], name="mail_sha256"),
        ]

    def __str__(self) -> str:
        return self.subject or self.message_id or str(self.public_id)

    @property
    def claimed_by(self) -> str:
        """Who says that he wrote it."""
        return f"{self.sender_name} <{self.sender}>" if self.sender_name else self.sender or "?"

    @property
    def is_proven(self) -> bool:
        return self.proof != Proof.NONE
