"""The desk with a few odd views in front, to try what surrounds every view."""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt

from serviceflow.urls import urlpatterns as pages_of_the_desk

handler400 = "serviceflow.errors.bad_request"
handler403 = "serviceflow.errors.permission_denied"
handler404 = "serviceflow.errors.page_not_found"
handler500 = "serviceflow.errors.server_error"

TROUBLES: dict[str, Exception] = {
    "operational": OperationalError("connection to 10.0.0.9 refused"),
    "interface": InterfaceError("connection already closed"),
    "data": DataError("integer out of range"),
    "large": RequestDataTooBig(),
    "denied": PermissionDenied(),
    "bug": RuntimeError("the shelf is empty"),
}


def trouble(request: HttpRequest, kind: str) -> HttpResponse:
    raise TROUBLES[kind]


@csrf_exempt
def mirror(request: HttpRequest, **_kwargs: Any) -> HttpResponse:
    return JsonResponse(
        {
            "address": request.client_address,  # type: ignore[attr-defined]
            "secure": request.is_secure(),
            "request_id": request.request_id,  # type: ignore[attr-defined]
            "language": translation.get_language(),
            "time_zone": timezone.get_current_timezone_name(),
            "body": request.body.decode() if request.content_type == "application/json" else "",
        }
    )


def signed_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Hello {request.user}")


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("sent")


urlpatterns = [
    path("mirror", mirror),
    path("api/mirror", mirror),
    path("invitation/<str:token>", mirror),
    path("trouble/<str:kind>", trouble),
    path("api/trouble/<str:kind>", trouble),
    path("signed-in", signed_in),
    path("form", form),
    *pages_of_the_desk,
]
