"""Headers, cookies and the content security policy of every answer there is, asked for as installations are: over TLS,
through a proxy.

The addresses come from the URL map, so a new one is covered by itself.
"""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any

import pytest
import requests
from django.contrib.staticfiles.finders import get_finders
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import User
from tests.browser import world
from tests.browser.world import World
from tests.factories import web
from tests.invariants import check
from tests.program import program_of
from tests.security.conftest import Installation
from tests.security.policy import ALONE, POLICY
from tests.security.url_map import addresses
from tests.served import Visitor
from tickets import actions as tickets
from tickets import files
from tickets.models import Ticket

__all__ = ["program_of"]

pytestmark = pytest.mark.django_db(transaction=True)

EVIL = "https://evil.example"
SAME = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
}
OF_A_SESSION = {"__Host-session", "__Host-csrf"}
OTHERS = {"language", "theme", "messages"}


class _Inline(HTMLParser):
    """What the policy would stop: scripts and styles in the page itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if (
            tag == "script" and not has.get("src") and has.get("type") != "application/json"
        ) or tag == "style":
            self.found.append(f"<{tag}> without src")
        self.found += [f"<{tag} {name}>" for name in has if name.startswith("on") or name == "style"]
        self.found += [
            f"<{tag} {name}={value[:30]}>"
            for name, value in attrs
            if value and value.strip().lower().startswith(("javascript:", "vbscript:"))
        ]


def faults_of(answer: requests.Response, *, signed_in: bool = False) -> Iterator[str]:
    """What is wrong with it."""
    has = answer.headers
    for name, value in SAME.items():
        if has.get(name) != value:
            yield f"{name} is {has.get(name)}"
    if "camera=()" not in has.get("Permissions-Policy", ""):
        yield "no Permissions-Policy"
    policy = has.get("Content-Security-Policy", "")
    is_file = "Content-Disposition" in has and "/api/schema" not in answer.url
    if policy != (ALONE if is_file else POLICY):
        yield f"another policy: {policy}"
    yield from (
        f"{name}: {value}" for name, value in has.items() if name.lower().startswith("access-control")
    )
    if "X-Powered-By" in has or re.search(r"\d", has.get("Server", "")):
        yield f"tells what runs here: {has.get('Server')} {has.get('X-Powered-By')}"
    kind = has.get("Content-Type", "")
    in_words = kind.startswith(("text/", "application/javascript"))
    if answer.content and in_words and "charset=utf-8" not in kind.replace('"', ""):
        yield f"no charset: {kind}"
    if answer.url.partition("/api/")[1] and kind.startswith("text/html") and "/api/docs" not in answer.url:
        yield "HTML for a program"
    kept = has.get("Cache-Control", "")
    # A program asks with an ETag whether what it has still holds.
    asked_again = "/api/" in answer.url and kept == "private, no-cache"
    if answer.is_redirect and "no-store" not in kept:
        yield f"a redirect may be kept: {kept}"
    if signed_in and "no-store" not in kept and not asked_again and "/static/" not in answer.url:
        yield f"somebody's page may be kept: {kept}"
    if "Traceback" in answer.text or "site-packages" in answer.text:
        yield "a trace"
    if kind.startswith("text/html"):
        inline = _Inline()
        inline.feed(answer.text)
        yield from inline.found
    yield from _faults_of_cookies(answer)


def _faults_of_cookies(answer: requests.Response) -> Iterator[str]:
    for line in answer.raw.headers.getlist("Set-Cookie"):
        for name, cookie in SimpleCookie(line).items():
            if not cookie.value:  # taken back
                continue
            if name not in OF_A_SESSION | OTHERS:
                yield f"an unknown cookie {name}"
            safe = cookie["secure"] and cookie["httponly"] and cookie["samesite"].lower() == "lax"
            if not safe or cookie["path"] != "/" or cookie["domain"]:
                yield f"an unsafe cookie: {re.sub('=[^;]*', '=…', line, count=1)}"


class Crawl:
    """Asks, and keeps what is wrong."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.statuses: set[int] = set()

    def ask(self, caller: Visitor, method: str, path: str, **named: Any) -> requests.Response:
        headers = {"Origin": EVIL} if method != "GET" else {}
        answer = caller.request(
            method, path, allow_redirects=False, headers=headers | named.pop("headers", {}), **named
        )
        self.statuses.add(answer.status_code)
        self.found += [
            f"{method} {path[:80]} {answer.status_code}: {fault}"
            for fault in faults_of(answer, signed_in="__Host-session" in caller.cookies)
        ]
        return answer

    def over(self) -> None:
        assert not self.found, f"{len(self.found)} findings:\n" + "\n".join(self.found[:60])


def known(company: World) -> dict[str, str]:
    """Somebody and something real for what addresses take."""
    file = company.busy.attachments.filter(state="clean").first()
    assert file is not None
    key = api_keys.issue(company.admin, name="x", scopes=["read"], by=SYSTEM)[0]
    return {
        "ticket": company.busy.reference,
        "reference": company.busy.reference,
        "user": str(company.agent.public_id),
        "file": str(file.public_id),
        "attachment": str(file.public_id),
        "size": "small",
        "public_id": str(key.public_id),
        "key": str(key.public_id),
        "object_id": "1",
    }


def test_every_address_gives_every_answer_its_headers(production: Installation) -> None:
    """Seen to fail: without a line of headers.HEADERS; with the line of Strict-Transport-Security left to
    SecurityMiddleware (probes); with no-store for errors alone and not for redirects (126 findings); with
    SESSION_COOKIE_HTTPONLY = False; with `style=""` in a template.
    """
    company, crawl = world.furnish(), Crawl()
    places = addresses(known(company))
    assert len(places) > 150
    stranger, admin = production.visitor(), production.visitor().sign_in(company.admin.email)
    for path in places:
        for method in ("GET", "POST"):
            crawl.ask(stranger, method, path)
        crawl.ask(admin, "GET", path)
        # Without its token, from elsewhere: refused wherever it would do something.
        answer = crawl.ask(admin, "POST", path)
        assert answer.status_code >= 400, f"POST {path}: {answer.status_code}"
    crawl.over()
    assert {200, 302, 401, 403, 404, 405} <= crawl.statuses
    assert check(connection) == []


def test_the_policy_is_the_one_of_the_design(
    admin: User, employee: User, ticket: Ticket, browser_of: Callable[[User], Client], program_of: Any
) -> None:
    """Pages of somebody and of strangers, administration, Swagger, the API, errors, what stands in front, and files.

    Seen to fail, each: with UNSAFE_INLINE in script-src; without form-action, base-uri, object-src or frame-ancestors
    of SECURE_CSP; with another origin in img-src; without `sandbox` in tickets/serving.py.
    """
    tickets.attach(ticket, files=[files.incoming("memo.svg", b"<svg/>")], by=web(employee))
    file = ticket.attachments.get()
    tickets.look_at(file.public_id)
    mine, everything, stranger = browser_of(employee), browser_of(admin), Client()
    asked = [
        mine.get("/"),
        mine.get(reverse("tickets:detail", args=[ticket.reference])),
        mine.get("/admin/"),
        everything.get("/admin/"),
        everything.get("/admin/audit/securityevent/"),
        everything.get("/api/docs/"),
        everything.get("/api/schema/"),
        program_of(employee).get("/api/v1/tickets"),
        stranger.get("/account/sign-in/"),
        stranger.get("/api/v1/tickets"),
        stranger.get("/nowhere"),
        stranger.get("/?x=%00"),
        stranger.get("/health/live"),
        stranger.get("/static/css/nowhere.css"),
    ]
    assert {answer.headers["Content-Security-Policy"] for answer in asked} == {POLICY}
    taken: Any = mine.get(reverse("tickets:file", args=[file.public_id]))
    assert (taken.status_code, taken.headers["Content-Security-Policy"]) == (200, ALONE)
    b"".join(taken.streaming_content)


def test_and_so_do_files_that_are_for_everybody(production: Installation) -> None:
    crawl, stranger = Crawl(), production.visitor()
    found = sorted({path for finder in get_finders() for path, _store in finder.list(None)})
    assert len(found) > 50
    for path in found:
        if path.endswith((".css", ".js", ".svg", ".woff2", ".html", ".png")):
            crawl.ask(stranger, "GET", f"/static/{path}")
    for path in (
        "/static/",
        "/static/css/",
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/.git/config",
    ):
        assert crawl.ask(stranger, "GET", path).status_code in {400, 404}
    crawl.over()


def test_answers_to_what_goes_wrong_have_them_too(production: Installation) -> None:
    """400, 403, 404, 405, 409, 411, 413, 414, 415, 429, 431, 500, 503, as a page and as a problem.

    Seen to fail: without `headers.dressed` in serviceflow/worker.py (414, 431), in plain_answers (all others).
    """
    company, crawl = world.furnish(), Crawl()
    stranger, employee = production.visitor(), production.visitor().sign_in(company.employee.email)
    large = {"title": 3_000_000 * "x"}
    held = company.busy.attachments.get(state="held")
    ask = crawl.ask
    for prefix in ("", "/api"):
        for kind, status in (
            ("bug", 500),
            ("operational", 503),
            ("data", 400),
            ("denied", 403),
            ("large", 413),
        ):
            assert ask(stranger, "GET", f"{prefix}/trouble/{kind}").status_code == status
        for caller in (stranger, employee):
            assert ask(caller, "GET", f"{prefix}/nowhere").status_code == 404
            assert ask(caller, "GET", f"{prefix}/mirror?x=%00").status_code == 400
            assert ask(caller, "GET", f"{prefix}/mirror?" + 1900 * "a&").status_code == 400
            assert ask(caller, "TRACE", f"{prefix}/mirror").status_code == 405
            assert ask(caller, "GET", f"{prefix}/mirror?{5000 * 'x'}").status_code == 414
            assert ask(caller, "GET", f"{prefix}/mirror", headers={"X-Long": 9000 * "x"}).status_code == 431
            assert ask(caller, "GET", f"{prefix}/mirror", headers={"Host": "evil.example"}).status_code == 400
    assert ask(employee, "GET", reverse("tickets:file", args=[held.public_id])).status_code == 409
    assert ask(employee, "POST", reverse("tickets:new"), data=large).status_code in {403, 413}
    key = {"X-API-Key": api_keys.issue(company.employee, name="x", scopes=["read"], by=SYSTEM)[1]}
    assert ask(stranger, "POST", "/api/v1/tickets", json={"title": "x"}, headers=key).status_code == 403
    key = {"X-API-Key": api_keys.issue(company.employee, name="y", scopes=["read", "write"], by=SYSTEM)[1]}
    assert ask(stranger, "POST", "/api/v1/tickets", json=large, headers=key).status_code == 413
    assert ask(stranger, "POST", "/api/v1/tickets", data=b"<x/>", headers=key | XML).status_code == 415
    for _guess in range(2 * 60 + 1):  # a window may end meanwhile
        answer = ask(stranger, "GET", "/api/v1/tickets", headers={"X-API-Key": "sf_wrong"})
        if answer.status_code != 401:
            break
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
    page = stranger.get(reverse("accounts:sign_in"))
    for _guess in range(2 * 5 + 1):
        answer = stranger.submit(page, name="password", email="anna@example.com", password="no")
        crawl.found += list(faults_of(answer))
        if answer.status_code != 200:
            break
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
    crawl.over()
    assert {400, 403, 404, 405, 409, 413, 414, 415, 429, 431, 500, 503} <= crawl.statuses


XML = {"Content-Type": "application/xml"}


def test_over_plain_http_pages_lead_to_tls_and_keys_are_refused_unread(production: Installation) -> None:
    """A redirect would teach a program to go on sending its key in the clear.

    Seen to fail: with `api/` out of SECURE_REDIRECT_EXEMPT; without SECURE_SSL_HOST.
    """
    with_key = {"X-API-Key": "sf_abcd1234_secret", "Host": "127.0.0.1:1234"}
    answer = requests.get(
        f"{production.inside}/api/v1/tickets", headers=with_key, timeout=30, allow_redirects=False
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "tls_required")
    assert "sf_abcd1234" not in answer.text
    page = requests.get(
        f"{production.inside}/queue/?q=1", headers=with_key, timeout=30, allow_redirects=False
    )
    assert (page.status_code, page.headers["Location"]) == (301, "https://127.0.0.1/queue/?q=1")
