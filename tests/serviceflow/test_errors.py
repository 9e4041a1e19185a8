"""What people and programs get to read when something goes wrong."""

import json
import select
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import one_time_forms
from accounts.models import User

pytestmark = pytest.mark.urls("tests.serviceflow.urls")


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("operational", 503, "unavailable"),
        ("interface", 503, "unavailable"),
        ("data", 400, "bad_request"),
        ("large", 413, "too_large"),
        ("denied", 403, "forbidden"),
        ("bug", 500, "internal_error"),
    ],
)
def test_a_program_gets_a_problem_and_a_person_a_page(
    browser: Client, kind: str, status: int, code: str
) -> None:
    page = browser.get(f"/trouble/{kind}")
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")
    assert "10.0.0.9" not in page.content.decode()
    problem = browser.get(f"/api/trouble/{kind}", headers={"x-request-id": "r-2"})
    assert problem.status_code == status
    assert problem["Content-Type"] == "application/problem+json"
    told = json.loads(problem.content)
    assert (told["status"], told["code"], told["request_id"]) == (status, code, "r-2")
    assert told["instance"] == f"/api/trouble/{kind}"
    assert told["type"] == "about:blank"
    assert told["detail"]
    assert ("Retry-After" in page, "Retry-After" in problem) == (status == 503, status == 503)


def test_nothing_here_is_told_in_both_ways(db: None, browser: Client) -> None:
    assert browser.get("/nowhere").status_code == 404
    assert json.loads(browser.get("/api/nowhere").content)["code"] == "not_found"
    assert json.loads(browser.get("/requests/nowhere").content)["code"] == "not_found"


def test_the_reader_s_language_is_spoken_in_problems(browser: Client, settings: Any) -> None:
    response = browser.get("/api/nowhere", headers={"accept-language": "ru"})
    assert response["Content-Language"] == "ru"


def test_a_form_without_its_token_is_refused_with_advice(log_lines: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/form", {"title": "x"})
    assert response.status_code == 403
    assert "csrf_refused" in {line["event"] for line in log_lines()}


def test_a_bug_leaves_its_trace_in_the_log_and_none_in_the_answer(browser: Client, log_lines: Any) -> None:
    response = browser.get("/trouble/bug")
    assert b"shelf" not in response.content
    (trace,) = [line for line in log_lines() if "exception" in line]
    assert "the shelf is empty" in trace["exception"]
    assert trace["request_id"] == response["X-Request-ID"]


def test_the_database_away_under_the_session_is_a_503_too(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import OperationalError

    def fail(_self: SessionStore) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(SessionStore, "load", fail)
    browser.cookies["session"] = "x" * 32
    response = browser.get("/signed-in")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"


@pytest.mark.django_db(transaction=True)
def test_who_was_idle_in_a_transaction_for_too_long_may_try_again(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import InternalError, connection, transaction

    told: list[Exception] = []

    def idles(_self: SessionStore) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 10")
                ready, _w, _x = select.select([connection.connection.fileno()], [], [], 60)
                assert ready
                cursor.execute("SELECT 1")
        except Exception as trouble:
            told.append(trouble)
            raise

    monkeypatch.setattr(SessionStore, "load", idles)
    browser.cookies["session"] = "x" * 32
    assert browser.get("/signed-in").status_code == 503
    assert isinstance(told[0], InternalError)


@pytest.mark.django_db
def test_a_form_without_its_token_makes_no_session_for_a_stranger(employee: User, log_lines: Any) -> None:
    form = {"form_name": one_time_forms.name_for(employee), "title": "x"}
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/form", form, headers={"origin": "https://" + 500 * "x"})
    assert response.status_code == 403
    assert not Session.objects.exists()
    assert [len(line["reason"]) for line in log_lines() if line["event"] == "csrf_refused"] == [200]
    strict.force_login(employee)
    assert strict.post("/form", form).status_code == 302


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
@pytest.mark.parametrize("path", ["/api/v1/tickets/x/y/z", "/api/v2/tickets", "/requests/1/2/3"])
def test_what_no_route_names_is_told_in_the_caller_s_language(
    employee: User, program_of: Any, method: str, path: str
) -> None:
    employee.language = "ru"
    employee.save()
    answer = getattr(program_of(employee), method)(path)
    told = json.loads(answer.content)
    assert (answer.status_code, told["code"], told["instance"]) == (404, "not_found", path)
    assert "Здесь ничего нет" in told["detail"]
    assert answer["Content-Language"] == "ru"


def test_a_wrong_key_is_told_so_wherever_it_calls(db: None, browser: Client) -> None:
    answer = browser.get("/api/v1/nowhere", headers={"x-api-key": "sf_00000000_wrong"})
    assert answer.status_code == 401
