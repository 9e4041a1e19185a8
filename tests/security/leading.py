"""Where an answer of the desk would lead, and whether that is away. Chromium itself says so."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from playwright.sync_api import Browser

from tests.shared import real

HERE = "https://desk.example.com"
# What such a parameter is called elsewhere, and by libraries.
NAMES = [
    "next",
    "url",
    "redirect",
    "redirect_to",
    "redirect_uri",
    "return",
    "return_to",
    "continue",
    "to",
    "goto",
]
NASTY = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example",
    "/\t/evil.example", "/\n//evil.example", " //evil.example", "//evil.example\\@desk.example.com",
    "/..//evil.example",
    "javascript:alert(1)", "data:text/html,x", "//evil%E3%80%82example", "http:/\\/evil.example", "/%0a/evil.example",
    "/%5c%5cevil.example", "//desk.example.com@evil.example", "////evil.example", "/.//evil.example", "evil.example",
    "\u2028//evil.example", "/\u0000/evil.example", "//\u00e9vil.example", "/" + 3000 * "a",
]  # fmt: skip


def tried(*, decoded: bool = True) -> list[str]:
    """Each as it stands, and as a form would bring what a link has encoded."""
    lines = (real("corpora/redirect/payloadbox/payloads.txt")).read_text(errors="replace").splitlines()
    assert len(lines) > 800
    ways: tuple[Callable[[str], str], ...] = (str, unquote) if decoded else (str,)
    return sorted({way(line) for line in [*lines, *NASTY] for way in ways if line})


def worst() -> list[str]:
    return sorted({way(line) for line in NASTY for way in (str, unquote)})


def leading_away(browser: Browser, goals: set[str], *also: str) -> list[str]:
    """Those from which Chromium would go to another place than the desk, or `also` one of these."""
    page = browser.new_page()
    try:
        away: list[str] = page.evaluate(
            """([goals, here, ours]) => goals.filter((goal) => {
                try { return !ours.includes(new URL(goal, here + "/account/sign-in/").origin) } catch { return false }
            })""",
            [sorted(goals), HERE, [HERE, settings.BASE_URL, *also]],
        )
    finally:
        page.close()
    return away


# Of a picture nothing is followed, and ours are drawn into the page.
FOLLOWED = ("href", "action", "formaction", "data", "ping", "xlink:href")
FRAMED = frozenset({"iframe", "frame", "embed", "script"})


def goals_of(answer: Any) -> Iterator[str]:
    """Where it leads: at once, by anything on its page, or by what its page sends when asked once more."""
    if location := answer.headers.get("Location"):
        yield from with_next(location)
    if refresh := answer.headers.get("Refresh"):
        yield _target(refresh)
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("text/html"):
        page = _Goals()
        page.feed(answer.content.decode())
        here = answer.wsgi_request.path
        for goal in page.found:
            # A page that links to itself was asked just now, with what was brought.
            yield from [goal] if _path(goal) in {"", here} else with_next(goal)
        yield from page.fields
    elif kind.startswith("application/json"):
        yield from (value for value in answer.json().values() if isinstance(value, str) and "/" in value)


class _Goals(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.fields: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        # A mail is written to somebody; nobody goes anywhere.
        # And what is kept as a file leads nowhere.
        nowhere = ("mailto:", "data:text/plain;") if "download" in has else ("mailto:",)
        self.found += [has[name] for name in FOLLOWED if not has.get(name, "mailto:").startswith(nowhere)]
        if tag in FRAMED and "src" in has:
            self.fields.append(has["src"])  # what it is told of `next` is not for where the person goes
        if tag == "meta" and has.get("http-equiv", "").lower() == "refresh":
            self.found.append(_target(has["content"]))
        if has.get("name") == "next":
            self.fields.append(has.get("value", ""))


def _target(refresh: str) -> str:
    return refresh.partition("=")[2].strip("'\" ")


def _path(goal: str) -> str | None:
    try:
        return urlsplit(goal).path
    except ValueError:
        return None


def with_next(goal: str) -> Iterator[str]:
    """And where the page that it leads to is told to lead."""
    yield goal
    try:
        yield from parse_qs(urlsplit(goal).query).get("next", [])
    except ValueError:  # no address at all
        return
