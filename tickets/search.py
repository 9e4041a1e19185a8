"""Finding tickets by words, by number, and in spite of the wrong keyboard layout."""

import re
from functools import cached_property
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce, Greatest, Round
from django.db.models.lookups import IsNull

from accounts.models import User
from tickets.models import Comment, Service, Ticket
from tickets.models.conversation import CommentQuerySet
from tickets.models.ticket import TicketQuerySet

_NUMBER = re.compile(r"(?:sf-?|сф-?|ыа-?)?(\d{1,18})", re.IGNORECASE)

# A word or a "quotation", with any minus before it.
_PART = re.compile(r'-*"[^"]*"?|\S+')

# Of about so many of the newest it is asked how well they match: of a common word there may be a hundred thousand.
RANKED = 200
# What no more tickets carry, what was said in no more comments, is rare.
RARE = 2_000
# What so many of so many of the newest have is soon met; a list shows no more at once.
MET, NEWEST = 51, 5_000

_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_OTHER_LAYOUT = str.maketrans(
    _LATIN + _LATIN.upper() + _CYRILLIC + _CYRILLIC.upper(),
    _CYRILLIC + _CYRILLIC.upper() + _LATIN + _LATIN.upper(),
)

_OF_A_SERVICE = ("name_en", "name_ru", "description_en", "description_ru")


class Search:
    """What somebody looks for. One is asked for all that a page shows of it: how often its words have been said is
    found out once.
    """

    def __init__(self, text: str, *, reader: User) -> None:
        self.reader = reader
        self._wanted, self._unwanted = _parted(text)

    @property
    def can_be_ranked(self) -> bool:
        """Whether it has words of which a ticket can have more or fewer."""
        return bool(self._wanted)

    def matching(self, tickets: TicketQuerySet) -> TicketQuerySet:
        """Those that carry the words in title, description or a comment the reader may read, or have the number.

        Russian and English word forms find each other; "quotes" and or work. `ghbynth` finds «принтер».
        A ticket with a -word anywhere the reader may read is left out.
        """
        tickets = self._without_unwanted(tickets)
        if not self._wanted:
            return tickets
        found = self._written_in | self._spoken_of
        parts: list[QuerySet[Any, Any]] = [self._said(self._words).values("ticket")]
        if (number := number_in(self._wanted)) is not None:
            found |= Q(number=number)
            parts.append(Ticket.objects.order_by().filter(number=number).values("pk"))
        are_known = self._carrying is not None and self._said_on is not None
        if are_known or _is_soon_met(found, tickets):
            return tickets.filter(found)
        # Of what is common the reader may see little, or only what is old. All of it is gathered, for the database does
        # not know that: it would go through a million tickets and what was said on each.
        carrying = Ticket.objects.order_by().filter(search=self._words).values("pk")
        return tickets.filter(pk__in=carrying.union(*parts))

    def newest(self, tickets: TicketQuerySet, *, most: int) -> QuerySet[Any, Any]:
        """The row ids of what `matching` finds, the newest `most` of them."""
        return self.matching(tickets).order_by("-number").values("pk")[:most]

    def ranked(self, tickets: TicketQuerySet) -> TicketQuerySet:
        """The newest of what `matching` would find, each with its `relevance`, best first.

        A word in the title weighs more than one in the description, and that more than one in a comment. It is a whole
        number, so that a cursor holds it exactly.
        """
        said = (
            Comment.objects.readable_by(self.reader)
            .filter(ticket=OuterRef("pk"), search=self._words)
            .annotate(rank=SearchRank(F("search"), self._words))
            .order_by("-rank")
            .values("rank")[:1]
        )
        best = Greatest(SearchRank(F("search"), self._words), Coalesce(Subquery(said), 0.0))
        relevance = Cast(Round(best * 1_000_000), IntegerField())
        found = Ticket.objects.filter(pk__in=self.newest(tickets, most=RANKED))
        with_rank: TicketQuerySet = found.annotate(relevance=relevance)
        return with_rank.order_by(F("relevance").desc(), "-number")

    @property
    def _words(self) -> SearchQuery:
        return _query(self._wanted)

    @cached_property
    def _carrying(self) -> list[int] | None:
        """Which carry the words themselves, where these are rare.

        The database believes a word that it has not counted to be in thousands: it would rather go through all tickets,
        in the order of the list, until it has met as many as are shown.
        """
        return _few(Ticket.objects.order_by().filter(search=self._words).values_list("pk", flat=True))

    @cached_property
    def _said_on(self) -> list[int] | None:
        """On which it was said, where the reader may read it, if that was rarely."""
        return _few(self._said(self._words).values_list("ticket", flat=True))

    @property
    def _written_in(self) -> Q:
        return Q(search=self._words) if self._carrying is None else Q(pk__in=self._carrying)

    @property
    def _spoken_of(self) -> Q:
        """To stand beside an OR."""
        if self._said_on is not None:
            return Q(pk__in=self._said_on)
        # As a value: beside an OR the database would gather all that an EXISTS could ever find.
        said = self._said(self._words).filter(ticket=OuterRef("pk"))
        return Q(IsNull(Subquery(said.values("pk")[:1]), False))

    def _said(self, words: SearchQuery) -> CommentQuerySet:
        return Comment.objects.order_by().readable_by(self.reader).filter(search=words)

    def _without_unwanted(self, tickets: TicketQuerySet) -> TicketQuerySet:
        if not self._unwanted:
            return tickets
        # Asked of each row in turn: the rows that lack a word are nearly all, too many to be gathered first.
        words = _query(self._unwanted)
        said = self._said(words).filter(ticket=OuterRef("pk"))
        return tickets.exclude(search=words).filter(~Exists(said))


def _few(found: QuerySet[Any, Any]) -> list[int] | None:
    """Each once, unless there are too many."""
    ids = list(found[: RARE + 1])
    return None if len(ids) > RARE else sorted(set(ids))


def _is_soon_met(found: Q, tickets: TicketQuerySet) -> bool:
    """Whether enough of them are found among the newest, or there are not many to go through."""
    newest = tickets.order_by("-number").values("pk")
    met = Ticket.objects.order_by().filter(found, pk__in=newest[:NEWEST]).values("pk")[:MET]
    return len(met) == MET or not newest[NEWEST : NEWEST + 1]


def services_about(text: str) -> QuerySet[Service]:
    """The services on offer whose name or description has the words, or these very letters."""
    found = Q(words=_query(text))
    for column in _OF_A_SERVICE:
        found |= Q(**{f"{column}__icontains": text})
    # The catalogue is small: it needs no index.
    offered = Service.objects.filter(is_active=True)
    return offered.alias(words=SearchVector(*_OF_A_SERVICE, config="russian")).filter(found)


def number_in(text: str) -> int | None:
    """1042 for "SF-1042", "sf1042", "1042", and for СФ typed in the other layout; None for anything else."""
    found = _NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else None


def _parted(text: str) -> tuple[str, str]:
    """What is looked for, and what must not be there: the words after a minus, as alternatives."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for part in _PART.findall(text):
        bare = part.lstrip("-")
        if not bare.strip('" '):
            continue
        (unwanted if bare != part else wanted).append(bare)
    return " ".join(wanted), " or ".join(unwanted)


def _query(text: str) -> SearchQuery:
    query = SearchQuery(text, config="russian", search_type="websearch")
    swapped = text.translate(_OTHER_LAYOUT)
    if swapped != text:
        query |= SearchQuery(swapped, config="russian", search_type="websearch")
    return query
