"""What people say to each other on a ticket, and who follows it."""

from typing import TYPE_CHECKING, ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import User
from audit.models import Door
from notifications import markdown

if TYPE_CHECKING:
    from tickets.models.ticket import Ticket


class CommentQuerySet(models.QuerySet["Comment"]):
    def readable_by(self, user: User) -> "CommentQuerySet":
        """Public comments, and internal notes too for those who may read them: agents."""
        return self if user.is_agent else self.filter(internal=False)


class Comment(models.Model):
    """A message on a ticket: public, or internal for the agents who see the ticket."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    # Its index would be the beginning of comment_seq_once again; so it is with a watch.
    ticket = models.ForeignKey(
        "tickets.Ticket", models.CASCADE, related_name="comments", verbose_name=_("ticket"), db_index=False
    )
    author = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("author"))
    body = models.TextField(_("text"))
    # Who says that he wrote it, where nothing proves it: then the author has only put it on the ticket.
    claimed_by = models.CharField(
        _("unverified sender"), max_length=600, blank=True, default="", db_default="", editable=False
    )
    internal = models.BooleanField(_("internal note"), default=False)
    source = models.CharField(_("source"), max_length=10, choices=Door)
    # The event that brought it: a status change may say something, too.
    seq = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(_("written"), default=timezone.now, editable=False)
    search = models.GeneratedField(
        expression=SearchVector("body", config="russian"), output_field=SearchVectorField(), db_persist=True
    )

    objects = CommentQuerySet.as_manager()

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "seq"], name="comment_seq_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [GinIndex(fields=["search"], name="comment_search")]

    def __str__(self) -> str:
        return self.body[:60]

    @property
    def shown(self) -> str:
        """What its readers read, in their language: of somebody who only says who he is, a quotation that says so."""
        if not self.claimed_by:
            return self.body
        sender = markdown.literal(self.claimed_by)
        words = gettext("%(sender)s (unverified sender) wrote by mail:") % {"sender": sender}
        quoted = "\n".join(f"> {line}".rstrip() for line in self.body.split("\n"))
        return f"{words}\n\n{quoted}"


class Watch(models.Model):
    """Somebody follows a ticket and may read it."""

    ticket: "models.ForeignKey[Ticket, Ticket]" = models.ForeignKey(
        "tickets.Ticket", models.CASCADE, related_name="watches", db_index=False
    )
    user = models.ForeignKey(User, models.CASCADE, related_name="watches")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["ticket", "user"], name="watch_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.ticket_id}"
