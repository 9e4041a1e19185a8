"""Mails about somebody's account, each in the words of its reader and written when it is sent.

`accounts` may not import what sends them, so that leaves word here at start-up (see notifications.apps). What is
announced holds no secret: a link is made anew by whoever writes the mail, and one that has died is not sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import moments
from accounts.links import tokens as link_tokens
from accounts.models import Link, User
from audit.models import Event

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True)
class Letter:
    """What a mail says. `to` is where it goes, if not to the address that the person has now."""

    subject: str
    text: str
    html: str
    to: str = ""


@dataclass(frozen=True)
class Words:
    """A letter before it is dressed: paragraphs, a button, what else is to be known."""

    subject: str
    said: tuple[str, ...]
    button: str = ""
    address: str = ""
    after: tuple[str, ...] = ()
    to: str = ""
    # Nobody has asked for it, and mostly nothing is to be done: a button that does not call.
    quiet: bool = False


type Post = Callable[..., None]
# Takes `(user, kind, about=UUID)` and sees to it, in the caller's transaction, that the letter is written and sent.
POSTS: list[Post] = []


def post(to: User, kind: str, *, about: UUID | None = None, event: Event | None = None) -> None:
    """Have a letter of a kind sent to somebody: about a link, whose public id `about` is, or about what was done."""
    if event is not None:
        about = UUID(int=event.pk)
    for each in POSTS:
        each(to, kind, about=about or uuid4())


def compose(kind: str, about: UUID, *, to: User) -> Letter | None:
    """The letter in the language that is active; None where there is nothing to be told any more."""
    words = _words(kind, about, to)
    if words is None:
        return None
    words = replace(words, said=tuple(filter(None, words.said)))
    context = {
        "title": words.subject,
        "name": to.full_name,
        "words": words,
        "preview": words.said[0],
        "why": _("You get this because of your account at %(desk)s.") % {"desk": desk()},
        "base_url": settings.BASE_URL,
    }
    return Letter(
        subject=words.subject,
        text=render_to_string("accounts/letter.txt", context),
        html=render_to_string("accounts/letter.html", context),
        to=words.to,
    )


def _words(kind: str, about: UUID, to: User) -> Words | None:
    if kind in PLAIN:
        return PLAIN[kind]()
    if kind in TOLD:
        return TOLD[kind](_done(Event.objects.filter(pk=about.int).first(), to))
    link = Link.objects.select_related("user").filter(public_id=about, user=to).first()
    if link is None or (kind in BRINGING and not link_tokens.is_good(link, link.user)):
        return None
    return (BRINGING | TELLING)[kind](link)


def desk() -> str:
    """What people know the desk by."""
    return urlsplit(settings.BASE_URL).netloc


_IF_YOU = gettext_lazy("If it was you, there is nothing to do.")
_IF_NOT_YOU = gettext_lazy(
    "If it was not you, set a new password at once, and tell an administrator of the desk."
)

# --- Each kind -----------------------------------------------------------------------------------


def _invitation(link: Link) -> Words:
    return Words(
        subject=_("Your account at the service desk"),
        said=(
            _(
                "An administrator has made an account for you at %(desk)s, where you can ask for help and "
                "follow your requests."
            )
            % {"desk": desk()},
            _("Choose a password to begin. You will sign in with %(email)s.") % {"email": link.email},
        ),
        button=_("Accept the invitation"),
        address=link_tokens.address(link),
        after=(
            _until(link),
            # Another one that was sent to who has asked for a password.
            *([_asked_from(link)] if link.asked_from else []),
            _("If you know nothing of this, ignore this mail: without a password nobody can sign in."),
        ),
    )


def _reset(link: Link) -> Words:
    return Words(
        subject=_("A new password"),
        said=(_wish(),),
        button=_("Set a new password"),
        address=link_tokens.address(link),
        after=(
            _until(link),
            _asked_from(link),
            _("If it was not you, ignore this mail: your password stays as it is."),
        ),
    )


def _no_password() -> Words:
    return Words(
        subject=_("How you sign in"),
        said=(
            _wish(),
            _(
                "Your account has no password that could be forgotten: you sign in with the account of another "
                "service. Choose that service on the sign-in page."
            ),
        ),
        button=_("Open the sign-in page"),
        address=settings.BASE_URL + reverse("accounts:sign_in"),
        after=(
            _("Once you are in, you can set a password on your profile."),
            _("If none of them knows you, ask an administrator of the desk for an invitation."),
        ),
    )


def _no_invitation() -> Words:
    return Words(
        subject=_("Your account is not open yet"),
        said=(
            _wish(),
            _(
                "It has no password yet: it opens with an invitation. Ask an administrator of the desk for one."
            ),
        ),
    )


def _email_confirm(link: Link) -> Words:
    return Words(
        to=link.email,
        subject=_("Confirm your new e-mail address"),
        said=(
            _(
                "You want to sign in at %(desk)s with %(email)s from now on. Confirm that this mailbox is yours."
            )
            % {"desk": desk(), "email": link.email},
        ),
        button=_("Confirm the address"),
        address=link_tokens.address(link),
        after=(_until(link), _("If it was not you, ignore this mail: nothing changes.")),
    )


def _email_asked(link: Link) -> Words:
    return Words(
        to=link.former_email,
        subject=_("Your e-mail address is about to change"),
        said=(
            _(
                "Somebody, hopefully you, wants to use %(email)s for your account at %(desk)s instead of this address."
            )
            % {"desk": desk(), "email": link.email},
            _asked_from(link),
            _("If it was you, there is nothing to do here: open the mail in the new mailbox."),
            _(
                "It was not you? Then somebody uses your account. Stop the change, and set a new password at once."
            ),
        ),
        button=_("It was not me: stop this"),
        address=link_tokens.address(link, link_tokens.STOP),
        quiet=True,
    )


def _email_changed(link: Link) -> Words:
    return Words(
        to=link.former_email,
        subject=_("Your e-mail address has changed"),
        said=(
            _("Your account at %(desk)s now belongs to %(email)s. This address is no longer used for it.")
            % {"desk": desk(), "email": link.email},
        ),
        after=(
            _(
                "If it was not you, tell an administrator of the desk at once: they can give the account back "
                "to you."
            ),
        ),
    )


def _email_given(link: Link) -> Words:
    return Words(
        to=link.email,
        subject=_("Your new e-mail address"),
        said=(
            _("From now on you sign in at %(desk)s with %(email)s. Mails of the desk come to this address.")
            % {"desk": desk(), "email": link.email},
        ),
        after=(_("If you know nothing of this, tell an administrator of the desk."),),
    )


def _address_wanted(done: str) -> Words:
    return Words(
        subject=_("Somebody wanted to use your e-mail address"),
        said=(
            _("Somebody who is signed in at %(desk)s wanted to use this address for another account.")
            % {"desk": desk()},
            done,
            _("Nothing has changed: the address is yours, and there is nothing to do."),
        ),
        after=(_("If it happens again, tell an administrator of the desk."),),
    )


def _password_changed(done: str) -> Words:
    return Words(
        subject=_("Your password has changed"),
        said=(
            _(
                "The password of your account at %(desk)s has been changed. Everybody who was signed in "
                "with it elsewhere is signed out."
            )
            % {"desk": desk()},
            done,
            str(_IF_YOU),
            str(_IF_NOT_YOU),
        ),
        button=_("Set a new password"),
        address=settings.BASE_URL + reverse("accounts:forgot"),
        quiet=True,
    )


def _factor_added(done: str) -> Words:
    return _of_factors(
        _("A second factor was added"),
        _("From now on your account at %(desk)s asks for a second factor that was added to it."),
        done,
    )


def _factor_removed(done: str) -> Words:
    return _of_factors(
        _("A second factor was removed"),
        _("A second factor of your account at %(desk)s was removed. You are no longer asked for it."),
        done,
    )


def _factors_reset(done: str) -> Words:
    return _of_factors(
        _("Your second factor was reset"),
        _(
            "An administrator has taken all second factors from your account at %(desk)s. You sign in anew, and "
            "set up others."
        ),
        done,
    )


def _recovery_codes_made(done: str) -> Words:
    return _of_factors(
        _("New recovery codes"),
        _("New recovery codes were made for your account at %(desk)s. Earlier ones no longer work."),
        done,
    )


def _recovery_code_used(done: str) -> Words:
    return _of_factors(
        _("A recovery code was used"),
        _("A recovery code was used for your account at %(desk)s in the place of the second factor."),
        done,
    )


def _of_factors(subject: str, said: str, done: str) -> Words:
    return Words(
        subject=subject,
        said=(said % {"desk": desk()}, done, str(_IF_YOU), str(_IF_NOT_YOU)),
        button=_("Look at your second factors"),
        address=settings.BASE_URL + reverse("accounts:second_factors"),
        quiet=True,
    )


def _done(event: Event | None, to: User) -> str:
    """When it was done and from where; by whom, if it was not the reader."""
    if event is None:
        return ""
    told = {"time": moments.exact(timezone.localtime(event.at)), "address": event.address}
    if event.actor_id is not None and event.actor_id != to.public_id and event.subject_id == to.public_id:
        return _("It was done at %(time)s by %(name)s.") % (told | {"name": event.actor_name})
    if event.address is None:
        return _("It was done at %(time)s.") % told
    return _("It was done at %(time)s from the network address %(address)s.") % told


def _wish() -> str:
    said = _("Somebody, hopefully you, has asked for a new password for your account at %(desk)s.")
    return said % {"desk": desk()}


def _until(link: Link) -> str:
    at = moments.exact(timezone.localtime(link.expires_at))
    return _("The link can be used once, until %(time)s.") % {"time": at}


def _asked_from(link: Link) -> str:
    at = moments.exact(timezone.localtime(link.created_at))
    if link.asked_from is None:
        return _("It was asked for at %(time)s.") % {"time": at}
    return _("It was asked for at %(time)s from the network address %(address)s.") % {
        "time": at,
        "address": link.asked_from,
    }


# Those that bring a link, which must be good; those that tell what became of one; those that say how things stand;
# those that tell what was done, and when.
BRINGING: dict[str, Callable[[Link], Words]] = {
    "invitation": _invitation,
    "reset": _reset,
    "email_confirm": _email_confirm,
    "email_asked": _email_asked,
}
TELLING: dict[str, Callable[[Link], Words]] = {
    "email_changed": _email_changed,
    "email_given": _email_given,
}
PLAIN: dict[str, Callable[[], Words]] = {"no_password": _no_password, "no_invitation": _no_invitation}
TOLD: dict[str, Callable[[str], Words]] = {
    "address_wanted": _address_wanted,
    "password_changed": _password_changed,
    "factor_added": _factor_added,
    "factor_removed": _factor_removed,
    "factors_reset": _factors_reset,
    "recovery_codes_made": _recovery_codes_made,
    "recovery_code_used": _recovery_code_used,
}
# For whoever looks at what was sent.
NAMES: "dict[str, _StrPromise]" = {
    "invitation": gettext_lazy("Invitation"),
    "reset": gettext_lazy("New password asked for"),
    "no_password": gettext_lazy("How to sign in"),
    "email_confirm": gettext_lazy("New address to be confirmed"),
    "email_asked": gettext_lazy("Change of address asked for"),
    "email_changed": gettext_lazy("Address changed"),
    "password_changed": gettext_lazy("Password changed"),
    "factor_added": gettext_lazy("Second factor added"),
    "factor_removed": gettext_lazy("Second factor removed"),
    "factors_reset": gettext_lazy("Second factors reset"),
    "recovery_codes_made": gettext_lazy("Recovery codes made"),
    "recovery_code_used": gettext_lazy("Recovery code used"),
    "email_given": gettext_lazy("New address given"),
    "no_invitation": gettext_lazy("Not invited yet"),
    "address_wanted": gettext_lazy("Address wanted by somebody else"),
}
