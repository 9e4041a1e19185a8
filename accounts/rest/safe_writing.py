"""Writing that can be sent twice: the first answer to an Idempotency-Key is kept and given again for 24 hours."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from hashlib import sha256

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.acting import Invalid, Refused
from accounts.models import StoredAnswer
from accounts.sealed import Unreadable, seal, unseal

KEPT_FOR = timedelta(hours=24)
# A name, not a place: an answer that was kept before an upgrade is given after it, too.
PURPOSE = "accounts.safe_writing"
KEPT_HEADERS = ("Content-Type", "ETag", "Location")
PATIENCE = 4.0  # seconds; as long as a twin would wait for the lock of a row

type Work = Callable[[], HttpResponse]


def once(request: Request, work: Work, *, one_verb: bool = False) -> HttpResponse:
    """Do the work and keep its answer, in one transaction; or give the answer kept for the same Idempotency-Key.

    Twins wait for each other at the unique index: the second one gets the answer of the first, or does the work
    itself if the first one failed. Nothing is kept of a failure. Work that is one verb brings its own transaction.
    """
    key = key_in(request)
    if key is None:
        with nullcontext() if one_verb else transaction.atomic():
            return work()
    with transaction.atomic():
        row = _reserve(request, key)
        if row is None:
            return _replay(request, key)
        response = work()
        _keep(row, response)
    return response


def once_in_steps(request: Request, work: Work) -> HttpResponse:
    """As `once`, for work that commits step by step and so cannot share a transaction with its answer.

    The reservation is committed first. Twins look after it until there is an answer. Work that breaks off midway
    leaves its reservation: nobody can tell any more what was done, so the key is refused from then on.
    """
    key = key_in(request)
    if key is None:
        return work()
    while (row := _reserve(request, key)) is None:
        try:
            return _replay(request, key)
        except StoredAnswer.DoesNotExist:
            continue  # the twin was refused meanwhile, and nothing is kept of that: it is our turn
    try:
        response = work()
    except (Refused, APIException):  # refused as a whole, before the first step
        StoredAnswer.objects.filter(pk=row).delete()
        raise
    _keep(row, response)
    return response


def key_in(request: Request) -> str | None:
    """The Idempotency-Key of a POST or PATCH. Raises Invalid for an empty or over-long one."""
    key: str | None = request.headers.get("Idempotency-Key")
    if key is None or request.method not in {"POST", "PATCH"}:
        return None
    if not 1 <= len(key) <= 255:
        raise Invalid(
            "Idempotency-Key", "invalid_idempotency_key", _("An Idempotency-Key has 1 to 255 characters.")
        )
    return sha256(key.encode()).hexdigest()


def _reserve(request: Request, key: str) -> int | None:
    """The id of the row that is now ours to fill; None where an answer is kept. Waits for a twin's transaction."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_storedanswer AS a (user_id, key, request, status, headers, body, created_at)
            VALUES (%s, %s, %s, 0, '{}', '', %s)
            ON CONFLICT (user_id, key) DO UPDATE
            SET request = excluded.request, status = 0, headers = '{}', body = '', created_at = excluded.created_at
            WHERE a.created_at < %s
            RETURNING id
            """,
            [_caller(request), key, _essence(request), now, now - KEPT_FOR],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _keep(row: int, response: HttpResponse) -> None:
    StoredAnswer.objects.filter(pk=row).update(
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
        body=seal(response.content, purpose=PURPOSE),
    )


def _replay(request: Request, key: str) -> HttpResponse:
    kept = _kept(request, key)
    if kept.request != _essence(request):
        raise Refused(
            "idempotency_key_reused",
            _("This Idempotency-Key has been used for something else. Choose a new one."),
        )
    if kept.status == 0:
        raise Refused(
            "idempotency_outcome_unknown",
            _(
                "An earlier call with this Idempotency-Key is still running or broke off. Look at what it has done."
            ),
        )
    try:
        body = unseal(bytes(kept.body), purpose=PURPOSE)
    except Unreadable:  # the secret of then is gone
        raise Refused(
            "idempotency_answer_lost", _("This was done before, and its answer can no longer be read.")
        ) from None
    response = HttpResponse(body, status=kept.status, headers=kept.headers)
    response["Idempotency-Replayed"] = "true"
    return response


def _kept(request: Request, key: str) -> StoredAnswer:
    """The row, after a moment's patience with a twin that commits in steps."""
    until = time.monotonic() + PATIENCE
    while True:
        kept = StoredAnswer.objects.get(user=_caller(request), key=key)
        if kept.status or connection.in_atomic_block or time.monotonic() > until:
            return kept
        time.sleep(0.1)


def _caller(request: Request) -> int | None:
    return request.user.pk if request.user else None


def _essence(request: Request) -> str:
    """SHA-256 of what makes two calls the same."""
    called = request._request
    head = json.dumps([called.method, called.path.rstrip("/"), called.META.get("QUERY_STRING", "")])
    if called.content_type == "multipart/form-data":
        return sha256(head.encode() + b"\n" + _essence_of_form(called)).hexdigest()
    return sha256(head.encode() + b"\n" + called.body).hexdigest()


def _essence_of_form(called: HttpRequest) -> bytes:
    """Its fields and files: the boundary between them is another one each time."""
    files = []
    for field, several in called.FILES.lists():
        for file in several:
            digest = sha256()
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
            files.append([field, file.name, file.content_type, digest.hexdigest()])
    return json.dumps([list(called.POST.lists()), files]).encode()
