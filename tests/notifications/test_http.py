"""Where messages go, and where they never do."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.conf import LazySettings
from django.utils import timezone

from notifications import http
from notifications.message import Ambiguous, NotSent, Passing, Permanent
from tests.http_server import Listener, Reply, http_server


def post(url: str, body: bytes = b"{}") -> http.Answer:
    return http.post(url, body, {"Content-Type": "application/json"})


@pytest.fixture(autouse=True)
def no_kept_connections() -> Iterator[None]:
    yield
    http.forget_connections()


# --- Where it does not go ------------------------------------------------------------------------


@pytest.fixture
def canary() -> Iterator[Listener]:
    """A server of our own house that nobody may reach from here."""
    with http_server("127.0.0.1") as server:
        yield server
        assert server.connections == 0, [heard.path for heard in server.heard]


LOOPBACK = {
    "plain": "127.0.0.1",
    "another of the net": "127.8.9.10",
    "decimal": "2130706433",
    "octal": "0177.0.0.1",
    "octal whole": "017700000001",
    "hex": "0x7f000001",
    "hex parts": "0x7f.0.0.0x1",
    "short": "127.1",
    "zero": "0.0.0.0",  # noqa: S104 (to be refused)
    "shorter zero": "0",
    "name": "localhost",
    "name with a dot": "localhost.",
    "name in capitals": "LOCALHOST",
    "v6": "[::1]",
    "v6 long": "[0:0:0:0:0:0:0:1]",
    "v6 unspecified": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped hex": "[::ffff:7f00:1]",
    "compatible": "[::127.0.0.1]",
    "6to4": "[2002:7f00:1::]",
    "nat64": "[64:ff9b::7f00:1]",
    "nat64 local": "[64:ff9b:1::7f00:1]",
    "link-local": "169.254.169.254",
    "link-local decimal": "2852039166",
    "link-local v6": "[fe80::1]",
    "link-local v6 with a zone": "[fe80::1%25lo]",
    "unique local": "[fd00:ec2::254]",
    "site-local": "[fec0::1]",
    "multicast": "224.0.0.1",
    "multicast v6": "[ff02::1]",
    "broadcast": "255.255.255.255",
    "private": "10.0.0.1",
    "private b": "172.16.0.1",
    "private c": "192.168.0.1",
    "carrier": "100.64.0.1",
    "documentation": "192.0.2.1",
    "metadata of a cloud": "168.63.129.16",
    "wide digits": "１２７.０.０.１",
    "ideographic dots": "127。0。0。1",
}


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", LOOPBACK.values(), ids=LOOPBACK)
def test_no_spelling_of_an_inner_address_is_reached(canary: Listener, host: str, scheme: str) -> None:
    with pytest.raises((Permanent, Passing)):
        post(f"{scheme}://{host}:{canary.port}/inner")


ADDRESSES = {
    "user before": "http://ok@127.0.0.1:{port}/",
    "user that looks like a host": "https://hooks.example.com@127.0.0.1:{port}/",
    "user and password": "https://a:b@127.0.0.1:{port}/",
    "backslash": "https://example.com\\@127.0.0.1:{port}/",
    "hash before the at": "https://example.com#@127.0.0.1:{port}/",
    "space": "https://example.com @127.0.0.1:{port}/",
    "line break": "https://127.0.0.1:{port}/\r\nHost: example.com",
    "tab in the scheme": "ht\ttp://127.0.0.1:{port}/",
    "no scheme": "//127.0.0.1:{port}/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:{port}/_x",
    "nothing": "",
    "two ports": "http://127.0.0.1:80:{port}/",
}


@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES)
def test_no_trick_with_the_address_reaches_it_either(canary: Listener, url: str) -> None:
    with pytest.raises((Permanent, Passing)):
        post(url.format(port=canary.port))


def test_a_name_that_leads_inside_is_refused(canary: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering(["127.0.0.1"]))
    with pytest.raises(Permanent, match="private network"):
        post(f"https://hooks.example.com:{canary.port}/")


def test_a_name_with_one_address_inside_is_refused_altogether(
    canary: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering(["93.184.215.14", "127.0.0.1"]))
    with pytest.raises(Permanent, match="private network"):
        post(f"https://hooks.example.com:{canary.port}/")


def answering(*answers: list[str]) -> Any:
    """A resolver that gives these addresses, one list for each question; the last one ever after."""
    left = list(answers)

    def getaddrinfo(host: str, port: int, *arguments: Any, **named: Any) -> list[Any]:
        addresses = [host] if host.replace(".", "").isdigit() else left.pop(0) if left[1:] else left[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in addresses
        ]

    return getaddrinfo


def test_a_name_that_changes_its_address_changes_nothing(
    canary: Listener, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look-up gives an address that may be gone to, every later one that of the canary."""
    settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.2/32")]
    with http_server("127.0.0.2", port=canary.port) as allowed:
        monkeypatch.setattr(socket, "getaddrinfo", answering(["127.0.0.2"], ["127.0.0.1"]))
        assert post(f"http://hooks.example.com:{canary.port}/first").status == 200
        assert [heard.headers["host"] for heard in allowed.heard] == [f"hooks.example.com:{canary.port}"]
        with pytest.raises(Permanent, match="private network"):
            post(f"http://hooks.example.com:{canary.port}/second")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(canary: Listener, settings: LazySettings, status: int) -> None:
    settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.2/32")]
    with http_server("127.0.0.2") as outside:
        outside.reply = lambda _heard: Reply(status, headers={"Location": f"{canary.url}/inner"})
        assert post(f"{outside.url}/").status == status


def test_a_proxy_of_the_environment_is_not_heeded(
    canary: Listener, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, canary.url)
    assert post(f"{listener.url}/").status == 200


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_public(text: str) -> None:
    assert http.is_public(ip_address(text))


def test_plain_http_goes_only_where_the_settings_allow(listener: Listener, settings: LazySettings) -> None:
    assert post(listener.url).status == 200
    settings.OUTBOUND_ALLOWED = []
    with pytest.raises(Permanent):
        post(listener.url)
    with pytest.raises(Permanent, match="https"):
        post("http://8.8.8.8/")


# --- Whom it believes ----------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def test_a_certificate_must_be_trusted_and_of_that_name(
    authority: trustme.CA, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.1/32")]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example.com").configure_cert(context)
    monkeypatch.setattr(socket, "getaddrinfo", answering(["127.0.0.1"]))
    with http_server(tls=context) as server:
        with pytest.raises(Passing, match="certificate is not trusted"):
            post(f"https://hooks.example.com:{server.port}/")
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        http.forget_connections()
        assert post(f"https://hooks.example.com:{server.port}/").status == 200
        with pytest.raises(Passing, match="certificate is not trusted"):
            post(f"https://other.example.com:{server.port}/")
        assert len(server.heard) == 1


# --- What comes back -----------------------------------------------------------------------------


def test_connections_are_kept(listener: Listener) -> None:
    for _time in range(3):
        assert post(listener.url).body == b"ok"
    assert len(listener.heard) == 3
    assert listener.connections == 1


def test_of_a_long_answer_little_is_read(listener: Listener) -> None:
    listener.reply = lambda _heard: Reply(body=b"x" * 5_000_000)
    assert len(post(listener.url).body) == http.MOST_READ
    listener.reply = lambda _heard: Reply()
    assert post(listener.url).body == b"ok"


DRIPS = {
    "head": [b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 200],
    "single bytes of the head": [bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 200],
}


@pytest.mark.parametrize("pieces", DRIPS.values(), ids=DRIPS)
def test_an_answer_in_drips_is_waited_for_no_longer_than_any(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    monkeypatch.setattr(http, "WHOLE", 0.5)
    listener.reply = lambda _heard: Reply(raw=pieces, pause=0.05)
    began = time.monotonic()
    with pytest.raises(Ambiguous, match="took too long"):
        post(listener.url)
    assert time.monotonic() - began < 5


def test_a_body_in_drips_takes_nothing_from_the_status(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "WHOLE", 0.5)
    head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n"
    listener.reply = lambda _heard: Reply(raw=[head, *[b"."] * 200], pause=0.05)
    assert post(listener.url).status == 202


def test_silence_after_the_request_is_ambiguous_and_before_it_passes(listener: Listener) -> None:
    listener.reply = lambda _heard: Reply(hang_up=True)
    with pytest.raises(Ambiguous):
        post(listener.url)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(Passing, match="refused"):
            post(f"http://127.0.0.1:{nobody.getsockname()[1]}/")


def test_no_trouble_tells_the_address(listener: Listener) -> None:
    listener.reply = lambda _heard: Reply(hang_up=True)
    with pytest.raises(NotSent) as told:
        post(f"{listener.url}/services/SECRETPATH?token=SECRETTOKEN")
    assert "SECRET" not in str(told.value) + repr(told.value)
    assert told.value.__cause__ is None


NO = {400: Permanent, 401: Permanent, 404: Permanent, 410: Permanent, 408: Passing, 425: Passing, 429: Passing,
      301: Passing, 500: Passing, 503: Passing}  # fmt: skip


@pytest.mark.parametrize(("status", "trouble"), NO.items())
def test_which_answers_pass(status: int, trouble: type[NotSent]) -> None:
    with pytest.raises(trouble, match=str(status)):
        http.require_taken(http.Answer(status, b"", None))


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WISHES = {
    "120": timedelta(seconds=120),
    "0": timedelta(0),
    "999999999": http.LONGEST_WISH,
    format_datetime(NOW + timedelta(hours=1), usegmt=True): timedelta(hours=1),
    format_datetime(NOW + timedelta(days=30), usegmt=True): http.LONGEST_WISH,
    format_datetime(NOW - timedelta(days=30), usegmt=True): timedelta(0),
}


@pytest.mark.parametrize(("wish", "pause"), WISHES.items())
def test_retry_after_is_heeded_within_reason(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, wish: str, pause: timedelta
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    listener.reply = lambda _heard: Reply(429, headers={"Retry-After": wish})
    assert post(listener.url).retry_at == NOW + pause


@pytest.mark.parametrize("wish", ["", "soon", "-5", "1e9", "²", "Thu, 99 Foo 2026 99:99:99 GMT", "9" * 5000])
def test_a_retry_after_that_says_nothing_is_nothing(listener: Listener, wish: str) -> None:
    listener.reply = lambda _heard: Reply(429, headers={"Retry-After": wish.encode().decode("latin-1")})
    assert post(listener.url).retry_at is None


def test_what_is_posted_arrives_as_it_is(listener: Listener) -> None:
    body = json.dumps({"text": "Принтер"}, ensure_ascii=False).encode()
    post(f"{listener.url}/hook?x=1", body)
    [heard] = listener.heard
    assert (heard.path, heard.body) == ("/hook?x=1", body)
