"""Everything that is stored, as plain values: what an action has changed is what differs afterwards."""

from typing import Any

from django.db import connection

type Rows = dict[str, dict[str, dict[str, Any]]]

# How often somebody has called, where he was last seen, and what his browser is to be told next.
NOT_COUNTED = frozenset({"accounts_allowance", "django_session", "usersessions_usersession"})


def stored() -> Rows:
    """{table: {primary key: {column: value}}} of the whole database."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, coalesce(
                (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                 WHERE i.indrelid = c.oid AND i.indisprimary), '')
            FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
            """
        )
        tables = [(table, key) for table, key in cursor.fetchall() if table not in NOT_COUNTED]
        # One statement: a look at everything costs one round trip.
        parts = [
            f"SELECT '{table}' AS name, coalesce(jsonb_agg(to_jsonb(t)), '[]') AS rows FROM {table} t"
            for table, _key in tables
        ]
        cursor.execute(" UNION ALL ".join(parts))
        found = dict(cursor.fetchall())
    return {
        table: {str(row.get(key, place)): row for place, row in enumerate(_plain(found[table]))}
        for table, key in tables
    }


def _plain(rows: Any) -> list[dict[str, Any]]:
    import json

    return json.loads(rows) if isinstance(rows, str) else rows  # type: ignore[no-any-return]


def changed(before: Rows, after: Rows) -> dict[str, Any]:
    """{"table": …} of what has come (`+table`), gone (`-table`) or changed (`table.column`), with the new values."""
    differences: dict[str, Any] = {}
    for table in sorted(before.keys() | after.keys()):
        old, new = before.get(table, {}), after.get(table, {})
        for key in sorted(new.keys() - old.keys(), key=_by_number):
            differences.setdefault(f"+{table}", []).append(new[key])
        for key in sorted(old.keys() - new.keys(), key=_by_number):
            differences.setdefault(f"-{table}", []).append(old[key])
        for key in sorted(old.keys() & new.keys(), key=_by_number):
            for column, value in new[key].items():
                if old[key][column] != value:
                    differences.setdefault(f"{table}.{column}", []).append((key, value))
    return differences


# What a refusal leaves: that somebody was kept out.
DENIALS = frozenset({"user.denied", "api_key.refused"})


def done(before: Rows, after: Rows) -> dict[str, Any]:
    """What has changed, but for the traces of refusals."""
    differences = changed(before, after)
    events = [row for row in differences.pop("+audit_event", []) if row["verb"] not in DENIALS]
    return differences | ({"+audit_event": events} if events else {})


def _by_number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (0, key)
