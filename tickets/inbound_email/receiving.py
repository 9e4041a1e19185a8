"""One mail becomes one thing: a ticket, a comment, something held for an agent, or nothing, with the reason."""

import re
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.acting import Actor, Refused
from accounts.checking import is_blank
from accounts.models import User
from audit.models import Door
from tickets import actions, correspondence, files, permissions
from tickets.actions.mail import hold_mail, turn_away
from tickets.files import Incoming, StoreAway
from tickets.inbound_email.senders import Sender, is_ours, who_wrote
from tickets.mail import bounded
from tickets.mail.machine import ANSWERING
from tickets.mail.message import ParsedMail
from tickets.models import InboundMail, Ticket
from tickets.models.mail import FOUND, Outcome, Policy, Proof
from tickets.models.ticket import LONGEST_TEXT

log = structlog.get_logger("tickets.inbound_email")

# Unproven mails in an hour that claim one sender, that point at one ticket, that come to one mailbox: what comes beyond
# is looked at by somebody before it makes tickets and wakes people.
MOST_OF_SENDER, MOST_ON_TICKET, MOST_IN_MAILBOX = 30, 10, 600
MOST_WATCHERS = 20
_PREFIX = re.compile(
    r"^\s*(?:(?:re|fwd?|aw|wg|tr|sv|antw|отв|ответ|на|пересл)(?:\[\d+\]|\(\d+\))?\s*:\s*)+", re.IGNORECASE
)
_MAIL = Actor(None, Door.MAIL)


def receive(public_id: str) -> None:
    """Make of a fetched mail what is to become of it. May be called again: whatever was decided stands."""
    mail = _fetched().filter(public_id=public_id).first()
    if mail is None:
        return
    try:
        parsed = bounded.read(bytes(mail.raw))
        with files.stored(_incoming(parsed)) as arrived, transaction.atomic():
            _decide(mail, parsed, arrived)
    except (OperationalError, InterfaceError, StoreAway):
        raise  # the job is tried again
    except bounded.NotRead as why:
        _note_header(mail)
        _set_aside(mail, str(why))
    except Refused as no:
        _set_aside(mail, f"refused: {no}")
    except Exception as trouble:
        # One mail never stops the next one: whatever it stumbles over, it lies where somebody finds it.
        log.exception("mail_not_received", mail=public_id)
        _set_aside(mail, f"could not be received: {type(trouble).__name__}")


def _note_header(mail: InboundMail) -> None:
    """Who wrote and what about, at least: whoever looks at what was set aside must find his way."""
    head = bytes(mail.raw[:LONGEST_HEADER]).partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    try:
        parsed = bounded.read(head + b"\r\n\r\n")
    except bounded.NotRead:
        return
    mail.message_id, mail.subject = parsed.message_id[:998], parsed.subject[:998]
    mail.sender, mail.sender_name = parsed.sender.address[:320], parsed.sender.name[:200]


def files_of(mail: InboundMail) -> list[Incoming]:
    """What a mail brought, read from its source."""
    try:
        return _incoming(bounded.read(bytes(mail.raw)))
    except bounded.NotRead:
        return []


def _fetched() -> QuerySet[InboundMail]:
    with_all = InboundMail.objects.select_related("mailbox__service", "mailbox__team", "mailbox__stand_in")
    return with_all.filter(outcome=Outcome.FETCHED)


def _set_aside(mail: InboundMail, reason: str) -> None:
    with transaction.atomic():
        if _fetched().select_for_update(of=("self",)).filter(pk=mail.pk).exists():
            turn_away(mail, outcome=Outcome.QUARANTINED, reason=reason, by=_MAIL)


# --- What becomes of it --------------------------------------------------------------------------


def _decide(mail: InboundMail, parsed: ParsedMail, arrived: Sequence[Incoming]) -> None:
    _one_at_a_time(mail, parsed)
    if not _fetched().select_for_update(of=("self",)).filter(pk=mail.pk).exists():
        return
    _note(mail, parsed)
    earlier = _earlier(mail)
    again = earlier is not None and earlier.body_sha256 == mail.body_sha256
    if earlier and again and earlier.is_proven:
        turn_away(mail, outcome=Outcome.IGNORED, reason=f"the same mail again: {earlier.public_id}", by=_MAIL)
        return
    if earlier and not again:
        mail.reason = f"its Message-ID was used before, with another text: {earlier.public_id}"
    if why := is_ours(parsed):
        turn_away(mail, outcome=Outcome.IGNORED, reason=why, by=_MAIL)
        return
    if parsed.machine in ANSWERING:
        # It answers what somebody else has sent: there is nothing in it to be done.
        turn_away(mail, outcome=Outcome.IGNORED, reason=f"an automatic answer: {parsed.machine}", by=_MAIL)
        return
    sender = who_wrote(parsed, mail.mailbox)
    mail.proof = sender.proof
    if earlier and again and sender.user is None:
        turn_away(mail, outcome=Outcome.IGNORED, reason=f"the same mail again: {earlier.public_id}", by=_MAIL)
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
    text, arrived, left_out = _fitting(parsed, arrived)
    if sender.ticket is not None:
        try:
            comment = actions.add_comment(
                sender.ticket,
                body=text,
                internal=sender.user.is_agent and sender.of_note,
                files=arrived,
                automatic=parsed.machine is not None,
                by=by,
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
            _become(mail, Outcome.COMMENT, comment.ticket, left_out)
            _add_watchers(comment.ticket, parsed, by=by)
            return
    ticket = actions.open_ticket(
        title=_title(parsed),
        description=text[:LONGEST_TEXT],
        service=mail.mailbox.service,
        team=mail.mailbox.team,
        files=arrived,
        by=by,
    )
    _become(mail, Outcome.TICKET, ticket, left_out)
    _add_watchers(ticket, parsed, by=by)


def _of_a_stranger(
    mail: InboundMail, parsed: ParsedMail, sender: Sender, arrived: Sequence[Incoming]
) -> None:
    """Nothing is done in anybody's name, and nobody outside is told."""
    box = mail.mailbox
    if box.unverified == Policy.QUARANTINE or not box.stand_in.is_active:
        turn_away(mail, outcome=Outcome.QUARANTINED, reason=f"unverified sender: {sender.doubt}", by=_MAIL)
        return
    ticket = sender.ticket or _tagged(parsed)
    if too_many := _too_many(mail, ticket):
        turn_away(mail, outcome=Outcome.QUARANTINED, reason=too_many, by=_MAIL)
        return
    if ticket is not None:
        hold_mail(mail, ticket, reason=sender.doubt, by=_MAIL)
        return
    text, arrived, left_out = _fitting(parsed, arrived)
    with translation.override(box.stand_in.language):
        ticket = actions.open_ticket(
            title=_title(parsed),
            description=text,
            service=box.service,
            team=box.team,
            files=arrived,
            by=Actor(User.objects.with_teams().get(pk=box.stand_in_id), Door.MAIL),
        )
    _become(mail, Outcome.TICKET, ticket, left_out or f"unverified sender: {sender.doubt}")


def _become(mail: InboundMail, outcome: Outcome, ticket: Ticket, reason: str) -> None:
    mail.outcome, mail.ticket, mail.received_at = outcome, ticket, timezone.now()
    mail.reason = "; ".join(part for part in (mail.reason, reason) if part)[:500]
    mail.save(update_fields=FOUND)


# --- What is asked before ------------------------------------------------------------------------


def _one_at_a_time(mail: InboundMail, parsed: ParsedMail) -> None:
    """Copies of one mail wait for each other here, so that the second finds the first."""
    name = f"{mail.mailbox_id} {parsed.message_id or mail.sha256}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _note(mail: InboundMail, parsed: ParsedMail) -> None:
    mail.message_id = parsed.message_id[:998]
    mail.body_sha256 = parsed.body_sha256
    mail.sender, mail.sender_name = parsed.sender.address[:320], parsed.sender.name[:200]
    mail.subject = parsed.subject[:998]
    mail.text, mail.folded = parsed.text[:LONGEST_TEXT], parsed.folded
    mail.machine = parsed.machine or ""
    mail.proof, mail.reason, mail.ticket, mail.comment = Proof.NONE, "", None, None


def _earlier(mail: InboundMail) -> InboundMail | None:
    """A mail of the same name in the same mailbox, the one with the same text first."""
    others = InboundMail.objects.filter(mailbox=mail.mailbox_id, message_id=mail.message_id)
    if not mail.message_id:
        others = others.filter(body_sha256=mail.body_sha256, sha256=mail.sha256)
    others = others.exclude(pk=mail.pk).exclude(outcome=Outcome.FETCHED).defer("raw").order_by("pk")
    same = others.filter(body_sha256=mail.body_sha256)
    # A forged copy that came first must not keep out the mail of whoever can prove that he wrote it.
    return same.exclude(proof=Proof.NONE).first() or same.first() or others.first()


def _too_many(mail: InboundMail, ticket: Ticket | None) -> str:
    """Why this one is set aside unread; nothing if it is not. From is free to choose, so it is no bound by itself."""
    lately = InboundMail.objects.filter(
        proof=Proof.NONE,
        received_at__gt=timezone.now() - timedelta(hours=1),
        outcome__in=[Outcome.TICKET, Outcome.HELD],
    )
    if lately.filter(sender__iexact=mail.sender).count() >= MOST_OF_SENDER:
        return "too many mails of this sender"
    if ticket is not None and lately.filter(ticket=ticket).count() >= MOST_ON_TICKET:
        return f"too many unverified mails for {ticket.reference}"
    if lately.filter(mailbox=mail.mailbox).count() >= MOST_IN_MAILBOX:
        return "too many unverified mails"
    return ""


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


def _fitting(parsed: ParsedMail, arrived: Sequence[Incoming]) -> tuple[str, Sequence[Incoming], str]:
    """The text as long as a comment may be, the files as many as a message may bring, and what that leaves out."""
    text, reasons = parsed.text.strip(), []
    if is_blank(text):
        text = _("(The mail has no text.)")
    if len(text) > LONGEST_TEXT - 1000:
        whole = _("(The whole text is in the attached file message.txt.)")
        text = f"{text[: LONGEST_TEXT - 1000]}…\n\n{whole}"
    brought = [file for file in parsed.files if file.content]
    if len(brought) > len([each for each in arrived if each.name != WHOLE]):
        reasons.append("some files were too large or too many: they are in the source")
    return text, arrived, "; ".join(reasons)


WHOLE = "message.txt"
LONGEST_HEADER = 64 * 1024  # bytes


def _incoming(parsed: ParsedMail) -> list[Incoming]:
    if parsed.machine in ANSWERING:
        return []
    taken: list[Incoming] = []
    if len(parsed.text) > LONGEST_TEXT - 1000:
        taken.append(files.incoming(WHOLE, parsed.text.encode(), "text/plain"))
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
