"""Looking changes nothing, and nobody changes anything through somebody else's browser."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.conf import settings as desk

from tests.access.lines import Line, ask, body_of, lines
from tests.access.routes import routes
from tests.access.rows import done, stored
from tests.access.world import PERSONS, World
from tests.matrix import undone

pytestmark = pytest.mark.django_db

# --- GET -------------------------------------------------------------------------------------------

# That a notice was read by whom it was for, that a key was used; and that a file or the source of a mail was taken away
# is on record.
LAST_SEEN = {"notifications_delivery.read_at", "accounts_apikey.last_used_at"}
TAKEN_AWAY = {"attachment.downloaded", "mail.source_read"}
PAGES = 500


def asked(world: World, who: str) -> Iterator[str]:
    """Whatever there is to GET, also where only POST is meant; and every page that those lead to."""
    waiting = [world.address(routes()[line.route], line.subject, caller=who) for line in lines()]
    seen: set[tuple[Any, ...]] = set()
    pages = 0
    while waiting and pages < PAGES:
        address = waiting.pop(0)
        if (form := _form_of(address)) in seen:
            continue
        seen.add(form)
        pages += 1
        answer: Any = world.client(who).get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        yield address
        assert answer.status_code < 500 or address == "/health/jobs", (address, answer.status_code)
        found = [answer["Location"]] if answer.has_header("Location") else []
        if answer.get("Content-Type", "").startswith("text/html"):
            found += re.findall(r'(?:href|src|action)="([^"#]+)', body.decode())
        for link in found:
            goal = urlsplit(urljoin(f"http://testserver{address}", unescape(link)))
            if goal.netloc == "testserver" and not goal.path.startswith("/static/"):
                waiting.append(f"{goal.path}?{goal.query}" if goal.query else goal.path)


def _form_of(address: str) -> tuple[Any, ...]:
    """Pages that differ only in which rows of a list they show are one."""
    parts = urlsplit(address)
    query = parse_qs(parts.query, keep_blank_values=True)
    return (
        parts.path,
        *sorted(
            (name, *(values if name in {"view", "show", "status"} else ())) for name, values in query.items()
        ),
    )


@pytest.mark.parametrize("who", ["maria", "anna"])
def test_looking_at_everything_changes_nothing(world: World, who: str) -> None:
    """Seen to fail with a view that saves on GET: `actions.read_all` in the inbox's, `claim` without its check for POST
    in tickets/views/answers.py, and `user.save()` with another theme in accounts/views.profile.
    """
    before = stored()
    addresses = list(asked(world, who))
    assert len(addresses) > (350 if who == "maria" else 150)
    differences = done(before, stored())
    taken = {row["verb"] for row in differences.pop("+audit_event", [])}
    assert taken <= TAKEN_AWAY
    assert set(differences) <= LAST_SEEN, differences


def test_reading_by_key_changes_nothing_but_when_it_was_used(world: World) -> None:
    """And neither do HEAD and OPTIONS. Seen to fail with `claim` done by GET in tickets/api/verbs.py."""
    before = stored()
    for line in lines():
        address = world.address(routes()[line.route], line.subject)
        for method in ("get", "head", "options"):
            answer = getattr(world.client("read"), method)(address)
            list(answer.streaming_content if answer.streaming else ())
    differences = done(before, stored())
    assert {row["verb"] for row in differences.pop("+audit_event", [])} <= TAKEN_AWAY
    assert set(differences) <= LAST_SEEN, differences


# --- Through somebody else's browser ----------------------------------------------------------------

EVIL = "https://evil.example"
# How the request of a page elsewhere comes: what a browser says of where it comes from, and whether it has the token.
FORGED: dict[str, dict[str, Any]] = {
    "without a token": {"HTTP_X_CSRFTOKEN": ""},
    "with a token of another browser": {"HTTP_X_CSRFTOKEN": "a" * 32},
    "from elsewhere, with the token": {"HTTP_ORIGIN": EVIL},
    "from a file or a sandbox, with the token": {"HTTP_ORIGIN": "null"},
    "from a name that begins like ours, with the token": {"HTTP_ORIGIN": "http://testserver.evil.example"},
    "over TLS from elsewhere, with the token": {"secure": True, "HTTP_REFERER": f"{EVIL}/page"},
    "over TLS without a word where from, with the token": {"secure": True},
}


def changing() -> list[tuple[Line, str]]:
    """Everything that a person may do with his session, at every address once, and the mightiest who may."""
    found: dict[tuple[str, str], tuple[Line, str]] = {}
    for line in lines():
        able = [one for one in PERSONS[1:] if line.answers[one] not in REFUSED]
        if line.method != "GET" and able:
            found.setdefault((line.route, line.method), (line, able[-1]))
    return list(found.values())


REFUSED = frozenset({"401", "403", "404", "405", "410", "same"})


@pytest.mark.parametrize("how", FORGED)
def test_a_page_elsewhere_can_do_nothing_with_ones_session(world: World, how: str) -> None:
    """403 for whatever changes something, signing in included, and nothing has changed.

    Seen to fail without CsrfViewMiddleware, with @csrf_exempt on a single view (tickets/views/queue.next_one), and
    without the check in BrowserAuthentication.enforce_csrf.
    """
    before = stored()
    wrong = []
    for line, person in changing():
        for caller in (person, "stranger"):
            if caller == "stranger" and line.is_call:
                continue  # 401, as everything without a session
            address = world.address(routes()[line.route], line.subject, caller=caller)
            body = body_of(line, world, caller)
            visitor = world.visitor(caller, line.route, line.subject)
            answer = ask(visitor, line.method, address, body, is_call=line.is_call, **FORGED[how])
            if answer.status_code != 403:
                wrong.append(f"{line} by {caller}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert done(before, stored()) == {}


def test_with_its_own_token_and_from_its_own_page_the_same_is_done(world: World) -> None:
    """So that it was the token and the origin that were missed above."""
    for line, person in changing():
        with undone():
            address = world.address(routes()[line.route], line.subject, caller=person)
            body = body_of(line, world, person)
            own = {"HTTP_ORIGIN": "http://testserver"}
            visitor = world.visitor(person, line.route, line.subject)
            answer = ask(visitor, line.method, address, body, is_call=line.is_call, **own)
        assert answer.status_code not in {403, 401}, (line, answer.status_code)


def test_the_token_never_leaves_in_a_cookie_that_a_script_can_read() -> None:
    assert desk.CSRF_COOKIE_HTTPONLY
    assert desk.SESSION_COOKIE_SAMESITE == desk.CSRF_COOKIE_SAMESITE == "Lax"
    assert desk.CSRF_TRUSTED_ORIGINS == []
