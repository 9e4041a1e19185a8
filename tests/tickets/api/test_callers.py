"""Who is calling: by key or by session, how far a scope reaches, and how often one may call."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts import actions as people
from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import ApiKey, User
from tests.program import Program
from tickets.models import Ticket

TICKETS = "/api/v1/tickets"


@pytest.mark.parametrize("way", ["X-API-Key", "Bearer", "bearer"])
def test_a_key_may_come_in_two_headers(key_of: Any, employee: User, way: str) -> None:
    raw = key_of(employee)
    headers = {"x-api-key": raw} if way == "X-API-Key" else {"authorization": f"{way} {raw}"}
    assert Program().get("/api/v1/users/me", headers=headers).json()["email"] == employee.email


def test_every_bad_key_gets_the_same_answer(key_of: Any, employee: User, colleague: User) -> None:
    wrong = key_of(employee)[:-1] + "!"
    other = key_of(employee)
    other = other[:-4] + ("AAAA" if other[-4:] != "AAAA" else "BBBB")
    revoked = key_of(employee)
    api_keys.revoke(ApiKey.objects.get(prefix=revoked[3:11]), by=SYSTEM)
    expired = key_of(employee)
    ApiKey.objects.filter(prefix=expired[3:11]).update(expires_at=timezone.now() - timedelta(seconds=1))
    gone = key_of(colleague)
    people.deactivate(colleague, by=SYSTEM)
    told = []
    for raw in ("", "x", "sf_aaaaaaaa_" + 43 * "A", wrong, other, revoked, expired, gone):
        response = Program().get(TICKETS, headers={"x-api-key": raw, "x-request-id": "r"})
        assert response["WWW-Authenticate"] == 'Bearer realm="ServiceFlow"'
        told.append((response.status_code, response.json()))
    told.append((401, Program().get(TICKETS, headers={"x-request-id": "r"}).json()))
    assert told.count(told[0]) == len(told)
    assert told[0][1]["code"] == "unauthenticated"


def test_a_bad_key_is_not_helped_by_a_session(browser_of: Any, agent: User) -> None:
    browser = browser_of(agent)
    assert browser.get(TICKETS).status_code == 200
    assert browser.get(TICKETS, headers={"x-api-key": "sf_x"}).status_code == 401


def test_the_key_s_owner_calls_whoever_is_signed_in(
    browser_of: Any, key_of: Any, agent: User, employee: User
) -> None:
    response = browser_of(agent).get("/api/v1/users/me", headers={"x-api-key": key_of(employee)})
    assert response.json()["email"] == employee.email


def test_a_browser_shows_its_csrf_token(agent: User, ticket: Ticket) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    address = f"{TICKETS}/{ticket.public_id}/claim"
    response = browser.post(address, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    token = 32 * "a"
    browser.cookies["csrf"] = token
    assert (
        browser.post(address, content_type="application/json", headers={"x-csrftoken": token}).status_code
        == 200
    )


def test_a_key_needs_no_csrf_token(key_of: Any, employee: User) -> None:
    program = Program(enforce_csrf_checks=True, HTTP_X_API_KEY=key_of(employee))
    assert program.post(TICKETS, {"title": "Broken chair"}).status_code == 201


@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "manages"),
    [
        (["read"], 200, 403, 403),
        (["write"], 403, 201, 403),
        (["admin"], 403, 403, 200),
        (["read", "write"], 200, 201, 403),
        (["read", "write", "admin"], 200, 201, 200),
    ],
)
def test_a_scope_narrows(
    program_of: Any, admin: User, scopes: list[str], reads: int, writes: int, manages: int
) -> None:
    program = program_of(admin, *scopes)
    assert program.get(TICKETS).status_code == reads
    assert program.get("/api/v1/users/me").status_code == reads
    assert program.post(TICKETS, {"title": "Broken chair"}).status_code == writes
    for address in ("/api/v1/users", f"/api/v1/users/{admin.public_id}", "/api/v1/users/me/api-keys"):
        assert program.get(address).status_code == manages
    refused = [r for r in (program.get(TICKETS), program.get("/api/v1/users")) if r.status_code == 403]
    assert all(response.json()["code"] == "insufficient_scope" for response in refused)


def test_a_scope_gives_nothing_the_role_has_not(program_of: Any, employee: User) -> None:
    response = program_of(employee).get("/api/v1/users")
    assert (response.status_code, response.json()["code"]) == (403, "admins_only")


def test_the_last_use_is_written_down(program_of: Any, employee: User) -> None:
    program_of(employee).get(TICKETS)
    assert ApiKey.objects.get().last_used_at is not None


def test_calls_are_counted_for_each_key(program_of: Any, employee: User, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"key": 2}
    program = program_of(employee)
    left = [program.get(TICKETS)["RateLimit-Remaining"] for _call in range(2)]
    assert left == ["1", "0"]
    response = program.get(TICKETS)
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert response["RateLimit-Limit"] == "2"
    assert 1 <= int(response["Retry-After"]) <= 61
    assert response["Retry-After"] == response["RateLimit-Reset"]
    assert program_of(employee).get(TICKETS).status_code == 200


def test_and_for_each_address(program_of: Any, employee: User, agent: User, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"address": 2}
    answers = [program_of(person).get(TICKETS).status_code for person in (employee, agent, employee)]
    assert answers == [200, 200, 429]
    elsewhere = program_of(employee).get(TICKETS, REMOTE_ADDR="203.0.113.9")
    assert elsewhere.status_code == 200


def test_nobody_believes_a_forwarded_address(program_of: Any, employee: User, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"address": 1}
    program = program_of(employee)
    answers = [program.get(TICKETS, headers={"x-forwarded-for": f"203.0.113.{n}"}) for n in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


def test_guessing_keys_soon_ends(program_of: Any, employee: User, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"refused": 3}
    guesses = [Program().get(TICKETS, headers={"x-api-key": f"sf_{n}"}).status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert program_of(employee).get(TICKETS).status_code == 200  # the same address, a good key


def test_a_refused_call_counts_like_any_other(program_of: Any, employee: User, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"key": 2}
    program = program_of(employee, "read")
    answers = [program.post(TICKETS, {"title": "Chair"}).status_code for _call in range(3)]
    assert answers == [403, 403, 429]


def test_a_limit_of_0_is_none(program_of: Any, employee: User, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    response = program_of(employee).get(TICKETS)
    assert response.status_code == 200
    assert "RateLimit-Limit" not in response
    assert Program().get(TICKETS).status_code == 401


def test_the_database_away_is_a_503(program_of: Any, employee: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_more: Any) -> None:
        raise OperationalError("connection to 10.0.0.9 refused")

    program = program_of(employee)
    for place in ("accounts.api_keys.find", "accounts.allowances.spend", "tickets.reads.find"):
        with monkeypatch.context() as away:
            away.setattr(place, fail)
            response = program.get(f"{TICKETS}/SF-1")
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response["Retry-After"] == "5"
        assert b"10.0.0.9" not in response.content


def test_a_key_in_the_clear_is_refused_and_not_redirected(
    program_of: Any, employee: User, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    program = program_of(employee)
    response = program.get(TICKETS)
    assert (response.status_code, response.json()["code"]) == (403, "tls_required")
    assert program.get(TICKETS, secure=True).status_code == 200


def test_the_log_says_which_key(program_of: Any, employee: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from serviceflow import middleware

    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(middleware.log, "info", lambda _event, **line: lines.append(line))
    program_of(employee).get(TICKETS)
    assert lines[0]["key_prefix"] == ApiKey.objects.get().prefix
    assert lines[0]["user"] == str(employee.public_id)
