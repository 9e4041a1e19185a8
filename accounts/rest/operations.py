"""How an operation of the API is described in the schema: its name, its input, its answers and all its errors."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from accounts.rest.lists import MOST, USUAL

PROBLEM = "application/problem+json"


class Problem(serializers.Serializer[Any]):
    """What went wrong: RFC 9457. `code` is stable and for machines, `detail` is in the caller's language."""

    type = serializers.CharField(help_text="Always about:blank: `code` tells errors apart.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField(allow_blank=True)
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Messages by the name of the input in fault.",
    )


ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid", "Malformed or invalid; `errors` names what."),
    401: ("unauthenticated", "No valid API key and no session."),
    403: ("not_permitted", "Visible, but not the caller's to do; or the key has not the scope."),
    404: ("not_found", "Not there, or not visible to the caller."),
    406: ("not_acceptable", "Answers are JSON."),
    409: ("illegal_status_change", "Refused by the rules, or an Idempotency-Key used for something else."),
    412: ("stale_version", "Changed since the state that If-Match names."),
    413: ("too_large", "The body is too large."),
    415: ("unsupported_media_type", "Bodies are JSON."),
    429: ("rate_limited", "Too many calls; see Retry-After."),
    503: ("unavailable", "The database is away, or the provider of a sign-in; see Retry-After."),
}
ALWAYS = (400, 401, 403, 406, 429, 503)
OF_CHANGES = (409, 412, 413, 415)

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="The first answer to this key is kept for 24 hours and given again.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$'},
    OpenApiParameter.HEADER,
    description="The ETag of the state to be changed; 412 if there is another by now.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag one has already; 304 if it still holds.",
)
PAGING = (
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
        description="How many rows at most.",
    ),
    OpenApiParameter("cursor", str, description="Where to go on: taken from `next` or `previous`."),
    OpenApiParameter(
        "count",
        {"type": "boolean", "default": False},
        description="Whether to say how many rows there are in all.",
    ),
)


def operation(
    name: str,
    summary: str,
    *,
    takes: Any = None,
    uploads: Any = None,
    gives: Any = None,
    as_kind: str = "",
    status: int = HTTPStatus.OK,
    also: Mapping[int, Any] | None = None,
    changes: bool = False,
    resends: bool = False,
    finds: bool = False,
    refuses: Sequence[int] = (),
    parameters: Sequence[OpenApiParameter] = (),
    headers: Mapping[str, str] | None = None,
    sent: Any = None,
    received: Any = None,
    tags: Sequence[str],
) -> Callable[[Any], Any]:
    """Describe one method of a view.

    `uploads` is the shape of a form with files. `changes` for what writes, `resends` for what heeds Idempotency-Key,
    `finds` for what may be 404, `refuses` for further errors. `sent` and `received` are examples of bodies, `headers`
    those of the answer: {name: description}. An answer that is no JSON says `as_kind`.
    """
    errors = [*ALWAYS, *((404,) if finds else ()), *(OF_CHANGES if changes else ()), *refuses]
    answers: dict[Any, Any] = {(status, as_kind) if as_kind else status: _answer(gives)} | {
        code: _answer(shape) for code, shape in (also or {}).items()
    }
    answers |= {(code, PROBLEM): OpenApiResponse(Problem, ERRORS[code][1]) for code in sorted(errors)}
    conditions = [IF_MATCH] * changes + [IDEMPOTENCY_KEY] * resends
    if not changes:
        conditions = [IF_NONE_MATCH]
        answers[304] = OpenApiResponse(description="Not modified.")
    told = [
        OpenApiParameter(header, str, OpenApiParameter.HEADER, description=about, response=[status])
        for header, about in (headers or {}).items()
    ]
    examples = [
        OpenApiExample(
            "Error", _problem(code), response_only=True, status_codes=[str(code)], media_type=PROBLEM
        )
        for code in sorted(errors)
    ]
    bodies = {"application/json": takes, "multipart/form-data": uploads}
    examples += [
        OpenApiExample(f"Request as {kind}", sent, request_only=True, media_type=kind)
        for kind, shape in bodies.items()
        if shape is not None and sent is not None
    ]
    if received is not None:
        examples.append(
            OpenApiExample(
                "Answer",
                received,
                response_only=True,
                status_codes=[str(int(status))],
                media_type=as_kind or "application/json",
            )
        )
    decorate: Callable[[Any], Any] = extend_schema(
        operation_id=name,
        summary=summary,
        request={kind: shape for kind, shape in bodies.items() if shape is not None} or None,
        responses=answers,
        parameters=[*parameters, *conditions, *told],
        examples=examples,
        tags=list(tags),
    )
    return decorate


def page_of(shape: type[serializers.Serializer[Any]], name: str) -> type[serializers.Serializer[Any]]:
    """The shape of a list of these."""
    return type(
        name,
        (serializers.Serializer,),
        {
            "results": shape(many=True),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "count": serializers.IntegerField(required=False, help_text="Only with `?count=true`."),
            "__doc__": "One page.",
            "__module__": shape.__module__,
        },
    )


def page_example(*rows: Any) -> dict[str, Any]:
    return {"results": list(rows), "next": None, "previous": None}


def _answer(shape: Any) -> Any:
    return (
        OpenApiResponse(shape, "Done.")
        if shape is not None
        else OpenApiResponse(description="Done; no content.")
    )


def _problem(status: int) -> dict[str, Any]:
    code, about = ERRORS[status]
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": about,
        "instance": "/api/v1/…",
        "code": code,
        "request_id": "3f0c1e6a9d0b4d0f8a3f6a6f5b1c2d3e",
    }
    return problem | (
        {"errors": {"title": ["This field is required."]}} if status == HTTPStatus.BAD_REQUEST else {}
    )
