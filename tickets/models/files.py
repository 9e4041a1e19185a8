"""Files on tickets. The bytes lie in the store under a path of our own; the row says what they are called."""

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import User


class FileState(models.TextChoices):
    """Whether the scanner has looked: only what is clean is given out."""

    HELD = "held", _("is being checked")
    CLEAN = "clean", _("clean")
    REFUSED = "refused", _("refused")


def somewhere(_attachment: "Attachment", _name: str) -> str:
    """A path that says nothing: neither the name nor the type of what somebody sent."""
    name = uuid4().hex
    return f"attachments/{name[:2]}/{name}"


class Attachment(models.Model):
    """A file on a ticket: public, or internal with the note it belongs to."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="attachments")
    # Empty for one that came with the description, or by itself.
    comment = models.ForeignKey("tickets.Comment", models.PROTECT, null=True, related_name="attachments")
    uploader = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))  # bytes
    sha256 = models.CharField("SHA-256", max_length=64)
    file = models.FileField(upload_to=somewhere, max_length=100)
    internal = models.BooleanField(_("internal"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=FileState, default=FileState.HELD)
    # The event that brought it.
    seq = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.name
