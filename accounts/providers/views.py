"""To a provider and back: the pages on which people sign in with another account than the desk's own."""

from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from accounts import actions, allowances, reauthentication
from accounts.acting import Refused, actor_of
from accounts.one_time_forms import signed_in
from accounts.providers import oauth
from accounts.providers.issuers import Issuer
from accounts.providers.social_login import GOAL, turned_away
from accounts.visitors import local, me
from audit.models import Door


class TooOften(Exception):
    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


def named(name: str) -> Issuer:
    """The provider of this name. Raises Http404."""
    for issuer in oauth.all_of():
        if issuer.id == name:
            return issuer
    raise Http404


def count(request: HttpRequest) -> None:
    """Each of these makes us ask somebody else. Raises TooOften."""
    place = allowances.place(getattr(request, "client_address", ""))
    for standing in allowances.spend({f"provider:{place}": settings.RATE_LIMITS["provider"]}):
        if standing.exceeded:
            raise TooOften(standing.reset)


@require_POST
@never_cache
def leave(request: HttpRequest, provider: str) -> HttpResponse:
    """To the provider: to sign in, to show that it is still oneself, or to connect an account there."""
    issuer = named(provider)
    goal = local(request.POST.get("next"))
    process = AuthProcess.LOGIN
    if request.user.is_authenticated:
        process = AuthProcess.CONNECT if request.POST.get("connect") else AuthProcess.REDIRECT
        if process == AuthProcess.CONNECT and not reauthentication.is_fresh(request):
            return reauthentication.ask(request, reverse("accounts:profile"))
    try:
        count(request)
        request.session[GOAL] = goal  # is not in what a provider answers to a question that it does not know
        address = oauth.leave_for(request, issuer, process=process, goal=goal)
    except TooOften as refusal:
        return _too_often(request, refusal)
    except RequestException:
        return turned_away(request, issuer, "unavailable")
    except OAuth2Error as trouble:
        return turned_away(request, issuer, getattr(trouble, "code", "odd_answer"))
    # A redirect would break our form-action, which Chromium heeds along the whole way through a provider's addresses.
    return render(request, "accounts/leaving.html", {"address": address, "provider": issuer})


@require_GET
@never_cache
def come_back(request: HttpRequest, provider: str) -> HttpResponse:
    """From the provider, with a code that is good for one exchange."""
    issuer = named(provider)
    try:
        count(request)
    except TooOften as refusal:
        return _too_often(request, refusal)
    return returned(request, issuer)


def returned(request: HttpRequest, issuer: Issuer) -> HttpResponse:
    """What becomes of whoever comes back from there."""
    try:
        return oauth.come_back(request, issuer)
    except RequestException:
        return turned_away(request, issuer, "unavailable")


@require_POST
@signed_in
def disconnect(request: HttpRequest, provider: str) -> HttpResponse:
    issuer = named(provider)
    if not reauthentication.is_fresh(request):
        return reauthentication.ask(request, reverse("accounts:profile"))
    try:
        actions.unlink_identity(me(request), issuer=issuer.url, by=actor_of(request, Door.WEB))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, _("%(name)s is disconnected: you no longer sign in with it.") % {"name": issuer.name}
        )
    return redirect("accounts:profile")


def _too_often(request: HttpRequest, refusal: TooOften) -> HttpResponse:
    problem = {"title": _("Too many requests"), "detail": _("Please wait a minute, then try again.")}
    response = render(request, "429.html", {"problem": problem}, status=429)
    response["Retry-After"] = str(refusal.seconds)
    return response
