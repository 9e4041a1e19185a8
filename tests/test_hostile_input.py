"""Whatever comes over the wire is refused in words or kept as plain text: never a 5xx, a trace or half a deed.

Through the real web server, since half of it never reaches a view. `corpora` are lists of strings that have broken
other programs; they lie beside the checkout and are no part of it.
"""

import html
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
import requests
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import ApiKey, User
from audit.models import Event
from tests.invariants import check
from tests.served import Desk, Visitor, forms
from tests.shared import real
from tickets.models import Comment, Service, Ticket, Watch

pytestmark = pytest.mark.django_db(transaction=True)

TICKETS = "/api/v1/tickets"
HUGE = "98765432109876543210"


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Sign-ins are audited too; of the desk itself nothing may have moved."""

    def counts() -> list[Any]:
        rows = [model.objects.count() for model in (Ticket, Comment, User, ApiKey, Watch)]
        return [
            *rows,
            Event.objects.exclude(subject_type="user").count(),
            *Ticket.objects.values_list("version"),
        ]

    before = counts()
    yield
    assert counts() == before
    assert check(connection) == []


@pytest.fixture
def program(desk: Desk, agent: User, key_of: Callable[..., str]) -> Visitor:
    visitor = desk.visitor()
    visitor.headers["X-API-Key"] = key_of(agent)
    return visitor


@pytest.fixture
def person(desk: Desk, agent: User) -> Visitor:
    return desk.visitor().sign_in(agent.email)


# --- Below HTTP ----------------------------------------------------------------------------------


def answer_to(desk: Desk, sent: bytes, *, patience: float = 10) -> bytes:
    """Everything the server says to these bytes until it hangs up; empty if it just does that."""
    host, _colon, port = desk.url.removeprefix("http://").partition(":")
    said = b""
    with socket.create_connection((host, int(port)), timeout=patience) as wire:
        try:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            while part := wire.recv(65536):
                said += part
        except ConnectionError:  # it hung up while we were still talking
            pass
    return said


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    # Whoever sends raw bytes wants them raw: latin-1 keeps each one.
    return (
        "\r\n".join([line, "Host: 127.0.0.1", "Connection: close", *headers, "", ""]).encode("latin-1") + body
    )


MALFORMED: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + 200 * b"\x00",
    "an empty line": b"\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "no path": b"GET\r\n\r\n",
    "a NUL in the path": request("GET /tickets/\0/ HTTP/1.1"),
    "a NUL in a header": request("GET /queue/ HTTP/1.1", "X-Request-ID: a\0b"),
    "a NUL in a header's name": request("GET /queue/ HTTP/1.1", "X-Re\0quest: a"),
    "a space before the colon": request("GET /queue/ HTTP/1.1", "X-Odd : a"),
    "a header over two lines": request("GET /queue/ HTTP/1.1", "X-Long: a", " b"),
    "two lengths": request("POST /requests HTTP/1.1", "Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "length and chunks": request(
        "POST /requests HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "a length in words": request("POST /requests HTTP/1.1", "Content-Length: many", body=b"{}"),
    "a negative length": request("POST /requests HTTP/1.1", "Content-Length: -1", body=b"{}"),
    "an unknown coding": request("POST /requests HTTP/1.1", "Transfer-Encoding: gibberish", body=b"{}"),
    "a megabyte of path": request("GET /" + 1_000_000 * "a" + " HTTP/1.1"),
    "an overlong query": request("GET /queue/?q=" + 100_000 * "a" + " HTTP/1.1"),
    "a megabyte of header": request("GET /queue/ HTTP/1.1", "X-Large: " + 1_000_000 * "a"),
    "a megabyte of cookie": request("GET /queue/ HTTP/1.1", "Cookie: session=" + 1_000_000 * "a"),
    "10,000 headers": request("GET /queue/ HTTP/1.1", *(f"X-{i}: a" for i in range(10_000))),
    "another's host": b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": request("GET / HTTP/1.1", "Host: 127.0.0.1"),
    "a host with a NUL": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\0\r\nConnection: close\r\n\r\n",
    "a strange method": request("BREW /queue/ HTTP/1.1"),
    "TRACE": request("TRACE / HTTP/1.1", "Cookie: session=secret"),
    "CONNECT": request("CONNECT 127.0.0.1:22 HTTP/1.1"),
    "the whole server": request("OPTIONS * HTTP/1.1"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_proper_request_is_refused(desk: Desk, ticket: Ticket, kind: str) -> None:
    with nothing_changes():
        said = answer_to(desk, MALFORMED[kind])
    # Refused with a status, or, where the server cannot know what was meant, by hanging up. 501 is what RFC 9112
    # has for a coding that nobody knows.
    assert said == b"" or said.split(b" ", 2)[1][:1] == b"4" or said.startswith(b"HTTP/1.1 501"), said[:300]
    assert b"Traceback" not in said
    assert b"session=secret" not in said


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabcde\r\n0\r\n\r\n", b"ffffffffffffffff\r\n{}"]
)
def test_chunks_of_nonsense_are_refused(
    desk: Desk, agent: User, key_of: Callable[..., str], chunks: bytes
) -> None:
    headers = ("Transfer-Encoding: chunked", "Content-Type: application/json", f"X-API-Key: {key_of(agent)}")
    with nothing_changes():
        said = answer_to(desk, request(f"POST {TICKETS} HTTP/1.1", *headers, body=chunks))
    assert said == b"" or said.split(b" ", 2)[1][:1] == b"4", said[:300]


def test_a_body_of_unknown_length_is_refused_not_dropped(
    desk: Desk, agent: User, key_of: Callable[..., str]
) -> None:
    headers = ("Transfer-Encoding: chunked", "Content-Type: application/json", f"X-API-Key: {key_of(agent)}")
    body = b'{"title": "Sent in two parts"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\n\r\n"
    with nothing_changes():
        said = answer_to(desk, request(f"POST {TICKETS} HTTP/1.1", *headers, body=chunks))
    assert said.startswith(b"HTTP/1.1 411"), said[:300]
    assert b'"code": "length_required"' in said


def test_too_large_a_body_is_a_413(desk: Desk, program: Visitor, person: Visitor, ticket: Ticket) -> None:
    large = 2 * 1024 * 1024 + 10_000
    page = person.get(reverse("tickets:new"))
    [form] = forms(page.text, name="title")
    with nothing_changes():
        answer = program.post(TICKETS, data=b'{"title": "' + large * b"a" + b'"}', headers=AS_JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        answer = person.post(
            reverse("tickets:new"),
            data=form.fields | {"title": "Large", "description": large * "a"},
            headers={"Referer": page.url},
        )
        assert answer.status_code == 413
    assert program.get(TICKETS).status_code == 200


# --- The URL map ---------------------------------------------------------------------------------

AS_JSON = {"Content-Type": "application/json"}
ODD = {
    "NUL": "%00",
    "half a character": "%ff",
    "a huge number": HUGE,
    "a huge ticket": f"SF-{HUGE}",
    "Arabic digits": quote("SF-١٠٠١"),
    "a way up": "..%2f..%2fetc%2fpasswd",
    "a new line": "SF-1%0d%0aX-Injected:%20yes",
    "markup": quote("<script>alert(1)</script>"),
    "a thousand letters": 1000 * "x",
}


# What lists take; elsewhere all of it at once must do.
QUERIES = [
    "q",
    "cursor",
    "limit",
    "status",
    "assignee",
    "team",
    "ordering",
    "view",
    "created_after",
    "finished",
    "p",
]
LISTS = {"/", "/queue/", "/api/v1/tickets", "/api/v1/users", "/admin/tickets/ticket/", "/admin/audit/event/"}


def addresses() -> list[tuple[str, int]]:
    """Every address of the desk with `{}` where it takes something, and how often it does."""
    return sorted(
        {(path, path.count("{}")) for path in _paths(get_resolver("serviceflow.urls").url_patterns, "/")}
    )


def _paths(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        path = before + _blank(pattern)
        if isinstance(pattern, URLResolver):
            yield from _paths(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and "(" not in path:
            yield path


def _blank(pattern: URLPattern | URLResolver) -> str:
    path = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower()
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            path = path.replace(written, "{}")
    return path.lstrip("/").removeprefix("^").removesuffix("$")


@pytest.mark.parametrize("kind", ODD)
def test_no_address_breaks(
    desk: Desk, person: Visitor, program: Visitor, admin: User, ticket: Ticket, kind: str
) -> None:
    """As an id, in the query and as a cursor, by a person, a program and an administrator."""
    odd = ODD[kind]
    administrator = desk.visitor().sign_in(admin.email)
    # Without a worker, as here, this one answers 503 to everybody: that is what it is for.
    found = [one for one in addresses() if one[0] != "/health/jobs"]
    assert sum(places for _path, places in found) > 20
    with nothing_changes():
        for path, places in found:
            caller = program if path.startswith(("/api", "/requests")) else person
            caller = administrator if path.startswith("/admin") else caller
            asked = path.format(*[odd] * places)
            if places:
                answer = caller.get(asked, allow_redirects=False)
                assert answer.status_code < 500, f"{asked} {answer.status_code}"
                assert answer.status_code >= 300, f"{asked} {answer.status_code}"
                assert "X-Injected" not in answer.headers
                continue
            for query in ([name] for name in QUERIES) if path in LISTS else ([*QUERIES],):
                answer = caller.get(
                    asked, params="&".join(f"{name}={odd}" for name in query), allow_redirects=False
                )
                assert answer.status_code < 500, f"{asked} {query} {odd} {answer.status_code}"
                if odd == "%00":
                    assert answer.status_code == 400, f"{asked} {query} {odd} {answer.status_code}"


# --- Forms of pages ------------------------------------------------------------------------------

FIELD_OF_PAGES: dict[str, Any] = {
    "NUL": "a\0b",
    "a huge number": HUGE,
    "no number": "NaN",
    "half a character": b"\xff\xfe",
    "too much": 30_000 * "x",
    "a list": ["a", "b"],
    "markup": "<img src=x onerror=alert(1)>",
}


@pytest.mark.parametrize("kind", FIELD_OF_PAGES)
def test_no_field_of_a_form_breaks(person: Visitor, ticket: Ticket, service: Service, kind: str) -> None:
    """Each field of each form of the desk's pages in turn holds what it cannot hold."""
    odd = FIELD_OF_PAGES[kind]
    pages = [
        reverse("tickets:detail", args=[ticket.public_id]),
        reverse("tickets:new"),
        reverse("accounts:profile"),
    ]
    pages += [
        reverse("accounts:api_keys"),
        reverse("accounts:change_password"),
        reverse("tickets:queue") + "?view=all",
    ]
    tried = 0
    for address in pages:
        page = person.get(address)
        assert page.status_code == 200
        for form in forms(page.text):
            if form.action.endswith(("/claim/", "/sign-out/", "/next/", "/language/", "/theme/")):
                continue  # takes nothing, or would end this
            for name in sorted(form.names - {"csrfmiddlewaretoken"}):
                answer = person.post(
                    form.action or address,
                    data=form.fields | {name: odd},
                    headers={"Referer": page.url},
                    allow_redirects=False,
                )
                assert answer.status_code < 500, f"{form.action or address} {name} {answer.status_code}"
                if kind == "NUL":
                    assert answer.status_code == 400, f"{form.action or address} {name} {answer.status_code}"
                tried += 1
    assert tried > 30
    assert check(connection) == []


# --- Strings that have broken other programs -----------------------------------------------------


def corpus() -> list[str]:
    """Every string once. NULs have tests of their own above; traversals are alike and stand for each other."""
    corpora = real("corpora/strings")
    strings: list[str] = json.loads((corpora / "blns" / "blns.json").read_text(encoding="utf-8"))
    for path in sorted((corpora / "fuzzdb").rglob("*.txt")):
        if path.name != "_copyright.txt":
            lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
            strings += lines[::25] if "traversal" in path.parts[-2] else lines
    assert len(strings) > 800
    return list(dict.fromkeys(strings))


def shown(text: str) -> str:
    return html.escape(text, quote=True)


def test_every_string_is_refused_or_kept_and_shown_as_text(
    desk: Desk, program: Visitor, person: Visitor, admin: User, service: Service
) -> None:
    """Sent to the API; seen in the queue, on the ticket, in its history and in admin."""

    def send(text: str) -> tuple[str, requests.Response]:
        body = {"title": text, "description": text, "service": str(service.public_id)}
        return text, program.post(TICKETS, data=json.dumps(body), headers=AS_JSON)

    strings = corpus()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, strings))
    assert {answer.status_code for _text, answer in answers} == {201, 400}
    # Refused is only what no title can be: too short, too long, or with characters that are no text.
    refused = {text for text, answer in answers if answer.status_code == 400}
    assert all(not 3 <= len(text.strip()) <= 255 or not text.isprintable() for text in refused), refused
    # Kept is what was sent: the title in one line, the description as it is.
    taken = {
        answer.json()["id"]: " ".join(text.split()) for text, answer in answers if answer.status_code == 201
    }
    assert {str(ticket.public_id): ticket.title for ticket in Ticket.objects.all()} == taken
    assert {answer.json()["title"] for _text, answer in answers if answer.status_code == 201} == set(
        taken.values()
    )
    assert len(taken) > 500
    assert check(connection) == []

    # Shown is the text, and where it looks like more than text, never anything else.
    administrator = desk.visitor().sign_in(admin.email)
    queue = "".join(_all_pages(person, reverse("tickets:queue") + "?view=all"))
    for text in taken.values():
        assert shown(text) in queue, text
    markup = {public_id: text for public_id, text in taken.items() if "<" in text}
    assert len(markup) > 50
    for text in markup.values():
        assert text not in queue, text
    for public_id, text in list(markup.items())[::5]:
        pk = Ticket.objects.get(public_id=public_id).pk
        for visitor, address in (
            (person, reverse("tickets:detail", args=[public_id])),
            (person, reverse("tickets:history", args=[public_id])),
            (person, reverse("tickets:queue") + "?q=" + quote(text)),
            (administrator, reverse("admin:tickets_ticket_change", args=[pk])),
            (administrator, reverse("admin:tickets_ticket_changelist")),
        ):
            page = visitor.get(address)
            assert page.status_code == 200, address
            assert text not in page.text, (address, text)
        assert shown(text) in person.get(reverse("tickets:detail", args=[public_id])).text


def _all_pages(visitor: Visitor, address: str) -> Iterator[str]:
    for _page in range(40):
        page = visitor.get(address)
        assert page.status_code == 200
        yield page.text
        following = page.text.partition('rel="next" href="')[2].partition('"')[0]
        if not following:
            return
        address = reverse("tickets:queue") + html.unescape(following)
    raise AssertionError("the list has no end")


def test_every_string_can_be_searched_for(person: Visitor, program: Visitor, ticket: Ticket) -> None:
    with nothing_changes():
        for text in corpus()[::20]:
            page = person.get(reverse("tickets:queue"), params={"q": text[:1000]})
            assert page.status_code in {200, 400}, (text, page.status_code)
            answer = program.get(TICKETS, params={"q": text[:1000]})
            assert answer.status_code in {200, 400}, (text, answer.text)


def test_every_string_can_be_typed_into_pages(person: Visitor, service: Service) -> None:
    page = person.get(reverse("tickets:new"))
    [form] = forms(page.text, name="title")
    taken = 0
    for text in corpus()[::20]:
        fields = form.fields | {"title": text, "description": text, "form_name": ""}
        answer = person.post(
            reverse("tickets:new"), data=fields, headers={"Referer": page.url}, allow_redirects=False
        )
        assert answer.status_code in {302, 303, 400}, (text, answer.status_code)
        if answer.status_code == 400 and "\0" not in text:
            assert shown(text.strip()) in answer.text or shown(text) in answer.text, (
                text
            )  # kept for correction
        taken += answer.status_code != 400
    assert Ticket.objects.count() == taken > 20
    assert check(connection) == []
