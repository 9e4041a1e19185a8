"""Every page in both themes, both languages, on a telephone and on a desk: nothing to complain about."""

from collections.abc import Iterator

import pytest
from django.urls import NoReverseMatch, reverse
from playwright.sync_api import Browser, Error

from tests.browser import chromium, looking, world
from tests.browser.chromium import NARROW, WIDE, Window
from tests.browser.inventory import NO_PAGES, ONLY_POSTED, VISITS, Visit, admin_visits, routes
from tests.browser.world import World
from tests.factories import opened
from tests.served import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Each theme, language and width once: contrast is a matter of the theme, and Russian is long where it is narrow.
LOOKS = [(WIDE, "light", "en"), (NARROW, "dark", "ru")]
FIRST_PAGE, CACHED_PAGE = 150_000, 30_000  # bytes over the wire


class Windows:
    """One window a person, signed in once."""

    def __init__(
        self, browser: Browser, url: str, company: World, *, width: int, theme: str, language: str
    ) -> None:
        self.browser, self.url, self.company = browser, url, company
        self.width, self.theme, self.language = width, theme, language
        self.of: dict[str, Window] = {}

    def __getitem__(self, who: str) -> Window:
        if who not in self.of:
            fresh = chromium.window(
                self.browser, self.url, width=self.width, theme=self.theme, language=self.language
            )
            self.of[who] = fresh.sign_in(self.company.person(who)) if who else fresh
        return self.of[who]

    def close(self) -> None:
        for window in self.of.values():
            window.context.close()


def seen(windows: Windows, visit: Visit) -> Iterator[str]:
    """What is wrong with this page."""
    window = windows[visit.who]
    window.faults.clear()
    try:
        status = window.open(visit.path(windows.company))
        if status not in visit.statuses:
            yield f"answered {status}"
        if visit.steps is not None:
            visit.steps(window, windows.company)
        if not visit.theirs:
            yield from looking.faults(window, language=windows.language)
    except Error as error:
        yield f"could not be seen: {error.message[:300]}"
    yield from window.faults


@pytest.mark.parametrize(("width", "theme", "language"), LOOKS)
def test_every_page_is_sound(browser: Browser, served: Desk, width: int, theme: str, language: str) -> None:
    company = world.furnish(language)
    windows = Windows(browser, served.url, company, width=width, theme=theme, language=language)
    found = [f"{visit}: {fault}" for visit in [*VISITS, *admin_visits()] for fault in seen(windows, visit)]
    windows.close()
    assert not found, f"{len(found)} findings:\n" + "\n".join(found)


def test_no_page_of_the_url_map_is_left_out() -> None:
    visited = {visit.route for visit in [*VISITS, *admin_visits()]}
    assert set(routes()) - visited - ONLY_POSTED - NO_PAGES == set()


def test_what_is_only_posted_shows_no_page(desk: Desk) -> None:
    company = world.furnish()
    visitor = desk.visitor().sign_in(company.admin.email)
    for route in sorted(ONLY_POSTED):
        try:
            path = reverse(route)
        except NoReverseMatch:
            path = reverse(route, args=[company.fresh.public_id])
        answer = visitor.get(path, allow_redirects=False)
        assert answer.status_code in {302, 303, 404, 405}, f"{route}: {answer.status_code}"


@pytest.mark.parametrize(
    ("who", "route"), [("agent", "tickets:queue"), ("employee", "tickets:start"), ("agent", "tickets:detail")]
)
def test_pages_are_light(browser: Browser, desk: Desk, who: str, route: str) -> None:
    company = world.furnish("ru")
    for number in range(50):
        opened(by=company.employee, service=company.service, title=f"Монитор номер {number} не включается")
    arguments = [company.busy.public_id] if route == "tickets:detail" else []
    window = chromium.window(browser, desk.url, language="ru")
    signed_in = window.sign_in(company.person(who)).context.storage_state()
    window.context.close()
    # A browser that has never been here, but for its session.
    fresh = browser.new_context(storage_state=signed_in, viewport={"width": WIDE, "height": 900})
    page = fresh.new_page()
    wire = fresh.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    weights = []
    for _time in ("first", "cached"):
        sizes.clear()
        page.goto(desk.url + reverse(route, args=arguments), wait_until="networkidle")
        weights.append(sum(sizes))
    fresh.close()
    first, cached = weights
    assert 10_000 < first <= FIRST_PAGE, f"{first:.0f} bytes"
    assert 1_000 < cached <= CACHED_PAGE, f"{cached:.0f} bytes"
