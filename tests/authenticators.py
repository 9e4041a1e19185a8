"""What people hold in their hands: an app that shows codes, and a security key, without a browser around it."""

import json
import secrets
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from django.test import Client
from django.urls import reverse
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

from accounts.acting import Invalid
from accounts.allauth_internals import format_hotp_value, hotp_value
from accounts.factors import actions as factors
from accounts.models import User
from tests.factories import web

HALF_MINUTE = 30
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def code(secret: str, *, steps: int = 0) -> str:
    """What an app shows now, or so many half minutes later."""
    return str(
        format_hotp_value(hotp_value(secret.replace(" ", ""), int(time.time()) // HALF_MINUTE + steps))
    )


def with_app(user: User) -> tuple[str, list[str]]:
    """Give somebody an app; answers its secret and his recovery codes. The code of the step before is used up."""
    secret = factors.new_secret()
    try:
        return secret, factors.add_app(user, secret=secret, code=code(secret, steps=-1), by=web(user))
    except Invalid:  # between the two a half minute was over
        return secret, factors.add_app(user, secret=secret, code=code(secret, steps=-1), by=web(user))


@dataclass
class Key:
    """A security key, at a browser that stands at `origin`. `counter` is what it says of how often it was used."""

    origin: str = "http://localhost"
    domain: str = "localhost"
    verified: bool = True
    counter: int = 0
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    owner: str = ""

    def make(self, options: dict[str, Any]) -> str:
        """What navigator.credentials.create gives for these options."""
        asked = options["publicKey"]
        self.owner = asked["user"]["id"]
        key = cbor.encode(ES256.from_cryptography_key(self.private.public_key()))
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + key
        seen = self._data(ATTESTED) + attested
        statement = {"fmt": "none", "attStmt": {}, "authData": seen}
        client = self._client("webauthn.create", asked["challenge"])
        return self._said(clientDataJSON=client, attestationObject=cbor.encode(statement))

    def show(self, options: dict[str, Any]) -> str:
        """What navigator.credentials.get gives for these options."""
        self.counter += 1
        client = self._client("webauthn.get", options["publicKey"]["challenge"])
        seen = self._data()
        signature = self.private.sign(seen + sha256(client).digest(), ec.ECDSA(SHA256()))
        owner = websafe_decode(self.owner)
        return self._said(
            clientDataJSON=client, authenticatorData=seen, signature=signature, userHandle=owner
        )

    def _data(self, flags: int = 0) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verified else 0)
        return sha256(self.domain.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _said(self, **parts: bytes) -> str:
        name = websafe_encode(self.credential_id)
        response = {part: websafe_encode(value) for part, value in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def asked(browser: Client, purpose: str) -> dict[str, Any]:
    """What the desk has a browser ask for."""
    answer = browser.post(reverse("accounts:ask_passkey"), {"for": purpose})
    assert answer.status_code == 200, answer.content
    options: dict[str, Any] = answer.json()
    return options


def with_key(browser: Client, name: str = "Blue key") -> Key:
    """Whoever sits at this browser adds a security key."""
    key = Key()
    page = reverse("accounts:add_passkey")
    answer = browser.post(
        page,
        {"name": name, "credential": key.make(asked(browser, "add"))},
        headers={"host": settings.PASSKEY_DOMAIN},
    )
    assert factors.PASSKEY in {
        row.type for row in factors.of(User.objects.get(pk=browser.session["_auth_user_id"]))
    }
    assert answer.status_code in {200, 302}
    return key
