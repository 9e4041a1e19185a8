"""What the desk asks of the database, word for word, and how the database would go about it."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection
from psycopg import ClientCursor


class Recorder:
    """Notes each statement as it goes to the server, its values in it, and what an INSERT returned."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        assert not many, sql
        answer = execute(sql, params, many, context)
        said = ClientCursor(connection.connection).mogrify(sql, params)
        returned: list[str] = []
        if said.startswith("INSERT") and " RETURNING " in said:
            cursor = context["cursor"].cursor
            returned = [str(value) for row in cursor.fetchall() for value in row]
            cursor.scroll(0, mode="absolute")
        if not said.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK TO")):
            self.found.append({"sql": said, "returned": returned})
        return answer


def explained(statement: str, *, measured: bool = False) -> dict[str, Any]:
    """PostgreSQL's plan of it; it is carried out only if it is to be measured."""
    how = "ANALYZE, BUFFERS, " if measured else ""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({how}FORMAT JSON) " + statement.replace("%", "%%"), [])
        [(found,)] = cursor.fetchall()
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]
    return plan


def reads(plan: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Of a measured plan: each table that it goes to, how, and how many rows it looks at there."""
    if table := plan.get("Relation Name"):
        left_out = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        yield table, plan["Node Type"], round((plan["Actual Rows"] + left_out) * plan["Actual Loops"])
    for part in plan.get("Plans", []):
        yield from reads(part)
