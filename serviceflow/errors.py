"""What people and programs get to read when something goes wrong: a page, or a problem document."""

import errno
import sys
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import redirect
from django.template import TemplateDoesNotExist, loader
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from psycopg.errors import IdleInTransactionSessionTimeout

from accounts import one_time_forms
from serviceflow import problems

log = structlog.get_logger("serviceflow.errors")


# --- Handlers named in urls.py -------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return told(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return told(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return told(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    log.warning("csrf_refused", reason=reason[:200])  # it repeats what a stranger sent
    # Signed in again in another window meanwhile: the form comes back with what was typed, to be sent once more. No
    # session is made for whoever has none.
    if request.user.is_authenticated and one_time_forms.keep(request):
        return redirect(request.path)
    return told(
        request,
        403,
        code="csrf_failed",
        detail=_(
            "This form is out of date, or your browser refused its cookie. Go back, reload and send it again."
        ),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Whatever nobody caught: in a view, around it, or in an error page. It must hold when the database is away."""
    exception = sys.exception()
    response = of_trouble(request, exception)
    if response is None:
        # The only trace: Django's own log is silent about the failure of an error page, so we quiet it for the rest.
        log.error("internal_error", exc_info=exception)
        response = told(request, 500)
    return response


# --- Troubles that are not ours ------------------------------------------------------------------


def of_trouble(request: HttpRequest, exception: BaseException | None) -> HttpResponse | None:
    """The answer to what the database or the client did, None where the fault is our own.

    Lock and statement time-outs and deadlocks are OperationalErrors too: trying again is right for all of them.
    """
    was_idle = isinstance(exception, InternalError) and isinstance(
        exception.__cause__, IdleInTransactionSessionTimeout
    )
    if was_idle or isinstance(exception, OperationalError | InterfaceError):
        log.warning("database_unavailable", error=type(exception).__name__, said=str(exception))
        return told(request, 503)
    if isinstance(exception, DataError):
        # A number or text no column can hold. Validation should have said so in its own words: mend it there.
        log.error("input_reached_the_database", exc_info=exception)
        return told(request, 400)
    if isinstance(exception, UnreadablePostError):
        return told(request, 400)  # the client hung up while sending
    if isinstance(exception, OSError) and exception.errno in {errno.ENOSPC, errno.EDQUOT}:
        log.error("disk_full", exc_info=exception)
        return told(request, 503)
    return None


# --- The two ways of telling ---------------------------------------------------------------------


def told(
    request: HttpRequest, status: int, *, code: str = "", detail: str = "", **for_programs: Any
) -> HttpResponse:
    if problems.asks_for_json(request):
        return problems.answer(request, status, code=code, detail=detail, **for_programs)
    response = page(request, status, problems.body(request, status, code=code, detail=detail))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(problems.RETRY_AFTER)
    return response


def page(request: HttpRequest, status: int, problem: dict[str, object]) -> HttpResponse:
    """The page `<status>.html`. From 500 on it gets no context processors: they would ask the database."""
    content: str
    try:
        content = loader.render_to_string(
            f"{status}.html",
            {"problem": problem},
            request if status < HTTPStatus.INTERNAL_SERVER_ERROR else None,
        )
    except TemplateDoesNotExist:
        content = small_page(problem)
    return HttpResponse(content, status=status)


def small_page(problem: dict[str, object]) -> str:
    return format_html(
        '<!doctype html><html lang="{}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>{}</title><h1>{}</h1><p>{}</p><p><small>{}</small>',
        get_language() or "en",
        problem["title"],
        problem["title"],
        problem["detail"],
        problem["request_id"],
    )
