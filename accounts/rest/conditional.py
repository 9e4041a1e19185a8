"""ETags as RFC 9110 has them: what a reader already has, and what a writer believes to change."""

import re
from hashlib import sha256

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.acting import Invalid

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t]*{_TAG}(?:[ \t]*,[ \t]*{_TAG})*[ \t]*")


def tag_of(*parts: object) -> str:
    """A strong tag for whatever these say."""
    return f'"{sha256(repr(parts).encode()).hexdigest()[:32]}"'


def version_tag(version: int) -> str:
    """The tag of something that counts its versions."""
    return f'"{version}"'


def not_modified(request: Request, tag: str) -> HttpResponse | None:
    """The 304 for a reader whose If-None-Match has this tag (weakly compared), else None."""
    given = request.headers.get("If-None-Match")
    if given is None or (
        given.strip() != "*" and tag not in (each.removeprefix("W/") for each in _listed(given))
    ):
        return None
    response = HttpResponse(status=304, headers={"ETag": tag})
    del response["Content-Type"]  # there is no content to have one
    return response


def believed(request: Request) -> frozenset[str] | None:
    """The tags of If-Match that can match (strongly compared); None where any state will do.

    Raises Invalid for a header that is no list of tags.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    if not _TAGS.fullmatch(given):
        raise Invalid("If-Match", "malformed_if_match", _("If-Match must be * or a list of ETags in quotes."))
    return frozenset(each for each in _listed(given) if not each.startswith("W/"))


def _listed(header: str) -> list[str]:
    return re.findall(_TAG, header)
