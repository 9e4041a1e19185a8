"""What people can ask for: services, and the tags that sort their tickets."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.models import Team


class Service(models.Model):
    """An entry of the catalogue. Tickets of a confidential service are seen only by its ticket's team."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name_en = models.CharField(_("name in English"), max_length=100)
    name_ru = models.CharField(_("name in Russian"), max_length=100)
    description_en = models.CharField(_("description in English"), max_length=300, blank=True)
    description_ru = models.CharField(_("description in Russian"), max_length=300, blank=True)
    team = models.ForeignKey(Team, models.PROTECT, related_name="services", verbose_name=_("team"))
    confidential = models.BooleanField(
        _("confidential"),
        default=False,
        help_text=_("Its tickets are seen only by the people on them and by agents of the ticket's team."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering: ClassVar[list[str]] = ["name_en", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("name_en"),
                name="service_name_once",
                violation_error_message=_("There is a service of this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """In the reader's language."""
        return self.name_ru if get_language() == "ru" and self.name_ru else self.name_en

    @property
    def description(self) -> str:
        """In the reader's language."""
        return self.description_ru if get_language() == "ru" and self.description_ru else self.description_en


class Tag(models.Model):
    """A word that tickets are sorted by. A trigger makes it known with its first use; tickets hold the word itself."""

    name = models.CharField(_("name"), max_length=50, unique=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name
