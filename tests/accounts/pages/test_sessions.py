"""Where somebody is signed in, how long that lasts, and how he ends it."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import sessions
from accounts.models import User
from audit.models import Event
from tests.factories import PASSWORD

SESSIONS, PROFILE, SIGN_IN = "/account/sessions/", "/account/", "/account/sign-in/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
HOUR = 3600


def signed_in(user: User, agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    browser = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    assert browser.post(SIGN_IN, {"email": user.email, "password": PASSWORD}).status_code == 302
    return browser


def is_in(browser: Client) -> bool:
    return browser.get(PROFILE).status_code == 200


def names_on(page: str) -> list[str]:
    return [part.split("/")[0] for part in page.split('action="/account/sessions/')[1:] if part[32] == "/"]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`later(60)`: the clock that sessions look at shows a minute more."""
    clock = SimpleNamespace(time=time.time)
    monkeypatch.setattr(sessions, "time", clock)

    def move(seconds: float) -> None:
        now = clock.time()
        clock.time = lambda: now + seconds

    return move


# --- Seeing and ending them ----------------------------------------------------------------------


def test_anna_sees_where_she_is_signed_in(employee: User) -> None:
    """Seen to fail: with the session's key for its name in sessions.name_of."""
    here, phone = signed_in(employee), signed_in(employee, SAFARI, "198.51.100.9")
    page = here.get(SESSIONS).content.decode()
    assert page.index("Firefox on Linux") < page.index("this one") < page.index("Safari on iPhone")
    assert "203.0.113.7" in page
    assert "198.51.100.9" in page
    for session in Session.objects.all():
        assert session.session_key not in page
    assert is_in(phone)


def test_she_ends_one_and_the_others_go_on(employee: User) -> None:
    """Seen to fail: without the end of the session in sessions.end."""
    here, phone, office = (
        signed_in(employee),
        signed_in(employee, SAFARI),
        signed_in(employee, address="198.51.100.9"),
    )
    [name] = [one.name for one in sessions.places(employee, here=None) if "iPhone" in one.device]
    assert here.post(f"{SESSIONS}{name}/end/")["Location"] == SESSIONS
    assert (is_in(here), is_in(phone), is_in(office)) == (True, False, True)
    event = Event.objects.order_by("-id")[0]
    assert (event.verb, event.actor_name) == ("user.session_ended", "Anna Kuznetsova")
    assert "iPhone" in event.comment
    here.post(f"{SESSIONS}{name}/end/")
    assert Event.objects.filter(verb="user.session_ended").count() == 1


def test_she_ends_all_the_others(employee: User, colleague: User) -> None:
    """Seen to fail: with the sessions of everybody, and with this one, too, in sessions.end_others."""
    here, phone, office = signed_in(employee), signed_in(employee), signed_in(employee)
    boris = signed_in(colleague)
    answer = here.post(f"{SESSIONS}end-others/", follow=True)
    assert "signed out in 2 places" in answer.content.decode()
    assert (is_in(here), is_in(phone), is_in(office), is_in(boris)) == (True, False, False, True)
    assert Event.objects.filter(verb="user.sessions_ended").get().comment == "2"
    here.post(f"{SESSIONS}end-others/")
    assert Event.objects.filter(verb="user.sessions_ended").count() == 1


def test_nobody_sees_or_ends_the_sessions_of_another(employee: User, colleague: User) -> None:
    """Seen to fail with sessions.end looking among all sessions."""
    anna, boris = signed_in(employee), signed_in(colleague, SAFARI)
    assert "iPhone" not in anna.get(SESSIONS).content.decode()
    [place] = sessions.places(colleague, here=None)
    anna.post(f"{SESSIONS}{place.name}/end/")
    assert is_in(boris)


def test_what_lets_nobody_in_any_more_is_not_listed(employee: User) -> None:
    """Seen to fail without the comparison of the hash in sessions._open."""
    here, phone = signed_in(employee), signed_in(employee, SAFARI)
    fields = {"current_password": PASSWORD, "password": "another long one", "repeated": "another long one"}
    here.post("/account/password/", fields)
    page = here.get(SESSIONS).content.decode()
    assert "iPhone" not in page
    assert page.count("this one") == 1, "the session has got another key with the password"
    assert not is_in(phone)


def test_signing_out_takes_it_from_the_list(employee: User) -> None:
    here, phone = signed_in(employee), signed_in(employee, SAFARI)
    phone.post("/account/sign-out/")
    assert "iPhone" not in here.get(SESSIONS).content.decode()


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 YaBrowser/25.8 Safari/537.36", "Yandex Browser on Windows"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>" * 100, "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_called_what_people_call_it(agent: str, said: str) -> None:
    assert sessions.device(agent) == said


def test_an_odd_browser_is_listed_too(employee: User) -> None:
    browser = signed_in(employee, "x" * 5000, "2001:db8::1")
    assert "2001:db8::1" in browser.get(SESSIONS).content.decode()


# --- How long ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "idle", "longest"),
    [("employee", 8 * HOUR, 7 * 24 * HOUR), ("agent", HOUR // 2, 12 * HOUR), ("admin", HOUR // 2, 12 * HOUR)],
)
def test_a_session_ends_when_nobody_uses_it_and_when_it_is_old(
    request: pytest.FixtureRequest, later: Callable[[float], None], who: str, idle: int, longest: int
) -> None:
    """Seen to fail without either half of sessions.is_over."""
    person = request.getfixturevalue(who)
    left = signed_in(person)
    later(idle - 90)
    assert is_in(left)
    later(idle + 1)
    assert not is_in(left)
    # Whoever goes on working is asked again when the whole of it is over.
    used, spent, step = signed_in(person), 0, idle - 90
    while spent + step < longest:
        later(step)
        spent += step
        assert is_in(used)
    later(longest - spent)
    assert not is_in(used)
    assert not Session.objects.filter(session_key=used.cookies["session"].value).exists()


def test_who_becomes_an_agent_has_an_agents_session(employee: User, later: Callable[[float], None]) -> None:
    """Seen to fail: with one role for everybody in sessions.is_over."""
    browser = signed_in(employee)
    User.objects.filter(pk=employee.pk).update(role="AGENT")
    later(HOUR)
    assert not is_in(browser)


def test_what_was_typed_waits_for_its_owner(employee: User, later: Callable[[float], None]) -> None:
    """Seen to fail with a middleware that answers by itself instead of letting the view keep the form."""
    browser = signed_in(employee)
    page = browser.get("/tickets/new/").content.decode()
    name = page.split('name="form_name" value="')[1].split('"')[0]
    later(9 * HOUR)
    typed = {"title": "No sound", "description": "Since this morning", "form_name": name}
    to_sign_in = browser.post("/tickets/new/", typed)["Location"]
    assert to_sign_in.startswith(SIGN_IN)
    assert "What you typed is kept" in browser.get(to_sign_in).content.decode()
    browser.post(to_sign_in, {"email": employee.email, "password": PASSWORD})
    assert "Since this morning" in browser.get("/tickets/new/").content.decode()


def test_the_api_ends_with_it_too(agent: User, later: Callable[[float], None]) -> None:
    """Seen to fail: without is_over in sessions.bounded."""
    browser = signed_in(agent)
    assert browser.get("/api/v1/users/me").status_code == 200
    later(HOUR)
    assert browser.get("/api/v1/users/me").status_code == 401


def test_a_session_of_before_begins_with_its_first_page(
    employee: User, later: Callable[[float], None]
) -> None:
    """Seen to fail: without its use noted in sessions.note."""
    browser = Client()
    browser.force_login(employee)
    assert is_in(browser)
    later(8 * HOUR + 1)
    assert not is_in(browser)


def test_the_use_is_written_down_once_a_minute(
    employee: User, later: Callable[[float], None], django_assert_num_queries: Any
) -> None:
    browser = signed_in(employee)
    is_in(browser)
    seen = UserSession.objects.get().last_seen_at
    for _page in range(3):
        is_in(browser)
    assert UserSession.objects.get().last_seen_at == seen
    later(61)
    is_in(browser)
    assert UserSession.objects.get().last_seen_at > seen


def test_a_key_of_the_api_has_no_session(employee: User, key_of: Callable[..., str]) -> None:
    """Seen to fail: without the question of sessions.bounded for a session."""
    Client(headers={"x-api-key": key_of(employee)}).get("/api/v1/users/me")
    assert not UserSession.objects.exists()


@pytest.mark.django_db
def test_signing_in_takes_no_longer_for_sessions_left_open(employee: User) -> None:
    """Seen to fail with allauth.usersessions in the place of accounts.session_list: about three queries for each."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            Client().post("/account/sign-in/", {"email": employee.email, "password": PASSWORD})
        return len(asked)

    queries()
    with_one = queries()
    for _n in range(40):
        queries()
    assert UserSession.objects.filter(user=employee).count() == 42
    assert queries() == with_one < 30
