"""The inbox: what somebody has been told, in words made when he looks, of what he may read by then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    Count,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
    Window,
)
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from accounts import moments
from accounts.models import User
from notifications.models import Delivery, Transport

SUBJECTS = 20  # on a page
LATEST = 3  # lines of each subject
MOST_COUNTED = 100


@dataclass(frozen=True)
class Line:
    """One notice in words. `path` leads to it on the desk; `ticket` is for what a page draws beside it."""

    title: str
    reference: str
    words: SafeString
    text: str
    path: str
    internal: bool
    at: datetime
    ticket: Any = None

    @property
    def plain(self) -> str:
        return unescape(strip_tags(self.words))

    @property
    def clock(self) -> str:
        return moments.exact(timezone.localtime(self.at))


@dataclass
class Group:
    """What was told of one subject: the latest lines, and how many there are besides."""

    unread: int
    total: int
    lines: list[tuple[Delivery, Line]] = field(default_factory=list)

    @property
    def more(self) -> int:
        return self.total - len(self.lines)

    @property
    def head(self) -> Line:
        return self.lines[0][1]


@dataclass(frozen=True)
class Page:
    groups: Sequence[Group]
    number: int
    has_next: bool
    # Of what can no longer be read, and was not read in time.
    lost: int
    # The latest shown: what comes after it is not marked as read with the rest.
    last: Delivery | None


# {kind of subject: {row id: line} of those deliveries that the reader may read}; filled at start-up by their apps.
TELLERS: dict[str, Callable[..., dict[int, Line]]] = {}


def of(reader: User) -> QuerySet[Delivery]:
    return Delivery.objects.filter(recipient=reader, transport=Transport.INBOX)


def count_unread() -> Func:
    """How many notices the user of the outer query has not read, counted no further than MOST_COUNTED.

    It comes along with whoever opens a page: no page asks for it.
    """
    mine = Delivery.objects.filter(recipient=OuterRef("pk"), transport=Transport.INBOX, read_at=None)
    some = ArraySubquery(mine.order_by().values("pk")[:MOST_COUNTED])
    return Func(some, function="cardinality", output_field=IntegerField())


def page(reader: User, *, number: int = 1) -> Page:
    """Subjects with something unread first, then the latest. Two queries, and those of the tellers."""
    subjects = (
        of(reader)
        .order_by()
        .values("subject_type", "subject_id")
        .annotate(
            unread=Count("pk", filter=Q(read_at=None)),
            total=Count("pk"),
            fresh=Case(When(unread__gt=0, then=1), default=0, output_field=IntegerField()),
            last=Max("pk"),
        )
        .order_by("-fresh", "-last")
    )
    start = (number - 1) * SUBJECTS
    rows = list(subjects[start : start + SUBJECTS + 1])
    groups = {row["subject_id"]: Group(row["unread"], row["total"]) for row in rows[:SUBJECTS]}
    place = Window(
        RowNumber(), partition_by=F("subject_id"), order_by=[F("read_at").desc(nulls_first=True), "-pk"]
    )
    latest = list(of(reader).filter(subject_id__in=groups).annotate(place=place).filter(place__lte=LATEST))
    told = tell(latest, reader=reader)
    for delivery in sorted(latest, key=lambda one: -one.pk):
        if delivery.pk in told:
            groups[delivery.subject_id].lines.append((delivery, told[delivery.pk]))
    shown = [group for group in groups.values() if group.lines]
    lost = sum(group.unread for group in groups.values() if not group.lines)
    return Page(shown, number, len(rows) > SUBJECTS, lost, max(latest, key=lambda one: one.pk, default=None))


def tell(deliveries: Sequence[Delivery], *, reader: User) -> dict[int, Line]:
    """{row id: line} of those whose words the reader may read."""
    told: dict[int, Line] = {}
    for kind, teller in TELLERS.items():
        told |= teller([one for one in deliveries if one.subject_type == kind], reader=reader)
    return told


def see(reader: User, subject_id: UUID, *, upto: int) -> int:
    """What was told of this subject up to this version is read: its page has been shown. Answers how many."""
    unread = of(reader).filter(subject_id=subject_id, seq__lte=upto, read_at=None)
    return unread.update(read_at=timezone.now())


def read_all(reader: User, *, upto: UUID) -> int:
    """Mark everything as read up to this delivery of his, the last that the page has shown. Answers how many."""
    last = of(reader).filter(public_id=upto).values("pk")
    return of(reader).filter(read_at=None, pk__lte=Subquery(last)).update(read_at=timezone.now())
