"""What has happened, told to whoever counts it once it is committed. This app knows nobody: who counts says so here."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction

# {what: who counts it}; filled at start-up, and empty where nobody does.
COUNTERS: dict[str, Callable[..., None]] = {}


def tell(what: str, *facts: Any) -> None:
    """Have it counted when the transaction commits, if it does. Whoever counts can fail nobody."""
    if counter := COUNTERS.get(what):
        transaction.on_commit(partial(counter, *facts), robust=True)
