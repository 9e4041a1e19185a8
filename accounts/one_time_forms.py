"""Names for forms: each is good for one change, and what was typed outlives the end of a session.

A form carries its name in a hidden field. Whatever it makes gets the id in the name as its public id, so a form that
is sent twice finds what its first sending has made. The name is signed and belongs to one person.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from uuid_utils.compat import uuid7

from accounts.models import User
from accounts.visitors import me

FIELD = "form_name"
FILES_LOST = "files_lost"  # says of what is kept that files had come with it
LARGEST = (
    200_000  # characters of a form, as the browser encodes them, that are kept for who has to sign in first
)
_SALT = "accounts.one_time_forms"
_KEPT = "typed_before_sign_in"
# No table holds a password or a code that somebody has typed.
_NEVER_KEPT = ("csrfmiddlewaretoken", "password", "repeated", "current_password", "code")


class NotYours(Exception):
    """The form is old, forged, or was shown to somebody else: show it again, with what was typed."""


def name_for(user: User) -> str:
    """The name of a form that is about to be shown to this person."""
    return signing.dumps([str(uuid7()), str(user.public_id)], salt=_SALT)


def public_id_of(name: str, *, sent_by: User) -> UUID:
    """The public id of what this form makes. A form without a name gets a fresh one; raises NotYours."""
    if not name:
        return UUID(str(uuid7()))
    public_id, owner = _read(name)
    if owner != str(sent_by.public_id):
        raise NotYours
    return UUID(public_id)


def signed_in[**P, R: HttpResponseBase](
    view: Callable[Concatenate[HttpRequest, P], R], /
) -> Callable[Concatenate[HttpRequest, P], R | HttpResponse]:
    """Send strangers to the sign-in page first, and keep for them what they have typed."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> R | HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method == "POST":
            keep(request)
            return redirect_to_login(request.path)
        return redirect_to_login(request.get_full_path())

    return guarded


def keep(request: HttpRequest) -> bool:
    """Keep a posted form in the session until its owner has signed in; False where it is none of ours."""
    try:
        _public_id, owner = _read(request.POST.get(FIELD, ""))
    except NotYours:
        return False
    typed = request.POST.copy()
    for name in _NEVER_KEPT:
        typed.pop(name, None)
    if request.FILES:
        typed[FILES_LOST] = "yes"
    text = typed.urlencode()
    if len(text) > LARGEST:
        return False
    request.session[_KEPT] = {"path": request.path, "owner": owner, "text": text}
    return True


def holds(request: HttpRequest) -> bool:
    """Whether something is kept for whoever signs in now."""
    return _KEPT in request.session


def take_back(request: HttpRequest) -> QueryDict | None:
    """What the person had typed into the form of this address when the session ended, once."""
    kept = request.session.get(_KEPT)
    if kept is None or kept["path"] != request.path:
        return None
    del request.session[_KEPT]
    # Somebody else may have signed in at this browser since.
    if kept["owner"] != str(me(request).public_id):
        return None
    return QueryDict(kept["text"])


def _read(name: str) -> tuple[str, str]:
    try:
        public_id, owner = signing.loads(name, salt=_SALT, max_age=settings.SESSION_COOKIE_AGE * 2)
    except signing.BadSignature:
        raise NotYours from None
    return public_id, owner
