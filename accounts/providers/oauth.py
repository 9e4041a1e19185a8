"""OAuth 2.0 and OpenID Connect by allauth, and what it leaves open: nonce, issuer, signature, odd answers.

allauth brings the dance: state bound to the session and used once, PKCE, the exchange of the code. Here the ID token
is always checked against the provider's keys, its nonce against the state; discovery must speak for the issuer of the
settings; and what userinfo adds must be about the same subject (OpenID Connect Core 1.0, 3.1.3.7 and 5.3.2).
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
import structlog
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.discord.provider import DiscordProvider
from allauth.socialaccount.providers.discord.views import DiscordOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from requests import RequestException

from accounts.providers.fetching import Bounded, Published, exchange
from accounts.providers.issuers import DISCORD, Issuer

# Signed with a key that only the provider has. With HS256 whoever knows the client's secret could sign.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
ROTATION = 60  # seconds until keys are asked for again because of one that is not among them
LEEWAY = 30  # seconds that two clocks may differ
LONGEST_SUBJECT = 191  # what the column holds


log = structlog.get_logger("accounts.sign_in")

# By issuer: what discovery says, once it is checked, and the keys.
discoveries: Published[dict[str, Any]] = Published()
key_sets: Published[list[dict[str, Any]]] = Published()


class Untrue(OAuth2Error):  # type: ignore[misc]
    """What came back does not prove what it should. `code` says why, for the log and for programs."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Named:
    """Whom a provider has named, and what he says of him."""

    issuer: Issuer
    subject: str
    email: str = ""
    verified: bool = False
    name: str = ""
    groups: frozenset[str] | None = None  # None: he says nothing of groups
    signed_in_at: int | None = None

    @property
    def about(self) -> dict[str, str]:
        """What is kept beside his number, to tell him from his other accounts."""
        return {"email": self.email, "name": self.name[:150]}


def all_of() -> tuple[Issuer, ...]:
    issuers: tuple[Issuer, ...] = settings.SIGN_IN_PROVIDERS
    return issuers


def provider_of(request: HttpRequest, issuer: Issuer) -> "Company | Discord":
    app = SocialApp(
        provider=issuer.kind,
        provider_id=issuer.id,
        name=issuer.name,
        client_id=issuer.client_id,
        secret=issuer.client_secret,
        settings={
            "server_url": issuer.url,
            "oauth_pkce_enabled": True,
            "scope": list(issuer.scopes),
            "issuer": issuer,
        },
    )
    return (Discord if issuer.kind == DISCORD else Company)(request, app=app)


# --- The way there and back ----------------------------------------------------------------------


def leave_for(request: HttpRequest, issuer: Issuer, *, process: str, goal: str) -> str:
    """The address at the provider where the person says who he is. Raises OAuth2Error or RequestException."""
    extra = {"nonce": secrets.token_urlsafe(32)}
    if process != AuthProcess.LOGIN:
        # Somebody has signed in here already and shows that it is still he: the provider is to ask him anew.
        extra |= {"prompt": "consent"} if issuer.kind == DISCORD else {"prompt": "login", "max_age": "0"}
    provider = provider_of(request, issuer)
    answer = provider.redirect(
        request, process=process, next_url=goal, data={"nonce": extra["nonce"]}, auth_params=extra
    )
    target: str = answer["Location"]
    return target


def come_back(request: HttpRequest, issuer: Issuer) -> HttpResponse:
    """The answer to whoever comes back from the provider: what accounts.adapters makes of it.

    Raises RequestException where the provider is not even asked.
    """
    adapter = provider_of(request, issuer).get_oauth2_adapter(request)
    with exchange(issuer.url):
        response: HttpResponse = Return.adapter_view(adapter)(request)
    return response


class Return(OAuth2CallbackView):  # type: ignore[misc]
    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[Any, Any]:
        state, refusal = super()._get_state(request, provider)
        self.adapter.nonce = ((state or {}).get("data") or {}).get("nonce", "")
        return state, refusal


@contextmanager
def _odd_answers() -> Iterator[None]:
    """Whatever shape an answer has that no provider should give, it is the provider's trouble and not ours.

    For what reads such answers and nothing else. The log says where it was: it may be our trouble after all.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as trouble:
        if isinstance(trouble, RequestException):  # of these some are ValueErrors
            raise
        log.warning("a provider's answer is odd", exc_info=True)
        raise Untrue("odd_answer") from None


class _OurWay:
    """What both adapters have in common: who is asked, where he sends people back, and how his answers are read."""

    request: HttpRequest
    issuer: Issuer
    nonce = ""

    def get_provider(self) -> Any:
        return provider_of(self.request, self.issuer)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return settings.BASE_URL + reverse("accounts:come_back", args=[self.issuer.id])

    def get_access_token_data(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # RFC 9207: another provider than the one we sent him to.
        if not constant_time_compare(request.GET.get("iss", self.issuer.url), self.issuer.url):
            raise Untrue("wrong_issuer")
        with _odd_answers():
            data = super().get_access_token_data(request, *args, **kwargs)  # type: ignore[misc]
            if not isinstance(data["access_token"], str):
                raise Untrue("odd_answer")
            return data

    def parse_token(self, data: Any) -> Any:
        with _odd_answers():
            return super().parse_token(data)  # type: ignore[misc]

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        with _odd_answers():
            named = self.named(token.token, kwargs["response"])
        login = SocialLogin(
            provider=self.get_provider(),
            account=SocialAccount(
                provider=named.issuer.url,
                uid=named.subject,
                extra_data=named.about,
            ),
        )
        login.named = named
        return login

    def named(self, token: str, answer: Mapping[str, Any]) -> Named:
        raise NotImplementedError

    def ask(self, url: str, token: str) -> dict[str, Any]:
        with Bounded() as provider:
            answer = provider.get(url, headers={"Authorization": f"Bearer {token}"})
            answer.raise_for_status()
            return dict(answer.json())


class _OfIssuer:
    """What both providers have in common: they are known by the issuer, whatever the settings call him."""

    app: SocialApp
    oauth2_adapter_class: Any

    @property
    def sub_id(self) -> str:
        """What a state is bound to, and an identity."""
        return str(self.app.settings["issuer"].url)

    def get_oauth2_adapter(self, request: HttpRequest) -> Any:
        return self.oauth2_adapter_class(request, self.app.settings["issuer"])


def _text(value: object, most: int) -> str:
    """What a provider says, if a column can hold it; else nothing."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= most else ""


# --- OpenID Connect ------------------------------------------------------------------------------


class CompanyAdapter(_OurWay, OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    def __init__(self, request: HttpRequest, issuer: Issuer) -> None:
        super().__init__(request, issuer.id)
        self.issuer = issuer

    @property
    def openid_config(self) -> dict[str, Any]:
        """Discovery, as far as it speaks for our issuer and over lines as safe as his."""
        if not hasattr(self, "_checked"):
            self._checked = discoveries.kept(self.issuer.url) or self._discovered()
        return self._checked

    def _discovered(self) -> dict[str, Any]:
        with exchange(self.issuer.url), _odd_answers():
            config = dict(super().openid_config)
            if config.get("issuer") != self.issuer.url:
                raise Untrue("wrong_issuer")
            for name in _ENDPOINTS:
                if name not in config and name == "userinfo_endpoint":
                    continue
                scheme = urlsplit(_text(config[name], 2000)).scheme
                if scheme not in {"https", urlsplit(self.issuer.url).scheme}:
                    raise Untrue("unsafe_endpoint")
            if not isinstance(config.get("token_endpoint_auth_methods_supported", []), list):
                raise Untrue("odd_answer")
        discoveries.keep(self.issuer.url, config)
        return config

    def get_access_token_data(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        says_so = self.openid_config.get("authorization_response_iss_parameter_supported") is True
        if says_so and "iss" not in request.GET:
            raise Untrue("wrong_issuer")
        return super().get_access_token_data(request, *args, **kwargs)

    def named(self, token: str, answer: Mapping[str, Any]) -> Named:
        claims = self.claims_of(answer["id_token"])
        subject = _text(claims["sub"], LONGEST_SUBJECT)
        if not subject:
            raise Untrue("odd_subject")
        more: dict[str, Any] = {}
        if "userinfo_endpoint" in self.openid_config:
            more = self.ask(self.openid_config["userinfo_endpoint"], token)
            if more["sub"] != subject:
                raise Untrue("wrong_subject")
        # What is signed counts. An address and whether it is verified are one statement: of one of them, never of both.
        said_of_email = claims if "email" in claims else more
        said = more | claims
        at = claims.get("auth_time")
        return Named(
            self.issuer,
            subject,
            email=_text(said_of_email.get("email"), 254),
            verified=said_of_email.get("email_verified") is True,
            name=_text(said.get("name"), 1000),
            groups=self._groups(said),
            signed_in_at=at if isinstance(at, int) else None,
        )

    def claims_of(self, id_token: str) -> dict[str, Any]:
        """What the ID token says, once everything about it is right."""
        header = jwt.get_unverified_header(id_token) if _is_jwt(id_token) else {}
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise Untrue("wrong_algorithm")
        claims = self._signed(id_token, header.get("kid"), algorithm)
        party = claims.get("azp")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (party is not None or several) and party != self.issuer.client_id:
            raise Untrue("wrong_audience")
        if not self.nonce or not constant_time_compare(str(claims.get("nonce", "")), self.nonce):
            raise Untrue("wrong_nonce")
        return claims

    def _signed(self, id_token: str, kid: object, algorithm: str) -> dict[str, Any]:
        """The claims, which the provider has signed."""
        if (known := key_sets.kept(self.issuer.url)) is not None:
            try:
                return self._decoded(id_token, _fitting(known, kid, algorithm), algorithm)
            except Untrue as refusal:
                # The key may be a new one, and some have no name. Nobody has us ask for it over and over.
                is_recent = key_sets.kept(self.issuer.url, younger_than=ROTATION) is not None
                if is_recent or refusal.code not in {"unknown_key", "wrong_signature"}:
                    raise
        return self._decoded(id_token, _fitting(self._published_keys(), kid, algorithm), algorithm)

    def _decoded(self, id_token: str, fitting: list[dict[str, Any]], algorithm: str) -> dict[str, Any]:
        if len(fitting) != 1:
            raise Untrue("unknown_key")
        try:
            key = jwt.PyJWK.from_dict(fitting[0], algorithm=algorithm).key
        except jwt.PyJWTError:
            raise Untrue("unknown_key") from None
        try:
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=[algorithm],
                audience=self.issuer.client_id,
                issuer=self.issuer.url,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.ExpiredSignatureError:
            raise Untrue("expired") from None
        except jwt.InvalidAudienceError:
            raise Untrue("wrong_audience") from None
        except jwt.InvalidIssuerError:
            raise Untrue("wrong_issuer") from None
        except jwt.InvalidSignatureError:
            raise Untrue("wrong_signature") from None
        except jwt.PyJWTError:
            raise Untrue("odd_token") from None
        return claims

    def _published_keys(self) -> list[dict[str, Any]]:
        with Bounded() as provider:
            answer = provider.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
        keys = [dict(each) for each in answer.json()["keys"]]
        key_sets.keep(self.issuer.url, keys)
        return keys

    def _groups(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        name = self.issuer.groups_claim
        if name in (claims.get("_claim_names") or {}):
            return None  # more of them than fit, says Entra ID: who knows which
        groups = claims.get(name, [])
        if isinstance(groups, str):
            groups = [groups]
        return frozenset(str(group) for group in groups)


def _fitting(keys: list[dict[str, Any]], kid: object, algorithm: str) -> list[dict[str, Any]]:
    return [
        each
        for each in keys
        if each.get("kty") != "oct"
        and each.get("use", "sig") == "sig"
        and each.get("alg", algorithm) == algorithm
        and (kid is None or each.get("kid") == kid)
    ]


def _is_jwt(token: object) -> bool:
    try:
        jwt.get_unverified_header(token)  # type: ignore[arg-type]
    except jwt.PyJWTError:
        return False
    return True


class Company(_OfIssuer, OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = CompanyAdapter


# --- Discord -------------------------------------------------------------------------------------


class DiscordAdapter(_OurWay, DiscordOAuth2Adapter):  # type: ignore[misc]
    def __init__(self, request: HttpRequest, issuer: Issuer) -> None:
        super().__init__(request)
        self.issuer = issuer
        self.authorize_url = f"{issuer.url}/oauth2/authorize"
        self.access_token_url = f"{issuer.url}/api/oauth2/token"

    def named(self, token: str, answer: Mapping[str, Any]) -> Named:
        me = self.ask(f"{self.issuer.url}/api/users/@me", token)
        subject = _text(me["id"], LONGEST_SUBJECT)
        if not subject:
            raise Untrue("odd_subject")
        return Named(
            self.issuer,
            subject,
            email=_text(me.get("email"), 254),
            verified=me.get("verified") is True,
            name=_text(me.get("global_name"), 1000) or _text(me.get("username"), 1000),
            groups=self._groups(token) if self.issuer.guild else None,
        )

    def _groups(self, token: str) -> frozenset[str]:
        """The server, if he is a member there, and his roles on it."""
        guild = self.issuer.guild
        with Bounded() as provider:
            answer = provider.get(
                f"{self.issuer.url}/api/users/@me/guilds/{guild}/member",
                headers={"Authorization": f"Bearer {token}"},
            )
        if answer.status_code == 404:
            return frozenset()
        answer.raise_for_status()
        return frozenset({guild, *map(str, answer.json()["roles"])})


class Discord(_OfIssuer, DiscordProvider):  # type: ignore[misc]
    oauth2_adapter_class = DiscordAdapter
