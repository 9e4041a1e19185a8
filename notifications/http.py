"""The one way out for HTTP: to public addresses only, within ten seconds, and never further than told.

Webhooks go wherever an administrator has said, so what he says may lead into our own network (SSRF). The name is
resolved once, every address it has must be public or among OUTBOUND_ALLOWED, and the connection goes to the very
address that was looked at: a name that changes meanwhile changes nothing. Redirects are answers like any other, no
proxy of the environment is heeded, and no address is ever put into a message or a log.
"""

import email.utils
import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.utils import timezone
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    SSLError,
)
from urllib3.util import Url, parse_url

from notifications.message import Ambiguous, Passing, Permanent
from notifications.timed import TimedReader

CONNECT, WHOLE = 5.0, 10.0  # seconds
MOST_READ = 64 * 1024  # bytes of an answer
LONGEST_WISH = timedelta(hours=6)  # of a Retry-After
PASSING_STATUSES = frozenset({408, 425, 429})

type Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Answer:
    """What came back: at most MOST_READ bytes of it."""

    status: int
    body: bytes
    retry_at: datetime | None
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True  # whether the body is all there


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send and give the answer, whatever its status. Raises as `exchange` does."""
    return exchange("POST", url, body, headers)


def fetched(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, within: float
) -> tuple[int, Mapping[str, str], bytes]:
    """For those who need the answer at once, or not at all: status, headers, body. Raises ConnectionError."""
    try:
        answer = exchange(method, url, body, headers, within=within)
    except (Permanent, Passing, Ambiguous) as trouble:
        raise ConnectionError(str(trouble)) from None
    if not answer.whole:
        raise ConnectionError("The answer is too long, or broke off.")
    return answer.status, answer.headers, answer.body


def exchange(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, within: float | None = None
) -> Answer:
    """Send and give the answer, whatever its status, in so many seconds.

    Raises Permanent for an address we do not go to, Passing where nobody was reached, and Ambiguous where the other
    side may have had it all and has not answered.
    """
    deadline = time.monotonic() + (WHOLE if within is None else within)
    target = parsed(url)
    address = _resolved(target, deadline)
    token = _deadline.set(deadline)
    try:
        response = _pool(target, address).request(
            method,
            target.request_uri,
            body=body,
            headers={"Host": _host_header(target), "Accept-Encoding": "identity", **headers},
            timeout=Timeout(connect=CONNECT, read=WHOLE, total=max(deadline - time.monotonic(), 0.1)),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        return _answer(response)
    except (NewConnectionError, ConnectTimeoutError) as trouble:
        raise Passing(f"No connection: {_reason(trouble)}.") from None
    except SSLError as trouble:
        raise Passing(f"No safe connection: {_reason(trouble)}.") from None
    except (HTTPError, OSError) as trouble:
        raise Ambiguous(f"No answer: {_reason(trouble)}.") from None
    finally:
        _deadline.reset(token)


def require_taken(answer: Answer, said: str = "") -> str:
    """What a success is called. Raises Passing or Permanent for every other status."""
    told = f"HTTP {answer.status}{': ' if said else ''}{said}"
    if 200 <= answer.status < 300:
        return told
    if 400 <= answer.status < 500 and answer.status not in PASSING_STATUSES:
        raise Permanent(told)
    raise Passing(told, at=answer.retry_at)


# --- Where to ------------------------------------------------------------------------------------


def parsed(url: str) -> Url:
    """The parts of an address we might go to. Raises Permanent for one that cannot be meant honestly."""
    if len(url) > 2000 or any(c in " \\" or not c.isprintable() for c in url):
        raise Permanent("The address is not valid.")
    try:
        target = parse_url(url)
    except LocationParseError:
        raise Permanent("The address is not valid.") from None
    if target.scheme not in {"http", "https"} or not target.host:
        raise Permanent("The address must begin with https://.")
    if target.auth is not None:
        raise Permanent("The address must not hold a user name.")
    try:
        literal: Address | None = ip_address(target.host.strip("[]"))
    except ValueError:
        literal = None
    if literal is not None:
        _require_open(literal, target.scheme)
    elif target.scheme == "http" and not settings.OUTBOUND_ALLOWED:
        raise Permanent("The address must begin with https://.")
    return target


def _require_open(address: Address, scheme: str) -> None:
    if is_allowed(address):
        return
    if not is_public(address):
        raise Permanent("The address leads into a private network.")
    if scheme != "https":
        raise Permanent("The address must begin with https://.")


# One thread for each that waits: a resolver may take longer than we do.
_resolver = ThreadPoolExecutor(16, thread_name_prefix="resolve")


def _resolved(target: Url, deadline: float) -> str:
    """The address to connect to. Every address of the name must be one we go to."""
    host = str(target.host).strip("[]")
    port = _port(target)
    try:
        asked = _resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = asked.result(timeout=max(min(CONNECT, deadline - time.monotonic()), 0))
    except (OSError, UnicodeError):
        raise Passing("The name of the server is not known.") from None
    except TimeoutError:
        raise Passing("The name of the server could not be asked for.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise Passing("The name of the server is not known.")
    for address in addresses:
        _require_open(ip_address(address), str(target.scheme))
    return addresses[0]


def _port(target: Url) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def _host_header(target: Url) -> str:
    return str(target.host) if target.port is None else f"{target.host}:{target.port}"


# Public by their prefix, and yet a way to somewhere else: an IPv4 address in the clothes of IPv6 (RFC 6052, 3056,
# 4291), site-local addresses, and where one provider of clouds keeps its metadata.
_NAT64, _COMPATIBLE = IPv6Network("64:ff9b::/96"), IPv6Network("::/96")
_NEVER: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",
        "192.88.99.0/24",
        "fec0::/10",
        "64:ff9b:1::/48",
        "2001::/32",
        "5f00::/16",
        "3fff::/20",
        "2620:4f:8000::/48",
    )
)


def is_public(address: Address) -> bool:
    """Whether everybody on the internet would reach the same machine there, and no machine of ours."""
    inner = _inside(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not any(address in network for network in _NEVER)


def is_allowed(address: Address) -> bool:
    """Whether the settings name it: for tests, and for systems in the same house."""
    inner = _inside(address)
    return any((inner or address) in network for network in settings.OUTBOUND_ALLOWED)


def _inside(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    isatap = (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE
    if address in _NAT64 or isatap or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


# --- The connection ------------------------------------------------------------------------------

# When the request at hand must be over, on the clock of time.monotonic.
_deadline: ContextVar[float] = ContextVar("deadline")


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp.close()
        deadline = _deadline.get()

        def hurry() -> None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(left)

        self.fp = io.BufferedReader(TimedReader(sock, hurry))


class _Plain(HTTPConnection):
    response_class: Any = _TimedResponse


class _Safe(HTTPSConnection):
    response_class: Any = _TimedResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _Safe


def _pool(target: Url, address: str) -> HTTPConnectionPool:
    return _pool_for(str(target.scheme), str(target.host).strip("[]"), _port(target), address)


@lru_cache(maxsize=64)
def _pool_for(scheme: str, host: str, port: int, address: str) -> HTTPConnectionPool:
    """Connections to this very address, kept for the next message. The certificate must be the name's."""
    if scheme == "http":
        return _PlainPool(address, port, maxsize=settings.JOB_THREADS)
    return _SafePool(
        address,
        port,
        maxsize=settings.JOB_THREADS,
        ssl_context=_context(),
        server_hostname=host,
        assert_hostname=host,
    )


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def forget_connections() -> None:
    """Close what is kept, and look at the trusted certificates anew."""
    _pool_for.cache_clear()
    _context.cache_clear()


# --- The answer ----------------------------------------------------------------------------------


def _answer(response: Any) -> Answer:
    received: HTTPResponse = response
    try:
        body = received.read(MOST_READ + 1, decode_content=False)
        whole = len(body) <= MOST_READ
    except (HTTPError, OSError):
        # The status is there, and that is what counts.
        body, whole = b"", False
    if whole and received.isclosed():
        received.release_conn()
    else:
        received.close()
    return Answer(
        received.status,
        body[:MOST_READ],
        _retry_at(received.headers.get("Retry-After", "")),
        received.headers,
        whole,
    )


def _retry_at(wish: str) -> datetime | None:
    """A Retry-After, in seconds or as a date (RFC 9110, 10.2.3), as far as we heed it."""
    now = timezone.now()
    wish = wish.strip()
    if wish.isascii() and wish.isdigit() and len(wish) < 10:
        return min(now + timedelta(seconds=int(wish)), now + LONGEST_WISH)
    try:
        at = email.utils.parsedate_to_datetime(wish)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at, now), now + LONGEST_WISH)


def _reason(trouble: BaseException) -> str:
    """What kind of trouble it was. Its own words would repeat the address."""
    if "timed out" in str(trouble).lower():
        return "it took too long"
    if "CERTIFICATE_VERIFY_FAILED" in str(trouble) or "hostname" in str(trouble).lower():
        return "the certificate is not trusted"
    if "refused" in str(trouble).lower():
        return "refused"
    return "it broke off"
