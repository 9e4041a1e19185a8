"""The filters of every list of tickets, in the browser and in the API."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import django_filters as filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.checking import is_tellable
from accounts.models import User
from tickets.models import Priority, Ticket
from tickets.models.ticket import Status, TicketQuerySet
from tickets.search import Search

ME = "me"
NONE = "none"

# What a list may be ordered by: names people know → columns, the last one unique, all in one direction.
ORDERINGS: dict[str, tuple[str, ...]] = {
    "priority": ("urgency", "number"),
    "-priority": ("-urgency", "-number"),
    "created_at": ("created_at", "number"),
    "-created_at": ("-created_at", "-number"),
    "updated_at": ("updated_at", "number"),
    "-updated_at": ("-updated_at", "-number"),
    "number": ("number",),
    "-number": ("-number",),
}


class WordsField(forms.Field):
    """Every value of a repeated parameter. `special` are words that stand beside public ids."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, special: tuple[str, ...] = (), ids: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"required": False} | kwargs)
        self.special = special
        self.ids = ids

    def to_python(self, value: Any) -> list[str]:
        words = [word for word in (value or []) if word != ""]
        if len(words) > 100:
            raise ValidationError(_("At most 100 values."), code="too_many")
        for word in words:
            if "\x00" in word or len(word) > 100:
                raise ValidationError(
                    _("“%(word)s” is not valid."), code="invalid", params={"word": word[:40]}
                )
            if self.ids and word not in self.special:
                self._check_id(word)
        return words

    def _check_id(self, word: str) -> None:
        try:
            UUID(word)
        except ValueError:
            raise ValidationError(
                _("“%(word)s” is neither an id nor one of: %(special)s."),
                code="invalid",
                params={"word": word[:40], "special": ", ".join(self.special) or "—"},
            ) from None


class MomentField(forms.Field):
    """A date, or a time as ISO 8601; without a zone it is the reader's."""

    def to_python(self, value: Any) -> datetime | None:
        text = (value or "").strip().replace(" ", "+")  # a plus sign that nobody escaped
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError(
                _("“%(text)s” is not a date or time."), code="invalid", params={"text": text[:40]}
            ) from None
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        if not is_tellable(moment):
            raise ValidationError(_("This date is out of range."), code="invalid")
        return moment.astimezone(UTC)


class WordsFilter(filters.Filter):  # type: ignore[misc]
    field_class = WordsField


class MomentFilter(filters.Filter):  # type: ignore[misc]
    field_class = MomentField


class TicketFilter(filters.FilterSet):  # type: ignore[misc]
    """What of the tickets somebody may see he wants to see. The queryset given must be `visible_to` him already."""

    # A column of its own has each ticket once: DISTINCT would sort all that fits before the first row is shown.
    status = filters.MultipleChoiceFilter(choices=Status, distinct=False)
    priority = filters.MultipleChoiceFilter(choices=Priority, distinct=False)
    assignee = WordsFilter(method="by_person", special=(ME, NONE))
    requester = WordsFilter(method="by_person", special=(ME,))
    team = WordsFilter(method="by_row", special=(NONE,))
    service = WordsFilter(method="by_row", special=(NONE,))
    tag = WordsFilter(method="by_tag", ids=False)
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    updated_after = MomentFilter(field_name="updated_at", lookup_expr="gte")
    updated_before = MomentFilter(field_name="updated_at", lookup_expr="lt")
    sla = filters.MultipleChoiceFilter(
        choices=[("breached", _("breached")), ("due_today", _("due today"))], method="by_due_date"
    )
    q = filters.CharFilter(method="by_words", max_length=200)

    class Meta:
        model = Ticket
        fields: list[str] = []

    def __init__(self, *args: Any, reader: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = reader

    def by_person(self, tickets: TicketQuerySet, name: str, words: list[str]) -> TicketQuerySet:
        if not words:
            return tickets
        ids = [word for word in words if word not in {ME, NONE}]
        wanted = Q(**{f"{name}__public_id__in": ids}) if ids else Q(pk__in=[])
        if ME in words:
            wanted |= Q(**{name: self.reader})
        if NONE in words:
            wanted |= Q(**{f"{name}__isnull": True})
        return tickets.filter(wanted)

    by_row = by_person

    def by_tag(self, tickets: TicketQuerySet, name: str, words: list[str]) -> TicketQuerySet:
        return tickets.filter(tags__overlap=[word.lower() for word in words]) if words else tickets

    def by_due_date(self, tickets: TicketQuerySet, name: str, words: list[str]) -> TicketQuerySet:
        wanted = Q(pk__in=[]) if words else Q()
        if "breached" in words:
            wanted |= Q(due_at__lt=timezone.now())
        if "due_today" in words:
            wanted |= Q(due_at__gte=start_of_today(), due_at__lt=start_of_today() + timedelta(days=1))
        return tickets.filter(wanted).open() if words else tickets

    def by_words(self, tickets: TicketQuerySet, name: str, text: str) -> TicketQuerySet:
        return Search(text, reader=self.reader).matching(tickets)


def start_of_today() -> datetime:
    """Midnight in the reader's zone."""
    return timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
