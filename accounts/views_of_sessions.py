"""Where one is signed in, and ending what one has left open elsewhere."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts import sessions as signed_in_at
from accounts.acting import actor_of
from accounts.one_time_forms import signed_in
from accounts.visitors import me
from audit.models import Door


@require_safe
@signed_in
def sessions(request: HttpRequest) -> HttpResponse:
    places = signed_in_at.places(me(request), here=request.session.session_key)
    return render(request, "accounts/sessions.html", {"places": places})


@require_POST
@signed_in
def end_session(request: HttpRequest, name: str) -> HttpResponse:
    """One of them. It needs no password: whoever ends too much only has to sign in again."""
    if signed_in_at.end(me(request), name, by=actor_of(request, Door.WEB)):
        messages.success(request, _("You are signed out there."))
    return redirect("accounts:sessions")


@require_POST
@signed_in
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = signed_in_at.end_others(
        me(request), here=request.session.session_key, by=actor_of(request, Door.WEB)
    )
    said = ngettext(
        "You are signed out in %(count)d place.", "You are signed out in %(count)d places.", ended
    )
    messages.success(request, said % {"count": ended} if ended else _("You are signed in nowhere else."))
    return redirect("accounts:sessions")
