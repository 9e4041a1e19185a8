"""Browser tests come in through Chromium, on the desk that gunicorn serves."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.chromium import Opens, Window
from tests.served import Desk


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.program()
    if not path:
        missing = (
            "There is no Chromium: install it, or name one in CHROMIUM. Nothing was tested in a browser."
        )
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with chromium.launched(path) as found:
        yield found


@pytest.fixture
def window(browser: Browser, desk: Desk) -> Iterator[Opens]:
    """`window(width=390, language="ru", theme="dark", scripts=False)`: a new browser window on the desk.

    None of the windows may have anything to complain about in the end.
    """
    opened: list[Window] = []

    def opens(**looks: Any) -> Window:
        opened.append(chromium.window(browser, desk.url, **looks))
        return opened[-1]

    yield opens
    faults = [fault for one in opened for fault in one.faults]
    for one in opened:
        one.context.close()
    assert not faults, "\n".join(faults)
