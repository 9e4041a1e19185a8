"""Questions to the database that must be answered in time, whatever the database does."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from django.db import connections
from django.db.backends.utils import CursorWrapper

PATIENCE = 4  # seconds; whoever asks waits five


class Question[Answer]:
    """What a thread of its own asks the database, once for everybody who wants to know meanwhile.

    A database whose host hangs may keep a question for minutes, name look-up included, and no time-out covers all
    of it. So everybody waits for the same answer, and nobody waits longer than his patience.
    """

    def __init__(self, look: Callable[[CursorWrapper], Answer], *, name: str) -> None:
        self._look = look
        self._name = name
        self._turn = threading.Lock()
        self._asked: Future[Answer] | None = None

    def answer(self, *, patience: float = PATIENCE) -> Answer:
        """Raises TimeoutError, a database error, or whatever else the question raises."""
        with self._turn:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._ask, args=(self._asked,), daemon=True, name=self._name).start()
            asked = self._asked
        return asked.result(timeout=patience)

    def _ask(self, answer: Future[Answer]) -> None:
        try:
            answer.set_result(self._answered())
        except Exception as trouble:  # noqa: BLE001 (it is raised where somebody waits)
            answer.set_exception(trouble)

    def _answered(self) -> Answer:
        """Over a connection of this thread, a new one: those that requests hold may be dead or busy."""
        connection = connections["default"]
        options = {"connect_timeout": 2, "options": "-c statement_timeout=2000"}
        connection.settings_dict = {
            **connection.settings_dict,
            "OPTIONS": {**connection.settings_dict["OPTIONS"], **options},
        }
        try:
            with connection.cursor() as cursor:
                return self._look(cursor)
        finally:
            connection.close()
