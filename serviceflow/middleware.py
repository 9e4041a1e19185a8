"""What surrounds every request: who is calling from where, in which language, and what no answer may lack."""

import ipaddress
import re
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from accounts import allowances, denials, one_time_forms
from accounts.acting import actor_of
from accounts.factors import required as second_factor
from audit.models import Door
from serviceflow import errors, headers, metrics, problems
from serviceflow.fair_use import limits_of

if TYPE_CHECKING:
    from accounts.models import User

type Respond = Callable[[HttpRequest], HttpResponse]

log = structlog.get_logger("serviceflow.request")

# --- Who is calling ------------------------------------------------------------------------------

SANE_REQUEST_ID = re.compile(r"[!-~]{1,128}")


def request_context(get_response: Respond) -> Respond:
    """Name the request, find the caller's address, write the one line of the log."""

    def respond(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        request.client_address = believe(request)  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]
        try:
            with metrics.in_hand():
                response = get_response(request)
                response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
                seconds = time.perf_counter() - began
                write_line(request, response, milliseconds=seconds * 1000)
                metrics.request(request, status=response.status_code, seconds=seconds)
        finally:
            structlog.contextvars.clear_contextvars()  # what the thread says next is about something else
        return response

    # A view's exception comes here before Django writes a trace; server_error() catches those of other middleware.
    respond.process_exception = errors.of_trouble  # type: ignore[attr-defined]
    return respond


def believe(request: HttpRequest) -> str:
    """The caller's address. What a peer says about forwarding counts only if it is a proxy of ours.

    Proxies append to X-Forwarded-For, so the right-most entry that is no proxy of ours is the last one that
    somebody we trust has seen; whatever stands left of it anybody could have written.
    """
    meta = request.META
    peer = plain(meta.get("REMOTE_ADDR", ""))
    if not trusted(peer):
        for name in (
            "HTTP_X_FORWARDED_FOR",
            "HTTP_X_FORWARDED_PROTO",
            "HTTP_X_FORWARDED_HOST",
            "HTTP_FORWARDED",
        ):
            meta.pop(name, None)
        return peer
    seen = peer
    for entry in reversed(meta.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        address = plain(entry)
        if not address:
            break
        seen = address
        if not trusted(address):
            break
    return seen


def plain(address: str) -> str:
    """The address without port and brackets, an IPv4 one in its own notation; empty if it is none."""
    bare = address.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def trusted(address: str) -> bool:
    if not address:
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in settings.TRUSTED_PROXIES)


def write_line(request: HttpRequest, response: HttpResponse, *, milliseconds: float) -> None:
    # The route, never the path: an address may hold the token of an invitation, a query anything.
    match = request.resolver_match
    log.info(
        "request",
        method=request.method,
        route=match.route if match else None,
        status=response.status_code,
        ms=round(milliseconds, 1),
        user=str(person.public_id) if (person := known_person(request)) else None,
        key_prefix=getattr(request, "api_key_prefix", None),
        address=request.client_address,  # type: ignore[attr-defined]
        bytes=None if response.streaming else len(response.content),
    )


def known_person(request: HttpRequest) -> "User | None":
    """Who has signed in, if something has asked for it already: a log line must not cost a query."""
    user: Any = getattr(request, "_cached_user", None)  # the browser's session
    if user is None:
        user = request.__dict__.get("user")  # the key of an API call puts its owner here
        if hasattr(user, "_setup"):  # still a promise nobody has asked for
            return None
    return user if user is not None and user.is_authenticated else None


# --- What no answer may lack ---------------------------------------------------------------------

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
METHODS_OF_PAGES = ("GET", "HEAD", "POST", "OPTIONS")


def plain_answers(get_response: Respond) -> Respond:
    """Refuse what no column and no page can hold, and give every answer its headers, errors and files included."""

    def considered(request: HttpRequest) -> HttpResponse:
        return refusal(request) or get_response(request)

    # A query of a thousand parameters raises at the first look.
    answered: Any = convert_exception_to_response(considered)

    def respond(request: HttpRequest) -> HttpResponse:
        response = headers.dressed(answered(request))
        if known_person(request):
            response.setdefault("Cache-Control", "no-store")
        return response

    def process_view(request: HttpRequest, *_view: object) -> HttpResponse | None:
        # Only forms: reading the body here would take it from the API, which reads its own JSON.
        is_form = request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}
        try:
            is_odd = is_form and bool(holding_nul(request.POST.lists()))
        # The latter: numbered parameters in the head of a part, which the standard library cannot sort.
        except (MultiPartParserError, TypeError):
            is_odd = True
        if is_odd and problems.asks_for_json(request):
            request.is_odd = True  # type: ignore[attr-defined]
            return None  # who calls, and in which language to tell him, only the view will know
        return errors.told(request, 400) if is_odd else None

    respond.process_view = process_view  # type: ignore[attr-defined]
    return respond


def refusal(request: HttpRequest) -> HttpResponse | None:
    methods = METHODS if problems.asks_for_json(request) else METHODS_OF_PAGES
    if request.method not in methods:
        response = errors.told(request, HTTPStatus.METHOD_NOT_ALLOWED)
        response["Allow"] = ", ".join(methods)
        return response
    parameters = holding_nul(request.GET.lists())
    cookies = holding_nul((name, [value]) for name, value in request.COOKIES.items())
    if "\0" in request.path_info or parameters or cookies:
        with translation.override(translation.get_language_from_request(request)):
            said = {name: [_("This contains a NUL character.")] for name in parameters}
            for_programs: dict[str, Any] = {"errors": said} if said else {}
            return errors.told(request, 400, **for_programs)
    return None


def holding_nul(fields: Iterable[tuple[str, list[Any]]]) -> list[str]:
    """The names of those with the one character that PostgreSQL does not store."""
    return [name for name, values in fields if "\0" in name or any("\0" in value for value in values)]


class SmallPages(GZipMiddleware):
    """Send pages compressed, with the random padding that hides their length from eavesdroppers.

    Pages alone: compression would turn the strong ETags of the API, which If-Match asks for, into weak ones.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response


# --- How often -----------------------------------------------------------------------------------


def fair_use(get_response: Respond) -> Respond:
    """So many changes and searches a minute for each person. The API and the sign-in count their calls themselves."""

    def respond(request: HttpRequest) -> HttpResponse:
        costly = request.method == "POST" or request.GET.get("q")
        if not costly or problems.asks_for_json(request) or not request.user.is_authenticated:
            return get_response(request)
        person = request.user.pk
        limits = {f"person:{person}": settings.RATE_LIMITS["person"], **limits_of(request, person)}
        waits = [standing.reset for standing in allowances.spend(limits) if standing.exceeded]
        if not waits:
            return get_response(request)
        response = errors.told(request, HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = str(max(waits))
        return response

    return respond


# --- Who has shown enough ------------------------------------------------------------------------

# What somebody may open who has still to show a second factor, or to set one up.
ON_THE_WAY_IN = (
    "accounts:second_factors",
    "accounts:add_app",
    "accounts:add_passkey",
    "accounts:ask_passkey",
    "accounts:show_factor",
    "accounts:confirm",
    "accounts:sign_out",
    "accounts:sign_out_everywhere",
    "accounts:choose_theme",
    "accounts:choose_language",
    # For strangers, too. Sent on, the token of a link would stand in another address.
    "accounts:arrive",
    "accounts:invitation",
    "accounts:new_password",
    "accounts:stop_email",
)


def second_factor_first(get_response: Respond) -> Respond:
    """Let a session open nothing, page, administration or file, before the factor that its role asks for is shown.

    The API asks the same of browsers where it lets them in (serviceflow.api.BrowserAuthentication).
    """

    def respond(request: HttpRequest) -> HttpResponse:
        if problems.asks_for_json(request) or not second_factor.is_due(request, request.user):
            return get_response(request)
        request.second_factor_due = True  # type: ignore[attr-defined]  # pages leave out what is not to be seen yet
        if _is_on_the_way_in(request.path_info):
            return get_response(request)
        goal = request.path if request.method == "POST" else request.get_full_path()
        if request.method == "POST":
            one_time_forms.keep(request)
        return redirect(f"{reverse('accounts:second_factors')}?{urlencode({'next': goal})}")

    return respond


def _is_on_the_way_in(path: str) -> bool:
    try:
        return resolve(path).view_name in ON_THE_WAY_IN
    except Resolver404:
        return False


# --- A method nobody answers ---------------------------------------------------------------------


def explain_refused_methods(get_response: Respond) -> Respond:
    """Django answers them with nothing, and a browser then shows a page of its own to who has only gone back."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or response.content:
            return response
        explained = errors.told(request, response.status_code)
        explained["Allow"] = response["Allow"]
        return explained

    return respond


# --- Who was kept out ----------------------------------------------------------------------------


def remember_denials(get_response: Respond) -> Respond:
    """Write down who has asked for what is not his, by whichever door. That he is refused does not depend on it."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        person = known_person(request) if response.status_code == HTTPStatus.FORBIDDEN else None
        if person is not None:
            match = request.resolver_match
            what = f"{request.method} /{match.route if match else ''}"
            try:
                denials.denied(person, what=what, by=actor_of(request, door_of(request)))
            except Error as trouble:
                log.error("denial_not_remembered", said=str(trouble))
        return response

    return respond


def door_of(request: HttpRequest) -> str:
    if problems.asks_for_json(request):
        return Door.API
    return Door.ADMIN if request.path_info.startswith("/admin/") else Door.WEB


# --- In whose language ---------------------------------------------------------------------------


def persons_choices(get_response: Respond) -> Respond:
    """Speak the language and tell the time of whoever asks; of a stranger we know his browser's wish at most."""

    def respond(request: HttpRequest) -> HttpResponse:
        with ExitStack() as until_answered:
            until_answered.enter_context(translation.override(translation.get_language_from_request(request)))
            until_answered.enter_context(timezone.override(None))
            if request.user.is_authenticated:
                speak_as(request.user)
            response = get_response(request)
            response.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return respond


def speak_as(user: "User") -> None:
    """Take over the person's language and time zone until the answer is given.

    For those who learn only later who is calling: an API key is looked at by the view.
    """
    translation.activate(user.language)
    timezone.activate(ZoneInfo(user.time_zone))
