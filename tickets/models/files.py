"""Files on tickets. The bytes lie in the store under a path of our own; the row says what they are called."""

from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import User
from tickets.models.ticket import Ticket


class FileState(models.TextChoices):
    """Whether the scanner has looked: only what is clean is given out."""

    HELD = "held", _("is being checked")
    CLEAN = "clean", _("clean")
    REFUSED = "refused", _("refused")


def somewhere(*_of_what: object) -> str:
    """A path that says nothing: neither the name nor the type of what somebody sent."""
    name = uuid4().hex
    return f"attachments/{name[:2]}/{name}"


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, user: User) -> "AttachmentQuerySet":
        """Files on tickets that this person may see."""
        return self.filter(ticket__in=Ticket.objects.visible_to(user)).readable_by(user)

    def readable_by(self, user: User) -> "AttachmentQuerySet":
        """Public files, and internal ones too for those who may read them: agents."""
        return self if user.is_agent else self.filter(internal=False)


class Attachment(models.Model):
    """A file on a ticket: public, or internal as the note it belongs to."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="attachments")
    # Empty for one that came with the description, or by itself.
    comment = models.ForeignKey("tickets.Comment", models.PROTECT, null=True, related_name="attachments")
    uploader = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))  # bytes
    sha256 = models.CharField("SHA-256", max_length=64)
    file = models.FileField(upload_to=somewhere, max_length=100, unique=True)
    internal = models.BooleanField(_("internal"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=FileState, default=FileState.HELD)
    # What a page shows of it, redrawn by ourselves; 0 where there is no picture (tickets/pictures.py).
    picture_width = models.PositiveSmallIntegerField(default=0, editable=False)
    picture_height = models.PositiveSmallIntegerField(default=0, editable=False)
    # The event that brought it.
    seq = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Whoever has written the row, its file lies within the store.
            models.CheckConstraint(
                condition=~Q(file="") & ~Q(file__startswith="/") & ~Q(file__contains=".."),
                name="attachment_lies_within",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], name="attachment_held", condition=Q(state=FileState.HELD)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_clean(self) -> bool:
        return self.state == FileState.CLEAN

    @property
    def has_picture(self) -> bool:
        return self.is_clean and self.picture_width > 0

    @property
    def shown_width(self) -> int:
        """Of the small picture on a page: it is drawn twice as fine."""
        return max(self.picture_width // 2, 1)

    @property
    def shown_height(self) -> int:
        return max(self.picture_height // 2, 1)
