"""Finding tickets by words, by number, and in spite of the wrong keyboard layout."""

import re

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce, Greatest, Round

from accounts.models import User
from tickets.models import Comment, Service, Ticket
from tickets.models.ticket import TicketQuerySet

_NUMBER = re.compile(r"(?:sf-?|сф-?|ыа-?)?(\d{1,18})", re.IGNORECASE)

# A word or a "quotation", with any minus before it.
_PART = re.compile(r'-*"[^"]*"?|\S+')

# Of so many of the newest matches it is asked how well they match: of a common word there may be a hundred thousand.
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
    if unwanted:
        # Asked of each row in turn: the rows that lack a word are nearly all, too many to be gathered first.
        words = _query(unwanted)
        said = Comment.objects.order_by().readable_by(reader).filter(ticket=OuterRef("pk"), search=words)
        tickets = tickets.exclude(search=words).filter(~Exists(said))
    if not wanted:
        return tickets
    words = _query(wanted)
    every = Ticket.objects.order_by()
    comments = Comment.objects.order_by().readable_by(reader).filter(search=words)
    # Each part by its own index; an OR over two tables would use neither.
    found = every.filter(search=words).values("pk").union(comments.values("ticket"))
    number = number_in(wanted)
    if number is not None:
        found = found.union(every.filter(number=number).values("pk"))
    return tickets.filter(pk__in=found)


def can_be_ranked(text: str) -> bool:
    """Whether it has words of which a ticket can have more or fewer."""
    return bool(_parted(text)[0])


def ranked(found: TicketQuerySet, text: str, *, reader: User) -> TicketQuerySet:
    """The newest RANKED of what `matching` has found, each with its `relevance`, best first.

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
    newest = found.order_by("-number").values("pk")[:RANKED]
    relevance = Cast(Round(best * 1_000_000), IntegerField())
    tickets: TicketQuerySet = Ticket.objects.filter(pk__in=newest).annotate(relevance=relevance)
    return tickets.order_by(F("relevance").desc(), "-number")


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
