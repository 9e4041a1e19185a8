"""Signing in with another account by the API: for programs that keep cookies and have a browser at hand."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import resolve_url
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from requests import RequestException
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts.acting import Forbidden, Refused
from accounts.allauth_internals import STATE_TTL, get_pending_stage
from accounts.api import USER, people
from accounts.providers import oauth
from accounts.providers import views as provider_views
from accounts.providers.issuers import Issuer
from accounts.providers.social_login import text_of
from accounts.rest.calls import SAFE, Call, answer, routes
from accounts.rest.inputs import Shape, Text
from accounts.rest.operations import operation
from accounts.serializers import UserShape, moment_out, user_out
from accounts.visitors import local, me

PROVIDER = {
    "id": "company",
    "name": "Example Inc.",
    "kind": "openid_connect",
    "authorization": "/api/v1/auth/providers/company/authorization",
}
STATE = "0Jm3vS7kQpXb2LwE"
_IN_PATH = OpenApiParameter("provider", str, OpenApiParameter.PATH, description="A provider's id.")


class ProviderShape(serializers.Serializer[Any]):
    """Another account that people may sign in with."""

    id = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["openid_connect", "discord"])
    authorization = serializers.CharField(help_text="Where to ask for the link that signs in.")


class ProvidersShape(serializers.Serializer[Any]):
    """All of them."""

    results = ProviderShape(many=True)


class WishInput(Shape):
    """Where to go on afterwards."""

    next = Text(max_length=2000, required=False, help_text="An address of the desk: `/tickets/new/`.")


class LinkShape(serializers.Serializer[Any]):
    """A link that is good for one sign-in by the caller's session."""

    authorization_url = serializers.URLField(help_text="To be opened in a browser.")
    redirect_uri = serializers.URLField(help_text="Where the provider sends `code` and `state`.")
    state = serializers.CharField()
    expires_at = serializers.DateTimeField()


class CodeInput(Shape):
    """What the provider has sent along."""

    code = Text(max_length=4000)
    state = Text(max_length=200)
    iss = Text(max_length=200, required=False, help_text="If the provider says who it is (RFC 9207).")


class SignedInShape(serializers.Serializer[Any]):
    """Whether the session is signed in, or waits for a second factor at `continue_at`."""

    signed_in = serializers.BooleanField()
    user = UserShape(allow_null=True)
    continue_at = serializers.CharField(help_text="An address of the desk.")
    csrf_token = serializers.CharField(help_text="For the header X-CSRFToken of changes by this session.")


class ProviderCall(Call):
    """Open to strangers; a key has no session to sign in."""

    # Each step of a sign-in is stored as it is taken, a refusal too.
    in_steps = True
    resends = False

    def scope_for(self, request: Request) -> str | None:
        return None

    def issuer(self, provider: str) -> Issuer:
        issuer = provider_views.named(provider)
        if self.request.auth is not None:
            raise Forbidden("people_only", _("A key has no session to sign in."))
        called = self.called
        own = f"{called.scheme}://{called.get_host()}"
        if called.headers.get("Origin", own) != own:
            raise exceptions.PermissionDenied(_("This call came from another site."), code="csrf_failed")
        return issuer

    @property
    def called(self) -> HttpRequest:
        """The request as the pages have it: with whoever has signed in by its session."""
        called: HttpRequest = self.request._request
        if called.user is None:
            called.user = get_user(called)
        return called

    def counted(self) -> None:
        try:
            provider_views.count(self.called)
        except provider_views.TooOften as refusal:
            self.called.standing_headers = {"Retry-After": str(refusal.seconds)}  # type: ignore[attr-defined]
            raise exceptions.Throttled from None

    def refused(self, issuer: Issuer, code: str) -> Refused:
        return Refused(code, text_of(code, issuer.name), status=503 if code == "unavailable" else 409)


class Providers(Call):
    def scope_for(self, request: Request) -> str | None:
        return None if request.method in SAFE else super().scope_for(request)

    @operation(
        "listSignInProviders",
        "List the other accounts that people may sign in with; open to strangers",
        gives=ProvidersShape,
        received={"results": [PROVIDER]},
        tags=["Sign-in"],
    )
    def get(self, request: Request) -> HttpResponse:
        shown = [
            {
                "id": issuer.id,
                "name": issuer.name,
                "kind": issuer.kind,
                "authorization": reverse("api:sign_in_link", args=[issuer.id]),
            }
            for issuer in oauth.all_of()
        ]
        return answer({"results": shown})


class SignInLink(ProviderCall):
    @operation(
        "createSignInLink",
        "Make the link that signs in with this account; needs a session cookie kept until the callback",
        takes=WishInput,
        gives=LinkShape,
        changes=True,
        finds=True,
        parameters=[_IN_PATH],
        sent={"next": "/tickets/new/"},
        received={
            "authorization_url": "https://id.example.com/authorize?client_id=desk&state=…",
            "redirect_uri": "https://desk.example.com/account/with/company/callback/",
            "state": STATE,
            "expires_at": "2026-03-02T08:25:00Z",
        },
        tags=["Sign-in"],
    )
    def post(self, request: Request, provider: str) -> HttpResponse:
        issuer = self.issuer(provider)
        goal = local(self.input(WishInput).get("next"))
        self.counted()
        try:
            url = oauth.leave_for(self.called, issuer, process=AuthProcess.LOGIN, goal=goal)
        except RequestException:
            raise self.refused(issuer, "unavailable") from None
        except OAuth2Error as trouble:
            raise self.refused(issuer, getattr(trouble, "code", "odd_answer")) from None
        asked = parse_qs(urlsplit(url).query)
        return answer(
            {
                "authorization_url": url,
                "redirect_uri": asked["redirect_uri"][0],
                "state": asked["state"][0],
                "expires_at": moment_out(
                    timezone.now().replace(microsecond=0) + timedelta(seconds=STATE_TTL)
                ),
            }
        )


class SignInCallback(ProviderCall):
    @operation(
        "completeSignIn",
        "Sign the session in with what the provider has sent to redirect_uri",
        takes=CodeInput,
        gives=SignedInShape,
        changes=True,
        finds=True,
        parameters=[_IN_PATH],
        sent={"code": "SplxlOBeZQQYbYS6WxSbIA", "state": STATE},
        received={"signed_in": True, "user": USER, "continue_at": "/", "csrf_token": "…"},
        tags=["Sign-in"],
    )
    def post(self, request: Request, provider: str) -> HttpResponse:
        issuer = self.issuer(provider)
        sent = self.input(CodeInput)
        self.counted()
        called = self.called
        called.GET = QueryDict(urlencode(sent))  # where the browser would have brought it
        response = provider_views.returned(called, issuer)
        if code := getattr(called, "turned_away", ""):
            raise self.refused(issuer, code)
        waits = get_pending_stage(called) is not None
        user = None if waits else user_out(people().get(pk=me(called).pk))
        return answer(
            {
                "signed_in": not waits,
                "user": user,
                "continue_at": response.get("Location", resolve_url(settings.LOGIN_REDIRECT_URL)),
                "csrf_token": get_token(called),
            }
        )


urlpatterns: list[URLPattern] = [
    *routes("auth/providers", Providers.as_view(), "sign_in_providers"),
    *routes("auth/providers/<str:provider>/authorization", SignInLink.as_view(), "sign_in_link"),
    *routes("auth/providers/<str:provider>/callback", SignInCallback.as_view(), "sign_in_callback"),
]
