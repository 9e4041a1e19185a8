"""Chromium on the running desk, and an ear for everything it complains about."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from accounts.models import User
from tests.factories import PASSWORD

NARROW, WIDE = 390, 1440
HEIGHT = 900
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# Where somebody's document has been refused, Chromium says so on the console: that is no fault of the page.
REFUSED_DOCUMENT = re.compile(r"Failed to load resource: the server responded with a status of [45]\d\d")


def program() -> str:
    """The path of a Chromium of this machine, empty if there is none. CHROMIUM names another one."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        return named
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:  # `playwright install chromium`
        fetched = playwright.chromium.executable_path
    return fetched if Path(fetched).exists() else ""


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """One browser for many tests. Django takes Playwright's event loop for an asynchronous view of its own."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@dataclass
class Window:
    """One person's browser window. `faults` is what a careful developer would see in its console."""

    page: Page
    context: BrowserContext
    url: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda fault: self.faults.append(f"{self.page.url}: {fault.error}"))
        self.context.on(
            "requestfailed",
            # A page that is left takes its unfinished requests along.
            lambda request: (
                None
                if request.failure == "net::ERR_ABORTED"
                else self.faults.append(f"{request.url}: {request.failure}")
            ),
        )

    def _hear(self, said: ConsoleMessage) -> None:
        of_document = said.location["url"] == self.page.url and REFUSED_DOCUMENT.match(said.text)
        if said.type in {"error", "warning"} and not of_document:
            self.faults.append(f"{self.page.url}: {said.type}: {said.text}")

    def open(self, path: str) -> int:
        """Go to an address of the desk; answers the status."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    def sign_in(self, person: User, password: str = PASSWORD) -> "Window":
        """Through the page that everybody signs in by."""
        self.open(reverse("accounts:sign_in"))
        self.fill_sign_in(person.email, password)
        assert not self.page.locator("input[type=password]").count(), f"{person.email} could not sign in"
        return self

    def fill_sign_in(self, email: str, password: str = PASSWORD) -> None:
        form = self.page.locator("form", has=self.page.locator("input[type=password]"))
        form.locator("input:not([type=hidden], [type=password], [type=checkbox])").fill(email)
        form.locator("input[type=password]").fill(password)
        self.press(form.locator("button[type=submit]"))

    def press(self, button: "object") -> None:
        """Click what leads to another page, and wait until that has come."""
        with self.page.expect_navigation(wait_until="load"):
            button.click()  # type: ignore[attr-defined]

    def overflow(self) -> int:
        """How many pixels of the page are beyond its right edge."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )


type Opens = Callable[..., Window]


def window(
    browser: Browser,
    url: str,
    *,
    width: int = WIDE,
    language: str = "en",
    theme: str = "light",
    scripts: bool = True,
) -> Window:
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        locale={"en": "en-GB", "ru": "ru-RU"}[language],
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
        timezone_id="UTC",
    )
    context.set_default_timeout(15_000)
    return Window(context.new_page(), context, url)
