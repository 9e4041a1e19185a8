"""How providers are asked: a few answers of bounded size, in a bounded time, with no redirect followed.

Whoever asks us to ask is a stranger yet, and a provider that hangs would hold a thread for each of them. So few threads
ask one at a time; the next may wait for a moment, the others say at once that the provider is away; whoever was too
slow is left alone for a while; and what a provider publishes about himself is kept for some minutes.

The way out is that of the webhooks (notifications.http), which goes to public addresses only and to those of
OUTBOUND_ALLOWED. It is filled in at start-up, since this app does not know that one. What is here looks to allauth
like a session of `requests`, as far as allauth looks.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, Self
from urllib.parse import urlencode

from requests import ConnectionError as NoConnection
from requests import HTTPError, JSONDecodeError
from requests.auth import HTTPBasicAuth

ALL_OF_IT = 5.0  # seconds for everything that is asked while somebody waits for one page
AT_ONCE = 2  # threads of this process that may ask one provider
NEXT = 1  # of all of them: those that may wait until it is their turn
TURN = 1.0  # seconds for which they do
REST = 20.0  # seconds for which a provider that was too slow is not asked
KEPT_FOR = 300.0  # seconds: what providers publish

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
            _left()  # nothing: then it is left alone for a while
            raise NoConnection(str(trouble)) from None


# --- How much at a time --------------------------------------------------------------------------

_free: dict[str, BoundedSemaphore] = {}  # by issuer
_next = BoundedSemaphore(NEXT)
_rests: dict[str, float] = {}  # {issuer: until when, by time.monotonic}


@dataclass
class Exchange:
    """With whom, when it must be over, and what is given back then."""

    issuer: str
    until: float
    place: ExitStack


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)  # of this thread


@contextmanager
def exchange(issuer: str) -> Iterator[None]:
    """All that is asked of a provider for one page. Raises what `requests` raises where it is not even begun."""
    if _exchange.get() is not None:
        yield
        return
    _require_rested(issuer)
    free = _free.setdefault(issuer, BoundedSemaphore(AT_ONCE))
    _take_turn(free)
    place = ExitStack()
    place.callback(free.release)
    with place:
        _require_rested(issuer)  # by now
        token = _exchange.set(Exchange(issuer, time.monotonic() + ALL_OF_IT, place))
        try:
            yield
        finally:
            _exchange.reset(token)


def all_is_asked() -> None:
    """Nothing more is asked for this page: what is left to be done for it keeps nobody else from asking."""
    if (asking := _exchange.get()) is not None:
        asking.until = 0
        asking.place.close()


def _require_rested(issuer: str) -> None:
    if time.monotonic() < _rests.get(issuer, 0):
        raise NoConnection("it did not answer a moment ago")


def _take_turn(free: BoundedSemaphore) -> None:
    if free.acquire(blocking=False):
        return
    # Those who ask are done soon, unless the provider is in trouble; then few threads are held by that.
    if _next.acquire(blocking=False):
        try:
            if free.acquire(timeout=TURN):
                return
        finally:
            _next.release()
    raise NoConnection("others wait for an answer already")


def _left() -> float:
    """Seconds that are left for the page somebody waits for."""
    asking = _exchange.get()
    if asking is None or not asking.until:
        raise NoConnection("nothing is asked outside of an exchange")
    left = asking.until - time.monotonic()
    if left <= 0:
        _rests[asking.issuer] = time.monotonic() + REST
        raise NoConnection("it took too long")
    return left


# --- What is kept --------------------------------------------------------------------------------


class Published[T]:
    """What providers say of themselves to everybody, by issuer, in this process."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, T]] = {}

    def kept(self, issuer: str, *, younger_than: float = KEPT_FOR) -> T | None:
        at, value = self._held.get(issuer, (None, None))
        return value if at is not None and time.monotonic() - at < younger_than else None

    def keep(self, issuer: str, value: T) -> None:
        self._held[issuer] = (time.monotonic(), value)

    def forget(self) -> None:
        self._held.clear()


def forget_troubles() -> None:
    """Ask every provider again."""
    _rests.clear()
