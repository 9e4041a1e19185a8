"""Reading the log as its readers do: line by line."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serviceflow.logging import configure
from tests.program import program_of

__all__ = ["log_lines", "program_of"]


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    configure("INFO")
    written = io.StringIO()
    logging.getLogger().handlers[0].setStream(written)  # type: ignore[attr-defined]
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    configure("INFO")
