"""Who may have written a mail. The mail itself proves nothing: only our reply address does, or our receiving host."""

import re
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings

from accounts import actions as people
from accounts.acting import Actor, Invalid, the_desk
from accounts.models import Language, User
from audit.models import Door
from notifications.message import own_id
from notifications.models import Delivery
from tickets import correspondence, reply_address
from tickets.mail import vouching
from tickets.mail.message import ParsedMail
from tickets.models import Mailbox, Ticket
from tickets.models.mail import Proof, Why

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)


@dataclass(frozen=True)
class Sender:
    """Who wrote, if that is proven, and the ticket that he answers. `doubt` says why nothing is proven.

    For an unproven sender the ticket is only what the mail points at.
    """

    user: User | None
    proof: Proof
    ticket: Ticket | None
    doubt: Why | None = None
    of_note: bool = False  # what he answers is internal, and so is his answer


def who_wrote(mail: ParsedMail, mailbox: Mailbox) -> Sender:
    answered = next(filter(None, map(correspondence.person_of, mail.delivered_to)), None)
    referred = correspondence.continued(reversed(mail.references))
    verdict, domain = vouching.dmarc(mail.results, by=mailbox.authserv_id)
    address = mail.sender.address
    pointed = answered[0] if answered else referred
    noted = correspondence.answers_a_note(mail.references)
    # The address says so whoever was given it: a note may have been passed on to a colleague.
    of_note = noted is True or any(map(reply_address.is_for_notes, mail.delivered_to))

    def stranger(doubt: Why) -> Sender:
        return Sender(None, Proof.NONE, pointed, doubt, of_note)

    ticket: Ticket | None
    if mail.doubt:
        return stranger(Why(mail.doubt))
    if answered and answered[1].email.lower() == address.lower() and verdict != "fail":
        user, proof, ticket = answered[1], Proof.TOKEN, answered[0]
    elif verdict == "pass" and domain and address.lower().endswith(f"@{domain}"):
        known = _user(mail, mailbox)
        if known is None:
            return stranger(Why.NOBODY_HERE)
        user, proof, ticket = known, Proof.DMARC, _seen(pointed, by=known)
        # Of what is forgotten an agent may have read more than others, and nothing else says what he answers.
        of_note = of_note or (noted is None and user.is_agent)
    elif answered:
        return stranger(Why.DMARC_FAILS if verdict == "fail" else Why.NOT_HIS_ADDRESS)
    else:
        return stranger(Why.UNVOUCHED)
    if of_note and not user.is_agent:
        return stranger(Why.NO_AGENT)
    hidden = pointed.service if pointed is not None and ticket is None else None
    if hidden is not None and hidden.confidential:
        # Whatever he quotes would be read by whoever sees the tickets of the mailbox.
        return stranger(Why.CONFIDENTIAL)
    return Sender(user, proof, ticket, of_note=of_note)


def is_ours(mail: ParsedMail) -> Why | None:
    """Why this is a mail of our own that has come back; nothing if it is not."""
    if settings.MAIL_DOMAIN in mail.loops:
        return Why.LOOP
    own = own_id(mail.message_id)
    if own and Delivery.objects.filter(public_id=own).exists():
        return Why.CAME_BACK
    return Why.FROM_US if correspondence.is_ours(mail.sender.address) else None


def _user(mail: ParsedMail, mailbox: Mailbox) -> User | None:
    """Whoever has the proven address; a new employee where the mailbox trusts his domain."""
    address = mail.sender.address
    known: User | None = User.objects.with_teams().by_email(address).first()
    if known is not None:
        return known if known.is_active else None
    if address.rpartition("@")[2].lower() not in mailbox.trusted_domains:
        return None
    language = Language.RUSSIAN if _CYRILLIC.search(mail.text + mail.subject) else Language.ENGLISH
    name = mail.sender.name[:150].strip() or address.partition("@")[0]
    # Another mail of his may be faster, or the address one the desk does not take.
    with suppress(Invalid):
        people.create_user(
            email=address, full_name=name, language=language, by=the_desk(Actor(None, Door.MAIL))
        )
    made: User | None = User.objects.with_teams().active().by_email(address).first()
    return made


def _seen(ticket: Ticket | None, *, by: User) -> Ticket | None:
    if ticket is None:
        return None
    found: Ticket | None = Ticket.objects.visible_to(by).filter(pk=ticket.pk).first()
    return found
