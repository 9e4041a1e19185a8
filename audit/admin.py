"""The audit log, to be read: filtered, searched, and never touched."""

import re
from collections import Counter
from ipaddress import ip_address
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import ActionLocation, IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from audit import words
from audit.models import Event, SecurityEvent

# Pages of a long history are counted up to here: nobody turns to page 1,000, and counting all costs seconds.
FARTHEST = 10_000
RECENT = 5_000
BUSIEST = 12
LONGEST_SEARCH = 200
# For an action of the list that stands on the page of a row, too.
EVERYWHERE = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]
REFUSALS = ("refused", "denied", "failed", "locked")  # how the verbs of those end
FIELDS = 3  # a line of the list names at most so many
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
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    # Columns by which other pages of the admin link to this list.
    linked_by: ClassVar[tuple[str, ...]] = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        if (row := kwargs.get("obj")) is not None:
            context |= {"title": str(row), "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        # Each kind of row has a page of its own; a form chooses among them and opens no windows.
        if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError) as fault:  # a year of 20 digits, for one
            raise IncorrectLookupParameters from fault

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the list itself offers. Django lets any column be asked for, and a digest be guessed by letters."""
        offered = set(self.linked_by)
        entries: Any = self.get_list_filter(request)
        for entry in entries:
            if isinstance(entry, type):
                offered.add(entry.parameter_name)  # type: ignore[attr-defined]
            else:
                name = entry if isinstance(entry, str) else entry[0]
                offered |= {f"{name}__{what}" for what in ("exact", "isnull", "id__exact")}
        if self.date_hierarchy:
            offered |= {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day")}
        return lookup in offered

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

    title = _("what happened")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        verbs = set(_recent(model_admin).values_list("verb", flat=True)) | {self.value() or ""}
        return sorted(
            ((verb, words.of_verb(verb)) for verb in verbs - {""}), key=lambda pair: pair[1].casefold()
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


class SubjectTypeFilter(VerbFilter):
    title = _("kind of subject")
    parameter_name = "subject_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = set(_recent(model_admin).values_list("subject_type", flat=True)) | {self.value() or ""}
        return sorted(
            ((kind, words.of_kind(kind)) for kind in kinds - {""}), key=lambda pair: pair[1].casefold()
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(subject_type=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    """Who has done something of late."""

    title = _("actor")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Counter(_recent(model_admin).exclude(actor_id=None).values_list("actor_id", "actor_name"))
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
    list_display = ("at", "what", "about", "who", "door", "what_changed")
    list_display_links = ("at", "what")
    list_filter = (VerbFilter, "door", SubjectTypeFilter, ActorFilter)
    date_hierarchy = "at"
    ordering = ("-id",)
    search_fields = ("subject_name",)
    search_help_text = _(
        "A number (SF-1042), an id, the name of an actor or subject, an IP address, or the id of a request."
    )
    fields = (
        "at", "what", "about", "who", "door", "api_key_prefix", "address", "request_id", "seq", "changes_in_words",
        "comment_in_words", "internal", "digest",
    )  # fmt: skip
    readonly_fields = fields

    def told(self) -> QuerySet[Event]:
        """Of all events those that this page is about."""
        return Event.objects.all()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return self.told().order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()[:LONGEST_SEARCH]
        if not term:
            return queryset, False
        number, key, address = NUMBER.fullmatch(term), _uuid(term), _address(term)
        if address is not None:
            found = queryset.filter(address=address)
        elif key is not None:
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

    @admin.display(description=_("what happened"), ordering="verb")
    def what(self, event: Event) -> str:
        return words.of_verb(event.verb)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Links to a subject and an actor narrow the list down: what it is filtered by already stays."""
        filters = request.GET.copy()
        filters.pop(PAGE_VAR, None)
        bound = {"about": self._about, "who": self._who}

        def narrowing(name: str) -> Any:
            link = bound[name]

            @admin.display(description=getattr(self, name).short_description)
            def column(event: Event) -> SafeString | str:
                return link(event, filters)

            column.__name__ = name  # of the cell's class, too
            return column

        return [narrowing(name) if name in bound else name for name in self.list_display]

    @admin.display(description=_("subject"))
    def about(self, event: Event) -> SafeString | str:
        return self._about(event, QueryDict())

    @admin.display(description=_("actor"))
    def who(self, event: Event) -> SafeString | str:
        return self._who(event, QueryDict())

    def _about(self, event: Event, filters: QueryDict) -> SafeString | str:
        return self._narrowed(event.subject_name, filters, "q", event.subject_id)

    def _who(self, event: Event, filters: QueryDict) -> SafeString | str:
        return self._narrowed(event.actor_name, filters, "actor", event.actor_id)

    def _narrowed(self, name: str, filters: QueryDict, by: str, value: UUID | None) -> SafeString | str:
        if value is None:
            return name
        wanted = filters.copy()
        wanted[by] = str(value)
        page = reverse(f"admin:audit_{self.opts.model_name}_changelist")
        return format_html('<a href="{}?{}">{}</a>', page, wanted.urlencode(), name)

    @admin.display(description=_("comment"))
    def comment_in_words(self, event: Event) -> str:
        return words.of_comment(event.verb, event.comment) or words.NOTHING

    @admin.display(description=_("changes"))
    def what_changed(self, event: Event) -> str:
        if not isinstance(event.changes, dict):
            return ""
        fields = [words.of_field(event.subject_type, name) for name in event.changes]
        return ", ".join(fields[:FIELDS]) + (f" +{len(fields) - FIELDS}" if len(fields) > FIELDS else "")

    @admin.display(description=_("changes"))
    def changes_in_words(self, event: Event) -> SafeString | str:
        """A table of field, old and new. Whatever people have typed stays text."""
        if not isinstance(event.changes, dict) or not event.changes:
            return words.NOTHING
        kind = event.subject_type
        rows = format_html_join(
            "",
            '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>',
            (
                (words.of_field(kind, name), *(words.of_value(kind, name, side) for side in _pair(pair)))
                for name, pair in event.changes.items()
            ),
        )
        return format_html(
            '<div class="sf-scroll"><table class="sf-changes-table"><thead><tr><th scope="col">{}</th>'
            '<th scope="col">{}</th><th scope="col">{}</th></tr></thead><tbody>{}</tbody></table></div>',
            _("Field"),
            _("Before"),
            _("After"),
            rows,
        )


class RefusedFilter(admin.SimpleListFilter):
    """Whether somebody has got what he wanted."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("refused", _("Refused")), ("allowed", _("Allowed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        refusals = {verb for verb in words.SECURITY if verb.endswith(REFUSALS)}
        if self.value() == "refused":
            return queryset.filter(verb__in=refusals)
        return queryset.exclude(verb__in=refusals) if self.value() == "allowed" else queryset


@admin.register(SecurityEvent)
class SecurityEventAdmin(EventAdmin):
    """Who came in, who was kept out, who has taken or given what others must not have."""

    list_display = ("at", "what", "about", "who", "door", "address", "detail")  # type: ignore[assignment]
    list_filter = (RefusedFilter, VerbFilter, "door", ActorFilter)  # type: ignore[assignment]

    def told(self) -> QuerySet[Event]:
        return Event.objects.filter(verb__in=words.SECURITY)

    @admin.display(description=_("details"))
    def detail(self, event: Event) -> str:
        return words.of_comment(event.verb, event.comment)[:200] or self.what_changed(event)


def _pair(pair: Any) -> tuple[Any, Any]:
    return (pair[0], pair[1]) if isinstance(pair, list) and len(pair) == 2 else (None, pair)


def _recent(model_admin: Any) -> QuerySet[Event]:
    newest = model_admin.told().order_by("-id").values("pk")[:RECENT]
    return Event.objects.filter(pk__in=newest).order_by()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
