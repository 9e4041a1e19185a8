"""Files as a browser gets them: to be saved, and the pictures we have drawn of images."""

from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.acting import Refused, actor_of
from accounts.one_time_forms import signed_in
from accounts.visitors import me
from audit.models import Door
from tickets import pictures, reads, serving
from tickets.models import Attachment
from tickets.views.answers import address


@require_safe
@signed_in
def file(request: HttpRequest, file: UUID) -> HttpResponseBase:
    found = _found(request, file)
    try:
        return serving.content(found, by=actor_of(request, Door.WEB), audited=request.method == "GET")
    except Refused as no:
        return _refused(request, found, no)


@require_safe
@signed_in
def picture(request: HttpRequest, file: UUID, size: str) -> HttpResponseBase:
    """What the page of the ticket shows is no download; to look at it in full is."""
    found = _found(request, file)
    if not found.has_picture:
        raise Http404
    in_full = request.method == "GET" and size == pictures.LARGE
    try:
        return serving.picture(found, size, by=actor_of(request, Door.WEB), audited=in_full)
    except Refused as no:
        return _refused(request, found, no)


def _found(request: HttpRequest, file: UUID) -> Attachment:
    try:
        return reads.find_file(file, reader=me(request))
    except Attachment.DoesNotExist:
        raise Http404 from None


def _refused(request: HttpRequest, found: Attachment, no: Refused) -> HttpResponse:
    context = {
        "ticket": found.ticket,
        "reason": f"{found.name}: {no.message}",
        "back": address(found.ticket),
        "list": reverse("tickets:queue" if me(request).is_agent else "tickets:start"),
    }
    response = render(request, "tickets/refused.html", context, status=no.status)
    if no.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "30"
    return response
