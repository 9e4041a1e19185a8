"""No input gives a 500: whatever comes is answered in the one shape of errors, and nothing has changed."""

from typing import Any

import pytest

from accounts.models import User
from tests.program import Program
from tickets.models import Ticket

TICKETS = "/api/v1/tickets"

MALFORMED = {
    "nothing": b" ",
    "no JSON": b"{",
    "a list": b"[]",
    "a string": b'"title"',
    "a number": b"1",
    "null": b"null",
    "NaN": b'{"title": NaN}',
    "Infinity": b'{"title": -Infinity}',
    "a huge number": b'{"title": 1' + 5000 * b"0" + b"}",
    "nineteen digits": b'{"title": 1234567890123456789}',
    "a huge fraction": b'{"title": 1e999}',
    "a NUL": b'{"title": "a\\u0000b"}',
    "a NUL in a name": b'{"ti\\u0000tle": "abc"}',
    "a bare NUL": b'{"title": "a\x00b"}',
    "half a surrogate pair": b'{"title": "abc\\ud800"}',
    "the other half": b'{"title": "\\udc00abc"}',
    "half a pair in a name": b'{"\\ud800": "abc"}',
    "broken UTF-8": b'{"title": "\xff\xfe\xfd"}',
    "UTF-16": '{"title": "abcdef"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"title": "abcdef"}',
    "a name twice": b'{"title": "abcdef", "title": "ghijkl"}',
    "51 levels": b'{"title": ' + 51 * b"[" + 51 * b"]" + b"}",
    "100,000 levels": b'{"title": ' + 100_000 * b"[" + 100_000 * b"]" + b"}",
    "100,000 objects": 100_000 * b'{"a":' + b"1" + 100_000 * b"}",
    "something behind": b'{"title": "abcdef"} x',
    "a control character": b'{"title": "a\nb"}',
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_body_is_a_400(program_of: Any, employee: User, kind: str) -> None:
    program = program_of(employee)
    for method, path in (("post", TICKETS), ("patch", f"{TICKETS}/SF-1/status"), ("post", "/requests")):
        program.raise_request_exception = False
        response = getattr(program, method)(path, MALFORMED[kind], content_type="application/json")
        assert response.status_code in ({400, 404} if "SF-1" in path else {400}), (path, response.content)
        assert response["Content-Type"] == "application/problem+json"
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("depth", [48])
def test_what_is_merely_deep_is_read(program_of: Any, employee: User, depth: int) -> None:
    body = b'{"title": ' + depth * b"[" + depth * b"]" + b"}"
    response = program_of(employee).post(TICKETS, body, content_type="application/json")
    assert response.json()["code"] == "invalid"


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/json",
        "application/xml",
        "application/json-patch+json",
        "x",
        "",
    ],
)
def test_only_json_is_taken(program_of: Any, employee: User, kind: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nabcdef\r\n--x--\r\n'
        if "x" in kind
        else b"title=abcdef"
    )
    program = program_of(employee)
    for path in (TICKETS, f"{TICKETS}/claim-next", "/requests"):
        response = program.generic("POST", path, body, content_type=kind)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_json_may_name_its_charset(program_of: Any, employee: User) -> None:
    body = '{"title": "Сломан стул"}'.encode()
    response = program_of(employee).post(TICKETS, body, content_type="Application/JSON; charset=utf-8")
    assert response.json()["title"] == "Сломан стул"


def test_too_much_is_a_413(program_of: Any, employee: User, settings: Any) -> None:
    body = b'{"title": "' + settings.DATA_UPLOAD_MAX_MEMORY_SIZE * b"x" + b'"}'
    response = program_of(employee).post(TICKETS, body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0", "image/*"])
def test_who_will_not_have_json_gets_none(program_of: Any, employee: User, accept: str) -> None:
    response = program_of(employee).get(TICKETS, headers={"accept": accept})
    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/*", "text/html, application/json;q=0.5", "application/json; charset=utf-8"]
)
def test_who_takes_json_among_others_gets_it(program_of: Any, employee: User, accept: str) -> None:
    assert program_of(employee).get(TICKETS, headers={"accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "sf_" + 100_000 * "x"},
        {"authorization": "Bearer " + 100_000 * "x"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer \xff\xfe"},
        {"if-match": '"' + 100_000 * "x" + '"'},
        {"if-none-match": 50_000 * '"x",'},
        {"if-none-match": '"'},
        {"accept": 50_000 * "a/b,"},
        {"accept": ";;;,,,"},
        {"accept-language": 50_000 * "x-"},
        {"x-request-id": 100_000 * "x"},
        {"x-request-id": "a\nb"},
        {"cookie": "session=" + 10_000 * "x"},
        {"idempotency-key": "\xff" * 255},
        {"content-length": "x"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_headers_are_no_way_in_either(program_of: Any, employee: User, headers: dict[str, str]) -> None:
    program: Program = program_of(employee)
    program.raise_request_exception = False
    for method in ("get", "post", "patch", "delete"):
        response = getattr(program, method)(TICKETS, headers=headers)
        assert 200 <= response.status_code < 500
        if response.status_code >= 400:
            assert response["Content-Type"] == "application/problem+json"


EVIL = [
    "'",
    '"',
    "%",
    "\\",
    "' OR 1=1 --",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "\u202e",
    "😀" * 40,
    "${jndi:ldap://x}",
]


@pytest.mark.parametrize("text", EVIL)
def test_strange_text_is_just_text(program_of: Any, employee: User, text: str) -> None:
    program = program_of(employee)
    made = program.post(TICKETS, {"title": f"abc {text}", "description": text, "tags": [text[:40]]})
    assert made.status_code == 201
    assert made.json()["description"] == text
    assert program.get(TICKETS, {"q": text}).status_code == 200
    assert program.get(TICKETS, {"tag": text}).json()["results"][0]["id"] == made.json()["id"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/api/v2/tickets",
        "/api/",
        "/api/v1/tickets/x/y/z",
        "/requests/x",
        "/api/v1/users/me/api-keys/x",
    ],
)
def test_an_unknown_address_is_a_problem_too(program_of: Any, employee: User, path: str) -> None:
    for method in ("get", "post", "delete"):
        response = getattr(program_of(employee), method)(path)
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["instance"] == path


def test_a_method_there_is_not(program_of: Any, employee: User) -> None:
    response = program_of(employee).put(TICKETS, {})
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_head_and_options_say_what_there_is(program_of: Any, employee: User, ticket: Ticket) -> None:
    program = program_of(employee)
    head = program.head(f"{TICKETS}/{ticket.public_id}")
    assert (head.status_code, head["ETag"], head.content) == (200, '"1"', b"")
    options = program.options(TICKETS)
    assert (options.status_code, options["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")
    assert not [name for name in options.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "blamed", "said"),
    [
        ({"title": 7}, "title", "This must be text."),
        ({"title": "abc", "tags": "vpn"}, "tags", "This must be a list."),
        ({"title": "abc", "service": "x"}, "service", "This is no id."),
        ({"title": "abc", "fields": []}, "fields", "This must be an object."),
    ],
)
def test_a_wrong_type_is_told_in_words_of_ours(
    program_of: Any, employee: User, body: dict[str, Any], blamed: str, said: str
) -> None:
    """The framework's own words are not all there in every language of ours."""
    assert program_of(employee).post(TICKETS, body).json()["errors"] == {blamed: [said]}
