"""Pictures of every page of the demo desk: python -m tests.browser.screenshots FOLDER [--readme]

Made on a throw-away database of the server that DATABASE_URL names (the private one if it names none), which is
dropped in the end. FOLDER gets <page>-<language>-<theme>-<width>.png of all; --readme puts the chosen few into
docs/images.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LANGUAGES, THEMES, WIDTHS = ("en", "ru"), ("light", "dark"), (1440, 390)
# docs/images has room for these, at most 150 KB each.
CHOSEN = {
    "queue-en-light-1440",
    "queue-ru-dark-1440",
    "queue-en-light-390",
    "ticket-en-light-1440",
    "ticket-ru-dark-1440",
    "ticket-en-dark-390",
    "start-en-light-1440",
    "start-ru-light-390",
    "request-en-light-1440",
    "new-ru-light-1440",
    "sign-in-en-dark-1440",
    "audit-en-light-1440",
}
LARGEST = 150_000


@dataclass(frozen=True)
class Shot:
    """A page of somebody's; `then` is what to follow on it before the picture is taken."""

    name: str
    who: str
    path: str
    then: str = ""


SHOTS = (
    Shot("sign-in", "", "/account/sign-in/"),
    Shot("start", "employee", "/"),
    Shot("new", "employee", "/tickets/new/"),
    Shot("request", "employee", "/", "a.sf-subject"),
    Shot("queue", "agent", "/queue/?view=all"),
    Shot("mine", "agent", "/queue/?view=mine"),
    Shot("filters", "agent", "/queue/?view=all&filters=open"),
    Shot("ticket", "agent", "/queue/?view=mine", "a.sf-subject"),
    Shot("profile", "agent", "/account/"),
    Shot("keys", "agent", "/account/keys/"),
    Shot("lead", "lead", "/queue/"),
    Shot("admin", "administrator", "/admin/"),
    Shot("users", "administrator", "/admin/accounts/user/"),
    Shot("audit", "administrator", "/admin/audit/event/"),
)


@contextmanager
def database() -> Iterator[str]:
    """A database of our own on the server of the desk."""
    import psycopg

    url, name = os.environ["DATABASE_URL"], f"screenshots_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield name
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def furnish(name: str, folder: Path) -> None:
    surroundings = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.served_settings",
        "SERVED_DATABASE": name,
        "SERVED_STATIC": str(folder / "static"),
    }
    for command in (["migrate", "--no-input", "-v0"], ["seed_demo"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=CHECKOUT, env=surroundings, check=True)


def take(url: str, folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium
    from tickets.demo.people import PEOPLE
    from tickets.demo.seeding import PASSWORD

    people = dict(zip(("administrator", "agent", "lead", "employee"), PEOPLE, strict=False))
    path = chromium.program()
    if not path:
        sys.exit("There is no Chromium: install it, or name one in CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        for language, theme, width in product(LANGUAGES, THEMES, WIDTHS):
            for who in ("", *people):
                window = chromium.window(browser, url, width=width, language=language, theme=theme)
                if who:
                    window.open("/account/sign-in/")
                    window.fill_sign_in(people[who].email, PASSWORD)
                    window.page.locator(".sf-bar details[data-drop] summary").last.click()
                    window.press(window.page.locator(f"button[name=language][value={language}]"))
                for shot in SHOTS:
                    if shot.who == who:
                        window.open(shot.path)
                        if shot.then:
                            window.press(window.page.locator(shot.then).first)
                        window.page.wait_for_load_state("networkidle")
                        picture = folder / f"{shot.name}-{language}-{theme}-{width}.png"
                        window.page.screenshot(path=picture, animations="disabled", caret="hide")
                window.context.close()
        browser.close()


def choose(folder: Path) -> None:
    """Copy the chosen few, with a palette of 128 colours where Pillow is at hand; it is nobody's requirement."""
    images = CHECKOUT / "docs" / "images"
    images.mkdir(exist_ok=True)
    for name in sorted(CHOSEN):
        picture = images / f"{name}.png"
        shutil.copy(folder / picture.name, picture)
        with suppress(ImportError):
            pillow = import_module("PIL.Image")
            pillow.open(picture).convert("RGB").quantize(128, dither=0).save(picture, optimize=True)
        if (size := picture.stat().st_size) > LARGEST:
            picture.unlink()
            print(f"{picture.name} is left out: {size // 1000} KB")  # noqa: T201 (a program for people)


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of every page of the demo desk.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readme", action="store_true", help="put the chosen few into docs/images")
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "serviceflow.settings_test"
    from serviceflow import devdb

    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = devdb.ensure_running()
    import django

    django.setup()
    from tests.served import running

    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, database() as name:
        furnish(name, Path(temporary))
        with running(name, Path(temporary)) as desk:
            take(desk.url, arguments.folder)
    if arguments.readme:
        choose(arguments.folder)


if __name__ == "__main__":
    main()
