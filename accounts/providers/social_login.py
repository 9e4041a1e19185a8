"""Who it is that comes from a provider, and what becomes of him: let in, made known, or turned away.

An identity is what its provider calls it, and nothing else. An e-mail address leads to somebody only once, when an
identity is new here, verified, and of a domain that the provider is trusted with; so nobody comes into an account by
an address that he merely claims, and nobody takes an address before its owner does.
"""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from allauth.account.models import Login
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import actions, reauthentication
from accounts.acting import Actor, Invalid, Refused, actor_of, the_desk
from accounts.allauth_internals import begin_sign_in, get_authentication_records
from accounts.checking import require_fit
from accounts.factors import actions as factors
from accounts.models import Role, User
from accounts.providers.issuers import DISCORD, Issuer
from accounts.providers.oauth import Named, all_of
from accounts.visitors import local, me
from audit.models import Door

log = structlog.get_logger("accounts.sign_in")

NOTE = "turned_away"  # in the session, as is
GOAL = "goal_at_provider"  # where somebody wanted to go when he left for a provider, last
_NOT_KNOWN = gettext_lazy(
    "This desk does not know your account at %(name)s. Ask an administrator of the desk for help."
)
_NOT_CONFIRMED = gettext_lazy(
    "%(name)s has not confirmed your e-mail address. Confirm it there, then try again."
)
_UNTRUE = gettext_lazy(
    "%(name)s gave an answer that cannot be trusted. Try again; if it happens once more, tell an administrator."
)
TEXTS = {
    "denied": gettext_lazy("Signing in with %(name)s was cancelled."),
    "wrong_state": gettext_lazy("This took too long, or was begun in another window. Please try again."),
    "unavailable": gettext_lazy(
        "%(name)s does not answer at the moment. Try again in a few minutes, or sign in another way."
    ),
    "no_email": _NOT_CONFIRMED,
    "unverified_email": _NOT_CONFIRMED,
    # One answer, so that nobody learns who has an account here.
    "not_known": _NOT_KNOWN,
    "other_identity": _NOT_KNOWN,
    "inactive": _NOT_KNOWN,
    "somebody_else": gettext_lazy("At %(name)s you are somebody else than here."),
    "not_asked_anew": gettext_lazy("%(name)s has not asked you who you are. Sign out there, then try again."),
    "identity_known": gettext_lazy("You have connected an account of %(name)s already."),
    "identity_taken": gettext_lazy("This account of %(name)s is connected to somebody else here."),
}
# These say little about an attack, and anybody can bring them about.
_NOT_ON_RECORD = frozenset({"denied", "wrong_state", "unavailable"})


class TurnedAway(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def arrive(request: HttpRequest, named: Named, *, process: str, goal: str | None) -> HttpResponse:
    """Let the person in, or take what he has shown for what he wanted to show it for."""
    goal = local(goal)
    try:
        if request.user.is_authenticated:
            answer = _shown(request, named, process=process, goal=goal)
            request.session.pop(GOAL, None)
            return answer
        # What is done here nobody has asked for: the desk does it, for what the provider has said.
        user = _whose(named, by=the_desk(actor_of(request, Door.WEB)))
    except TurnedAway as refusal:
        return turned_away(request, named.issuer, refusal.code, email=named.email)
    request.session.pop(GOAL, None)
    return begin_sign_in(
        request,
        Login(user=user, redirect_url=goal or None),
        "socialaccount",
        provider=named.issuer.url,
        uid=named.subject,
        name=named.issuer.name,
    )


def turned_away(request: HttpRequest, issuer: Issuer, code: str, *, email: str = "") -> HttpResponse:
    """Back to where he came from, with a word about why; where he wanted to go then is kept."""
    log.warning("sign-in by a provider refused", provider=issuer.id, code=code)
    if code not in _NOT_ON_RECORD:
        by = actor_of(request, Door.WEB)
        actions.sign_in_refused(email or issuer.url, by=by, why=f"{issuer.name}: {code}")
    request.turned_away = code  # type: ignore[attr-defined]
    request.session[NOTE] = [code, issuer.name]
    page = "accounts:confirm" if request.user.is_authenticated else "accounts:sign_in"
    return _asking(page, goal=request.session.pop(GOAL, ""))


def _asking(page: str, *, goal: str) -> HttpResponse:
    return redirect(reverse(page) + (f"?{urlencode({'next': goal})}" if goal else ""))


def text_of(code: str, name: str) -> str:
    said = str(TEXTS.get(code, _UNTRUE)) % {"name": name}
    return said.replace("..", ".") if name.endswith(".") else said  # of "Example Inc."


def note_for(request: HttpRequest) -> str:
    """Why somebody was turned away a moment ago; said once."""
    note = request.session.pop(NOTE, None)
    return text_of(*note) if note else ""


# --- Somebody who has signed in already ----------------------------------------------------------


def _shown(request: HttpRequest, named: Named, *, process: str, goal: str) -> HttpResponse:
    user = me(request)
    if process == AuthProcess.CONNECT:
        return _connected(request, named, user)
    if _known(named) != user:
        raise TurnedAway("somebody_else")
    if process == AuthProcess.REDIRECT:
        if factors.has_any(user):  # which he shows then, and a provider's word is none
            return _asking("accounts:confirm", goal=goal)
        if not _asked_anew(named):
            raise TurnedAway("not_asked_anew")
        reauthentication.remember(request)
    return redirect(goal or "accounts:profile")


def _asked_anew(named: Named) -> bool:
    # Discord does not say when; it has asked for consent once more.
    at = named.signed_in_at
    return named.issuer.kind == DISCORD or (at is not None and time.time() - at < reauthentication.GOOD_FOR)


def _connected(request: HttpRequest, named: Named, user: User) -> HttpResponse:
    if not reauthentication.is_fresh(request):
        return redirect("accounts:profile")
    try:
        _link(named, user, by=actor_of(request, Door.WEB))
    except Refused as refusal:
        raise TurnedAway(refusal.code) from None
    messages.success(
        request, _("%(name)s is connected: you can sign in with it now.") % {"name": named.issuer.name}
    )
    return redirect("accounts:profile")


# --- Somebody who comes in -----------------------------------------------------------------------


def _whose(named: Named, *, by: Actor) -> User:
    """The person of this identity, made known now if that is due. Raises TurnedAway."""
    try:
        return _found_or_made(named, by=by)
    except (Refused, Invalid):
        pass  # the same person at the same moment in another window: now he is known
    try:
        return _found_or_made(named, by=by)
    except (Refused, Invalid):
        raise TurnedAway("not_known") from None


@transaction.atomic
def _found_or_made(named: Named, *, by: Actor) -> User:
    user = _known(named)
    if named.issuer.maps_roles and (user is None or _role_of(user, named) != user.role):
        # The first lock of change_role, which comes after others here. Who keeps his role waits for nobody.
        actions.one_departure_at_a_time()
        user = _known(named)  # as he stands by now
    user = user or _by_address(named, by=by) or _new(named, by=by)
    if not user.is_active:
        raise TurnedAway("inactive")
    role = _role_of(user, named)
    if role != user.role:
        try:
            user = actions.change_role(user, role=role, by=by)
        except Refused:
            log.warning("the last administrator stays one", provider=named.issuer.id)
    return user


def _role_of(user: User, named: Named) -> str:
    return named.issuer.role_for(named.groups, now=user.role)


def _known(named: Named) -> User | None:
    identity = (
        SocialAccount.objects.filter(provider=named.issuer.url, uid=named.subject)
        .select_related("user")
        .first()
    )
    user: User | None = identity.user if identity else None
    return user


def _by_address(named: Named, *, by: Actor) -> User | None:
    """Whoever the desk knows by this address, connected with the identity from now on."""
    if not named.email:
        raise TurnedAway("no_email")
    if not named.verified:
        raise TurnedAway("unverified_email")
    if not named.issuer.vouches_for(named.email):
        raise TurnedAway("not_known")
    user: User | None = User.objects.by_email(named.email).first()
    if user is None:
        return None
    if not user.is_active:
        raise TurnedAway("inactive")
    if SocialAccount.objects.filter(provider=named.issuer.url, user=user).exists():
        # The address has gone to somebody else at the provider, and what was his predecessor's has not.
        raise TurnedAway("other_identity")
    _link(named, user, by=by)
    return user


def _new(named: Named, *, by: Actor) -> User:
    if not named.issuer.makes_account_for(named.email, named.groups):
        raise TurnedAway("not_known")
    try:
        user = actions.create_user(
            email=named.email,
            full_name=_full_name(named),
            role=named.issuer.role_for(named.groups, now=Role.EMPLOYEE),
            language=translation.get_language() or "en",
            by=by,
        )
    except Invalid as refusal:
        if refusal.code == "email_taken":
            raise
        raise TurnedAway("no_email") from None
    _link(named, user, by=by)
    return user


def _link(named: Named, user: User, *, by: Actor) -> None:
    actions.link_identity(user, issuer=named.issuer.url, uid=named.subject, about=named.about, by=by)


def _full_name(named: Named) -> str:
    name = " ".join(named.name.split())[:150].strip()
    try:
        require_fit(User, full_name=name)
    except Invalid:
        return named.email.partition("@")[0]
    return name


@dataclass(frozen=True)
class Way:
    """A provider, and the account there that somebody has connected."""

    provider: Issuer
    identity: SocialAccount | None


def ways_of(user: User) -> list[Way]:
    mine = {each.provider: each for each in SocialAccount.objects.filter(user=user)} if all_of() else {}
    return [Way(issuer, mine.get(issuer.url)) for issuer in all_of()]


def last_way(request: HttpRequest, user: Any) -> str:
    """The name of the provider that has vouched for the person in this sign-in, if one has."""
    names = [each.get("name", "") for each in get_authentication_records(request, user)]
    return next((name for name in reversed(names) if name), "")
