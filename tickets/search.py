"""Finding tickets by words, by number, and in spite of the wrong keyboard layout."""

import re
from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce, Greatest, Round

from accounts.models import User
from tickets.models import Comment, Service, Ticket
from tickets.models.ticket import TicketQuerySet

_NUMBER = re.compile(r"(?:sf-?|сф-?|ыа-?)?(\d{1,18})", re.IGNORECASE)

# A word or a "quotation", with any minus before it.
_PART = re.compile(r'-*"[^"]*"?|\S+')

# Of about so many of the newest it is asked how well they match: of a common word there may be a hundred thousand.
RANKED = 200

_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_OTHER_LAYOUT = str.maketrans(
    _LATIN + _LATIN.upper() + _CYRILLIC + _CYRILLIC.upper(),
    _CYRILLIC + _CYRILLIC.upper() + _LATIN + _LATIN.upper(),
)

_OF_A_SERVICE = ("name_en", "name_ru", "description_en", "description_ru")


def matching(tickets: TicketQuerySet, text: str, *, reader: User) -> TicketQuerySet:
    """Those that carry the words in title, description or a comment the reader may read, or have the number.

    Russian and English word forms find each other; "quotes" and or work. `ghbynth` finds «принтер».
    A ticket with a -word anywhere the reader may read is left out.
    """
    wanted, unwanted = _parted(text)
    tickets = _without(tickets, unwanted, reader=reader)
    if not wanted:
        return tickets
    # Each part by its own index; an OR over two tables would use neither.
    first, *others = _parts(Ticket.objects.order_by(), wanted, reader=reader)
    return tickets.filter(pk__in=first.values("pk").union(*(part.values("pk") for part in others)))


def can_be_ranked(text: str) -> bool:
    """Whether it has words of which a ticket can have more or fewer."""
    return bool(_parted(text)[0])


def newest(tickets: TicketQuerySet, text: str, *, reader: User, most: int) -> QuerySet[Any, Any]:
    """The row ids of what `matching` would find, all of them up to `most`, beyond that at least as many.

    Each part stops by itself: a rare word is looked up, a common one is soon met among the newest.
    """
    wanted, unwanted = _parted(text)
    tickets = _without(tickets, unwanted, reader=reader)
    first, *others = (
        part.order_by("-number").values("pk")[:most] for part in _parts(tickets, wanted, reader=reader)
    )
    return first.union(*others)


def ranked(tickets: TicketQuerySet, text: str, *, reader: User) -> TicketQuerySet:
    """The newest of what `matching` would find, each with its `relevance`, best first.

    A word in the title weighs more than one in the description, and that more than one in a comment. It is a whole
    number, so that a cursor holds it exactly.
    """
    words = _query(_parted(text)[0])
    said = (
        Comment.objects.readable_by(reader)
        .filter(ticket=OuterRef("pk"), search=words)
        .annotate(rank=SearchRank(F("search"), words))
        .order_by("-rank")
        .values("rank")[:1]
    )
    best = Greatest(SearchRank(F("search"), words), Coalesce(Subquery(said), 0.0))
    relevance = Cast(Round(best * 1_000_000), IntegerField())
    found = Ticket.objects.filter(pk__in=newest(tickets, text, reader=reader, most=RANKED))
    with_rank: TicketQuerySet = found.annotate(relevance=relevance)
    return with_rank.order_by(F("relevance").desc(), "-number")


def _parts(tickets: TicketQuerySet, wanted: str, *, reader: User) -> Iterator[TicketQuerySet]:
    """Those that say it themselves, those on which it was said, and the one of this number."""
    words = _query(wanted)
    yield tickets.filter(search=words)
    said = Comment.objects.order_by().readable_by(reader).filter(search=words)
    yield tickets.filter(pk__in=said.values("ticket"))
    number = number_in(wanted)
    if number is not None:
        yield tickets.filter(number=number)


def _without(tickets: TicketQuerySet, unwanted: str, *, reader: User) -> TicketQuerySet:
    if not unwanted:
        return tickets
    # Asked of each row in turn: the rows that lack a word are nearly all, too many to be gathered first.
    words = _query(unwanted)
    said = Comment.objects.order_by().readable_by(reader).filter(ticket=OuterRef("pk"), search=words)
    return tickets.exclude(search=words).filter(~Exists(said))


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
