"""What an address of the queue asks for: a view, filters and an order; and the panel that offers the filters."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.http import QueryDict
from django.utils import formats, timezone
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from accounts.checking import is_id
from accounts.models import AGENTS, Team, User
from tickets import reads
from tickets.filters import ME, NONE, ORDERINGS, TicketFilter
from tickets.models import Priority, Service, Tag, Ticket
from tickets.models.ticket import Status, TicketQuerySet
from tickets.search import Search, number_in

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS = {
    "q": gettext_lazy("Search"),
    "status": gettext_lazy("Status"),
    "priority": gettext_lazy("Priority"),
    "assignee": gettext_lazy("Assignee"),
    "requester": gettext_lazy("Requester"),
    "team": gettext_lazy("Team"),
    "service": gettext_lazy("Service"),
    "tag": gettext_lazy("Tag"),
    "created_after": gettext_lazy("Created since"),
    "created_before": gettext_lazy("Created before"),
    "updated_after": gettext_lazy("Updated since"),
    "updated_before": gettext_lazy("Updated before"),
    "sla": gettext_lazy("Due"),
}
# What the panel offers; status and priority have menus of their own.
PANEL = (
    "service",
    "team",
    "assignee",
    "tag",
    "created_after",
    "created_before",
    "updated_after",
    "updated_before",
)
DAYS = PANEL[4:]
NAMED = ("service", "team", "assignee", "requester")

ORDER_WORDS = {
    "priority": gettext_lazy("highest priority first, then the longest wait"),
    "-priority": gettext_lazy("lowest priority first"),
    "-updated_at": gettext_lazy("latest change first"),
    "updated_at": gettext_lazy("longest untouched first"),
    "-created_at": gettext_lazy("newest first"),
    "created_at": gettext_lazy("oldest first"),
    "-number": gettext_lazy("highest number first"),
    "number": gettext_lazy("lowest number first"),
    "-closed": gettext_lazy("latest closed first"),
    "relevance": gettext_lazy("best match first"),
}

MOST_TAGS = 500  # in the panel; the address takes any


# Besides those that can be asked for: the orders of lists whose rows all have the column.
ORDERS = ORDERINGS | {"-closed": ("-finished_at", "-number"), "relevance": ("-relevance", "-number")}


@dataclass(frozen=True)
class Link:
    """A filter, a menu's choice or an order, as the address that it leads to."""

    text: str
    url: str
    chosen: bool = False


@dataclass(frozen=True)
class Heading:
    """A column's heading that sorts. `sort` is for aria-sort: ascending, descending or empty."""

    url: str
    sort: str


class OneOf(forms.SelectMultiple):
    """A plain choice of what the address may hold several of."""

    allow_multiple_selected = False


class Day(forms.TextInput):
    input_type = "date"


class Asked:
    """What this address asks for, on behalf of this reader. `cursor` is left to whoever cuts the pages."""

    def __init__(self, query: QueryDict, *, reader: User) -> None:
        self.query = query
        self.reader = reader
        self.filter = TicketFilter(query, Ticket.objects.visible_to(reader), reader=reader)
        self.form = self.filter.form
        for name, label in LABELS.items():
            self.form.fields[name].label = label
        self._check("view", reads.BY_NAME)
        self._check("ordering", ORDERINGS)

    # --- What is asked for ---

    @cached_property
    def active(self) -> list[tuple[str, str]]:
        """The filters in the address, each value once."""
        pairs = [(name, value) for name in LABELS for value in self.query.getlist(name) if value.strip()]
        return list(dict.fromkeys(pairs))

    @property
    def words(self) -> str:
        return self.query.get("q", "").strip()

    @cached_property
    def search(self) -> Search:
        return Search(self.words, reader=self.reader)

    @cached_property
    def any_status(self) -> bool:
        return any(name in {"q", "status"} for name, _value in self.active)

    @cached_property
    def view(self) -> reads.View:
        """The one named; else, for a search or a filter, all tickets; else the first."""
        standard = reads.BY_NAME["all"] if self.active else reads.VIEWS[0]
        return reads.BY_NAME.get(self.query.get("view", ""), standard)

    @property
    def shown_view(self) -> str:
        """The name of the view that this list is, whole or filtered; empty where it looks beyond every view."""
        return "" if self.words or (self.view.name == "all" and self.any_status) else self.view.name

    @cached_property
    def ordering(self) -> str:
        wanted = self.query.get("ordering", "")
        return wanted if wanted in ORDERINGS else self.usual_ordering

    @property
    def usual_ordering(self) -> str:
        """What nobody has to ask for: a search begins with the best match."""
        ranks = self.form.is_valid() and self.search.can_be_ranked
        return "relevance" if ranks else self.view.order

    @property
    def is_ranked(self) -> bool:
        return self.ordering == "relevance"

    @property
    def order(self) -> tuple[str, ...]:
        return ORDERS[self.ordering]

    @property
    def tickets(self) -> TicketQuerySet:
        """What fits; nothing while something in the address is wrong."""
        if not self.form.is_valid():
            nothing: TicketQuerySet = Ticket.objects.none()
            return nothing
        return self._in_view(self.filter.qs)

    def _in_view(self, tickets: TicketQuerySet) -> TicketQuerySet:
        return reads.in_view(tickets, self.view, reader=self.reader, any_status=self.any_status)

    @property
    def _before_search(self) -> TicketQuerySet:
        """What fits but for the words."""
        others = self.query.copy()
        others.pop("q", None)
        visible = Ticket.objects.visible_to(self.reader)
        return self._in_view(TicketFilter(others, visible, reader=self.reader).qs)

    def count(self, *, most: int) -> int:
        """How many fit, as far as `most` and one more."""
        if self.is_ranked:
            found = self.search.newest(self._before_search, most=most + 1)
            return min(found.count(), most + 1)
        number: int = self.tickets.order_by()[: most + 1].count()
        return number

    @property
    def rows(self) -> TicketQuerySet:
        """What the pages of the list are cut from: what fits, or the part of it that is ranked."""
        if self.is_ranked:
            return self.search.ranked(self._before_search)
        return self.tickets

    @property
    def in_order(self) -> TicketQuerySet:
        return self.rows.order_by(*self.order)

    @property
    def everything(self) -> TicketQuerySet:
        """What fits, to the last ticket; a ranked list ends before."""
        return self.tickets.order_by("-number") if self.is_ranked else self.in_order

    def hit(self) -> Ticket | None:
        """The one ticket whose number has been typed into the search, if the reader may see it."""
        number = number_in(self.words) if self.words else None
        if number is None:
            return None
        found: Ticket | None = Ticket.objects.visible_to(self.reader).filter(number=number).first()
        return found

    def _check(self, name: str, known: Iterable[str]) -> None:
        value = self.query.get(name, "")
        if value and value not in known:
            self.form.add_error(None, _("There is no such view or order: “%(name)s”.") % {"name": value[:40]})

    # --- Addresses of neighbouring lists ---

    @property
    def state(self) -> list[tuple[str, str]]:
        """What makes the list this one, without the page one is on."""
        order = [("ordering", self.ordering)] if self.ordering != self.usual_ordering else []
        return [("view", self.view.name), *self.active, *order]

    @property
    def state_text(self) -> str:
        """The same, as one hidden field carries it."""
        return urlencode(self.state)

    @property
    def state_without_panel(self) -> list[tuple[str, str]]:
        """What the panel's form has to carry along: what it does not offer."""
        return [(name, value) for name, value in self.state if name not in self.panel_names]

    def cleared_url(self) -> str:
        return _url([("view", self.view.name)])

    def everywhere_url(self) -> str:
        return _url([("view", "all"), *self.active])

    def latest_url(self) -> str:
        return self._ordered("-updated_at")

    def panel_url(self) -> str:
        return _url(self.state if self.panel_open else [*self.state, ("filters", "open")])

    def page_url(self, cursor: str) -> str:
        return _url([*self.state, ("cursor", cursor)])

    def heading(self, name: str, first: str) -> Heading:
        """Leads to the order `first`, and from there to its opposite."""
        opposite = first.removeprefix("-") if first.startswith("-") else f"-{first}"
        sort = ""
        if self.ordering in {first, opposite}:
            # The first rank is the most urgent one: "priority" rises in the database and falls for the reader.
            sort = "descending" if self.ordering in {"priority", "-updated_at", "-number"} else "ascending"
        return Heading(self._ordered(opposite if self.ordering == first else first), sort)

    def orders(self) -> list[Link]:
        usual = _url([pair for pair in self.state if pair[0] != "ordering"])
        best = Link(str(ORDER_WORDS["relevance"]), usual, chosen=self.is_ranked)
        return [best] * self.search.can_be_ranked + [
            Link(str(text), self._ordered(name), chosen=name == self.ordering)
            for name, text in ORDER_WORDS.items()
            if name in ORDERINGS and not name.endswith("number")
        ]

    def menu(self, name: str) -> list[Link]:
        """Every value of status or priority; following one adds or takes it away."""
        values = Status.choices if name == "status" else list(reversed(Priority.choices))
        rest = [pair for pair in self.state if pair[0] != name]
        anything = Link(_("Any"), _url(rest), chosen=all(other != name for other, _value in self.active))
        return [anything, *(self._toggled(name, str(value), str(text)) for value, text in values)]

    def chips(self) -> list[Link]:
        return [
            Link(self._said(name, value), _url([pair for pair in self.state if pair != (name, value)]))
            for name, value in self.active
        ]

    def _ordered(self, ordering: str) -> str:
        return _url([*(pair for pair in self.state if pair[0] != "ordering"), ("ordering", ordering)])

    def _toggled(self, name: str, value: str, text: str) -> Link:
        chosen = (name, value) in self.active
        rest = [pair for pair in self.state if pair != (name, value)]
        return Link(text, _url(rest if chosen else [*rest, (name, value)]), chosen)

    def _said(self, name: str, value: str) -> str:
        return _("%(filter)s: %(value)s") % {"filter": LABELS[name], "value": self._word(name, value)}

    def _word(self, name: str, value: str) -> str:
        if name in self.form.errors:
            return value[:40]
        if name in DAYS:
            moment = timezone.localtime(self.form.cleaned_data[name])
            return formats.date_format(moment, "SHORT_DATETIME_FORMAT" if len(value) > 10 else "DATE_FORMAT")
        if name in NAMED:
            return str(_special(name).get(value, "")) or self.names.get((name, value), value[:8])
        if hasattr(self.form.fields[name], "choices"):
            return str(dict(self.form.fields[name].choices).get(value, value))
        return value

    # --- The panel ---

    @property
    def panel_open(self) -> bool:
        return self.query.get("filters") == "open" or bool(set(self.form.errors) - {"__all__"})

    @property
    def panel_names(self) -> list[str]:
        """What the panel shows: what it offers, and besides whatever is wrong."""
        wrong = [name for name in self.form.errors if name in LABELS and name not in PANEL]
        return [*wrong, *PANEL] if self.panel_open else []

    def panel(self) -> Iterator[forms.BoundField]:
        for name in self.panel_names:
            self._dress(name)
            yield self.form[name]

    def _dress(self, name: str) -> None:
        chosen = [value for other, value in self.active if other == name]
        field = self.form.fields[name]
        if name in DAYS:
            field.widget = Day() if all(len(value) == 10 for value in chosen) else forms.TextInput()
        elif name in (*NAMED, "tag"):
            options = [
                ("", pgettext_lazy("of a filter", "Any")),
                *_special(name).items(),
                *self._options(name),
            ]
            known = {value for value, _text in options}
            options += [(value, value[:40]) for value in chosen if value not in known]
            field.widget = (forms.SelectMultiple if len(chosen) > 1 else OneOf)(choices=options)

    def _options(self, name: str) -> list[tuple[str, str]]:
        found = [(value, text) for (kind, value), text in self.names.items() if kind == name]
        return sorted(found, key=lambda option: option[1].casefold())

    @cached_property
    def names(self) -> dict[tuple[str, str], str]:
        """(filter, value) → its word, for what the panel offers and the address names: one query, or none."""
        chosen = {value for name, value in self.active if name in NAMED and is_id(value)}
        if not (chosen or self.panel_open):
            return {}
        russian = get_language() == "ru"
        tags = reads.tags(self.reader).order_by("name")[:MOST_TAGS]
        in_use = Q(is_active=True) | Q(public_id__in=chosen)
        teams, *others = (
            _rows("team", Team.objects.filter(in_use), "name"),
            _rows("service", Service.objects.filter(in_use), "name_en", "name_ru"),
            _rows("assignee", User.objects.filter(AGENTS | Q(public_id__in=chosen)), "full_name"),
            _rows("requester", User.objects.filter(public_id__in=chosen), "full_name"),
            _rows("tag", Tag.objects.filter(pk__in=tags.values("pk")), "name", id_column="name"),
        )
        rows = teams.union(*others, all=True).order_by()
        return {(kind, value): (ru if russian and ru else en) for kind, value, en, ru in rows}


def _url(pairs: Iterable[tuple[str, str]]) -> str:
    return f"?{urlencode(list(pairs))}"


def _special(name: str) -> "dict[str, _StrPromise]":
    """The words that stand beside ids."""
    return {
        "assignee": {ME: gettext_lazy("me"), NONE: gettext_lazy("nobody")},
        "requester": {ME: gettext_lazy("me")},
        "team": {NONE: gettext_lazy("no team")},
        "service": {NONE: gettext_lazy("no service")},
    }.get(name, {})


def _rows(
    kind: str, found: QuerySet[Any], english: str, russian: str = "", *, id_column: str = "public_id"
) -> QuerySet[Any, Any]:
    return found.order_by().values_list(
        Value(kind), Cast(id_column, CharField()), F(english), F(russian or english)
    )
