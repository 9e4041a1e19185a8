"""What every call of the REST API has in common: who may, which parameters, one transaction, the shape of answers."""

import json
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.acting import Actor, Refused, actor_of
from accounts.models import Scope
from accounts.rest import conditional, safe_writing
from audit.models import Door

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def routes(route: str, view: Callable[..., HttpResponseBase], name: str) -> list[URLPattern]:
    """The address without and with a slash at its end; neither redirects."""
    return [path(route, view, name=name), path(f"{route}/", view)]


def answer(
    content: object, status: int = HTTPStatus.OK, *, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Plain dicts and lists as JSON, made at once: what is kept for an Idempotency-Key are bytes."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text, status=status, headers=headers, content_type="application/json")


def nothing(status: int = HTTPStatus.NO_CONTENT) -> HttpResponse:
    response = HttpResponse(status=status)
    del response["Content-Type"]
    return response


class OneShape(BaseContentNegotiation):
    """Takes the parser for the body's type; every answer is JSON, and who will not have that gets a 406."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        given = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == given), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        wanted = request.META.get("HTTP_ACCEPT", "*/*")
        for each in wanted.split(","):
            kind, *more = (part.strip().lower() for part in each.split(";"))
            refused = any(part.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for part in more)
            if kind in {"*/*", "application/*", "application/json", ""} and not refused:
                return renderers[0], "application/json"
        raise exceptions.NotAcceptable


class Call(APIView):
    """A view of the API.

    The call is counted before anything is refused. What it changes is changed in one transaction, in which the
    answer to an Idempotency-Key is kept, too. `reading` and `writing` are the scopes a key needs. `parameters` are
    the query parameters each method knows, `repeatable` those that may come more than once.
    """

    content_negotiation_class = OneShape
    reading: ClassVar[str] = Scope.READ
    writing: ClassVar[str] = Scope.WRITE
    parameters: ClassVar[Mapping[str, Collection[str]]] = {}
    repeatable: ClassVar[Collection[str]] = ()
    # Old integrations may send what we never asked for.
    lenient: ClassVar[bool] = False
    # Whether every change here is a single verb, which needs no transaction around its own.
    one_verb: ClassVar[bool] = False
    # Whether the call commits several transactions of its own.
    in_steps: ClassVar[bool] = False
    # Whether the first answer to an Idempotency-Key is given again. Strangers share theirs, so what is answered to one
    # of them alone is not kept.
    resends: ClassVar[bool] = True

    format_kwarg = None  # no answer in other formats
    matched = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As APIView.dispatch, with `_act` around the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(self.request, *args, **kwargs)
            response = self._act(self.request)
        except Exception as exc:  # noqa: BLE001 (the exception handler raises again what it does not know)
            response = self.handle_exception(exc)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        self.check_throttles(request)
        self.check_permissions(request)
        self._check_parameters(request)

    def scope_for(self, request: Request) -> str | None:
        """The scope a key needs for this call; None where nobody need sign in."""
        return self.reading if request.method in SAFE else self.writing

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(request._request, "standing_headers", {}).items():
            response[name] = value
        if request.method in SAFE and response.status_code in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
            response["Cache-Control"] = "private, no-cache"
        else:
            response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["X-API-Key", "Authorization"])
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return nothing()  # Allow says it all

    # --- For the handlers ---

    @property
    def by(self) -> Actor:
        return actor_of(self.request, Door.API)

    def input(self, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body in this shape; every field at fault is named in the error, unknown ones included."""
        return self.checked(shape, self._body())

    def checked(
        self, shape: type[serializers.Serializer[Any]], given: dict[str, Any], *, within: str = ""
    ) -> dict[str, Any]:
        """What was given in this shape; `within` is the field of the body that holds it."""
        wanted = shape(data=given, context={"request": self.request})
        faults: dict[str, Any] = {}
        if not wanted.is_valid():
            faults.update(wanted.errors)
        if not self.lenient:
            elsewhere = getattr(shape, "elsewhere", {})
            for name in given.keys() - wanted.fields.keys():
                said = str(elsewhere.get(name) or _("There is no such field here."))
                faults[name] = [exceptions.ErrorDetail(said, code="unknown_field")]
        if faults:
            raise exceptions.ValidationError({within: faults} if within else faults)
        valid: dict[str, Any] = wanted.validated_data
        return valid

    def expect(self, tag: str) -> None:
        """Refuse a change to something that has another tag than If-Match says. Ask while it is locked."""
        believed = conditional.believed(self.request)
        self.matched = True
        if believed is not None and tag not in believed:
            raise Refused("stale_version", _("Somebody has changed this since you saw it."), status=412)

    # --- How it goes ---

    def _act(self, request: Request) -> HttpResponseBase:
        method = (request.method or "").lower()
        known = method in self.http_method_names
        handler = getattr(self, method, None) if known else None
        handler = handler or self.http_method_not_allowed
        if request.method in SAFE or handler == self.http_method_not_allowed:
            response: HttpResponseBase = handler(request, **self.kwargs)
            return response
        one_verb = self.one_verb and conditional.believed(request) is None
        if not self.resends:
            return self._change(handler, request)
        if self.in_steps:
            return safe_writing.once_in_steps(request, lambda: self._change(handler, request))
        return safe_writing.once(request, lambda: self._change(handler, request), one_verb=one_verb)

    def _change(self, handler: Callable[..., HttpResponse], request: Request) -> HttpResponse:
        if self.in_steps:
            self.expect("")
        response = handler(request, **self.kwargs)
        if not self.matched:
            # Nothing here has a tag, so none can match: RFC 9110, 13.1.1.
            self.expect("")
        return response

    def _check_parameters(self, request: Request) -> None:
        if self.lenient:
            return
        known = self.parameters.get("GET" if request.method == "HEAD" else request.method or "", ())
        faults: dict[str, list[exceptions.ErrorDetail]] = {}
        for name, values in request.query_params.lists():
            if name not in known:
                faults[name] = [
                    exceptions.ErrorDetail(_("There is no such parameter."), code="unknown_parameter")
                ]
            elif "" in values:
                faults[name] = [exceptions.ErrorDetail(_("This parameter is empty."), code="invalid")]
            elif len(values) > 1 and name not in self.repeatable:
                faults[name] = [
                    exceptions.ErrorDetail(_("This parameter may come once only."), code="invalid")
                ]
        if faults:
            raise exceptions.ValidationError(faults)

    def _body(self) -> dict[str, Any]:
        kind = self.request.content_type.partition(";")[0].strip().lower()
        if kind in FORMS:
            raise exceptions.UnsupportedMediaType(kind)
        return dict(self.request.data)


class Nowhere(Call):
    """What no route names: not found, for every method and everybody. The caller is asked for only to be understood."""

    schema = None
    lenient = True

    def scope_for(self, request: Request) -> str | None:
        return None

    def _act(self, request: Request) -> HttpResponseBase:
        raise Http404
