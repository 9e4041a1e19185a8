"""Who it is once more, before what would outlive the session: somebody else may sit at a browser that was left.

Whoever has a second factor shows that one, who has none his password; who has neither signs in again.
"""

import time
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts import one_time_forms


class Needed(Exception):
    """Somebody has to show once more who he is: for doors that find out while they work."""


_ASKED = (
    "proof_asked_for"  # in the session: where it is to go on, and where to when somebody would rather not
)
SHOWN = "password_shown_at"  # in the session, whatever it was that was shown
GOOD_FOR = 15 * 60  # seconds


def remember(request: HttpRequest) -> None:
    """The person has just shown that it is he."""
    request.session[SHOWN] = int(time.time())


def is_fresh(request: HttpRequest) -> bool:
    """Whether it is surely still the owner who sits at this browser."""
    return bool(time.time() - request.session.get(SHOWN, 0) < GOOD_FOR)


def ask(request: HttpRequest, then: str, *, back: str = "") -> HttpResponse:
    """Have that shown first, then go on at this address. A one-time form that was sent waits at its own.

    `back` is where Cancel leads to, for a page that opens to nobody without a fresh proof.
    """
    one_time_forms.keep(request)
    request.session[_ASKED] = [then, back or then]
    return redirect(f"{reverse('accounts:confirm')}?{urlencode({'next': then})}")


def way_out(request: HttpRequest, goal: str) -> str:
    """Where Cancel leads to: never to a page that would only ask again."""
    then, back = request.session.get(_ASKED) or ("", "")
    return back if then == goal else reverse("accounts:profile")
