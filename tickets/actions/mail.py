"""What becomes of a mail that nobody vouches for, and the mailboxes that mails are fetched from."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import configuration
from accounts.acting import Actor, Invalid, Refused
from accounts.actions import require_admin_still
from accounts.checking import is_blank
from accounts.models import User
from audit import trail
from tickets.actions._record import comment_of, let_go, lock, may_see, record
from tickets.files import Incoming
from tickets.models import Comment, InboundMail, Mailbox, Ticket
from tickets.models.mail import FOUND, Outcome, Proof, Security, Why
from tickets.models.ticket import LONGEST_TEXT
from tickets.permissions import require

# What has come to nothing and may be read once more.
READABLE_AGAIN = (Outcome.IGNORED, Outcome.QUARANTINED)


@transaction.atomic
def hold_mail(mail: InboundMail, ticket: Ticket, *, why: Why, by: Actor) -> InboundMail:
    """Keep a mail beside the ticket it points at, until an agent says what it is. Nobody but agents hears of it."""
    ticket, by = lock(ticket, by=by)
    waits_already = InboundMail.objects.filter(ticket=ticket, outcome=Outcome.HELD).exists()
    mail.because(why)
    mail.outcome, mail.ticket = Outcome.HELD, ticket
    _finish(mail)
    # Agents hear of the first one. Whoever goes on writing wakes nobody before they have looked.
    record(ticket, "ticket.mail_held", by=by, comment=mail.claimed_by, internal=True, silent=waits_already)
    return mail


@transaction.atomic
def release_mail(mail: InboundMail, *, files: Sequence[Incoming] = (), by: Actor) -> Comment:
    """Put a held mail on its ticket for everybody, as what it is: words of somebody who only says who he is.

    The agent answers for it, so the comment is his; whoever claims to have written stands above the words. It moves
    nothing: not even a ticket that waits for an answer. What answers an internal note is put there as one. `files` are
    `inbound_email.files_of` the mail: of one that is longer than a comment its whole text is among them.
    """
    mail, ticket, by = _held(mail, by=by)
    internal = mail.of_note
    require(by, "note" if internal else "comment", ticket)
    text = f"{mail.text[: LONGEST_TEXT - 1]}…" if mail.is_cut or is_blank(mail.text) else mail.text
    comment = comment_of(text, internal=internal, by=by)
    comment.claimed_by = mail.claimed_by
    record(ticket, "ticket.mail_released", by=by, added=comment, internal=internal, files=files)
    mail.outcome, mail.comment = Outcome.COMMENT, comment
    _finish(mail)
    return comment


@transaction.atomic
def accept_sender(mail: InboundMail, *, by: Actor) -> Ticket:
    """Say that a ticket of an unproven mail is that of the person whose address it names: it becomes his request.

    The stand-in of the mailbox, who had it until then, stays its author.
    """
    ticket, by = lock(_ticket_of(mail), by=by)
    require(by, "note", ticket)
    unproven = _locked(mail).filter(outcome=Outcome.TICKET, ticket=ticket, proof=Proof.NONE).first()
    if unproven is None:
        raise Refused("not_unproven", _("Somebody has said already whose request this is."))
    person = named_in(unproven)
    if person is None:
        raise Refused(
            "sender_unknown",
            _("Nobody at the desk has the address %(sender)s.") % {"sender": unproven.sender},
        )
    unproven.proof = Proof.AGENT
    unproven.save(update_fields=["proof"])
    ticket.requester = person
    if ticket.is_open and ticket.assignee is not None and not may_see(ticket, ticket.assignee):
        let_go(ticket)
    return record(ticket, "ticket.sender_accepted", by=by)


def named_in(mail: InboundMail) -> User | None:
    """Who has the address that the mail names."""
    found: User | None = User.objects.active().by_email(mail.sender).first()
    return found


@transaction.atomic
def refuse_mail(mail: InboundMail, *, by: Actor) -> InboundMail:
    """Say that a held mail has no place on its ticket. It stays among the mails, with its source."""
    mail, ticket, by = _held(mail, by=by)
    record(ticket, "ticket.mail_refused", by=by, comment=mail.claimed_by, internal=True)
    mail.because(Why.REFUSED_BY, name=by.name)
    mail.outcome = Outcome.IGNORED
    _finish(mail)
    return mail


@transaction.atomic
def turn_away(mail: InboundMail, *, outcome: Outcome, why: Why, by: Actor, **details: Any) -> InboundMail:
    """Make nothing of a mail: ignored for what nobody has to look at, quarantined for what somebody should."""
    mail.because(why, **details)
    mail.outcome = outcome
    _finish(mail)
    with translation.override("en"):
        trail.record(f"mail.{outcome}", subject(mail), by=by, comment=mail.reason[:500])
    return mail


@transaction.atomic
def read_again(mail: InboundMail, *, by: Actor) -> InboundMail:
    """Have a mail that came to nothing read once more, as if it had just been fetched.

    What has become a ticket or a comment, or waits for an agent, is not: it would become another. One that the server
    did not give out is forgotten, so that the next visit asks for it. Of one that is too large nothing can be read.
    """
    require_admin_still(by)
    waits = _locked(mail).filter(outcome__in=READABLE_AGAIN).first()
    if waits is not None and not waits.sha256 and waits.reasons[:1] and waits.reasons[0][0] == Why.NOT_GIVEN:
        trail.record("mail.read_again", subject(waits), by=by)
        waits.delete()
        return waits
    if waits is None or not waits.sha256:
        raise Refused("not_readable_again", _("Only a mail that came to nothing can be read again."))
    waits.outcome, waits.reasons, waits.received_at, waits.ticket = Outcome.FETCHED, [], None, None
    waits.save(update_fields=["outcome", "reasons", "received_at", "ticket"])
    trail.record("mail.read_again", subject(waits), by=by)
    return waits


@transaction.atomic
def note_source_read(mail: InboundMail, *, by: Actor) -> None:
    """Keep in mind who has read the source of a mail, which is that of its files, too."""
    require_admin_still(by)
    trail.record("mail.source_read", subject(mail), by=by)


@transaction.atomic
def save_mailbox(mailbox: Mailbox, *, password: str = "", by: Actor) -> Mailbox:
    """Store a mailbox; with a new password, if there is one. The audit says when it was set, and nothing more of it."""
    take_password(mailbox, password)
    if mailbox.service is None and mailbox.team is None:
        raise Invalid("service", "required", _("Choose the service or the team that gets the mails."))
    if mailbox.security == Security.NONE and not is_this_machine(mailbox.host):
        raise Invalid(
            "security", "not_private", _("Without encryption only a server on this machine can be asked.")
        )
    _note_where(mailbox)
    mailbox.trusted_domains = sorted({domain.strip().lower() for domain in mailbox.trusted_domains} - {""})
    return configuration.save(mailbox, by=by)


# What a kept password was set for: it is shown to nobody else.
FOR = ("host", "port", "security", "username")


def take_password(mailbox: Mailbox, typed: str) -> None:
    """Give the row the password that was typed; without one it keeps its own, if that still goes where it went.

    Raises Invalid for what could not be said to a server, too.
    """
    _check_talk(mailbox, typed)
    if typed:
        mailbox.password = typed
        mailbox.password_set = timezone.now().isoformat(timespec="seconds")
        return
    before = Mailbox.objects.filter(pk=mailbox.pk).first() if mailbox.pk else None
    if before is not None and any(getattr(before, name) != getattr(mailbox, name) for name in FOR):
        raise Invalid(
            "password",
            "required",
            _("Type the password: the one that is set is for another server, encryption or user name."),
        )


WHERE = ("host", "port", "username", "folder")


def _note_where(mailbox: Mailbox) -> None:
    """Begin a new generation where the row points elsewhere now: mails there are others, whatever their numbers."""
    before = Mailbox.objects.select_for_update().filter(pk=mailbox.pk).first() if mailbox.pk else None
    if before is not None:
        moved = any(getattr(before, name) != getattr(mailbox, name) for name in WHERE)
        mailbox.generation = before.generation + moved


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _check_talk(mailbox: Mailbox, password: str) -> None:
    """Raise Invalid for what would end a line of IMAP, and begin another command."""
    said = {name: getattr(mailbox, name) for name in ("host", "username", "folder", "done_folder")}
    for name, value in (said | {"password": password}).items():
        if _CONTROL.search(value):
            raise Invalid(name, "control_character", _("Control characters are not allowed here."))


def is_this_machine(host: str) -> bool:
    """Whether a name leads to loopback and nowhere else."""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)


def subject(mail: InboundMail) -> trail.Subject:
    name = f"{mail.sender or '?'}: {mail.subject}"
    return trail.Subject("mail", mail.public_id, name.replace("\x00", ""))


def _held(mail: InboundMail, *, by: Actor) -> tuple[InboundMail, Ticket, Actor]:
    """The mail and its ticket, locked."""
    ticket, by = lock(_ticket_of(mail), by=by)
    require(by, "note", ticket)
    held = _locked(mail).filter(outcome=Outcome.HELD, ticket=ticket).first()
    if held is None:
        raise _not_held()
    return held, ticket, by


def _locked(mail: InboundMail) -> QuerySet[InboundMail]:
    """The row for a change, without its source.

    Nobody waits for it: whoever reads a mail holds the mail first and the ticket after, the other way round than here.
    A mail that is being read waits for no decision, so it is as if it were not there.
    """
    return (
        InboundMail.objects.select_for_update(of=("self",), skip_locked=True).defer("raw").filter(pk=mail.pk)
    )


def _ticket_of(mail: InboundMail) -> Ticket:
    if mail.ticket is None:
        raise _not_held()
    return mail.ticket


def _not_held() -> Refused:
    return Refused("not_held", _("Somebody has dealt with this mail already."))


def _finish(mail: InboundMail) -> None:
    mail.received_at = timezone.now()
    mail.save(update_fields=FOUND)
