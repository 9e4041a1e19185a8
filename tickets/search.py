"""Finding tickets by words, by number, and in spite of the wrong keyboard layout."""

import re

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, QuerySet

from accounts.models import User
from tickets.models import Comment, Service, Ticket
from tickets.models.ticket import TicketQuerySet

_NUMBER = re.compile(r"(?:sf-?|сф-?|ыа-?)?(\d{1,18})", re.IGNORECASE)

_EXCLUDES = re.compile(r"(?:^|\s)-\S")

_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_OTHER_LAYOUT = str.maketrans(
    _LATIN + _LATIN.upper() + _CYRILLIC + _CYRILLIC.upper(),
    _CYRILLIC + _CYRILLIC.upper() + _LATIN + _LATIN.upper(),
)

_OF_A_SERVICE = ("name_en", "name_ru", "description_en", "description_ru")


def matching(tickets: TicketQuerySet, text: str, *, reader: User) -> TicketQuerySet:
    """Those that carry the words in title, description or a comment the reader may read, or have the number.

    Russian and English word forms find each other; "quotes", or, and -not work. `ghbynth` finds «принтер».
    """
    text = " ".join(text.split())
    if not text:
        return tickets
    words = _query(text)
    every = Ticket.objects.order_by()
    said = Comment.objects.order_by().readable_by(reader).filter(search=words)
    # Each part by its own index; an OR over two tables would use neither.
    found = every.filter(search=words).values("pk").union(said.values("ticket"))
    number = number_in(text)
    if number is not None:
        found = found.union(every.filter(number=number).values("pk"))
    return tickets.filter(pk__in=found)


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


def _query(text: str) -> SearchQuery:
    query = SearchQuery(text, config="russian", search_type="websearch")
    swapped = text.translate(_OTHER_LAYOUT)
    # Nearly everything lacks a word that nobody writes: -vpn in the other layout would find all.
    if swapped != text and not _EXCLUDES.search(text):
        query |= SearchQuery(swapped, config="russian", search_type="websearch")
    return query
