"""Links in mails that let somebody do one thing: accept an invitation, set a password, take another address.

A token is the row's id and a MAC of 256 bits over it, by the key of the desk: nothing that is stored opens anything,
and whoever writes the mail makes the token at that moment. A link dies of age, with its use, and with whatever changes
the person's password, address or activity, whichever way that is done: it holds how the person stood when it was made.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Link, Purpose, User

LIFE = {
    Purpose.INVITATION: timedelta(hours=72),
    Purpose.RESET: timedelta(hours=1),
    Purpose.EMAIL: timedelta(hours=24),
}
# A change of address has two ends: the new mailbox confirms it, the old one may stop it.
STOP = "stop"
_MAC_BYTES = 32


@dataclass(frozen=True)
class Arrival:
    """A link that somebody has followed. `door` is its purpose, or STOP."""

    link: Link
    door: str


def make(
    user: User,
    purpose: Purpose,
    *,
    email: str,
    former_email: str = "",
    asked_from: str | None = None,
    public_id: UUID | None = None,
) -> Link:
    """A link for this person as he stands now. `public_id` is its name, where the same must not be made twice."""
    now = timezone.now()
    named = {} if public_id is None else {"public_id": public_id}
    link: Link = Link.objects.create(
        user=user,
        purpose=purpose,
        email=email,
        former_email=former_email,
        asked_from=asked_from,
        state=state_of(user),
        created_at=now,
        expires_at=now + LIFE[purpose],
        **named,
    )
    return link


def told(user: User, purpose: Purpose, *, email: str, former_email: str) -> Link:
    """What letters tell of that has happened already: a link that has ended, and lets nobody do anything."""
    link = make(user, purpose, email=email, former_email=former_email)
    end(user, purpose)
    return link


def end(user: User, *purposes: Purpose) -> None:
    """End the links of these purposes that somebody has got."""
    Link.objects.filter(user=user, purpose__in=purposes, ended_at=None).update(ended_at=timezone.now())


def is_good(link: Link, user: User) -> bool:
    """Whether it may still be used for this person, who is told as he stands now."""
    return (
        link.user_id == user.pk
        and link.ended_at is None
        and link.expires_at > timezone.now()
        and user.is_active
        and hmac.compare_digest(link.state, state_of(user))
    )


def state_of(user: User) -> str:
    """What of a person must not change while a link is on its way."""
    parts = (user.password, user.session_salt, user.email.lower(), str(user.is_active))
    return sha256("\n".join(parts).encode()).hexdigest()


def address(link: Link, door: str = "") -> str:
    """The link itself, from BASE_URL: what is in a request has no say in it."""
    return settings.BASE_URL + reverse("accounts:arrive", args=[token(link, door)])


def token(link: Link, door: str = "") -> str:
    """64 characters for an address."""
    return base64.urlsafe_b64encode(
        link.public_id.bytes + _mac(link, door or link.purpose, settings.SECRET_KEY)
    ).decode()


def find(token: str) -> Arrival | None:
    """The good link of this token, or None for every reason there may be."""
    arrival = ever(token)
    return arrival if arrival is not None and is_good(arrival.link, arrival.link.user) else None


def ever(token: str) -> Arrival | None:
    """The link of this token, be it good or dead; None where we have never made it."""
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return None
    if len(raw) != 16 + _MAC_BYTES:
        return None
    link = Link.objects.select_related("user").filter(public_id=UUID(bytes=raw[:16])).first()
    if link is None:
        return None
    for door in (link.purpose, STOP) if link.purpose == Purpose.EMAIL else (link.purpose,):
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            if hmac.compare_digest(raw[16:], _mac(link, door, secret)):
                return Arrival(link, door)
    return None


def again(public_id: str, door: str) -> Arrival | None:
    """What was found before and is still good; for the pages behind a link, which carry no token."""
    link = Link.objects.select_related("user").filter(public_id=public_id).first()
    return Arrival(link, door) if link is not None and is_good(link, link.user) else None


def _mac(link: Link, door: str, secret: str) -> bytes:
    said = f"accounts.links.tokens\n{door}\n{link.public_id.hex}\n{link.state}"
    return hmac.digest(secret.encode(), said.encode(), sha256)
