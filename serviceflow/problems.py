"""Errors for programs: the one shape of application/problem+json (RFC 9457) that every door uses."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _

CONTENT_TYPE = "application/problem+json"
# Seconds a client is asked to wait while the database is away.
RETRY_AFTER = 5

SAID = {
    400: ("bad_request", _("The request could not be understood.")),
    403: ("forbidden", _("You may not do this.")),
    404: ("not_found", _("There is nothing here, or it is not yours to see.")),
    405: ("method_not_allowed", _("This cannot be done here.")),
    411: ("length_required", _("Say how long the body is: send a Content-Length.")),
    413: ("too_large", _("That is more than the desk takes in at once.")),
    414: ("address_too_long", _("The address is too long.")),
    415: ("unsupported_media_type", _("The desk reads UTF-8 only.")),
    417: ("expectation_failed", _("The desk cannot do what the Expect header asks for.")),
    429: ("rate_limited", _("Too many calls. Please wait a little.")),
    431: ("headers_too_large", _("The headers are too large.")),
    500: ("internal_error", _("Something went wrong on our side. The request id helps to find it.")),
    501: ("not_implemented", _("The desk does not know this transfer coding.")),
    503: ("unavailable", _("The desk cannot reach its memory right now. Please try again in a moment.")),
}


def asks_for_json(request: HttpRequest) -> bool:
    """Programs call here; everywhere else somebody looks at a page."""
    path = request.path_info
    return path.startswith(("/api/", "/requests/", "/health/")) or path in {"/api", "/requests", "/metrics"}


def body(
    request: HttpRequest, status: int, *, code: str = "", detail: object = "", **more: Any
) -> dict[str, Any]:
    """`{type, title, status, detail, instance, code, request_id}` and whatever else the caller knows."""
    usual_code, usual_detail = SAID.get(status, ("error", HTTPStatus(status).description))
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(detail or usual_detail),
        "instance": request.path,
        "code": code or usual_code,
        "request_id": getattr(request, "request_id", ""),
        **more,
    }


def answer(
    request: HttpRequest, status: int, *, code: str = "", detail: object = "", **more: Any
) -> JsonResponse:
    response = JsonResponse(
        body(request, status, code=code, detail=detail, **more),
        status=status,
        content_type=CONTENT_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER)
    return response
