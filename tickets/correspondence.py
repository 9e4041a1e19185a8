"""How mail about a ticket hangs together: its thread, where an answer goes, and whose an answer is."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Event
from notifications.message import message_id, own_id
from notifications.models import Delivery
from tickets import reply_address
from tickets.models import Ticket
from tickets.models.mail import InboundMail, Mailbox, Proof

# Of a long thread the beginning and the latest are named: a header must not grow without end (RFC 5322, 2.1.1).
LATEST = 9
_TAG = re.compile(r"\[SF-(\d{1,18})\]", re.IGNORECASE)
_LONGEST_NAME = 25  # characters that a reply address leaves for the mailbox (RFC 5321, 4.5.3.1.1)


# When something was written, and its Message-ID.
type Dated = tuple[datetime, str]


# --- The thread ------------------------------------------------------------------------------------


def root_of(ticket: Ticket) -> str:
    """The Message-ID of a mail that was never sent: what all mails about the ticket have in common."""
    return message_id(ticket.public_id)


class Post:
    """What mails about tickets need of the post before them, read at once: their threads, and our own addresses."""

    def __init__(self, mails: Sequence[Delivery], tickets: Mapping[UUID, Ticket]) -> None:
        boxes = list(Mailbox.objects.values_list("address", "is_active")) if mails else []
        # Without somebody who fetches what is sent to the desk no mail asks for an answer.
        self.takes_answers = any(is_active for _address, is_active in boxes)
        self._ours = _own_addresses(address for address, _is_active in boxes)
        self._tickets = tickets
        self._came = _came({tickets[one.subject_id].pk: tickets[one.subject_id] for one in mails})
        self._went = _went(mails)

    def is_ours(self, address: str) -> bool:
        """Whether mail to this address comes to the desk: nothing automatic is ever sent there."""
        return _plain(address) in self._ours

    def thread(self, mail: Delivery) -> tuple[str, ...]:
        """The Message-IDs that a mail to its reader continues, oldest first: his own and ours to him, and the root.

        Only what lies in his own mailbox: others' Message-IDs would tell him who else writes, and his client cannot
        find them. Where the ticket began with his mail that comes first, so that all the rest hangs below it.
        """
        ticket = self._tickets[mail.subject_id]
        dated = list(self._came.get((ticket.pk, mail.recipient_id), ()))
        began_by_mail = bool(dated) and min(dated)[0] <= ticket.created_at
        dated += self._went.get(mail.public_id, ())
        ids = [name for _moment, name in sorted(dated) if name]
        ids.insert(1 if began_by_mail else 0, root_of(ticket))
        ids = list(dict.fromkeys(ids))
        return tuple(ids if len(ids) <= LATEST + 2 else [*ids[:2], *ids[-LATEST:]])


def _came(tickets: Mapping[int, Ticket]) -> dict[tuple[int, int | None], list[Dated]]:
    """{(ticket, person): what he has written to it by mail}."""
    came: dict[tuple[int, int | None], list[Dated]] = {}
    mails = InboundMail.objects.filter(ticket__in=tickets).exclude(Q(message_id="") | Q(proof=Proof.NONE))
    few = mails.select_related("comment").only(
        "ticket", "comment__author", "message_id", "proof", "outcome", "fetched_at"
    )
    for mail in few if tickets else ():
        writer = mail.written_by(tickets[mail.ticket_id])  # type: ignore[index]
        if writer is not None:
            came.setdefault((mail.ticket_id, writer), []).append(  # type: ignore[arg-type]
                (mail.fetched_at, _bracketed(mail.message_id))
            )
    return came


def _went(mails: Sequence[Delivery]) -> dict[UUID, list[Dated]]:
    """{mail: ours to the same person before it}: the first and the latest, which is all that is ever named."""
    went: dict[UUID, list[Dated]] = {}
    if not mails:
        return went
    with connection.cursor() as cursor:
        cursor.execute(
            _WENT,
            {
                "mails": [one.public_id for one in mails],
                "tickets": [one.subject_id for one in mails],
                "readers": [one.recipient_id for one in mails],
                "seqs": [one.seq for one in mails],
                "latest": LATEST + 1,
            },
        )
        for mail, public_id, at in cursor.fetchall():
            went.setdefault(mail, []).append((at, message_id(public_id)))
    return went


_WENT = """
SELECT this.mail, one.public_id, one.created_at
FROM unnest(%(mails)s::uuid[], %(tickets)s::uuid[], %(readers)s::bigint[], %(seqs)s::int[])
    AS this(mail, ticket, reader, seq)
CROSS JOIN LATERAL (
    (SELECT d.public_id, d.created_at FROM notifications_delivery d
    WHERE d.subject_id = this.ticket AND d.recipient_id = this.reader AND d.transport = 'email'
        AND d.state IN ('sent', 'unknown') AND d.seq < this.seq ORDER BY d.seq LIMIT 2)
    UNION
    (SELECT d.public_id, d.created_at FROM notifications_delivery d
    WHERE d.subject_id = this.ticket AND d.recipient_id = this.reader AND d.transport = 'email'
        AND d.state IN ('sent', 'unknown') AND d.seq < this.seq ORDER BY d.seq DESC LIMIT %(latest)s)) one
"""


def list_id(ticket: Ticket) -> str:
    """What filters of mail clients know the conversation by (RFC 2919)."""
    return f"{ticket.reference} <{ticket.reference.lower()}.{settings.MAIL_DOMAIN}>"


def continued(message_ids: Iterable[str]) -> Ticket | None:
    """The ticket that a mail with these References continues, by Message-IDs of ours; the last one counts.

    It says nothing about who wrote: anybody who has ever seen such a mail knows them.
    """
    names = [own for name in message_ids if (own := own_id(name))]
    for name in reversed(names):
        told = Delivery.objects.filter(public_id=name, subject_type="ticket").values("subject_id")
        found: Ticket | None = (
            Ticket.objects.standing().filter(Q(public_id=name) | Q(public_id__in=told)).first()
        )
        if found is not None:
            return found
    return None


def answers_a_note(references: Sequence[str]) -> bool | None:
    """Whether the nearest mail of ours that somebody answers told of something internal: so is the answer.

    None where that mail is forgotten by now (see notifications.upkeep), so that nobody can say what it told of.
    """
    for name in references:
        own = own_id(name)
        told = Delivery.objects.filter(public_id=own).first() if own else None
        if told is not None:
            return Event.objects.filter(subject_id=told.subject_id, seq=told.seq, internal=True).exists()
        if own and not Ticket.objects.filter(public_id=own).exists():  # such is the root of a thread, no mail
            return None
    return False


def tagged(subject: str) -> int | None:
    """The number of the ticket that a subject names. It is a hint, and opens no door."""
    found = _TAG.search(subject)
    return int(found[1]) if found else None


def is_tagged(subject: str) -> bool:
    return tagged(subject) is not None


def _bracketed(name: str) -> str:
    """The name as headers have it; empty for one that no header may carry."""
    bare = name.strip().strip("<>")
    return (
        f"<{bare}>" if bare and bare.isascii() and bare.isprintable() and not set(bare) & set("<> ") else ""
    )


# --- Answers ---------------------------------------------------------------------------------------


def is_ours(address: str) -> bool:
    """Whether mail to this address comes to the desk: nothing automatic is ever sent there."""
    return _plain(address) in _own_addresses(Mailbox.objects.values_list("address", flat=True))


def _own_addresses(boxes: Iterable[str]) -> set[str]:
    return {_plain(ours) for ours in [*boxes, parseaddr(settings.MAIL_FROM)[1]]}


def _plain(address: str) -> str:
    """Without what stands after a + and without regard to case."""
    local, _at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def reply_to(ticket: Ticket, reader: User, *, note: bool = False) -> str:
    """Where this reader's answer, to an internal note or not, goes: an address nobody else has. Empty where the
    desk's own is too long for it.
    """
    desk = parseaddr(settings.MAIL_FROM)[1]
    if desk.index("@") > _LONGEST_NAME:
        return ""
    return reply_address.address(desk, ticket.number, _essence(reader), note=note, key=_keys()[0])


def person_of(address: str) -> tuple[Ticket, User] | None:
    """The ticket and the person whom we wrote to with this reply address, while he may still read the ticket."""
    read = reply_address.read(address)
    if read is None:
        return None
    place, given = read
    number = reply_address.number_of(place)
    ticket: Ticket | None = Ticket.objects.standing().filter(number=number).first()
    if ticket is None:
        return None
    told = Delivery.objects.filter(subject_id=ticket.public_id).values("recipient")
    people = User.objects.with_teams().active()
    for person in people.filter(
        Q(pk__in=[ticket.requester_id, ticket.author_id, ticket.assignee_id])
        | Q(watches__ticket=ticket)
        | Q(pk__in=told)
    ).distinct():
        if reply_address.is_of(given, place, _essence(person), keys=_keys()):
            seen: Ticket | None = Ticket.objects.visible_to(person).with_people().filter(pk=ticket.pk).first()
            return (seen, person) if seen is not None else None
    return None


def delimiters() -> Sequence[str]:
    """The line above which answers are written, in every language that we write in."""
    lines = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            lines.append(delimiter())
    return lines


def delimiter() -> str:
    return "##- " + _("Please type your reply above this line") + " -##"


def _essence(person: User) -> str:
    """What makes up the person as his mailbox knows him: with another address or password it is gone, and so it is
    after he was shut out, though he be let in again.
    """
    return "\n".join([str(person.public_id), person.email.lower(), person.password, person.session_salt])


def _keys() -> list[bytes]:
    return [secret.encode() for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
