"""In which words somebody hears of what happened to a ticket: a mail, a line in a chat, a line of the inbox."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import escape, strip_tags
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts import moments
from accounts.models import User
from audit.models import Door, Event
from notifications import markdown
from notifications.inbox import Line
from notifications.message import Message
from notifications.models import Delivery, State, Transport
from tickets import correspondence, notices, permissions, timeline, workflow
from tickets.models import Attachment, Comment, Ticket
from tickets.models.files import FileState
from tickets.models.mail import InboundMail, Outcome
from tickets.models.ticket import Status, WaitingFor

EXCERPT = 240  # characters in a line of the inbox
CHAT_EXCERPT = 1500
# Receipts for one person: whoever writes more often knows that we are here.
LATELY = timedelta(hours=1)
MOST_RECEIPTS = ((timedelta(hours=1), 10), (timedelta(days=1), 40))

REASONS = {
    "requester": gettext_lazy("You get this because it is your request."),
    "author": gettext_lazy("You get this because you opened the ticket."),
    "assignee": gettext_lazy("You get this because the ticket is yours to work on."),
    "before": gettext_lazy("You get this because the ticket was yours."),
    "watcher": gettext_lazy("You get this because you follow the ticket."),
    "added": gettext_lazy("You get this because you were added to the ticket."),
    "team": gettext_lazy("You get this because the ticket waits in your team's queue."),
    "sender": gettext_lazy("You get this because you have written to the service desk."),
}


@dataclass(frozen=True)
class Notice:
    """One event as one reader may know it. The reader of a channel is None: he knows what employees know."""

    delivery: Delivery
    reader: User | None
    ticket: Ticket
    event: Event
    comment: Comment | None
    files: Sequence[Attachment]
    names: timeline.Names

    @property
    def words(self) -> SafeString:
        if self.delivery.reason == "sender":
            return escape(
                _("Your mail has arrived: it is request %(number)s.") % {"number": self.ticket.reference}
            )
        return timeline.in_words(self.event, self.names)

    @property
    def plain_words(self) -> str:
        return unescape(strip_tags(self.words))

    @property
    def said(self) -> str:
        """What somebody wrote. A receipt quotes nothing: its reader has written it."""
        if self.delivery.reason == "sender":
            return ""
        if self.event.verb == "ticket.opened":
            return self.ticket.description
        return self.comment.shown if self.comment else ""

    @property
    def at(self) -> str:
        return moments.exact(timezone.localtime(self.event.at))

    @property
    def internal(self) -> bool:
        """Whether it tells of something that only agents may know."""
        return self.event.internal or (self.comment is not None and self.comment.internal)

    @property
    def why(self) -> str:
        return str(REASONS.get(self.delivery.reason, ""))

    @property
    def link(self) -> str:
        place = f"#e-{self.event.seq}" if self.delivery.reason != "sender" else ""
        return settings.BASE_URL + reverse("tickets:detail", args=[self.ticket.public_id]) + place

    @property
    def next(self) -> str:
        """What happens next, or what the reader is to do."""
        return _NEXT.get(self.event.verb, _nothing)(self)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """How the ticket stands by now, in the reader's words."""
        ticket = self.ticket
        stands = str(Status(ticket.status).label)
        if ticket.waiting_for == WaitingFor.REQUESTER and _is_his(self):
            stands = _("Your answer is needed")
        elif ticket.waiting_for:
            stands += f": {WaitingFor(ticket.waiting_for).label}"
        due = (
            formats.date_format(timezone.localtime(ticket.due_at), "DATETIME_FORMAT") if ticket.due_at else ""
        )
        facts = [
            (_("Status"), stands),
            (_("Service"), ticket.service.name if ticket.service else ""),
            (_("Requester"), ticket.requester.full_name if self.reader != ticket.requester else ""),
            (_("Assignee"), ticket.assignee.full_name if ticket.assignee else _("nobody yet")),
            (_("Priority"), ticket.get_priority_display() if self.reader and self.reader.is_agent else ""),
            (_("Due"), due),
        ]
        return [fact for fact in facts if fact[1]]


def composer(deliveries: Sequence[Delivery]) -> Callable[[Delivery], Message | None]:
    """What puts each of these into its reader's words, as things stand now; None if it is not his to read (any more).

    What they tell of is read at once, in a dozen queries, however many they are.
    """
    reading = _Reading(deliveries)

    def compose(delivery: Delivery) -> Message | None:
        notice = reading.notice(delivery)
        if notice is None:
            return None
        with _clock_of(notice.reader):
            if delivery.transport == Transport.EMAIL and notice.reader is not None:
                # Somebody whose address is the desk's own would have the desk write to itself.
                ours = reading.post.is_ours(notice.reader.email)
                return None if ours else _mail(notice, notice.reader, reading)
            return _chat(notice)

    return compose


def compose(delivery: Delivery) -> Message | None:
    return composer([delivery])(delivery)


def lines(deliveries: Iterable[Delivery], *, reader: User) -> dict[int, Line]:
    """{row id: a line for the inbox} of those that the reader may read: in three queries, however many they are."""
    deliveries = list(deliveries)
    places = Q()
    for one in deliveries:
        places |= Q(subject_id=one.subject_id, seq=one.seq)
    if not places:
        return {}
    seen = Ticket.objects.visible_to(reader).with_people()
    tickets = {
        one.public_id: one for one in seen.filter(public_id__in={one.subject_id for one in deliveries})
    }
    events = Event.objects.filter(places, subject_type="ticket", subject_id__in=tickets)
    found = {(one.subject_id, one.seq): one for one in events if reader.is_agent or not one.internal}
    said = Q()
    for public_id, seq in found:
        said |= Q(ticket=tickets[public_id], seq=seq)  # type: ignore[index]
    comments = Comment.objects.filter(said).readable_by(reader) if found else ()
    texts = {(one.ticket_id, one.seq): one for one in comments}
    openers = _openers(found.values(), tickets)
    names = timeline.Names.of(found.values(), known=_known(tickets.values()), openers=openers)
    told = {}
    for one in deliveries:
        event, ticket = found.get((one.subject_id, one.seq)), tickets.get(one.subject_id)
        if event is not None and ticket is not None:
            notice = Notice(one, reader, ticket, event, texts.get((ticket.pk, one.seq)), (), names)
            told[one.pk] = _line(notice)
    return told


# --- What is told ----------------------------------------------------------------------------------


class _Reading:
    """All that deliveries tell of, read at once: tickets, events, comments, files, and the post before them."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        found = Ticket.objects.standing().with_people().defer("search")
        ids = {one.subject_id for one in deliveries}
        self.tickets: dict[UUID, Ticket] = {one.public_id: one for one in found.filter(public_id__in=ids)}
        events, said = Q(), Q()
        for one in deliveries:
            if one.subject_id in self.tickets:
                events |= Q(subject_id=one.subject_id, seq=one.seq)
                said |= Q(ticket=self.tickets[one.subject_id].pk, seq=one.seq)
        events_found = Event.objects.filter(events, subject_type="ticket") if events else ()
        self.events = {(one.subject_id, one.seq): one for one in events_found}
        comments = Comment.objects.filter(said) if said else ()
        self.comments = {(one.ticket_id, one.seq): one for one in comments}
        self.files: dict[tuple[int, int], list[Attachment]] = {}
        for file in Attachment.objects.filter(said).exclude(state=FileState.REFUSED) if said else ():
            self.files.setdefault((file.ticket_id, file.seq), []).append(file)
        self.post = correspondence.Post(
            [
                one
                for one in deliveries
                if one.transport == Transport.EMAIL and one.subject_id in self.tickets
            ],
            self.tickets,
        )
        self.openers = _openers(self.events.values(), self.tickets)
        self._rendered: dict[tuple[object, ...], tuple[str, str]] = {}

    def rendered(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """Text and HTML made of these values and nothing else: those who are told the same share it."""
        key = (get_language(), *values.values())
        if key not in self._rendered:
            html = render_to_string("tickets/notices/notice.html", dict(values))
            self._rendered[key] = (
                render_to_string("tickets/notices/notice.txt", dict(values)),
                # What somebody wrote may point at a place on the desk; a mail lies elsewhere.
                html.replace('href="/', f'href="{settings.BASE_URL}/'),
            )
        return self._rendered[key]

    def notice(self, delivery: Delivery) -> Notice | None:
        reader, ticket = delivery.recipient, self.tickets.get(delivery.subject_id)
        if ticket is None or (reader is not None and not ticket.is_visible_to(reader)):
            return None
        if delivery.channel and not set(delivery.channel.topics) & set(notices.topics_of(ticket)):
            return None
        event = self.events.get((ticket.public_id, delivery.seq))
        reads_notes = reader is not None and reader.is_agent
        if event is None or (event.internal and not reads_notes):
            return None
        if delivery.reason == "sender" and not _may_have_a_receipt(delivery, ticket):
            return None
        comment = self.comments.get((ticket.pk, delivery.seq))
        if comment is not None and comment.internal and not reads_notes:
            comment = None
        files = self.files.get((ticket.pk, delivery.seq), ())
        shown = [one for one in files if reads_notes or not one.internal]
        names = timeline.Names.of([event], known=_known([ticket]), openers=self.openers)
        return Notice(delivery, reader, ticket, event, comment, shown, names)


def _known(tickets: Iterable[Ticket]) -> dict[str, str]:
    return {str(one.service.public_id): one.service.name for one in tickets if one.service}


def _openers(events: Iterable[Event], tickets: Mapping[UUID, Ticket]) -> dict[UUID, object]:
    """Of those that were opened by mail; no query where none was."""
    ids = {one.subject_id for one in events if one.verb == "ticket.opened" and one.door == Door.MAIL}
    return timeline.openers(tickets[each] for each in ids if each and each in tickets)


def _may_have_a_receipt(delivery: Delivery, ticket: Ticket) -> bool:
    """Only a person who has shown that he is who he says, and not without end: two desks may be talking."""
    mail = (
        InboundMail.objects.filter(ticket=ticket, outcome=Outcome.TICKET)
        .defer("raw", "text", "folded")
        .first()
    )
    if mail is None or not mail.is_proven or mail.machine:
        return False
    if delivery.recipient and correspondence.is_ours(delivery.recipient.email):
        return False
    before = Delivery.objects.filter(
        recipient=delivery.recipient_id, reason="sender", transport=Transport.EMAIL, pk__lt=delivery.pk
    ).exclude(state=State.SKIPPED)
    then = delivery.created_at
    if correspondence.is_tagged(mail.subject) and before.filter(created_at__gt=then - LATELY).exists():
        # It may answer the receipt before it, as another desk does that knows of no headers.
        return False
    return all(before.filter(created_at__gt=then - span).count() < most for span, most in MOST_RECEIPTS)


@contextmanager
def _clock_of(reader: User | None) -> Iterator[None]:
    with timezone.override(ZoneInfo(reader.time_zone) if reader else None):
        yield


# --- What is next ----------------------------------------------------------------------------------


def _nothing(notice: Notice) -> str:
    return ""


def _is_his(notice: Notice) -> bool:
    return notice.reader is not None and notice.reader.pk == notice.ticket.requester_id


def _where_it_stands(notice: Notice) -> str:
    reader = notice.reader
    return timeline.where_it_stands(notice.ticket, reader=reader) if reader and _is_his(notice) else ""


def _his_turn(notice: Notice) -> str:
    waits = notice.ticket.waiting_for == WaitingFor.REQUESTER
    return _("The work goes on as soon as you have answered.") if waits and _is_his(notice) else ""


def _solved(notice: Notice) -> str:
    reader, ticket = notice.reader, notice.ticket
    if (
        reader is None
        or ticket.resolved_at is None
        or not permissions.can(reader, "reopen", ticket)
        or reader.is_agent
    ):
        return ""
    until = timezone.localtime(ticket.resolved_at + workflow.REOPEN_WINDOW)
    return _("If something is still wrong, you can reopen it on its page until %(date)s.") % {
        "date": formats.date_format(until, "DATE_FORMAT")
    }


_NEXT: Mapping[str, Callable[[Notice], str]] = {
    "ticket.opened": _where_it_stands,
    "ticket.waiting": _his_turn,
    "ticket.resolved": _solved,
}


# --- Shapes ----------------------------------------------------------------------------------------


def _mail(notice: Notice, reader: User, reading: _Reading) -> Message:
    ticket, answers = notice.ticket, reading.post.takes_answers
    text, html = reading.rendered(
        {
            "reference": ticket.reference,
            "summary": ticket.title,
            "title": f"{ticket.reference} {ticket.title}",
            "words": notice.words,
            "plain_words": notice.plain_words,
            "at": notice.at,
            "internal": notice.internal,
            "said": notice.said,
            "files": tuple((file.name, file.size) for file in notice.files),
            "next": notice.next,
            "facts": tuple(notice.facts),
            "link": notice.link,
            "delimiter": correspondence.delimiter() if answers else "",
            "why": notice.why,
            "preferences": settings.BASE_URL + reverse("notifications:preferences"),
            "preview": _excerpt(notice, EXCERPT),
        }
    )
    return Message(
        subject=" ".join(f"[{ticket.reference}] {ticket.title}".split()),
        text=text,
        html=html,
        link=notice.link,
        thread=reading.post.thread(notice.delivery),
        reply_to=correspondence.reply_to(ticket, reader, note=notice.internal) if answers else "",
        list_id=correspondence.list_id(ticket),
    )


def _chat(notice: Notice) -> Message:
    """Plain text; the transport adds the link and whatever it marks words with."""
    title = f"{notice.ticket.reference} {notice.ticket.title}"
    said = Truncator(_plain(notice, CHAT_EXCERPT)).chars(CHAT_EXCERPT)
    parts = [title, notice.plain_words, said, notice.next]
    words = "\n".join(part for part in parts if part)
    return Message(subject=title, text=words, short=words, link=notice.link)


def _excerpt(notice: Notice, length: int) -> str:
    return Truncator(" ".join(_plain(notice, length).split())).chars(length)


def _plain(notice: Notice, length: int) -> str:
    """So much of what was said that an excerpt can be cut from it."""
    return markdown.plain(notice.said[: 4 * length].strip())


def _line(notice: Notice) -> Line:
    return Line(
        title=notice.ticket.title,
        reference=notice.ticket.reference,
        words=notice.words,
        text=_excerpt(notice, EXCERPT),
        path=notice.link.removeprefix(settings.BASE_URL),
        internal=notice.internal,
        at=notice.event.at,
        ticket=notice.ticket,
    )
