"""Mailboxes that become tickets, and every mail that was ever fetched from them."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import Team, User
from accounts.sealed import Sealed
from tickets.models.catalogue import Service
from tickets.models.conversation import Comment
from tickets.models.ticket import LONGEST_TEXT, Ticket


class Policy(models.TextChoices):
    """What becomes of a mail whose sender nobody vouches for."""

    TICKET = "ticket", _("a new ticket, marked “unverified sender”")
    QUARANTINE = "quarantine", _("quarantine")


class Security(models.TextChoices):
    """How the connection to a mail server is kept private."""

    TLS = "tls", _("TLS from the first byte")
    STARTTLS = "starttls", "STARTTLS"
    NONE = "none", _("none (only to this machine)")


class Fault(models.TextChoices):
    """What keeps the desk from a mailbox. `said` are words of the server, which know one language."""

    SILENT = "silent", _("The server does not answer in time. Perhaps this port wants another encryption.")
    NO_SUCH_NAME = "no_such_name", _("The name of the server is not known.")
    NOBODY_LISTENS = "nobody_listens", _("Nothing answers at this port of the server.")
    UNREACHABLE = "unreachable", _("The server cannot be reached: %(said)s.")
    HUNG_UP = "hung_up", _("The server hung up.")
    NO_TLS = "no_tls", _("There is no TLS at this port, or one too old. Perhaps it wants another encryption.")
    NO_STARTTLS = "no_starttls", _("The server does not offer STARTTLS at this port.")
    CERTIFICATE_EXPIRED = "certificate_expired", _("The certificate of the server has expired.")
    CERTIFICATE_OF_ANOTHER = (
        "certificate_of_another",
        _("The certificate of the server has another name in it."),
    )
    CERTIFICATE_UNKNOWN = (
        "certificate_unknown",
        _("Nobody whom this machine trusts has signed the certificate."),
    )
    CERTIFICATE = "certificate", _("The certificate of the server cannot be trusted: %(said)s.")
    NOT_PRIVATE = "not_private", _("Without encryption only a server on this machine can be asked.")
    NOT_IMAP = "not_imap", _("What answers at this port does not speak IMAP.")
    SIGN_IN = "sign_in", _("The server does not take the user name and the password.")
    FOLDER = "folder", _("The server does not know the folder, or the one for fetched mail.")
    SEALED = "sealed", _("The password was encrypted with another SECRET_KEY: set it again.")
    TOO_MUCH = "too_much", _("The server sends more than any mail may have.")
    REFUSED = "refused", _("The server refuses what it is asked.")

    def told(self, said: str = "") -> str:
        """In the reader's language."""
        return str(self.label) % {"said": said}


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
    # One more whenever the row points elsewhere: UIDVALIDITY and UID say nothing across servers, users and folders.
    generation = models.PositiveIntegerField(default=1, editable=False)
    # How the last visit went; no configuration, and not in the audit.
    visited_at = models.DateTimeField(_("last visited"), null=True, editable=False)
    trouble = models.CharField(_("trouble"), max_length=300, blank=True, editable=False)  # a Fault
    trouble_said = models.CharField(max_length=300, blank=True, db_default="", editable=False)
    # Mails there that could not be fetched: how often, and when they are tried again (see inbound_email.collecting).
    stumbles = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), editable=False)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def fault(self) -> str:
        """What keeps the desk from it, in the reader's language. Before there were codes it was kept in English."""
        return Fault(self.trouble).told(self.trouble_said) if self.trouble in Fault.values else self.trouble


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


class Why(models.TextChoices):
    """What is told of an outcome. Details lie beside the code; the words are put together for whoever reads them."""

    AGAIN = "again", _("the same mail again: %(copy_of)s")
    REUSED = "reused", _("its Message-ID was used before, with another text: %(copy_of)s")
    LOOP = "loop", _("it passed through this desk before")
    CAME_BACK = "came_back", _("our own mail came back")
    FROM_US = "from_us", _("it says that it comes from this desk")
    MACHINE = "machine", _("an automatic answer: %(machine)s")
    # Who wrote is in doubt (the first ones as ParsedMail.doubt says them).
    NO_FROM = "no From field", _("no From field")
    SEVERAL_FROM = "several From fields", _("several From fields")
    NO_ADDRESS = "no address in From", _("no address in From")
    SEVERAL_ADDRESSES = "several addresses in From", _("several addresses in From")
    GROUP = "a group in From", _("a group in From")
    ENCODED = "an encoded address in From", _("an encoded address in From")
    UNCLEAR = "an unclear address in From", _("an unclear address in From")
    UNUSUAL = "an unusual address in From", _("an unusual address in From")
    NOBODY_HERE = "nobody_here", _("the address is of nobody who may use the desk")
    DMARC_FAILS = "dmarc_fails", _("DMARC fails")
    NOT_HIS_ADDRESS = "not_his_address", _("the reply address was given to somebody else")
    UNVOUCHED = "unvouched", _("nobody vouches for the sender")
    NO_AGENT = "no_agent", _("it answers an internal note, and its sender is no agent")
    CONFIDENTIAL = "confidential", _("it answers a confidential ticket that its sender may not see")
    # It is too much.
    MANY_OF_SENDER = "many_of_sender", _("too many mails of this sender")
    MANY_ON_TICKET = "many_on_ticket", _("too many unverified mails for %(ticket)s")
    MANY_IN_MAILBOX = "many_in_mailbox", _("too many unverified mails")
    NOT_GIVEN = (
        "not_given",
        _(
            "the server did not give it out, asked %(times)s times: it lies in the folder %(folder)s of the mailbox"
        ),
    )
    TOO_LARGE = "too_large", _("larger than %(most)s MB: it lies in the folder %(folder)s of the mailbox")
    FILES_LEFT = "files_left", _("some files were too large or too many: they are in the source")
    FILES_FULL = "files_full", _("its files did not fit onto the ticket: they are in the source")
    # It could not be read.
    SLOW = "slow", _("reading took longer than %(seconds)s s")
    MEMORY = "memory", _("reading took more than %(most)s MB")
    CRASHED = "crashed", _("reading crashed")
    FAILED = "failed", _("reading failed")
    BROKE_OFF = "broke_off", _("the reading process broke off")
    # Somebody said no.
    REFUSED = "refused", _("refused: %(detail)s")
    REFUSED_BY = "refused_by", _("refused by %(name)s")
    STUMBLED = "stumbled", _("could not be received: %(error)s")


# The columns that reading a mail fills. The source and where it came from never change, and the source may be large.
FOUND = [
    "message_id", "body_sha256", "sender", "sender_name", "subject", "text", "folded", "of_note", "proof", "machine",
    "outcome", "reasons", "files", "ticket", "comment", "received_at",
]  # fmt: skip


# What somebody unproven has brought about.
UNPROVEN = Q(proof=Proof.NONE, outcome__in=[Outcome.TICKET, Outcome.HELD])


class InboundMail(models.Model):
    """A mail as it came, and the one thing that became of it."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    mailbox = models.ForeignKey(
        Mailbox, models.PROTECT, related_name="mails", verbose_name=_("mailbox"), db_index=False
    )
    generation = models.PositiveIntegerField(default=1)  # of the mailbox
    uid_validity = models.BigIntegerField()
    uid = models.BigIntegerField()
    # Empty where the message was too large to keep; then `reasons` say where it lies.
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
    # What it brought and the desk would take: [{"name": …, "size": bytes}], in the order of `files_of`.
    files = models.JSONField(_("files"), default=list, blank=True)
    # What was found out.
    of_note = models.BooleanField(_("answers an internal note"), default=False, db_default=False)
    proof = models.CharField(_("sender proven by"), max_length=10, choices=Proof, blank=True)
    machine = models.CharField(_("written by a program"), max_length=10, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, default=Outcome.FETCHED)
    reasons = models.JSONField(_("reason"), default=list, blank=True)  # [[Why, {detail: value}], …]
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
            models.UniqueConstraint(
                fields=["mailbox", "generation", "uid_validity", "uid"], name="mail_fetched_once"
            ),
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
            # How many unproven mails there were lately.
            models.Index(Upper("sender"), "received_at", name="mail_unproven_of_sender", condition=UNPROVEN),
            models.Index(
                fields=["ticket", "received_at"], name="mail_unproven_of_ticket", condition=UNPROVEN
            ),
            models.Index(fields=["mailbox", "received_at"], name="mail_unproven_of_box", condition=UNPROVEN),
        ]

    def __str__(self) -> str:
        return self.subject or self.message_id or str(self.public_id)

    def because(self, why: Why, **details: Any) -> None:
        """Note one reason more for what becomes of it."""
        self.reasons = [*self.reasons, [str(why), details]]

    @property
    def reason(self) -> str:
        """Why it became what it became, in the reader's language."""
        return "; ".join(str(Why(code).label) % details for code, details in self.reasons)

    @property
    def claimed_by(self) -> str:
        """Who says that he wrote it."""
        return f"{self.sender_name} <{self.sender}>" if self.sender_name else self.sender or "?"

    @property
    def is_proven(self) -> bool:
        return self.proof != Proof.NONE

    @property
    def is_held(self) -> bool:
        return self.outcome == Outcome.HELD

    def written_by(self, ticket: Ticket) -> int | None:
        """The row id of whoever has proven to have written it, or of whom an agent says so."""
        if not self.is_proven or self.ticket_id != ticket.pk:
            return None
        if self.comment is not None:
            return self.comment.author_id
        if self.outcome != Outcome.TICKET:
            return None
        # The author of a ticket that somebody had to vouch for is the stand-in of the mailbox.
        return ticket.requester_id if self.proof == Proof.AGENT else ticket.author_id

    @property
    def is_cut(self) -> bool:
        """Whether it says more than `text` holds. Then the first of its files is the whole text."""
        return len(self.text) >= LONGEST_TEXT
