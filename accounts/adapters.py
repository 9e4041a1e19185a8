"""What of allauth is different here: no sign-up, our own pages and counters, and an event for every sign-in."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from requests import RequestException

from accounts import actions, reauthentication
from accounts.acting import actor_of
from accounts.models import User
from accounts.providers.fetching import Bounded, all_is_asked
from accounts.providers.social_login import arrive, last_way, turned_away
from accounts.sealed import seal, unseal
from accounts.visitors import local
from audit.models import Door

_TOLD_ELSEWHERE = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Everybody who comes in ends here, whichever way he came and however many steps it took."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["accounts.factors.stages.SecondFactor"]

    def login(self, request: HttpRequest, user: User) -> None:
        """Begin the session. Between the steps of a sign-in somebody may have been shut out."""
        with transaction.atomic():
            is_known = User.objects.active().filter(pk=user.pk).exists()
            if is_known:
                super().login(request, user)  # with a new session id
                reauthentication.remember(request)
                actions.signed_in(user, by=actor_of(request, Door.WEB), way=last_way(request, user))
        if not is_known:  # out here: what is raised within takes back the event, too
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """The same as for somebody unknown."""
        request.turned_away = "inactive"  # type: ignore[attr-defined]
        actions.sign_in_refused(user.email, by=actor_of(request, Door.WEB))
        messages.error(
            request, _("You cannot sign in at this desk. Ask an administrator of the desk for help.")
        )
        return redirect("accounts:sign_in")

    def is_safe_url(self, url: str) -> bool:
        return bool(local(url))

    def get_client_ip(self, request: HttpRequest) -> str:
        return getattr(request, "client_address", "") or "::"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _TOLD_ELSEWHERE:
            super().add_message(request, level, message_template, *args, **kwargs)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Our own notices tell people; allauth would write in the middle of a request."""


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """From here on allauth is done: who it is and what he may is decided in accounts.providers.social_login."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        all_is_asked()
        state = sociallogin.state
        raise ImmediateHttpResponse(
            arrive(request, sociallogin.named, process=state.get("process", ""), goal=state.get("next"))
        )

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        all_is_asked()
        if isinstance(exception, RequestException):
            code = "unavailable"
        elif exception is not None:
            code = getattr(exception, "code", "code_refused")
        elif "state_id" in (extra_context or {}):
            code = "wrong_state"
        else:
            code = "denied" if error == AuthError.CANCELLED else "provider_error"
        raise ImmediateHttpResponse(turned_away(request, provider.app.settings["issuer"], code))

    def get_requests_session(self) -> Bounded:
        return Bounded()

    def list_apps(self, *_about: Any, **_named: Any) -> list[Any]:
        return []  # they stand in the settings: see accounts.providers.oauth

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of second factors lie encrypted; passkeys are for the desk's own name, whatever a request calls it."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": settings.PASSKEY_DOMAIN, "name": "ServiceFlow"}

    def encrypt(self, text: str) -> str:
        return seal(text.encode(), purpose="accounts.factor").decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode("ascii"), purpose="accounts.factor").decode()
