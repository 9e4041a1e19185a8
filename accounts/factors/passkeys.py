"""Passkeys and security keys (WebAuthn): what the browser is asked, and whether its answer holds.

The challenge waits in the session, is good for one answer and for what it was made for.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.allauth_internals import get_server
from accounts.models import User

CHALLENGE = "passkey_challenge"  # in the session
ADD, SHOW, SIGN_IN = "add", "show", "sign_in"
LONGEST = 20_000  # characters of what a browser answers


class NotTheirs(Exception):
    """The browser's answer does not hold, for whatever reason."""


@dataclass(frozen=True)
class Shown:
    """What an answer says: which credential has signed, how often it says it has, whether it asked who is there."""

    credential_id: bytes
    counter: int


def are_offered() -> bool:
    """Browsers have passkeys for names only, not for numbers such as 192.168.0.1."""
    return bool(settings.PASSKEY_DOMAIN)


def work_here(request: HttpRequest) -> bool:
    """Whether the page was opened by the name that they are bound to: at 127.0.0.1 no browser has one of localhost."""
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return are_offered() and (host == settings.PASSKEY_DOMAIN or host.endswith(f".{settings.PASSKEY_DOMAIN}"))


def options_to_add(request: HttpRequest, user: User, known: list[AttestedCredentialData]) -> dict[str, Any]:
    """For navigator.credentials.create. What he has already is not added twice."""
    options, state = get_server().register_begin(
        PublicKeyCredentialUserEntity(id=user.public_id.bytes, name=user.email, display_name=user.full_name),
        credentials=known,
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    request.session[CHALLENGE] = {"for": ADD, "state": state}
    return dict(options)


def options_to_show(request: HttpRequest, known: list[AttestedCredentialData]) -> dict[str, Any]:
    """For navigator.credentials.get, of somebody who is known; of whoever sits there, if `known` is empty.

    Without a password before it, the key itself has to ask for a finger, a face or a PIN.
    """
    options, state = get_server().authenticate_begin(
        credentials=known or None,
        user_verification=UserVerificationRequirement.PREFERRED
        if known
        else UserVerificationRequirement.REQUIRED,
    )
    request.session[CHALLENGE] = {"for": SHOW if known else SIGN_IN, "state": state}
    return dict(options)


def added(request: HttpRequest, answer: str) -> dict[str, Any]:
    """The new credential, as it is kept. Raises NotTheirs."""
    state, said = _taken(request, ADD), _read(answer)
    try:
        answered = RegistrationResponse.from_dict(said)
        get_server().register_complete(state, answered)
        # Written anew: a table cannot hold everything that decodes.
        kept = {
            "rawId": websafe_encode(answered.raw_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": websafe_encode(answered.response.client_data),
                "attestationObject": websafe_encode(answered.response.attestation_object),
            },
        }
        data_of(kept)
    except Exception as error:  # bytes of a stranger, read by three libraries
        raise NotTheirs from error
    return kept


def shown(
    request: HttpRequest, answer: str, known: list[AttestedCredentialData], *, sign_in: bool = False
) -> Shown:
    """Which of the known credentials has signed our challenge. Raises NotTheirs."""
    state, said = _taken(request, SIGN_IN if sign_in else SHOW), _read(answer)
    try:
        response = AuthenticationResponse.from_dict(said)
        used = get_server().authenticate_complete(state, known, response)
        return Shown(used.credential_id, response.response.authenticator_data.counter)
    except Exception as error:
        raise NotTheirs from error


def owner(answer: str) -> User:
    """Whose passkey it says it is: to be believed once its signature holds. Raises NotTheirs."""
    try:
        public_id = UUID(bytes=AuthenticationResponse.from_dict(_read(answer)).response.user_handle)
    except Exception as error:
        raise NotTheirs from error
    person: User | None = User.objects.active().filter(public_id=public_id).first()
    if person is None:
        raise NotTheirs
    return person


def data_of(credential: dict[str, Any]) -> AttestedCredentialData:
    """The id and the public key of a credential that is kept."""
    data = RegistrationResponse.from_dict(credential).response.attestation_object.auth_data.credential_data
    assert data is not None  # noqa: S101 (it was there when it was added)
    return data


def _taken(request: HttpRequest, purpose: str) -> dict[str, Any]:
    waiting = request.session.pop(CHALLENGE, None)
    if not waiting or waiting["for"] != purpose:
        raise NotTheirs
    state: dict[str, Any] = waiting["state"]
    return state


def _read(answer: str) -> dict[str, Any]:
    try:
        said = json.loads(answer[: LONGEST + 1]) if len(answer) <= LONGEST else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("response"), dict):
        raise NotTheirs
    return said
