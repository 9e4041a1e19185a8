"""What happened, kept for ever: the database itself refuses to change or delete a row."""

import json
from datetime import UTC
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Door(models.TextChoices):
    """Through which door a verb came in."""

    WEB = "web", _("Browser")
    API = "api", "API"
    MAIL = "mail", _("Mail")
    ADMIN = "admin", _("Administration")
    SYSTEM = "system", _("System")


class Event(models.Model):
    """One verb that was done. People and subjects are plain values: the row must outlive them.

    `changes` is {field: [old, new]}. `seq` counts the events of one versioned subject from 1 without a gap;
    it is empty for subjects that carry no version. An `internal` event is only for those who may read
    internal notes.
    """

    at = models.DateTimeField(_("time"), default=timezone.now)
    actor_id = models.UUIDField(_("actor's id"), null=True)
    actor_name = models.CharField(_("actor"), max_length=255)
    door = models.CharField(_("door"), max_length=10, choices=Door)
    api_key_prefix = models.CharField(_("API key"), max_length=16, blank=True)
    request_id = models.CharField(_("request"), max_length=128, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    verb = models.CharField(_("verb"), max_length=64)
    subject_type = models.CharField(_("kind of subject"), max_length=32)
    subject_id = models.UUIDField(_("subject's id"), null=True)
    subject_name = models.CharField(_("subject"), max_length=255)
    seq = models.PositiveIntegerField(_("number in the subject's history"), null=True)
    changes = models.JSONField(_("changes"), default=dict)
    comment = models.TextField(_("comment"), blank=True)
    internal = models.BooleanField(_("internal"), default=False)
    digest = models.CharField(_("SHA-256 of the row"), max_length=64)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["subject_id", "seq"], name="event_seq_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject_id", "id"], name="event_subject"),
            models.Index(fields=["actor_id", "id"], name="event_actor"),
            models.Index(fields=["at"], name="event_at"),
            models.Index(fields=["verb", "id"], name="event_verb"),
            models.Index(fields=["address", "id"], name="event_address"),
            models.Index(fields=["request_id"], name="event_request"),
        ]

    def __str__(self) -> str:
        from audit import words

        return f"{words.of_verb(self.verb)}: {self.subject_name}"

    def told(self) -> dict[str, Any]:
        """Every other column but the row's id, as the plain values of which the digest is."""
        row = {
            field.attname: getattr(self, field.attname)
            for field in self._meta.concrete_fields
            if field.attname not in {"id", "digest"}
        }
        row["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        # The database has its own way to write one.
        row["address"] = self.address and str(ip_address(self.address))
        for key in ("actor_id", "subject_id"):
            row[key] = row[key] and str(row[key])
        return row

    def computed_digest(self) -> str:
        """SHA-256, in hex, of all that as JSON with sorted keys."""
        return sha256(json.dumps(self.told(), sort_keys=True, default=str).encode()).hexdigest()


class Seal(models.Model):
    """Some events in the order of their ids, bound to each other and to all the seals before: see audit.seals.

    Whoever changes an event, takes one away or slips one in has to write this seal anew and all that follow, and then
    they are not those that somebody has kept elsewhere.
    """

    number = models.BigIntegerField(_("number"), primary_key=True)
    first_event = models.BigIntegerField()
    last_event = models.BigIntegerField(unique=True)
    count = models.PositiveIntegerField(_("events"))
    root = models.CharField(max_length=64)  # of the tree over the events: see audit.merkle
    previous = models.CharField(max_length=64)  # the hash of the seal before
    at = models.DateTimeField(_("time"))
    signer = models.CharField(max_length=64, blank=True)  # a public key
    hash = models.CharField("SHA-256", max_length=64)
    signature = models.CharField(max_length=128, blank=True)
    # Not in the hash, since the root is made of them: what blinds the leaves, and of each event its id with the hash of
    # its digest, without which nobody could say which event is not as it was.
    salt = models.BinaryField(max_length=32)
    entries = models.BinaryField()

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        ordering: ClassVar[list[str]] = ["number"]

    def __str__(self) -> str:
        return f"{self.number}"

    def header(self) -> dict[str, Any]:
        """Everything that the hash is of."""
        return {
            "number": self.number,
            "first_event": self.first_event,
            "last_event": self.last_event,
            "count": self.count,
            "root": self.root,
            "previous": self.previous,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "signer": self.signer,
        }

    def computed_hash(self) -> str:
        """SHA-256, in hex, of the header as JSON with sorted keys."""
        return sha256(json.dumps(self.header(), sort_keys=True).encode()).hexdigest()


class SecurityEvent(Event):
    """The same rows, for a page of their own: see audit.words.SECURITY."""

    class Meta:
        proxy = True
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
