"""What we lean on in allauth that it does not promise to keep.

It stands here and nowhere else, so that an upgrade is looked at in one place: see docs/decisions/0016.
"""

from typing import Any

from allauth.account.internal.flows.login import (
    clear_authentication_records,
    get_authentication_records,
    perform_login,
    record_authentication,
)
from allauth.account.internal.stagekit import get_pending_stage
from allauth.account.models import Login
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.webauthn.internal.auth import get_server
from allauth.socialaccount.internal.statekit import STATE_TTL
from django.http import HttpRequest, HttpResponse

__all__ = [
    "STATE_TTL",
    "TOTP",
    "begin_sign_in",
    "compare_user_code",
    "format_hotp_value",
    "get_authentication_records",
    "get_pending_stage",
    "get_server",
    "hotp_value",
]


def begin_sign_in(request: HttpRequest, login: Login, method: str, **about: Any) -> HttpResponse:
    """Note by what the person has shown who it is, then go through the stages to the session.

    What was noted of a sign-in that was left half-way counts for nothing in this one.
    """
    clear_authentication_records(request)
    record_authentication(request, login.user, method, **about)
    response: HttpResponse = perform_login(request, login)
    return response
