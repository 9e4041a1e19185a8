"""How often one person may do what costs much: whichever way he comes, and whatever key he shows."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, resolve

# Where a ticket is opened; the API's addresses work with and without a slash at their end.
OPENING = frozenset({"tickets/new", "api/v1/tickets", "requests"})


def limits_of(request: HttpRequest, person: int) -> dict[str, int]:
    """What this request counts as, for `allowances.spend`: opening a ticket, an upload, a search, or none of
    them. A form with room for files is an upload, whatever is in it."""
    kinds = []
    if request.method == "POST" and _route(request) in OPENING:
        kinds.append("create")
    if request.content_type == "multipart/form-data":  # told before a byte of the files is read
        kinds.append("upload")
    if request.GET.get("q"):
        kinds.append("search")
    return {f"{kind}:{person}": settings.RATE_LIMITS[kind] for kind in kinds}


def _route(request: HttpRequest) -> str:
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return ""
    return match.route.rstrip("/")
