"""What surrounds every request: its name, its caller, its language, and the headers of its answer.

Seen to fail, guard by guard of serviceflow/middleware.py:

| without | red |
|---|---|
| SANE_REQUEST_ID | `test_any_other_request_id_is_replaced` |
| `if not trusted(peer)` in `believe` | `test_only_a_proxy_of_ours_may_speak_for_another` |
| `reversed`, the end at what is no address | the same |
| ports, brackets, IPv4 in IPv6 in `plain` | the same |
| `if not trusted(peer)`; X-Forwarded-Proto among what is taken away | `test_only_a_proxy_of_ours_may_claim_tls` |
| the route in place of the address | `test_one_line_says_who_did_what_without_the_secrets_of_the_address` |
| `headers.dressed` | the tests of headers, of an unknown host, of answers from the outermost |
| `no-store` for whoever is known | `test_pages_of_somebody_signed_in_are_not_kept` |
| the look at the path, at parameters, at their names | `test_nul_in_an_address_is_a_400` |
| the look at cookies; at forms | `test_nul_in_a_cookie_is_a_400`; `test_nul_in_a_form_is_a_400` |
| `except` in `process_view` | `test_a_form_whose_parts_cannot_be_read_is_a_400` (500) |
| `if request.method not in methods` | `test_unusual_methods_are_refused` |
| `if not waits`; the person's number in what is counted | `test_one_person_s_changes_and_searches_are_bounded` |
| `clear_contextvars` | `test_what_a_thread_says_later_is_not_this_request_s` |
"""

import json
from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts.models import Allowance, User
from serviceflow import middleware

pytestmark = pytest.mark.urls("tests.serviceflow.urls")


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def anna() -> User:
    anna = User(
        email="anna@desk.example", full_name="Анна Белова", language="ru", time_zone="Asia/Yekaterinburg"
    )
    anna.save()
    return anna


def seen(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    return dict(json.loads(response.content))


# --- The request's name --------------------------------------------------------------------------


def test_a_sane_request_id_is_echoed(browser: Client) -> None:
    response = browser.get("/mirror", headers={"x-request-id": "order-17/a"})
    assert response["X-Request-ID"] == "order-17/a"
    assert seen(response)["request_id"] == "order-17/a"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "заявка", 'a\nforged: "line"', "a\0b"])
def test_any_other_request_id_is_replaced(browser: Client, given: str) -> None:
    response = browser.get("/mirror", headers={"x-request-id": given})
    assert response["X-Request-ID"] != given
    assert len(response["X-Request-ID"]) == 32


# --- The caller's address ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        ([], "203.0.113.9", "10.1.1.1", "203.0.113.9"),
        (["10.0.0.0/8"], "203.0.113.9", "10.1.1.1", "203.0.113.9"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.7", "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", "1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", "10.9.9.9", "10.9.9.9"),
        (["10.0.0.0/8"], "10.0.0.1", "", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        (["10.0.0.1"], "10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        (["::1"], "::1", "[2001:db8::7]:4711", "2001:db8::7"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_only_a_proxy_of_ours_may_speak_for_another(
    browser: Client, settings: Any, proxies: list[str], peer: str, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = [ip_network(proxy) for proxy in proxies]
    response = browser.get("/mirror", headers={"x-forwarded-for": forwarded}, REMOTE_ADDR=peer)
    assert seen(response)["address"] == address


@pytest.mark.parametrize(("peer", "secure"), [("10.0.0.1", True), ("203.0.113.9", False)])
def test_only_a_proxy_of_ours_may_claim_tls(browser: Client, settings: Any, peer: str, secure: bool) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.1")]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    response = browser.get("/mirror", headers={"x-forwarded-proto": "https"}, REMOTE_ADDR=peer)
    assert seen(response)["secure"] is secure


# --- The line of the log -------------------------------------------------------------------------


@pytest.mark.django_db
def test_one_line_says_who_did_what_without_the_secrets_of_the_address(
    browser: Client, anna: User, log_lines: Any
) -> None:
    browser.force_login(anna)
    browser.get("/invitation/top-secret?token=top-secret", headers={"x-request-id": "r-1"})
    (line,) = [line for line in log_lines() if line["event"] == "request"]
    assert line["method"] == "GET"
    assert line["route"] == "invitation/<str:token>"
    assert line["status"] == 200
    assert line["user"] == str(anna.public_id)
    assert line["request_id"] == "r-1"
    assert line["address"] == "127.0.0.1"
    assert line["bytes"] > 0
    assert line["ms"] >= 0
    assert line["time"].endswith("Z")
    assert "top-secret" not in json.dumps(line)


def test_the_line_of_a_stranger_costs_no_query(browser: Client, log_lines: Any) -> None:
    browser.get("/mirror")  # the database is closed to this test
    assert log_lines()[-1]["user"] is None


# --- The answer's headers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/mirror",
        "/nowhere",
        "/trouble/bug",
        "/trouble/denied",
        "/health/live",
        "/mirror?x=%00",
        "/mirror?" + 1900 * "a&",
    ],
)
def test_every_answer_has_its_headers(browser: Client, path: str) -> None:
    response = browser.get(path)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert len(response["X-Request-ID"]) == 32


def test_an_unknown_host_gets_a_400_with_headers(browser: Client) -> None:
    response = browser.get("/mirror", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.django_db
def test_pages_of_somebody_signed_in_are_not_kept(browser: Client, anna: User) -> None:
    assert "Cache-Control" not in browser.get("/mirror")
    browser.force_login(anna)
    assert browser.get("/signed-in")["Cache-Control"] == "no-store"


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/mirror?q=a%00b", "/mirror?%00=1", "/invitation/a%00b", "/api/mirror?q=%00"]
)
def test_nul_in_an_address_is_a_400(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 400


def test_a_program_hears_which_parameter_has_the_nul(browser: Client) -> None:
    said = browser.get("/api/mirror?a=b&q=%00").json()
    assert (said["status"], list(said["errors"])) == (400, ["q"])


def test_nul_in_a_form_is_a_400(browser: Client) -> None:
    assert browser.post("/form", {"title": "a\0b"}).status_code == 400
    body, kind = b"title=a%00b", "application/x-www-form-urlencoded"
    assert browser.post("/form", body, content_type=kind).status_code == 400
    assert browser.post("/form", {"title": "принтер 🖨"}).status_code == 200


def test_a_form_whose_parts_cannot_be_read_is_a_400(browser: Client) -> None:
    body = b"--x\r\nContent-Disposition: form-data; a*=utf-8''1; a*0=y\r\n\r\na\r\n--x--\r\n"
    assert browser.post("/form", body, content_type="multipart/form-data; boundary=x").status_code == 400


def test_nul_in_a_cookie_is_a_400(browser: Client) -> None:
    assert browser.get("/signed-in", headers={"cookie": 'session="a\\000b"'}).status_code == 400


@pytest.mark.parametrize(
    "path", ["/mirror?q=%ff%fe", "/invitation/%ff", "/mirror?q=%ed%a0%80", "/mirror?a[]=%"]
)
def test_broken_utf8_is_no_trouble(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 200


def test_a_body_of_the_api_is_left_to_it(browser: Client) -> None:
    response = browser.post("/api/mirror", b'{"title": "a"}', content_type="application/json")
    assert seen(response)["body"] == '{"title": "a"}'


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
def test_unusual_methods_are_refused(browser: Client, method: str) -> None:
    response = browser.generic(method, "/mirror")
    assert response.status_code == 405
    assert "GET" in response["Allow"]


# --- In whose language ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "ru-RU,ru;q=0.9,en;q=0.8"}, "ru"),
        ({"accept-language": "de"}, "en"),
        ({"accept-language": "en", "cookie": "language=ru"}, "ru"),
        ({"accept-language": "\x00;;q=zz"}, "en"),
    ],
)
def test_a_stranger_is_spoken_to_as_his_browser_asks(
    browser: Client, headers: dict[str, str], language: str
) -> None:
    response = browser.get("/mirror", headers=headers)
    assert (seen(response)["language"], response["Content-Language"]) == (language, language)
    assert seen(response)["time_zone"] == "UTC"


@pytest.mark.django_db
def test_a_person_is_spoken_to_as_he_chose_and_nobody_after_him(browser: Client, anna: User) -> None:
    browser.force_login(anna)
    hers = seen(browser.get("/mirror", headers={"accept-language": "en"}))
    assert (hers["language"], hers["time_zone"]) == ("ru", "Asia/Yekaterinburg")
    browser.logout()
    next_ones = seen(browser.get("/mirror"))
    assert (next_ones["language"], next_ones["time_zone"]) == ("en", "UTC")


def test_whoever_is_known_only_later_is_spoken_to_from_then_on(rf: RequestFactory) -> None:
    from django.contrib.auth.models import AnonymousUser
    from django.utils import translation

    def view_of_the_api(request: HttpRequest) -> HttpResponse:
        middleware.speak_as(User(language="ru", time_zone="Europe/Moscow"))
        return HttpResponse(translation.get_language())

    request = rf.get("/")
    request.user = AnonymousUser()
    response = middleware.persons_choices(view_of_the_api)(request)
    assert response.content == b"ru"
    assert response["Content-Language"] == "ru"
    assert translation.get_language() == "en"


@pytest.mark.django_db
def test_a_session_nobody_has_is_no_trouble(browser: Client) -> None:
    assert SessionStore().exists("x" * 32) is False
    browser.cookies["session"] = "x" * 32
    assert browser.get("/signed-in").status_code == 200


def test_a_refusal_speaks_the_readers_language(browser: Client) -> None:
    response = browser.get("/signed-in?q=%00", headers={"accept-language": "ru"})
    assert response.status_code == 400
    assert '<html lang="ru"' in response.text


# --- Small pages ---------------------------------------------------------------------------------


def answering(content_type: str) -> HttpResponse:
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    body = HttpResponse("word " * 1000, content_type=content_type, headers={"ETag": '"7"'})
    response = middleware.SmallPages(lambda _request: body)(request)
    assert isinstance(response, HttpResponse)
    return response


def test_pages_are_compressed() -> None:
    response = answering("text/html; charset=utf-8")
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < 500


def test_answers_of_the_api_keep_their_strong_etag() -> None:
    response = answering("application/json")
    assert "Content-Encoding" not in response
    assert response["ETag"] == '"7"'


# --- How often -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_one_person_s_changes_and_searches_are_bounded(
    browser: Client, anna: User, colleague: User, settings: Any
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"person": 2}
    browser.force_login(anna)
    statuses = [
        browser.post("/form").status_code,
        browser.get("/signed-in?q=printer").status_code,
        browser.post("/form").status_code,
        browser.get("/signed-in").status_code,
    ]
    assert statuses == [200, 200, 429, 200]
    assert 1 <= int(browser.post("/form")["Retry-After"]) <= 61
    [counter] = Allowance.objects.filter(name__startswith="person:")  # where every process sees it
    assert (counter.name, counter.used) == (f"person:{anna.pk}", 4)
    browser.force_login(colleague)
    assert browser.post("/form").status_code == 200


# --- When it is over -----------------------------------------------------------------------------


def test_what_a_thread_says_later_is_not_this_request_s(browser: Client) -> None:
    browser.get("/mirror", headers={"x-request-id": "r-9"})
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize("method", ["TRACE", "POST", "GET"])
def test_answers_from_the_outermost_have_all_headers(browser: Client, method: str) -> None:
    response = browser.generic(method, "/health/live")
    assert response.status_code == (200 if method == "GET" else 405)
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"
    if method != "GET":
        assert response["Content-Type"] == "application/problem+json"
        assert "GET" in response["Allow"]
