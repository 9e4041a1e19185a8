"""Signing in by e-mail and password, and out again."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts import allowances
from accounts.models import Allowance, User
from audit.models import Event
from tests.factories import PASSWORD, UserFactory

SIGN_IN = "/account/sign-in/"


def sign_in(client: Client, email: str = "anna@example.com", password: str = PASSWORD, **more: str) -> Any:
    return client.post(SIGN_IN, {"email": email, "password": password, **more})


def test_anna_signs_in_with_her_address_in_any_case_and_the_audit_knows(
    client: Client, employee: User
) -> None:
    answer = sign_in(client, "ANNA@example.com")
    assert answer.status_code == 302
    assert answer["Location"] == reverse("tickets:start")
    event = Event.objects.get()
    assert (event.verb, event.actor_id, event.door) == ("user.signed_in", employee.public_id, "web")


def test_a_new_session_begins_with_the_sign_in(client: Client, employee: User) -> None:
    """Seen to fail: with the session's key kept in AccountAdapter.login."""
    session = client.session
    session["before"] = "the sign-in"
    session.save()
    before = session.session_key
    sign_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize("who", ["unknown@example.com", "anna@example.com", "gone@example.com"])
def test_unknown_address_wrong_password_and_person_shut_out_get_one_answer(
    client: Client, employee: User, who: str
) -> None:
    """Seen to fail for who is shut out: without `is_active` in EmailBackend.authenticate."""
    UserFactory.create(email="gone@example.com", is_active=False)
    answer = sign_in(client, who, PASSWORD if who == "gone@example.com" else "a wrong guess at it")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "E-mail and password do not match" in page
    assert f'value="{who}"' in page
    assert "_auth_user_id" not in client.session
    event = Event.objects.get()
    assert (event.verb, event.subject_name) == ("user.sign_in_refused", who)
    assert "wrong guess" not in str(event.__dict__)


def test_the_cursor_waits_at_the_password_after_a_refusal(client: Client, employee: User) -> None:
    page = sign_in(client, password="a wrong guess at it").content.decode()
    assert page.count("autofocus") == 1
    assert 'name="password"' in page[: page.index("autofocus")].rsplit("<", 1)[1]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil.example/",
        "/" + 2000 * "x",
        "/a\nb",
    ],
)
def test_nobody_is_sent_to_another_site_after_signing_in(
    client: Client, employee: User, elsewhere: str
) -> None:
    """Seen to fail: without each of the four questions of visitors.local, each for its own."""
    answer = sign_in(client, next=elsewhere)
    assert answer["Location"] == "/"


def test_anna_goes_on_where_she_wanted_to_go(client: Client, employee: User) -> None:
    page = client.get(SIGN_IN, {"next": "/tickets/new/?service=x"}).content.decode()
    assert 'name="next" value="/tickets/new/?service=x"' in page
    assert sign_in(client, next="/tickets/new/?service=x")["Location"] == "/tickets/new/?service=x"


def test_who_has_signed_in_already_is_not_asked_again(
    employee: User, browser_of: Callable[[User], Client]
) -> None:
    answer = browser_of(employee).get(SIGN_IN, {"next": "/account/"})
    assert answer["Location"] == "/account/"


def test_too_many_tries_are_told_to_wait_and_keep_the_address(
    client: Client, employee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: without minutes_to_wait in the view; without the person in its counter, and without the place."""
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 2)
    for _try in range(2):
        assert sign_in(client, password="a wrong guess at it").status_code == 200
    answer = sign_in(client)
    assert answer.status_code == 429
    assert 60 <= int(answer["Retry-After"]) <= 16 * 60
    assert 'value="anna@example.com"' in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert sign_in(client, "olga@example.com").status_code == 200  # not for others at the same address
    assert sign_in(Client(REMOTE_ADDR="10.1.1.1")).status_code == 302  # nor for Anna herself elsewhere


def test_an_address_that_guesses_at_many_people_has_to_wait_too(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: without the counter of the place in tries.minutes_to_wait."""
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 1)
    tries = [sign_in(client, f"person{n}@example.com").status_code for n in range(11)]
    assert tries == [200] * 10 + [429]


@pytest.mark.parametrize(
    "spellings",
    [
        ("anna@example.com", "ANNA@Example.com"),
        ("anna@x\u0130.example", "anna@xi\u0307.example"),
        ("anna@\uff59.example", "ANNA@y.example"),
    ],
)
def test_another_spelling_is_no_further_try(
    client: Client, employee: User, monkeypatch: pytest.MonkeyPatch, spellings: tuple[str, str]
) -> None:
    """Seen to fail: with what was typed counted as it is, and the last two without NFKC and casefold."""
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 1)
    wrong = "a wrong guess at it"
    assert [sign_in(client, each, wrong).status_code for each in spellings] == [200, 429]


def test_a_network_of_ipv6_is_one_address(employee: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail: with the whole address in allowances.place."""
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 1)

    def tried_from(address: str) -> int:
        return int(sign_in(Client(REMOTE_ADDR=address), password="a wrong guess at it").status_code)

    assert [tried_from(f"2001:db8:0:1::{n}") for n in (1, 2)] == [200, 429]
    assert tried_from("2001:db8:0:2::1") == 200


def test_who_goes_on_guessing_waits_for_longer(
    client: Client, employee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: without the second row of tries.TRIES."""
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 1)
    noon = 1_800_000_000 // (4 * 3600) * 4 * 3600

    def first_of_quarter(number: int) -> Any:
        clock = SimpleNamespace(time=lambda: noon + number * 900)
        monkeypatch.setattr(allowances, "time", clock)
        return sign_in(client, password="a wrong guess at it")

    assert [first_of_quarter(number).status_code for number in range(4)] == [200] * 4
    assert int(sign_in(client)["Retry-After"]) == 16 * 60
    assert int(first_of_quarter(4)["Retry-After"]) > 2 * 3600


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "a" * 100_000),
        ("email", "not an address"),
        ("password", "x" * 100_000),
        ("next", "x" * 100_000),
    ],
)
def test_odd_input_is_answered_with_the_page(client: Client, db: None, field: str, value: str) -> None:
    fields = {"email": "anna@example.com", "password": "a wrong guess at it"} | {field: value}
    assert client.post(SIGN_IN, fields).status_code == 200


def test_a_nul_is_refused_without_a_trace(client: Client, db: None) -> None:
    """Seen to fail: with nothing found by serviceflow.middleware.holding_nul."""
    assert sign_in(client, "an\0na@example.com").status_code == 400
    assert not Event.objects.exists()


def test_anna_signs_out_by_a_post_only(employee: User, browser_of: Callable[[User], Client]) -> None:
    """Seen to fail: without require_POST of the view."""
    browser = browser_of(employee)
    assert browser.get("/account/sign-out/").status_code == 405
    answer = browser.post("/account/sign-out/")
    assert answer["Location"] == SIGN_IN
    assert "_auth_user_id" not in browser.session
    assert Event.objects.get().verb == "user.signed_out"


def test_a_deactivated_person_is_out_at_once(employee: User, browser_of: Callable[[User], Client]) -> None:
    """Seen to fail: without `active` in EmailBackend.get_user."""
    browser = browser_of(employee)
    User.objects.filter(pk=employee.pk).update(is_active=False)
    assert browser.get("/account/")["Location"] == f"{SIGN_IN}?next=/account/"


def test_signing_in_needs_the_token_of_its_form(employee: User) -> None:
    """Seen to fail: without CsrfViewMiddleware."""
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client).status_code == 403


def test_who_is_refused_for_his_address_makes_no_counters_of_people(
    client: Client, db: None, settings: Any
) -> None:
    """Or anybody could fill the table with names. Seen to fail with both counted at once in tries.minutes_to_wait."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"sign_in": 1}
    address = "/account/sign-in/"
    for number in range(10):
        client.post(address, {"email": f"{number}@example.com", "password": "guess"})
    counters = Allowance.objects.count()
    for number in range(10, 30):
        answer = client.post(address, {"email": f"{number}@example.com", "password": "guess"})
        assert answer.status_code == 429
    assert Allowance.objects.count() == counters
