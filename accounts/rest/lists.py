"""Lists in the API: one page by cursor, its neighbours, an ETag for the whole."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.acting import Invalid
from accounts.rest import conditional, keyset
from accounts.rest.calls import answer

PARAMETERS = frozenset({"limit", "cursor", "count"})
USUAL, MOST = 50, 100


def listed[Row: Model](
    request: Request,
    rows: QuerySet[Row],
    *,
    order: tuple[str, ...],
    show: Callable[[Row], dict[str, Any]],
    identity: Callable[[Row], object] | None = None,
) -> HttpResponse:
    """A page of the rows, each as `show` has it.

    `identity` gives what changes whenever the row shows something else: with it a reader who has the page already
    is answered before anything is rendered. `order` is that of keyset.page.
    """
    counted = {"count": rows.count()} if _flag(request, "count") else {}
    page = keyset.page(
        rows, order=order, cursor=request.query_params.get("cursor", ""), limit=_limit(request)
    )
    neighbours = {
        "next": _address(request, page.next),
        "previous": _address(request, page.previous),
    }
    if identity is not None:
        tag = conditional.tag_of(
            *_reader(request),
            counted,
            neighbours,
            request.get_full_path(),
            [identity(row) for row in page.rows],
        )
        unchanged = conditional.not_modified(request, tag)
        if unchanged is not None:
            return unchanged
    content = {"results": [show(row) for row in page.rows], **neighbours, **counted}
    response = answer(content)
    if identity is None:
        tag = conditional.tag_of(response.content)
        unchanged = conditional.not_modified(request, tag)
        if unchanged is not None:
            return unchanged
    response["ETag"] = tag
    links = [f'<{neighbours[name]}>; rel="{rel}"' for name, rel in _RELATIONS if neighbours[name]]
    if links:
        response["Link"] = ", ".join(links)
    return response


_RELATIONS = (("next", "next"), ("previous", "prev"))


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST):
        raise Invalid("limit", "invalid_limit", _("limit is a number from 1 to 100."))
    return int(text)


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in {"true", "false"}:
        raise Invalid(name, "invalid_flag", _("This parameter is true or false."))
    return bool(text == "true")


def _address(request: Request, cursor: str) -> str | None:
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    address: str = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return address


def _reader(request: Request) -> tuple[object, ...]:
    user: Any = request.user
    return user.pk, str(user.role), sorted(user.team_leads.items()), get_language()
