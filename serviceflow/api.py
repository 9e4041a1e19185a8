"""What the REST framework asks of us: who calls, with which scope, how often, what a body may be, what an error is."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts import allowances, api_keys, denials
from accounts.acting import Actor, Refused
from accounts.factors import required as second_factor
from accounts.models import ApiKey, Scope, User
from audit.models import Door
from serviceflow import errors, problems
from serviceflow.fair_use import limits_of
from serviceflow.middleware import speak_as

if TYPE_CHECKING:  # the framework's views read the settings that name the classes below
    from rest_framework.views import APIView

# --- Who is calling ------------------------------------------------------------------------------

REALM = 'Bearer realm="ServiceFlow"'


class KeyAuthentication(BaseAuthentication):
    """`X-API-Key: sf_…` or `Authorization: Bearer sf_…`. A key that is there and wrong is never a session's guest."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        if settings.SECURE_SSL_REDIRECT and not request._request.is_secure():
            # A redirect would teach the client to go on sending its key in the clear.
            raise exceptions.PermissionDenied(_("The API is spoken over TLS only."), code="tls_required")
        raw = key_in(request)
        if raw is None:
            return None
        called: Any = request._request
        key = api_keys.find(raw)
        if key is None:
            at, place = called.request_id, called.client_address
            denials.key_refused(raw, by=Actor(None, Door.API, request_id=at, address=place))
            raise exceptions.AuthenticationFailed
        called.api_key = key
        called.api_key_prefix = key.prefix  # for the log
        called._cached_user = key.user  # a session that came along is not who calls
        speak_as(key.user)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return REALM


class BrowserAuthentication(SessionAuthentication):
    """The session of a browser, with the CSRF token on every change and a second factor where the role asks for one."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is not None and second_factor.is_due(request._request, found[0]):
            raise exceptions.PermissionDenied(
                _("Your role needs a second factor. Open the desk in this browser and show it first."),
                code="second_factor_required",
            )
        return found

    def enforce_csrf(self, request: Request) -> None:
        try:
            # Of the request itself: asked of the framework's, a form would be taken for a body that nobody can read.
            super().enforce_csrf(request._request)  # type: ignore[arg-type]
        except exceptions.PermissionDenied:
            raise exceptions.PermissionDenied(
                _("The CSRF token is missing or out of date."), code="csrf_failed"
            ) from None


def key_in(request: Request) -> str | None:
    """The raw key of a call, None where it shows none."""
    raw: str | None = request.META.get("HTTP_X_API_KEY")
    if raw is None:
        scheme, _space, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        raw = rest.strip() if scheme.lower() == "bearer" else None
    return raw


class ScopeAllows(BasePermission):
    """Somebody calls, and with a key whose scopes reach that far. What he may do there the verbs decide."""

    message = gettext_lazy("This API key has not the scope for that.")
    code = "insufficient_scope"

    def has_permission(self, request: Request, view: "APIView") -> bool:
        needed = scope_for(request, view)
        if needed is None:
            return True
        if request.user is None:
            raise exceptions.NotAuthenticated
        return not isinstance(request.auth, ApiKey) or needed in request.auth.scopes


def scope_for(request: Request, view: "APIView") -> str | None:
    """The scope a key needs for this call; None where nobody need sign in. A view may say it itself."""
    if hasattr(view, "scope_for"):
        needed: str | None = view.scope_for(request)
        return needed
    return Scope.READ if request.method in {"GET", "HEAD", "OPTIONS"} else Scope.WRITE


class DocsAreOpen(BasePermission):
    """The description of the API is for everybody on a developer's machine, for the desk's people elsewhere."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return settings.API_DOCS_OPEN or (isinstance(request.user, User) and request.user.is_agent)


# --- How often -----------------------------------------------------------------------------------


class CallerThrottle(BaseThrottle):
    """So many calls a minute for each key, each address, and each person's costly ones: see accounts.allowances."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        limits = {f"address:{address_of(request._request)}": settings.RATE_LIMITS["address"]}
        if isinstance(request.auth, ApiKey):
            limits[f"key:{request.auth.prefix}"] = settings.RATE_LIMITS["key"]
        if isinstance(request.user, User):
            limits |= limits_of(request._request, request.user.pk)
        return spend(request._request, limits)

    def wait(self) -> float | None:
        return None  # the answer takes it from the standing that `spend` has left


def address_of(request: HttpRequest) -> str:
    """Where the caller is, as the middleware believes it."""
    return allowances.place(request.client_address)  # type: ignore[attr-defined]


def spend(request: HttpRequest, limits: Mapping[str, int]) -> bool:
    """Count one use, note for the answer's headers how the caller stands, and say whether he may."""
    standings = allowances.spend(limits)
    if not standings:
        return True
    tightest = min(standings, key=lambda standing: (not standing.exceeded, standing.remaining))
    headers = {
        "RateLimit-Limit": str(tightest.limit),
        "RateLimit-Remaining": str(tightest.remaining),
        "RateLimit-Reset": str(tightest.reset),
    }
    if tightest.exceeded:
        headers["Retry-After"] = str(tightest.reset)
    request.standing_headers = headers  # type: ignore[attr-defined]
    return not tightest.exceeded


# --- What a body may be --------------------------------------------------------------------------

DEEPEST = 50
LONGEST_NUMBER = 18  # digits; more than that no column of ours can hold


class StrictJSONParser(BaseParser):
    """One JSON object in UTF-8, without anything that JSON or PostgreSQL does not know."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw: bytes = (parser_context or {})["request"]._request.body
        try:
            value = json.loads(
                raw.decode(),
                parse_int=_whole,
                parse_float=_fraction,
                parse_constant=_refuse,
                object_pairs_hook=_each_once,
            )
            _check(value, depth=1)
        except (ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, _Malformed) else _("The body is not valid JSON in UTF-8.")
            raise exceptions.ParseError(said, code="malformed") from None
        if not isinstance(value, dict):
            raise exceptions.ParseError(_("The body must be a JSON object."), code="malformed")
        return value


class _Malformed(ValueError):
    """What is wrong with the body, in the caller's language."""


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > LONGEST_NUMBER:
        raise _Malformed(_("A number in the body is too large."))
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Malformed(_("A number in the body is too large."))
    return number


def _refuse(word: str) -> NoReturn:
    raise _Malformed(_("%(word)s is no JSON.") % {"word": word})


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Malformed(_("A name stands twice in one object of the body."))
    return value


def _check(value: Any, *, depth: int) -> None:
    """Refuse what is nested too deep and text that is no Unicode or that no column can hold."""
    if isinstance(value, str):
        if "\0" in value:
            raise _Malformed(_("The body contains a NUL character."))
        value.encode()  # half a surrogate pair is a ValueError
    elif depth > DEEPEST:
        raise _Malformed(_("The body is nested too deeply."))
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth=depth + 1)
            _check(inner, depth=depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth=depth + 1)


# --- What an error is ----------------------------------------------------------------------------

CODES = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "rate_limited",
}


def problem(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """The answer to what a view raised, in the one shape of all errors; None for a bug of ours, which is a 500."""
    request: HttpRequest = context["request"]._request
    if isinstance(exc, Refused):
        return _refused(request, exc)
    if isinstance(exc, exceptions.ValidationError):
        return _invalid(request, exc)
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return _unauthenticated(request)
    if isinstance(exc, exceptions.Throttled):
        return _throttled(request)
    if isinstance(exc, exceptions.APIException):
        return _of_the_framework(request, exc)
    if isinstance(exc, Http404 | ObjectDoesNotExist):
        return problems.answer(request, 404)
    if isinstance(exc, PermissionDenied):
        return problems.answer(request, 403)
    if isinstance(exc, RequestDataTooBig):
        return problems.answer(request, 413)
    return errors.of_trouble(request, exc)


def _refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    more = dict(refused.details)
    field = more.pop("field", None)
    if field is not None:
        more["errors"] = {field: [str(refused)]}
    # The members of the standard are taken: a verb that speaks of a status means the ticket's.
    more = {
        f"ticket_{name}" if name in {"status", "type", "title"} else name: value
        for name, value in more.items()
    }
    return problems.answer(request, refused.status, code=refused.code, detail=refused.message, **more)


def _invalid(request: HttpRequest, invalid: exceptions.ValidationError) -> HttpResponse:
    named = _flat(invalid.detail)
    codes = {getattr(said, "code", "") for sayings in named.values() for said in sayings}
    special = codes & {"unknown_field", "unknown_parameter"}
    detail = _("Some of the input is not valid: %(names)s.") % {"names": ", ".join(named)}
    said = {name: [str(saying) for saying in sayings] for name, sayings in named.items()}
    return problems.answer(request, 400, code=min(special, default="invalid"), detail=detail, errors=said)


def _flat(detail: Any, prefix: str = "") -> dict[str, list[Any]]:
    """{"tags.3": [messages]} for whatever nesting the framework gives its messages."""
    if isinstance(detail, Mapping):
        pairs = list(detail.items())
    elif isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        pairs = [(number, inner) for number, inner in enumerate(detail) if inner]
    else:
        return {prefix or "body": detail if isinstance(detail, list) else [detail]}
    flat: dict[str, list[Any]] = {}
    for name, inner in pairs:
        own = prefix if name == "non_field_errors" else f"{prefix}.{name}" if prefix else str(name)
        for deeper, sayings in _flat(inner, own).items():
            flat.setdefault(deeper, []).extend(sayings)
    return flat


def _unauthenticated(request: HttpRequest) -> HttpResponse:
    """The same for no key, an unknown, wrong, revoked or expired one. Trying many of them soon ends in a 429."""
    if not spend(request, {f"refused:{address_of(request)}": settings.RATE_LIMITS["refused"]}):
        return _throttled(request)
    response = problems.answer(request, 401, code=CODES[401], detail=_("Show a valid API key, or sign in."))
    response["WWW-Authenticate"] = REALM
    return response


def _throttled(request: HttpRequest) -> HttpResponse:
    # Retry-After is among the headers that `spend` has left.
    return problems.answer(request, 429)


def _of_the_framework(request: HttpRequest, exc: exceptions.APIException) -> HttpResponse:
    code = exc.get_codes()
    own = isinstance(code, str) and code not in {"error", "parse_error", "permission_denied", "not_found"}
    return problems.answer(
        request,
        exc.status_code,
        code=code if isinstance(code, str) and own else CODES.get(exc.status_code, "error"),
        detail=exc.detail,
    )
