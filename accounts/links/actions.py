"""What is done by links in mails: invitations, forgotten passwords, another address. Verbs, as in accounts.actions."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import letters, sessions
from accounts.acting import Actor, Refused
from accounts.actions import identities_of, require_admin_still
from accounts.changing import check_email, check_password, give_address, locked, subject
from accounts.checking import require_fit
from accounts.links import tokens as link_tokens
from accounts.models import Link, Purpose, User
from audit import trail

# Mails about a new password for one person in the time that their links live: so whoever gets no more has a good one.
MOST_RESETS = 5
# For so long after an administrator has invited somebody he is sent another invitation when he asks for a password.
INVITED_FOR = timedelta(days=30)


class Over(Refused):
    """The link has died: of age, of its use, or of a change of the person."""

    def __init__(self) -> None:
        super().__init__("link_over", _("This link can no longer be used."), status=410)


# --- Invitations ---------------------------------------------------------------------------------


@transaction.atomic
def invite(user: User, *, by: Actor) -> Link:
    """Send somebody a link with which he begins; the one of an earlier invitation dies.

    Raises Refused for who is shut out and for who has a password.
    """
    require_admin_still(by)
    user = locked(user)
    if not user.is_active:
        raise Refused("person_inactive", _("This person is deactivated."))
    if user.has_usable_password():
        raise Refused(
            "has_password",
            _(
                "This person has a password already. “Forgot your password?” on the sign-in page gives a new one."
            ),
        )
    link_tokens.end(user, Purpose.INVITATION)
    return _invitation(user, by=by)


def _invitation(user: User, *, by: Actor, asked_from: str | None = None) -> Link:
    """A link on its way to a locked person. With the use of one all others die, for the password is new then."""
    link = link_tokens.make(user, Purpose.INVITATION, email=user.email, asked_from=asked_from)
    letters.post(user, "invitation", about=link.public_id)
    trail.record("user.invited", subject(user), by=by)
    return link


def _was_invited(user: User) -> bool:
    """Whether an administrator has wanted him here of late; what the person has asked for himself prolongs nothing."""
    since = timezone.now() - INVITED_FOR
    return user.links.filter(purpose=Purpose.INVITATION, asked_from=None, created_at__gt=since).exists()


@transaction.atomic
def accept_invitation(link: Link, *, full_name: str, language: str, password: str, by: Actor) -> User:
    """Begin: with the name, language and password that the person has chosen. Raises Over, Invalid."""
    user = _taken(link, Purpose.INVITATION)
    require_fit(User, full_name=full_name, language=language)
    chosen = {"full_name": full_name, "language": language}
    changes = {name: (getattr(user, name), new) for name, new in chosen.items() if getattr(user, name) != new}
    user.full_name, user.language = full_name, language
    _set_password(user, password)
    user.save(update_fields=["full_name", "language"])
    trail.record("user.invitation_accepted", subject(user), by=by, changes=changes)
    return user


# --- A forgotten password ------------------------------------------------------------------------


@transaction.atomic
def ask_for_password(email: str, *, name: UUID, by: Actor) -> None:
    """Send whoever has this address a link for a new password; the trail alone knows whether anybody has it.

    `name` is of this one wish: asked twice, it is done once. Who has no password to forget is told how he signs in;
    who was invited and has not begun is sent his invitation anew.
    """
    found = User.objects.active().by_email(email).first()
    if found is None:
        tried = email.encode(errors="replace").decode().replace("\x00", "?")
        trail.record("user.reset_refused", trail.Subject("user", None, tried), by=by)
        return
    user = locked(found)
    if Link.objects.filter(public_id=name).exists():
        return
    recent = Link.objects.filter(
        user=user, purpose=Purpose.RESET, created_at__gt=timezone.now() - link_tokens.LIFE[Purpose.RESET]
    )
    if recent.count() >= MOST_RESETS:
        trail.record("user.reset_refused", subject(user), by=by)
        return
    # Counted for those, too, who have no use for it.
    link = link_tokens.make(user, Purpose.RESET, email=user.email, asked_from=by.address, public_id=name)
    if user.has_usable_password():
        letters.post(user, "reset", about=link.public_id)
    elif identities_of(user):
        letters.post(user, "no_password", about=link.public_id)
    elif _was_invited(user):
        # An earlier one stays good: whoever asks in his name must not end what he has open at this moment.
        _invitation(user, by=by, asked_from=by.address)
    else:
        letters.post(user, "no_invitation", about=link.public_id)
    trail.record("user.reset_asked", subject(user), by=by)


@transaction.atomic
def reset_password(link: Link, *, password: str, by: Actor) -> User:
    """Set the password that was forgotten. Every session ends; the second factor stays. Raises Over, Invalid."""
    user = _taken(link, Purpose.RESET)
    if not user.has_usable_password():
        raise Over
    _set_password(user, password)
    event = trail.record("user.password_reset", subject(user), by=by)
    letters.post(user, "password_changed", event=event)
    return user


# --- Another address -----------------------------------------------------------------------------


@transaction.atomic
def ask_for_address(user: User, *, email: str, by: Actor) -> Link:
    """Ask the new mailbox whether it is this person's, and tell the old one. Nothing changes yet. Raises Invalid.

    Whether somebody has the address already is told to him alone: he gets another mail, without a link.
    """
    check_email(email)
    user = locked(user)
    owner = User.objects.by_email(email).exclude(pk=user.pk).first()
    link_tokens.end(user, Purpose.EMAIL)
    link = link_tokens.make(user, Purpose.EMAIL, email=email, former_email=user.email, asked_from=by.address)
    event = trail.record("user.email_change_asked", subject(user), by=by, comment=email)
    if owner is None:
        letters.post(user, "email_confirm", about=link.public_id)
    else:
        letters.post(owner, "address_wanted", event=event)
    letters.post(user, "email_asked", about=link.public_id)
    return link


@transaction.atomic
def take_address(link: Link, *, by: Actor) -> User:
    """Sign in with the new address from now on. Raises Over, Invalid where somebody else has it by now."""
    user = _taken(link, Purpose.EMAIL)
    if by.user is None or by.user.pk != user.pk:
        # Or a slip of the pen would give the account to whoever reads that mailbox.
        raise Over
    return give_address(user, link.email, by=by)


@transaction.atomic
def stop_address(link: Link, *, by: Actor) -> User:
    """Leave the address as it is: the mailbox of the old one has said no. Raises Over."""
    user = _taken(link, Purpose.EMAIL)
    link_tokens.end(user, Purpose.EMAIL)
    trail.record("user.email_change_stopped", subject(user), by=by, comment=link.email)
    return user


def _taken(link: Link, purpose: Purpose) -> User:
    """The person of a link, locked, so that of two who use it at once one finds it dead."""
    user = locked(link.user)
    fresh = Link.objects.get(pk=link.pk)
    if fresh.purpose != purpose or not link_tokens.is_good(fresh, user):
        raise Over
    return user


def _set_password(user: User, password: str) -> None:
    check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    sessions.outdate(user)
