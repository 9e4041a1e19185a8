"""A ticket's story: what was said and what was done, in one order and in words."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Left
from django.utils import formats, timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Door, Event
from audit.trail import FILES
from tickets import workflow
from tickets.models import Attachment, Comment, InboundMail, Service, Ticket
from tickets.models.mail import Outcome as MailOutcome
from tickets.models.mail import Proof
from tickets.models.ticket import Priority, Status, WaitingFor

ALL, CONVERSATION, CHANGES = "all", "conversation", "changes"
SHOWN = {
    ALL: gettext_lazy("Everything"),
    CONVERSATION: gettext_lazy("Conversation"),
    CHANGES: gettext_lazy("Changes"),
}
ICONS = {
    "ticket.opened": "plus",
    "ticket.claimed": "user-check",
    "ticket.assigned": "user-check",
    "ticket.handed_over": "arrow-right",
    "ticket.released": "arrow-back-up",
    "ticket.started": "player-play",
    "ticket.waiting": "player-pause",
    "ticket.resolved": "circle-check",
    "ticket.canceled": "circle-x",
    "ticket.reopened": "refresh",
    "ticket.edited": "edit",
    "ticket.watched": "eye",
    "ticket.unwatched": "eye-off",
    "ticket.tags_set": "tag",
    "ticket.due_set": "calendar",
    "ticket.commented": "message",
    "ticket.noted": "lock",
    "ticket.attached": "paperclip",
    "ticket.mail_held": "mail",
    "ticket.mail_released": "mail",
    "ticket.mail_refused": "mail",
    "ticket.sender_accepted": "user-check",
}


# What is nothing but somebody's words or files.
_ONLY_SAID = frozenset({"ticket.opened", "ticket.commented", "ticket.noted", "ticket.attached"})


@dataclass(frozen=True)
class Item:
    """One event. `words` says what was done, `text` what was said with it, if anything was."""

    event: Event
    words: SafeString
    text: str = ""
    author: User | None = None
    files: Sequence[Attachment] = ()
    mail: InboundMail | None = None  # that it came with
    folded: "Folded | None" = None
    confirmed_by: str = ""  # the agent who has said that the mail is of whom it names

    @property
    def seq(self) -> int:
        return self.event.seq or 0

    @property
    def icon(self) -> str:
        return ICONS.get(self.event.verb, "adjustments-horizontal")

    @property
    def is_message(self) -> bool:
        return bool(self.text or self.files) or self.seq == 1

    @property
    def is_more_than_words(self) -> bool:
        """Whether a message did something besides: resolved the ticket, handed it over."""
        return self.event.verb not in _ONLY_SAID or bool(
            set(self.event.changes) & {"status", "assignee"} and self.seq != 1
        )


FOLDED_SHOWN = 2_000  # characters on the page of the ticket; of the rest it shows where it is
FOLDED_AT_MOST = 200_000


@dataclass(frozen=True)
class Folded:
    """What stood below the words of a mail: signature and history."""

    text: str
    goes_on: bool

    @classmethod
    def of(cls, mail: InboundMail, most: int = FOLDED_SHOWN) -> "Folded | None":
        """Bring `_folding(most)` along."""
        begins: str = mail.begins  # type: ignore[attr-defined]
        goes_on = len(begins) > most
        return cls(f"{begins[:most]}…" if goes_on else begins, goes_on) if begins else None


def _folding(mails: QuerySet[InboundMail], most: int = FOLDED_SHOWN) -> QuerySet[InboundMail]:
    """Without the source, and with no more of signature and history than is shown: either may be large."""
    return mails.defer("raw", "folded").annotate(begins=Left("folded", most + 1))


def may_unfold(mail: InboundMail, ticket: Ticket, *, reader: User) -> bool:
    """Agents, and whoever has written it: history quotes what others were told."""
    if reader.is_agent:
        return True
    is_note = mail.comment is not None and mail.comment.internal
    return mail.written_by(ticket) == reader.pk and not is_note


def unfolded(ticket: Ticket, public_id: UUID, *, reader: User) -> tuple[InboundMail, Folded] | None:
    """A mail of this ticket with all of its signature and history that a page can hold, if it is his to read."""
    became = (MailOutcome.TICKET, MailOutcome.COMMENT, MailOutcome.HELD)
    mails = InboundMail.objects.filter(ticket=ticket, public_id=public_id, outcome__in=became)
    mail = _folding(mails.select_related("comment"), FOLDED_AT_MOST).first()
    if mail is None or not may_unfold(mail, ticket, reader=reader):
        return None
    folded = Folded.of(mail, FOLDED_AT_MOST)
    return (mail, folded) if folded else None


def story(
    ticket: Ticket, *, reader: User, show: str = ALL, services: Mapping[str, str] | None = None
) -> list[list[Item]]:
    """The ticket from its beginning as runs: a message alone, or the changes between two messages."""
    runs: list[list[Item]] = []
    for item in items(ticket, reader=reader, services=services):
        if (show == CONVERSATION and not item.is_message) or (
            show == CHANGES and not item.is_more_than_words
        ):
            continue
        if item.is_message and show != CHANGES:
            runs.append([item])
        elif runs and (show == CHANGES or not runs[-1][0].is_message):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def items(
    ticket: Ticket, *, reader: User, after: int = 0, services: Mapping[str, str] | None = None
) -> list[Item]:
    """Everything past this version that the reader may know, oldest first.

    Two queries; one more where there are files, and one for a Russian reader where a service was changed whose name is
    not among `services`.
    """
    events = list(readable(ticket, reader=reader).filter(seq__gt=after).order_by("seq"))
    comments = {
        comment.seq: comment
        for comment in Comment.objects.filter(ticket=ticket, seq__gt=after)
        .readable_by(reader)
        .select_related("author")
    }
    files, mails = _files(ticket, events, reader=reader), _mails(ticket, events)
    known = {str(ticket.service.public_id): ticket.service.name} if ticket.service else {}
    openers = {ticket.public_id: opener(mails[None], ticket)} if None in mails else {}
    names = Names.of(events, known={**known, **(services or {})}, openers=openers)
    confirmed_by = next((one.actor_name for one in events if one.verb == "ticket.sender_accepted"), "")
    return [
        _item(
            event,
            comments.get(event.seq or 0),
            names,
            ticket,
            files.get(event.seq or 0, []),
            mails,
            reader,
            confirmed_by,
        )
        for event in events
    ]


MOST_HELD = 10  # on one page; the next ones come when these are decided


def held_mails(ticket: Ticket, *, reader: User) -> QuerySet[InboundMail]:
    """Mails of unverified senders that wait for an agent; nobody else knows of them."""
    held = InboundMail.objects.filter(ticket=ticket, outcome=MailOutcome.HELD)
    return held.defer("raw", "folded") if reader.is_agent else held.none()


def undecided_mails(ticket: Ticket, *, reader: User) -> QuerySet[InboundMail]:
    """Those, and the one that has opened the ticket while nobody has said whose it is."""
    opened_it = InboundMail.objects.filter(ticket=ticket, outcome=MailOutcome.TICKET, proof=Proof.NONE)
    return held_mails(ticket, reader=reader) | (
        opened_it.defer("raw", "folded") if reader.is_agent else opened_it.none()
    )


def first_held(ticket: Ticket, *, reader: User) -> list[tuple[InboundMail, Folded | None]]:
    """The oldest of them, as the page shows them."""
    first = _folding(held_mails(ticket, reader=reader)).order_by("pk")[:MOST_HELD]
    return [(mail, Folded.of(mail)) for mail in first]


def _mails(ticket: Ticket, events: Iterable[Event]) -> dict[int | None, InboundMail]:
    """The mails behind what is told, by the comment they became; None for the one that opened the ticket."""
    if not any(event.door == Door.MAIL or event.verb == "ticket.mail_released" for event in events):
        return {}
    became = InboundMail.objects.filter(
        ticket=ticket, outcome__in=[MailOutcome.TICKET, MailOutcome.COMMENT]
    ).select_related("comment")
    few = _folding(became).only(*_TOLD_OF_A_MAIL, "subject", "comment__author", "comment__internal")
    return {mail.comment_id: mail for mail in few}


_TOLD_OF_A_MAIL = ("public_id", "ticket", "comment", "sender", "sender_name", "proof", "outcome")


def openers(tickets: Iterable[Ticket]) -> dict[UUID, object]:
    """Who has opened each of these by mail, where the author is the stand-in of a mailbox."""
    by_row = {ticket.pk: ticket for ticket in tickets}
    mails = InboundMail.objects.filter(
        ticket__in=by_row, outcome=MailOutcome.TICKET, proof__in=[Proof.NONE, Proof.AGENT]
    )
    few = mails.only(*_TOLD_OF_A_MAIL) if by_row else ()
    return {by_row[one.ticket_id].public_id: opener(one, by_row[one.ticket_id]) for one in few}  # type: ignore[index]


def opener(mail: InboundMail, ticket: Ticket) -> object:
    """Who has opened the ticket with this mail, as far as anybody knows, in words of whichever language; None if it
    is its author.
    """
    if mail.proof == Proof.AGENT:
        return ticket.requester.full_name
    return (
        None if mail.is_proven else format_lazy("{} ({})", mail.claimed_by, gettext_lazy("unverified sender"))
    )


def readable(ticket: Ticket, *, reader: User) -> QuerySet[Event]:
    """The events of a ticket that this person may know of, at every door: the internal ones are the agents'."""
    events = Event.objects.filter(subject_type="ticket", subject_id=ticket.public_id)
    return events if reader.is_agent else events.filter(internal=False)


def _files(ticket: Ticket, events: Iterable[Event], *, reader: User) -> dict[int, list[Attachment]]:
    """The files by the event under which they are shown: that of their message, else the one that brought them."""
    if not any(FILES in event.changes for event in events):
        return {}
    shown: dict[int, list[Attachment]] = defaultdict(list)
    rows = Attachment.objects.filter(ticket=ticket).readable_by(reader).select_related("uploader", "comment")
    for file in rows.defer("comment__search", "comment__body"):
        shown[file.comment.seq if file.comment else file.seq].append(file)
    return shown


def _item(
    event: Event,
    comment: Comment | None,
    names: "Names",
    ticket: Ticket,
    files: Sequence[Attachment],
    mails: Mapping[int | None, InboundMail],
    reader: User,
    confirmed_by: str,
) -> Item:
    words = in_words(event, names)
    author: User | None
    if event.verb == "ticket.opened":
        text, author, mail = ticket.description, ticket.author, mails.get(None)
        if mail is not None and mail.proof in {Proof.NONE, Proof.AGENT}:
            # Nobody's name stands over the words of somebody else.
            author = ticket.requester if mail.is_proven else None
    elif comment is not None:
        text, author, mail = comment.shown, comment.author, mails.get(comment.pk)
    else:
        return Item(event, words, author=files[0].uploader if files else None, files=files)
    folded = Folded.of(mail) if mail and may_unfold(mail, ticket, reader=reader) else None
    confirmed_by = confirmed_by if mail and mail.proof == Proof.AGENT else ""
    return Item(event, words, text, author, files, mail, folded, confirmed_by)


# --- Words -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """Services have a name in each language; events hold the English one, as it was then.

    And of tickets that came by mail they hold the stand-in of the mailbox, where somebody else has opened them.
    """

    services: Mapping[str, str]
    openers: Mapping[UUID, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        events: Iterable[Event],
        *,
        known: Mapping[str, str],
        openers: Mapping[UUID, object] | None = None,
    ) -> "Names":
        openers = openers or {}
        if get_language() == "en":
            return cls({}, openers)
        ids = {value["id"] for event in events for value in event.changes.get("service", ()) if value}
        if ids <= known.keys():
            return cls(known, openers)
        rows = Service.objects.filter(public_id__in=ids)
        return cls({str(row.public_id): row.name for row in rows}, openers)

    def __call__(self, value: Any) -> str:
        """The value of a change as a reader knows it."""
        if value in (None, "", []):
            return _("nothing")
        if isinstance(value, dict):
            return self.services.get(value.get("id", ""), str(value.get("name", "")))
        if isinstance(value, list):
            return ", ".join(self(part) for part in value)
        return str(value)


def in_words(event: Event, names: Names | None = None) -> SafeString:
    """What was done, as a sentence, names and values in bold: safe HTML."""
    names = names or Names({})
    sentence, told = SENTENCES.get(event.verb, _anything)(event, names)
    more = [
        _bold(template, new=_value(field, event.changes[field][1], names))
        for field, template in ASIDES.items()
        if field in event.changes and field not in told and event.verb != "ticket.opened"
    ]
    return SafeString(" · ".join([sentence, *more]))


ASIDES = {
    "status": gettext_lazy("status: %(new)s"),
    "team": gettext_lazy("team: %(new)s"),
    "assignee": gettext_lazy("assignee: %(new)s"),
}

type Sentence = tuple[SafeString, set[str]]


def _bold(template: Any, **values: Any) -> SafeString:
    bold = {name: format_html("<b>{}</b>", value) for name, value in values.items()}
    return SafeString(conditional_escape(str(template)) % bold)


def _value(field: str, value: Any, names: Names) -> str:
    if field == "status":
        return str(Status(value).label)
    if field == "priority":
        return str(Priority(value).label)
    if field == "waiting_for" and value:
        return str(WaitingFor(value).label)
    if field == "due_at" and value:
        moment = timezone.localtime(datetime.fromisoformat(value))
        return formats.date_format(moment, "SHORT_DATETIME_FORMAT")
    return names(value)


def _plainly(template: Any, *fields: str) -> Callable[[Event, Names], Sentence]:
    """A sentence with %(actor)s and, of the first field, %(old)s and %(new)s."""

    def say(event: Event, names: Names) -> Sentence:
        old, new = event.changes.get(fields[0], (None, None)) if fields else (None, None)
        words = {"old": _value(fields[0], old, names), "new": _value(fields[0], new, names)} if fields else {}
        return _bold(template, actor=event.actor_name, **words), set(fields)

    return say


def _opened(event: Event, names: Names) -> Sentence:
    opener = names.openers.get(event.subject_id) if event.subject_id else None
    if opener is not None:
        return _bold(_("%(actor)s opened the ticket"), actor=opener), set()
    author, requester = (
        event.changes.get("author", (None, None))[1],
        event.changes.get("requester", (None, None))[1],
    )
    if author and requester and author["id"] != requester["id"]:
        template = _("%(actor)s opened the ticket for %(requester)s")
        return _bold(template, actor=event.actor_name, requester=requester["name"]), set()
    return _bold(_("%(actor)s opened the ticket"), actor=event.actor_name), set()


def _handed_over(event: Event, names: Names) -> Sentence:
    to = event.changes.get("assignee", (None, None))[1]
    if to:
        return _plainly(gettext_lazy("%(actor)s handed the ticket over to %(new)s"), "assignee")(event, names)
    if "team" in event.changes:
        say = _plainly(gettext_lazy("%(actor)s handed the ticket over to the team %(new)s"), "team")
        return say(event, names)[0], {"team", "assignee"}
    return _bold(_("%(actor)s gave the ticket back to its team"), actor=event.actor_name), {"assignee"}


def _started(event: Event, names: Names) -> Sentence:
    if event.changes.get("status", (None, None))[0] == Status.NEW:
        return _bold(_("%(actor)s started the work"), actor=event.actor_name), {"status"}
    return _bold(_("%(actor)s went on with the work"), actor=event.actor_name), {"status"}


def _edited(event: Event, names: Names) -> Sentence:
    if "title" not in event.changes:
        return _bold(_("%(actor)s changed the description"), actor=event.actor_name), set()
    if "description" in event.changes:
        template = gettext_lazy(
            "%(actor)s changed the description, and the subject from “%(old)s” to “%(new)s”"
        )
    else:
        template = gettext_lazy("%(actor)s changed the subject from “%(old)s” to “%(new)s”")
    return _plainly(template, "title")(event, names)


def _tags_set(event: Event, names: Names) -> Sentence:
    old, new = (set(side or ()) for side in event.changes.get("tags", ([], [])))
    actor, added, removed = event.actor_name, names(sorted(new - old)), names(sorted(old - new))
    if new - old and old - new:
        template = _("%(actor)s added the tags %(added)s and removed %(removed)s")
        return _bold(template, actor=actor, added=added, removed=removed), set()
    if new - old:
        return _bold(_("%(actor)s added the tags %(added)s"), actor=actor, added=added), set()
    return _bold(_("%(actor)s removed the tags %(removed)s"), actor=actor, removed=removed), set()


def _due_set(event: Event, names: Names) -> Sentence:
    if event.changes.get("due_at", (None, None))[1] is None:
        return _bold(_("%(actor)s removed the due date"), actor=event.actor_name), set()
    return _plainly(gettext_lazy("%(actor)s set the due date to %(new)s"), "due_at")(event, names)


def _watchers(event: Event, names: Names) -> Sentence:
    sides = [
        {row["id"]: row["name"] for row in side or ()} for side in event.changes.get("watchers", ([], []))
    ]
    old, new = sides
    joined = [person for person in new if person not in old]
    if event.verb == "ticket.watched":
        if joined == [str(event.actor_id)]:
            return _bold(_("%(actor)s follows the ticket"), actor=event.actor_name), set()
        who = names([new[person] for person in joined])
        return _bold(_("%(actor)s added %(who)s to those who follow"), actor=event.actor_name, who=who), set()
    left = [person for person in old if person not in new]
    if left == [str(event.actor_id)]:
        return _bold(_("%(actor)s no longer follows the ticket"), actor=event.actor_name), set()
    who = names([old[person] for person in left])
    return _bold(_("%(actor)s removed %(who)s from those who follow"), actor=event.actor_name, who=who), set()


def _of_a_mail(template: Any) -> Callable[[Event, Names], Sentence]:
    """A sentence with %(sender)s, whoever says that he wrote the mail."""

    def say(event: Event, names: Names) -> Sentence:
        return _bold(template, actor=event.actor_name, sender=event.comment), set()

    return say


def _anything(event: Event, names: Names) -> Sentence:
    return _bold(_("%(actor)s changed the ticket"), actor=event.actor_name), set()


SENTENCES: dict[str, Callable[[Event, Names], Sentence]] = {
    "ticket.opened": _opened,
    "ticket.claimed": _plainly(gettext_lazy("%(actor)s took the ticket"), "assignee"),
    "ticket.assigned": _plainly(gettext_lazy("%(actor)s gave the ticket to %(new)s"), "assignee"),
    "ticket.handed_over": _handed_over,
    "ticket.released": _plainly(
        gettext_lazy("The ticket went back to its queue: %(old)s can no longer hold it"), "assignee", "status"
    ),
    "ticket.started": _started,
    "ticket.waiting": _plainly(gettext_lazy("%(actor)s waits for %(new)s"), "waiting_for", "status"),
    "ticket.resolved": _plainly(gettext_lazy("%(actor)s resolved the ticket"), "status", "waiting_for"),
    "ticket.canceled": _plainly(gettext_lazy("%(actor)s canceled the ticket"), "status", "waiting_for"),
    "ticket.reopened": _plainly(gettext_lazy("%(actor)s reopened the ticket")),
    "ticket.closed": _plainly(gettext_lazy("%(actor)s closed the ticket")),
    "ticket.edited": _edited,
    "ticket.priority_set": _plainly(
        gettext_lazy("%(actor)s changed the priority from %(old)s to %(new)s"), "priority"
    ),
    "ticket.service_set": _plainly(
        gettext_lazy("%(actor)s changed the service from %(old)s to %(new)s"), "service"
    ),
    "ticket.tags_set": _tags_set,
    "ticket.due_set": _due_set,
    "ticket.commented": _plainly(gettext_lazy("%(actor)s replied")),
    "ticket.noted": _plainly(gettext_lazy("%(actor)s wrote an internal note")),
    "ticket.attached": _plainly(gettext_lazy("%(actor)s attached files")),
    "ticket.watched": _watchers,
    "ticket.unwatched": _watchers,
    "ticket.deleted": _plainly(gettext_lazy("%(actor)s deleted the ticket")),
    "ticket.mail_held": _of_a_mail(
        gettext_lazy("A mail of %(sender)s was held back: the sender is not verified")
    ),
    "ticket.mail_released": _plainly(gettext_lazy("%(actor)s put a mail on the ticket")),
    "ticket.sender_accepted": _plainly(
        gettext_lazy("%(actor)s confirmed that this is a request of %(new)s"), "requester"
    ),
    "ticket.mail_refused": _of_a_mail(gettext_lazy("%(actor)s refused a mail of %(sender)s")),
}


# --- For those who ask -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A step of the way as the requester knows it."""

    word: Any
    icon: str
    is_current: bool


def stages(ticket: Ticket) -> list[Stage]:
    """Received, in progress, done; a canceled ticket ends at once."""
    if ticket.status == Status.CANCELED:
        return [Stage(_("Received"), "inbox", False), Stage(_("Canceled"), "circle-x", True)]
    return [
        Stage(_("Received"), "inbox", ticket.status == Status.NEW),
        Stage(_("In progress"), "progress", ticket.status in {Status.IN_PROGRESS, Status.WAITING}),
        Stage(_("Done"), "circle-check", ticket.status == Status.DONE),
    ]


def where_it_stands(ticket: Ticket, *, reader: User) -> str:
    """One sentence for those who ask: who has it, whom we wait for."""
    name = ticket.assignee.full_name if ticket.assignee else ""
    match ticket.status:
        case Status.NEW if name:
            return _("%(name)s has this request and will start soon.") % {"name": name}
        case Status.NEW if ticket.team:
            return _("We have received this request. The team “%(team)s” will take it.") % {
                "team": ticket.team
            }
        case Status.NEW:
            return _("We have received this request. Somebody will take it soon.")
        case Status.IN_PROGRESS:
            return _("%(name)s is working on it.") % {"name": name}
        case Status.WAITING:
            return _waits(ticket, reader=reader)
        case Status.DONE:
            return _done(ticket, reader=reader)
    return _("This request was canceled.")


def _waits(ticket: Ticket, *, reader: User) -> str:
    if ticket.waiting_for == WaitingFor.APPROVAL:
        return _("We are waiting for an approval.")
    if ticket.waiting_for == WaitingFor.THIRD_PARTY:
        return _("We are waiting for somebody outside the service desk.")
    if ticket.requester_id == reader.pk:
        return _("We are waiting for your answer.")
    return _("We are waiting for an answer from %(name)s.") % {"name": ticket.requester.full_name}


def _done(ticket: Ticket, *, reader: User) -> str:
    if ticket.closed_at is not None:
        return _("This request is closed. If it comes up again, open a new one.")
    if ticket.requester_id != reader.pk or ticket.resolved_at is None:
        return _("This request is done.")
    until = ticket.resolved_at + workflow.REOPEN_WINDOW
    if until < timezone.now():
        return _("This request is done. If it comes up again, open a new one.")
    day = formats.date_format(timezone.localtime(until), "DATE_FORMAT")
    return _("This request is done. If something is still wrong, you can reopen it until %(day)s.") % {
        "day": day
    }
