"""The audit log, to be read: filtered, searched, and never touched."""

import json
import re
from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from audit.models import Event

# Pages of a long history are counted up to here: nobody turns to page 1,000, and counting all costs seconds.
FARTHEST = 10_000
RECENT = 5_000
BUSIEST = 12
LONGEST_SEARCH = 200
NUMBER = re.compile(r"sf-?(\d{1,18})", re.IGNORECASE)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than it pages."""

    @cached_property
    def count(self) -> int:
        return (
            self.object_list[: FARTHEST + 1].count()
            if isinstance(self.object_list, QuerySet)
            else super().count
        )


class DeskAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What every list of the desk's admin keeps: it costs little, breaks on no address, and deletes nothing."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError) as fault:  # a year of 20 digits, for one
            raise IncorrectLookupParameters from fault

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(DeskAdmin):
    """Rows to look at. What changes them are verbs, and those stand elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class VerbFilter(admin.SimpleListFilter):
    """The verbs of late: asking the whole table for its distinct verbs would read all of it."""

    title = _("verb")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        verbs = set(_recent().values_list("verb", flat=True)) | {self.value() or ""}
        return [(verb, verb) for verb in sorted(verbs - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


class SubjectTypeFilter(VerbFilter):
    title = _("kind of subject")
    parameter_name = "subject_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = set(_recent().values_list("subject_type", flat=True)) | {self.value() or ""}
        return [(kind, kind) for kind in sorted(kinds - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(subject_type=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    """Who has done something of late."""

    title = _("actor")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Counter(_recent().exclude(actor_id=None).values_list("actor_id", "actor_name"))
        people = {str(key): name for (key, name), _times in rows.most_common(BUSIEST)}
        if (chosen := self.value()) and chosen not in people:
            last = Event.objects.filter(actor_id=_uuid(chosen)).order_by("-id").first()
            people[chosen] = last.actor_name if last else chosen[:LONGEST_SEARCH]
        return sorted(people.items(), key=lambda row: str(row[1]).casefold())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        if not self.value():
            return queryset
        actor = _uuid(self.value() or "")
        return queryset.filter(actor_id=actor) if actor else queryset.none()


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "verb", "about", "who", "door", "address", "what_changed")
    list_display_links = ("at", "verb")
    list_filter = (VerbFilter, "door", SubjectTypeFilter, ActorFilter)
    date_hierarchy = "at"
    ordering = ("-id",)
    search_fields = ("subject_name",)
    search_help_text = _(
        "A number (SF-1042), an id, the name of an actor or subject, or the id of a request."
    )
    fields = (
        "at", "verb", "about", "who", "door", "api_key_prefix", "address", "request_id", "seq", "changes_in_words",
        "comment", "internal", "digest",
    )  # fmt: skip
    readonly_fields = fields

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()[:LONGEST_SEARCH]
        if not term:
            return queryset, False
        number, key = NUMBER.fullmatch(term), _uuid(term)
        if key is not None:
            found = (
                queryset.filter(subject_id=key)
                | queryset.filter(actor_id=key)
                | queryset.filter(request_id=term)
            )
        elif number is not None:
            found = queryset.filter(subject_name=f"SF-{int(number[1])}")
        else:
            found = (
                queryset.filter(request_id=term)
                | queryset.filter(actor_name__icontains=term)
                | queryset.filter(subject_name__icontains=term)
            )
        return found, False

    @admin.display(description=_("subject"))
    def about(self, event: Event) -> SafeString | str:
        if event.subject_id is None:
            return event.subject_name
        return format_html('<a href="{}?q={}">{}</a>', _list(), event.subject_id, event.subject_name)

    @admin.display(description=_("actor"))
    def who(self, event: Event) -> SafeString | str:
        if event.actor_id is None:
            return event.actor_name
        return format_html('<a href="{}?actor={}">{}</a>', _list(), event.actor_id, event.actor_name)

    @admin.display(description=_("changes"))
    def what_changed(self, event: Event) -> str:
        return ", ".join(event.changes) if isinstance(event.changes, dict) else ""

    @admin.display(description=_("changes"))
    def changes_in_words(self, event: Event) -> SafeString | str:
        """A table of field, old and new. Whatever people have typed stays text."""
        if not isinstance(event.changes, dict) or not event.changes:
            return "—"
        rows = format_html_join(
            "",
            '<tr class="change-{}"><th scope="row">{}</th><td>{}</td><td>{}</td></tr>',
            ((slugify(field), field, *_pair(pair)) for field, pair in event.changes.items()),
        )
        return format_html(
            '<table class="sf-changes-table"><thead><tr><th scope="col">{}</th><th scope="col">{}</th>'
            '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>',
            _("Field"),
            _("Before"),
            _("After"),
            rows,
        )


def _pair(pair: Any) -> tuple[str, str]:
    old, new = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
    return _text(old), _text(new)


def _text(value: Any) -> str:
    """A value of an event as people read it: a reference by its name, nothing as a dash."""
    if value in (None, "", []):
        return "—"
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return f"{value['name']} ★" if value.get("lead") else value["name"]
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _recent() -> QuerySet[Event]:
    newest = Event.objects.order_by("-id").values("pk")[:RECENT]
    return Event.objects.filter(pk__in=newest).order_by()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _list() -> str:
    return reverse("admin:audit_event_changelist")
