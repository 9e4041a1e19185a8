"""How providers are asked: a few answers of bounded size, in a bounded time, with no redirect followed.

The way out is that of the webhooks (notifications.http), which goes to public addresses only and to those of
OUTBOUND_ALLOWED. It is filled in at start-up, since this app does not know that one. What is here looks to allauth
like a session of `requests`, as far as allauth looks.
"""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from allauth.core import context
from requests import ConnectionError as NoConnection
from requests import HTTPError, JSONDecodeError
from requests.auth import HTTPBasicAuth

ALL_OF_IT = 10.0  # seconds for everything that is asked while somebody waits for one page

# {"http": (method, url, body, headers, within=seconds) -> (status, headers, body)}; raises ConnectionError.
WAYS_OUT: dict[str, Callable[..., tuple[int, Mapping[str, str], bytes]]] = {}


@dataclass(frozen=True)
class Answer:
    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise JSONDecodeError("no JSON", "", 0) from None

    def raise_for_status(self) -> None:
        # A redirect, too: nobody but the provider we know may answer.
        if not 200 <= self.status_code < 300:
            raise HTTPError(f"HTTP {self.status_code}")


class Bounded:
    """One question after the other, until the time of this request is up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_trouble: object) -> None:
        pass

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", url, headers=headers)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: HTTPBasicAuth | None = None,
    ) -> Answer:
        """Raises what `requests` raises."""
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
        sent = {"Accept": "application/json"} | dict(headers or {})
        body = None
        if data is not None:
            body = urlencode(data).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if auth is not None:
            pair = f"{auth.username!s}:{auth.password!s}".encode()
            sent["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            return Answer(*WAYS_OUT["http"](method, url, body, sent, within=_left()))
        except ConnectionError as trouble:
            raise NoConnection(str(trouble)) from None


def _left() -> float:
    """Seconds that are left for the page somebody waits for."""
    request: Any = context.request
    if not hasattr(request, "providers_until"):
        request.providers_until = time.monotonic() + ALL_OF_IT
    left: float = request.providers_until - time.monotonic()
    if left <= 0:
        raise NoConnection("it took too long")
    return left
