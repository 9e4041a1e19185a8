"""Who asks for a page, and where he may be sent next."""

from typing import cast

from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User

LONGEST_NEXT = 2000


def me(request: HttpRequest) -> User:
    """Whoever has signed in. For views behind `signed_in`."""
    return cast(User, request.user)


def local(target: str | None, *, otherwise: str = "") -> str:
    """The address if it stays on this desk, else the other one, which may be empty."""
    target = target or ""
    if (
        target.startswith("/")
        and len(target) <= LONGEST_NEXT
        and target.isprintable()
        and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    ):
        return target
    return resolve_url(otherwise) if otherwise else ""
