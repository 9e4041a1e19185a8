"""One mail becomes one thing: a ticket, a comment, something held for an agent, or nothing, with the reason."""

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.acting import Actor, Refused, the_desk
from accounts.checking import is_blank
from accounts.models import Team, User
from audit import watching
from audit.models import Door
from tickets import actions, correspondence, files, permissions
from tickets.actions.mail import hold_mail, turn_away
from tickets.files import Incoming, StoreAway
from tickets.inbound_email.header import note_header, note_names
from tickets.inbound_email.senders import Sender, is_ours, who_wrote
from tickets.mail import bounded
from tickets.mail.machine import ANSWERING
from tickets.mail.message import ParsedMail
from tickets.models import InboundMail, Service, Ticket
from tickets.models.mail import FOUND, UNPROVEN, Outcome, Policy, Proof, Why
from tickets.models.ticket import LONGEST_TEXT

log = structlog.get_logger("tickets.inbound_email")

# Unproven mails in an hour that claim one sender, that point at one ticket, that come to one mailbox: what comes beyond
# is looked at by somebody before it makes tickets and wakes people.
MOST_OF_SENDER, MOST_ON_TICKET, MOST_IN_MAILBOX = 30, 10, 600
MOST_WATCHERS = 20
_PREFIX = re.compile(
    r"^\s*(?:(?:re|fwd?|aw|wg|tr|sv|antw|отв|ответ|на|пересл)(?:\[\d+\]|\(\d+\))?\s*:\s*)+", re.IGNORECASE
)
_MAIL = the_desk(Actor(None, Door.MAIL))


def receive(public_id: str) -> None:
    """Make of a fetched mail what is to become of it. May be called again: whatever was decided stands."""
    mail = _fetched().filter(public_id=public_id).first()
    if mail is None:
        return
    try:
        with bounded.room_for(mail.size):
            _receive(mail)
    except (OperationalError, InterfaceError, StoreAway):
        raise  # the job is tried again
    except bounded.NotRead as why:
        note_header(mail, _source(mail))
        _set_aside(mail, Why(why.code), **why.details)
    except Refused as no:
        _set_aside(mail, Why.REFUSED, detail=str(no))
    except Exception as trouble:
        # One mail never stops the next one: whatever it stumbles over, it lies where somebody finds it.
        log.exception("mail_not_received", mail=public_id)
        _set_aside(mail, Why.STUMBLED, error=type(trouble).__name__)


def _receive(mail: InboundMail) -> None:
    parsed = bounded.read(_source(mail))
    with files.stored(_incoming(parsed)) as arrived, transaction.atomic():
        _decide(mail, parsed, arrived)


def files_of(mail: InboundMail, *, chosen: Collection[int]) -> list[Incoming]:
    """What a mail brought, read from its source: those with these places in `mail.files`, and its text where that is
    longer than what is shown of it.

    Raises Refused where the source cannot be read now: the mail goes on waiting.
    """
    chosen = {*chosen, *([0] if mail.is_cut else [])}
    if not chosen:
        return []
    brought: list[Incoming] = []
    with suppress(bounded.NotRead), bounded.room_for(mail.size):
        brought = _incoming(bounded.read(_source(mail)))
    if _told(brought) != mail.files:
        said = _("The files of this mail cannot be read just now. It still waits for you.")
        raise Refused("mail_not_read", said)
    return [file for place, file in enumerate(brought) if place in chosen]


def _told(arrived: Sequence[Incoming]) -> list[dict[str, Any]]:
    return [{"name": file.name, "size": file.size} for file in arrived]


def _source(mail: InboundMail) -> bytes:
    """Read each time: whoever keeps a mail keeps twenty megabytes."""
    raw: bytes = bytes(InboundMail.objects.values_list("raw", flat=True).get(pk=mail.pk))
    return raw


def _fetched() -> QuerySet[InboundMail]:
    with_all = InboundMail.objects.select_related("mailbox__service", "mailbox__team", "mailbox__stand_in")
    return with_all.filter(outcome=Outcome.FETCHED).defer("raw")


def _set_aside(mail: InboundMail, why: Why, **details: Any) -> None:
    # What was about to become of it has been rolled back.
    mail.ticket = mail.comment = None
    with transaction.atomic():
        if _fetched().select_for_update(of=("self",)).filter(pk=mail.pk).exists():
            turn_away(mail, outcome=Outcome.QUARANTINED, why=why, by=_MAIL, **details)


# --- What becomes of it --------------------------------------------------------------------------


def _decide(mail: InboundMail, parsed: ParsedMail, arrived: Sequence[Incoming]) -> None:
    _one_at_a_time(mail, parsed)
    if not _fetched().select_for_update(of=("self",)).filter(pk=mail.pk).exists():
        return
    _note(mail, parsed, arrived)
    earlier = _earlier(mail)
    again = earlier is not None and earlier.body_sha256 == mail.body_sha256
    if earlier and again and earlier.is_proven:
        turn_away(mail, outcome=Outcome.IGNORED, why=Why.AGAIN, by=_MAIL, copy_of=str(earlier.public_id))
        return
    if earlier and not again:
        mail.because(Why.REUSED, copy_of=str(earlier.public_id))
    if why := is_ours(parsed):
        turn_away(mail, outcome=Outcome.IGNORED, why=why, by=_MAIL)
        return
    if parsed.machine in ANSWERING:
        # It answers what somebody else has sent: there is nothing in it to be done.
        turn_away(mail, outcome=Outcome.IGNORED, why=Why.MACHINE, by=_MAIL, machine=str(parsed.machine))
        return
    sender = who_wrote(parsed, mail.mailbox)
    mail.proof, mail.of_note = sender.proof, sender.of_note
    if earlier and again and sender.user is None:
        turn_away(mail, outcome=Outcome.IGNORED, why=Why.AGAIN, by=_MAIL, copy_of=str(earlier.public_id))
    elif sender.user is None:
        _of_a_stranger(mail, parsed, sender, arrived)
    else:
        with translation.override(sender.user.language):
            _of_somebody_known(mail, parsed, sender, arrived)


def _of_somebody_known(
    mail: InboundMail, parsed: ParsedMail, sender: Sender, arrived: Sequence[Incoming]
) -> None:
    assert sender.user is not None  # noqa: S101 (for the type checker)
    by = Actor(sender.user, Door.MAIL)
    text = _fitting(mail, parsed, arrived)
    beside = sender.ticket
    if sender.ticket is not None:
        answered = sender.ticket
        try:
            comment = _with_what_fits(
                lambda text, files: actions.add_comment(
                    answered,
                    body=text,
                    internal=sender.of_note,
                    files=files,
                    automatic=parsed.machine is not None,
                    by=by,
                ),
                mail,
                text,
                arrived,
            )
        except files.StoreAway:
            raise
        except Refused as no:
            if no.code not in {"ticket_closed", "not_permitted"}:
                raise
            # It goes on in a ticket of its own, which names the old one: he may see that.
            continues = _("Continues %(reference)s.") % {"reference": sender.ticket.reference}
            text = f"{text}\n\n{continues}"
        else:
            mail.comment = comment
            _become(mail, Outcome.COMMENT, comment.ticket)
            _add_watchers(comment.ticket, parsed, by=by)
            return
    elif (tagged := _tagged(parsed)) is not None and tagged.is_visible_to(sender.user):
        # He may not know that only an answer to a mail of ours continues a ticket; whoever deals with it should.
        named = _("The subject names %(reference)s.") % {"reference": tagged.reference}
        text = f"{text}\n\n{named}"
        # It proves nothing, but whoever means a confidential ticket writes what is confidential.
        beside = tagged if tagged.service is not None and tagged.service.confidential else None
    ticket = _opened(mail, parsed, text, arrived, beside=beside, by=by)
    _become(mail, Outcome.TICKET, ticket)
    _add_watchers(ticket, parsed, by=by)


def _of_a_stranger(
    mail: InboundMail, parsed: ParsedMail, sender: Sender, arrived: Sequence[Incoming]
) -> None:
    """Nothing is done in anybody's name, and nobody outside is told."""
    box, doubt = mail.mailbox, sender.doubt or Why.UNVOUCHED
    if box.unverified == Policy.QUARANTINE or not box.stand_in.is_active:
        turn_away(mail, outcome=Outcome.QUARANTINED, why=doubt, by=_MAIL)
        return
    ticket = sender.ticket or _tagged(parsed)
    if too_many := _too_many(mail, ticket):
        named = {"ticket": ticket.reference} if ticket else {}
        turn_away(mail, outcome=Outcome.QUARANTINED, why=too_many, by=_MAIL, **named)
        return
    if ticket is not None:
        if _leaves_files(parsed, arrived):
            mail.because(Why.FILES_LEFT)
        hold_mail(mail, ticket, why=doubt, by=_MAIL)
        return
    mail.because(doubt)
    with translation.override(box.stand_in.language):
        stand_in = Actor(User.objects.with_teams().get(pk=box.stand_in_id), Door.MAIL)
        text = _fitting(mail, parsed, arrived)
        ticket = _opened(mail, parsed, text, arrived, by=stand_in)
    _become(mail, Outcome.TICKET, ticket)


def _opened(
    mail: InboundMail,
    parsed: ParsedMail,
    text: str,
    arrived: Sequence[Incoming],
    *,
    beside: Ticket | None = None,
    by: Actor,
) -> Ticket:
    service, team = _place(mail, beside)
    return _with_what_fits(
        lambda text, files: actions.open_ticket(
            title=_title(parsed),
            description=text[:LONGEST_TEXT],
            service=service,
            team=team,
            files=files,
            by=by,
        ),
        mail,
        text,
        arrived,
    )


def _place(mail: InboundMail, beside: Ticket | None) -> tuple[Service | None, Team | None]:
    """Where the ticket goes: to the service and team of the one that it belongs to, so that it is as confidential.

    To those of the mailbox where these take no tickets any more. A confidential service that takes none is asked all
    the same: its refusal puts the mail where administrators find it.
    """
    box = mail.mailbox
    if beside is not None:
        service, team = beside.service, beside.team
        team = team if team is not None and team.is_active else None
        if service is not None and (service.is_active or service.confidential):
            return service, team
        if service is None and team is not None:
            return None, team
    return box.service, box.team


def _with_what_fits[Made](
    verb: Callable[[str, Sequence[Incoming]], Made], mail: InboundMail, text: str, arrived: Sequence[Incoming]
) -> Made:
    """What the verb makes of words and files; of the words alone where the ticket has no room for the files."""
    try:
        return verb(text, arrived)
    except files.TooLarge as full:
        if full.code != "ticket_full":
            raise
    mail.because(Why.FILES_FULL)
    without = _("(The files of this mail are missing: those of this ticket have reached their limit.)")
    return verb(f"{text}\n\n{without}", ())


def _become(mail: InboundMail, outcome: Outcome, ticket: Ticket) -> None:
    mail.outcome, mail.ticket, mail.received_at = outcome, ticket, timezone.now()
    mail.save(update_fields=FOUND)
    watching.tell("mail", str(outcome))  # every other outcome has an event that tells of it


# --- What is asked before ------------------------------------------------------------------------


def _one_at_a_time(mail: InboundMail, parsed: ParsedMail) -> None:
    """Copies of one mail wait for each other here, so that the second finds the first."""
    name = f"{mail.mailbox_id} {parsed.message_id or mail.sha256}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _note(mail: InboundMail, parsed: ParsedMail, arrived: Sequence[Incoming]) -> None:
    note_names(mail, parsed)
    mail.body_sha256 = parsed.body_sha256
    mail.text, mail.folded = parsed.text[:LONGEST_TEXT], parsed.folded
    mail.machine = parsed.machine or ""
    mail.files = _told(arrived)
    mail.proof, mail.reasons, mail.ticket, mail.comment = Proof.NONE, [], None, None


def _earlier(mail: InboundMail) -> InboundMail | None:
    """A mail of the same name in the same mailbox, the one with the same text first."""
    others = InboundMail.objects.filter(mailbox=mail.mailbox_id, message_id=mail.message_id)
    if not mail.message_id:
        others = others.filter(body_sha256=mail.body_sha256, sha256=mail.sha256)
    others = others.exclude(pk=mail.pk).exclude(outcome=Outcome.FETCHED).defer("raw").order_by("pk")
    same = others.filter(body_sha256=mail.body_sha256)
    # A forged copy that came first must not keep out the mail of whoever can prove that he wrote it.
    return same.exclude(proof=Proof.NONE).first() or same.first() or others.first()


def _too_many(mail: InboundMail, ticket: Ticket | None) -> Why | None:
    """Why this one is set aside unread; nothing if it is not. From is free to choose, so it is no bound by itself."""
    lately = InboundMail.objects.filter(UNPROVEN, received_at__gt=timezone.now() - timedelta(hours=1))
    if _reach(lately.filter(sender__iexact=mail.sender), MOST_OF_SENDER):
        return Why.MANY_OF_SENDER
    if ticket is not None and _reach(lately.filter(ticket=ticket), MOST_ON_TICKET):
        return Why.MANY_ON_TICKET
    if _reach(lately.filter(mailbox=mail.mailbox_id), MOST_IN_MAILBOX):
        return Why.MANY_IN_MAILBOX
    return None


def _reach(mails: QuerySet[InboundMail], most: int) -> bool:
    return mails.order_by()[:most].count() >= most


def _tagged(parsed: ParsedMail) -> Ticket | None:
    """The ticket whose number the subject names. It is a hint to agents and opens no door."""
    number = correspondence.tagged(parsed.subject)
    ticket: Ticket | None = Ticket.objects.standing().filter(number=number).first() if number else None
    return ticket


# --- What goes onto the ticket ---------------------------------------------------------------------


def _title(parsed: ParsedMail) -> str:
    title = _PREFIX.sub("", parsed.subject).strip()
    if is_blank(title) or len(title) < 3:
        title = _("Mail from %(sender)s") % {"sender": parsed.sender.name or parsed.sender.address or "?"}
    return title if len(title) <= 255 else f"{title[:254]}…"


def _fitting(mail: InboundMail, parsed: ParsedMail, arrived: Sequence[Incoming]) -> str:
    """The text as long as a comment may be. Whether files were left out is noted."""
    text = parsed.text.strip()
    if is_blank(text):
        text = _("(The mail has no text.)")
    if _is_long(parsed):
        whole = _("(The whole text is in the attached file message.txt.)")
        text = f"{text[:LONGEST_SHOWN]}…\n\n{whole}"
    if _leaves_files(parsed, arrived):
        mail.because(Why.FILES_LEFT)
        left = _("(Some files of this mail are missing: they were too large or too many.)")
        text = f"{text}\n\n{left}"
    return text


def _leaves_files(parsed: ParsedMail, arrived: Sequence[Incoming]) -> bool:
    return sum(bool(file.content) for file in parsed.files) > len(arrived) - _is_long(parsed)


# Characters of a mail that are shown as they are; the rest of a comment's room is for what the desk adds.
LONGEST_SHOWN = LONGEST_TEXT - 1000


def _is_long(parsed: ParsedMail) -> bool:
    """Whether the whole text comes as a file, the first one."""
    return len(parsed.text) > LONGEST_SHOWN


def _incoming(parsed: ParsedMail) -> list[Incoming]:
    if parsed.machine in ANSWERING:
        return []
    taken: list[Incoming] = []
    if _is_long(parsed):
        taken.append(files.incoming("message.txt", parsed.text.encode(), "text/plain"))
    for file in parsed.files:
        if len(taken) < settings.MOST_FILES and 0 < len(file.content) <= settings.LARGEST_FILE:
            taken.append(files.incoming(file.name, file.content, file.content_type))
    return taken


def _add_watchers(ticket: Ticket, parsed: ParsedMail, *, by: Actor) -> None:
    """Who else got the mail follows the ticket: people of the desk only, and only where the sender may say so."""
    if parsed.machine is not None or not permissions.can(by.person, "manage_watchers", ticket):
        return
    wanted = {one.address.lower() for one in parsed.recipients[:100]} - {by.person.email.lower()}
    there = {ticket.requester_id, ticket.author_id, ticket.assignee_id, *ticket.watcher_ids}
    addresses = [address for address in sorted(wanted) if not correspondence.is_ours(address)][:MOST_WATCHERS]
    for person in User.objects.active().alias(folded=Lower("email")).filter(folded__in=addresses):
        if person.pk not in there:
            ticket = actions.watch(ticket, user=person, by=by)
