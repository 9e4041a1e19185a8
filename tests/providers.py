"""Providers on loopback that people sign in with: an OpenID Connect one with discovery and keys, and Discord's address
space. Both keep to the standards, check what they are sent as a strict provider would, and lie when told to."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from accounts.providers import fetching, oauth
from tests.http_server import Heard, Listener, Reply, http_server

# Addresses that some browser would take for those of another place.
LEADING_AWAY = [
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example",
    "/\\/evil.example", "https://evil.example", "https:evil.example", "http:/\\/evil.example",
    "/\t/evil.example", "/\n//evil.example", " //evil.example", "//evil.example\\@desk.example.com",
    "javascript:alert('evil')", "data:text/html,evil", "//desk.example.com@evil.example",
    "\u2028//evil.example", "evil.example", "/" + 3000 * "a" + "evil",
]  # fmt: skip

CLIENT, SECRET = "the-desk", "the secret of the desk"


@lru_cache(maxsize=2)
def key(name: str) -> rsa.RSAPrivateKey:
    """Made once a run: it takes a while."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Provider:
    """`person` is who sits there; `lies` replaces claims of the ID token (None: leaves them out); `answers` replaces
    what an address answers: {"/token": Reply(...)}."""

    server: Listener
    person: dict[str, Any]
    lies: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Reply] = field(default_factory=dict)
    signing: str = "its own"
    header: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)  # at the authorisation endpoint
    discovery: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)  # in the place of what `person` says
    publishes: str = "first"  # the name of the key

    @property
    def url(self) -> str:
        return self.server.url

    def reply(self, heard: Heard) -> Reply:
        path = urlsplit(heard.path).path
        if path in self.answers:
            return self.answers[path]
        query = {name: values[0] for name, values in parse_qs(urlsplit(heard.path).query).items()}
        body = {name: values[0] for name, values in parse_qs(heard.body.decode()).items()}
        if path in {"/authorize", "/oauth2/authorize"}:
            return self._ask(query)
        if path in {"/token", "/api/oauth2/token"}:
            return self._token(body, heard)
        return self._others(path, heard)

    # --- The person is asked -----------------------------------------------------------------

    def _ask(self, query: dict[str, str]) -> Reply:
        self.asked.append(query)
        allow, deny = self.allow(query), self.deny(query)
        page = (
            '<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,">'
            f'<h1>Sign in to the desk?</h1><a id="allow" href="{escape(allow)}">Allow</a> '
            f'<a id="deny" href="{escape(deny)}">Deny</a>'
        )
        return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def allow(self, query: dict[str, str]) -> str:
        """Where the browser goes once the person has said yes."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return self._back(query, code=code)

    def deny(self, query: dict[str, str]) -> str:
        return self._back(query, error="access_denied", error_description="<b>No</b>")

    def _back(self, query: dict[str, str], **what: str) -> str:
        return f"{query['redirect_uri']}?{urlencode(what | {'state': query['state']})}"

    # --- The desk asks -----------------------------------------------------------------------

    def _token(self, sent: dict[str, str], heard: Heard) -> Reply:
        asked = self.codes.get(sent.get("code", ""))
        if asked is None or sent["code"] in self.used:
            return said({"error": "invalid_grant"}, 400)
        self.used.append(sent["code"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest())
        right = (
            sent["redirect_uri"] == asked["redirect_uri"]
            and asked["code_challenge_method"] == "S256"
            and challenge.rstrip(b"=").decode() == asked["code_challenge"]
            and self._is_the_desk(sent, heard)
        )
        if not right:
            return said({"error": "invalid_request"}, 400)
        return said(
            {"access_token": "opens-the-profile", "token_type": "Bearer", "expires_in": 300}
            | self.more(asked)
        )

    def _is_the_desk(self, sent: dict[str, str], heard: Heard) -> bool:
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        return sent.get("client_secret") == SECRET or heard.headers.get("authorization") == basic

    def more(self, asked: dict[str, str]) -> dict[str, Any]:
        return {}

    def _others(self, path: str, heard: Heard) -> Reply:
        raise NotImplementedError

    def knows(self, heard: Heard) -> bool:
        return heard.headers.get("authorization") == "Bearer opens-the-profile"


def said(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class OpenIDProvider(Provider):
    def entry(self, **more: Any) -> dict[str, Any]:
        """What the setting of the desk says of it."""
        about = {
            "id": "company",
            "name": "Company",
            "url": self.url,
            "client_id": CLIENT,
            "client_secret": SECRET,
        }
        return about | more

    def more(self, asked: dict[str, str]) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            "auth_time": now,
            **self.person,
        } | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {name: value for name, value in ({"kid": "first"} | self.header).items() if value}
        if header.get("alg") == "none":
            return {"id_token": jwt.encode(claims, "", algorithm="none", headers=header)}
        if header.get("alg") == "HS256":
            return {"id_token": jwt.encode(claims, SECRET + 16 * "-", algorithm="HS256", headers=header)}
        return {"id_token": jwt.encode(claims, key(self.signing), algorithm="RS256", headers=header)}

    def _others(self, path: str, heard: Heard) -> Reply:
        if path == "/.well-known/openid-configuration":
            return said(
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/keys",
                    "userinfo_endpoint": f"{self.url}/userinfo",
                }
                | self.discovery
            )
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key("its own").public_key()))
            return said({"keys": [public | {"kid": self.publishes, "alg": "RS256", "use": "sig"}]})
        if path == "/userinfo" and self.knows(heard):
            told = self.person | self.userinfo
            return said({name: value for name, value in told.items() if value is not None})
        return said({"error": "not found"}, 404)


class DiscordProvider(Provider):
    roles: tuple[str, ...] | None = None  # on the one server there is; None: no member

    def entry(self, **more: Any) -> dict[str, Any]:
        about = {"kind": "discord", "url": self.url, "client_id": CLIENT, "client_secret": SECRET}
        return about | more

    def _others(self, path: str, heard: Heard) -> Reply:
        if not self.knows(heard):
            return said({"message": "401: Unauthorized", "code": 0}, 401)
        if path == "/api/users/@me":
            return said(self.person)
        if path == "/api/users/@me/guilds/4242/member" and self.roles is not None:
            return said({"user": self.person, "roles": list(self.roles), "nick": None})
        return said({"message": "Unknown Guild", "code": 10004}, 404)


ANNA = {
    "sub": "0x-anna",
    "email": "anna@example.com",
    "email_verified": True,
    "name": "Anna Kuznetsova",
}
# As Discord's documentation shows a user, with the scopes identify and email.
NELLY = {
    "id": "80351110224678912",
    "username": "nelly",
    "discriminator": "0",
    "global_name": "Nelly Ivanova",
    "avatar": "8342729096ea3675442027381ff50dfe",
    "verified": True,
    "email": "nelly@example.com",
    "flags": 64,
    "public_flags": 64,
    "locale": "en-US",
    "mfa_enabled": False,
}


def forget() -> None:
    """What this process knows of providers: another one may stand where one was."""
    fetching.forget_troubles()
    oauth.discoveries.forget()
    oauth.key_sets.forget()


@contextmanager
def openid_provider(**person: Any) -> Iterator[OpenIDProvider]:
    forget()
    with http_server() as server:
        provider = OpenIDProvider(server, ANNA | person)
        server.reply = provider.reply
        yield provider


@contextmanager
def discord_provider(**person: Any) -> Iterator[DiscordProvider]:
    forget()
    with http_server() as server:
        provider = DiscordProvider(server, NELLY | person)
        server.reply = provider.reply
        yield provider
