"""Sessions: how long each may last, where somebody is signed in, and how he ends what he has left open. With verbs.

A session notes by itself when it began and when it was last used; allauth's table lists those of each person.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import allowances, one_time_forms
from accounts.acting import Actor
from accounts.changing import locked, subject
from accounts.models import Role, User
from audit import trail

if TYPE_CHECKING:
    from collections.abc import Mapping

# Seconds without a request, and in all. Whoever sees the secrets of others is asked more often.
IDLE = {Role.EMPLOYEE: 8 * 3600, Role.AGENT: 30 * 60, Role.ADMIN: 30 * 60}
LONGEST = {Role.EMPLOYEE: 7 * 24 * 3600, Role.AGENT: 12 * 3600, Role.ADMIN: 12 * 3600}
STRANGERS = 15 * 60
# In the session of a stranger who has something that lasts for longer: the second when that ends.
UNTIL = "until"
# Writing down every use would turn every read into a write.
PRECISION = 60
# In the session.
_BEGAN, _USED, _LISTED = "began_at", "used_at", "listed_as"
_LIFE = "_session_expiry"  # Django's


# --- How long ------------------------------------------------------------------------------------


def bounded(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: end a session whose time is over, and note of each that it is used."""

    def respond(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and is_over(request.session, request.user):
            logout(request)
        response = get_response(request)
        # Not the owner of a key, or nobody at all, whom the API has put in that place.
        user = request.user
        if SESSION_KEY in request.session and user is not None and user.is_authenticated:
            note(request.session, user, request)
        _bound_strangers(request)
        return response

    return respond


def _bound_strangers(request: HttpRequest) -> None:
    """What is noted for who has not signed in yet is of these minutes: a challenge, a way back, half a sign-in.

    Anybody may cause it, as often as he likes, so the rows must not lie about for days. What a person of ours had typed
    when his session ended waits for him, though: only he could cause that.
    """
    session = request.session
    if SESSION_KEY in session or one_time_forms.holds(request):
        if _LIFE in session:
            session.set_expiry(None)
    elif session.modified and not session.is_empty():
        session.set_expiry(max(STRANGERS, session.get(UNTIL, 0) - int(time.time())))


def is_over(session: "SessionBase | Mapping[str, Any]", user: User) -> bool:
    """Whether nobody has used it for too long, or it has lasted for too long."""
    role, now = Role(user.role), time.time()
    # One of before there were such notes begins with its first.
    return bool(
        now - session.get(_USED, now) >= IDLE[role] or now - session.get(_BEGAN, now) >= LONGEST[role]
    )


def note(session: SessionBase, user: User, request: HttpRequest) -> None:
    """That this session is used, by whom and from where; written down once a minute."""
    now = int(time.time())
    if session.get(_LISTED) == session.session_key and now - session.get(_USED, 0) < PRECISION:
        return
    session.setdefault(_BEGAN, now)
    session[_USED], session[_LISTED] = now, session.session_key
    at = timezone.now()
    place = UserSession(
        user=user,
        session_key=session.session_key,
        ip=getattr(request, "client_address", "") or "::",
        user_agent=request.META.get("HTTP_USER_AGENT", "")[:_LONGEST_AGENT].replace("\0", ""),
        created_at=at,
        last_seen_at=at,
    )
    UserSession.objects.bulk_create(
        [place],
        update_conflicts=True,
        unique_fields=["session_key"],
        update_fields=["user", "ip", "user_agent", "last_seen_at"],
    )


_LONGEST_AGENT: int = UserSession._meta.get_field("user_agent").max_length or 200


# --- Where ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A browser in which somebody is signed in. `seen_at` is rounded to minutes."""

    name: str
    device: str
    address: str
    began_at: datetime
    seen_at: datetime
    is_this_one: bool


def places(user: User, *, here: str | None) -> list[Place]:
    """Where this person is signed in, this browser first, then by last use. `here` is its session key."""
    listed = list(UserSession.objects.filter(user=user).order_by("-last_seen_at"))
    open_ones = _open(user, [one.session_key for one in listed])
    found = [
        Place(
            name=name_of(one),
            device=device(one.user_agent),
            address="" if one.ip == "::" else one.ip,
            began_at=one.created_at,
            seen_at=one.last_seen_at.replace(second=0, microsecond=0),
            is_this_one=one.session_key == here,
        )
        for one in listed
        if one.session_key in open_ones
    ]
    return sorted(found, key=lambda place: not place.is_this_one)


def was_here(user: User, address: str) -> bool:
    """Whether this person was signed in at this address of late."""
    here = allowances.place(address)
    listed = UserSession.objects.filter(user=user).values_list("ip", flat=True)
    return any(allowances.place(ip) == here for ip in listed if ip != "::")


def _open(user: User, keys: list[str]) -> set[str]:
    """Those that would still let him in."""
    now, proof = timezone.now(), user.get_session_auth_hash()
    said = {
        one.session_key: one.get_decoded()
        for one in Session.objects.filter(session_key__in=keys, expire_date__gt=now)
    }
    return {
        key
        for key, held in said.items()
        if held.get(SESSION_KEY) == str(user.pk)
        and held.get(HASH_SESSION_KEY) == proof
        and not is_over(held, user)
    }


def name_of(listed: UserSession) -> str:
    """What a page may call a session, whose key nobody may see."""
    return sha256(listed.session_key.encode()).hexdigest()[:32]


# The first that fits: each of the later ones claims to be an earlier one, too.
_BROWSERS = (
    ("Edg(?:e|A|iOS)?/", "Edge"),
    ("OPR/|Opera", "Opera"),
    ("YaBrowser/", "Yandex Browser"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("HeadlessChrome/|Chrome/|CriOS/|Chromium/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux|X11", "Linux"),
)


def device(agent: str) -> str:
    """What people call the browser that says this of itself."""
    browser = next((name for sign, name in _BROWSERS if re.search(sign, agent)), "")
    system = next((name for sign, name in _SYSTEMS if re.search(sign, agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")


# --- Ending them ---------------------------------------------------------------------------------


@transaction.atomic
def end(user: User, name: str, *, by: Actor) -> bool:
    """Sign somebody out in one of his places; False where he is not signed in there any more."""
    user = locked(user)
    listed = next((one for one in UserSession.objects.filter(user=user) if name_of(one) == name), None)
    if listed is None:
        return False
    was_open = bool(_open(user, [listed.session_key]))
    _drop([listed])
    if was_open:
        trail.record("user.session_ended", subject(user), by=by, comment=f"{listed.user_agent} {listed.ip}")
    return was_open


@transaction.atomic
def end_others(user: User, *, here: str | None, by: Actor) -> int:
    """Sign somebody out everywhere but in the session with this key. Answers in how many places."""
    user = locked(user)
    listed = list(UserSession.objects.filter(user=user).exclude(session_key=here or ""))
    count = len(_open(user, [one.session_key for one in listed]))
    _drop(listed)
    if count:
        trail.record("user.sessions_ended", subject(user), by=by, comment=str(count))
    return count


def drop_all(user: User) -> None:
    """The sessions of somebody who is shut out, in the verb's transaction."""
    _drop(list(UserSession.objects.filter(user=user)))


def outdate(user: User) -> None:
    """End every session of somebody, in the verb's transaction, and forget where he was: a thief's place is not his.

    Each finds out by itself that it is over. The view lets the one that asks go on: `update_session_auth_hash` gives
    it another key, by which it is listed anew.
    """
    user.session_salt = secrets.token_hex(16)
    user.save(update_fields=["session_salt"])
    UserSession.objects.filter(user=user).delete()


def _drop(listed: list[UserSession]) -> None:
    Session.objects.filter(session_key__in=[one.session_key for one in listed]).delete()
    UserSession.objects.filter(pk__in=[one.pk for one in listed]).delete()


LISTED_FOR = timedelta(seconds=max(LONGEST.values()))
