"""The floor: what the same answers would cost with the least that can give them. A WSGI application for gunicorn.

`FLOOR` names a file that `benchmarks/ratios.py` has made: for each kind of call every statement that the desk sent to
the database, word for word. Here they are sent again by bare psycopg, and all rows are answered as JSON by orjson. What
had to be new for each call (ids, an Idempotency-Key) is new here, too.
"""

import itertools
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import psycopg

OPERATIONS: dict[str, dict[str, Any]] = json.loads(Path(os.environ["FLOOR"]).read_text())
_of_thread = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/<operation>/<turn>`; the turn tells which of the prepared subjects a call is for."""
    _empty, name, turn = environ["PATH_INFO"].split("/")
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = orjson.dumps(done(OPERATIONS[name], int(turn)), default=str)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def done(operation: dict[str, Any], turn: int) -> list[Any]:
    """All rows that the statements answer."""
    fresh = {said: uuid7() if "-" in said else secrets.token_hex(32) for said in operation["fresh"]}
    fresh |= operation["turns"][turn] if operation["turns"] else {}
    # psycopg writes an id without its dashes.
    fresh |= {was.replace("-", ""): now.replace("-", "") for was, now in fresh.items()}
    connection = _connection()
    if not operation["writes"]:
        return [row for statement in operation["statements"] for row in _rows(connection, statement["sql"])]
    with connection.transaction():
        found = []
        for statement in operation["statements"]:
            rows = _rows(connection, replaced(statement["sql"], fresh))
            # What the database gave to a new row then, it is called by in the statements that follow.
            for was, now in zip(statement["returned"], itertools.chain(*rows), strict=False):
                if was.isdigit() and len(was) > 3:  # less could be any number
                    fresh[was] = str(now)
            found += rows
        return found


def replaced(statement: str, fresh: dict[str, str]) -> str:
    if not fresh:
        return statement
    names = "|".join(map(re.escape, fresh))
    return re.sub(rf"(?<![\w-])(?:{names})(?![\w-])", lambda found: fresh[found[0]], statement)


def uuid7() -> str:
    text = f"{int(time.time() * 1000) << 80 | 7 << 76 | 2 << 62 | secrets.randbits(62):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = psycopg.connect(
            os.environ["DATABASE_URL"], autocommit=True, cursor_factory=psycopg.ClientCursor
        )
    found: psycopg.Connection[Any] = _of_thread.connection
    return found


def _rows(connection: psycopg.Connection[Any], statement: str) -> list[Any]:
    cursor = connection.execute(statement)
    return cursor.fetchall() if cursor.description else []
