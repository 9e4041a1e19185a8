"""Every index earns what it costs each write: none says again how another one begins."""

import pytest
from django.db import connection

# Plain b-trees only: a partial one, one over an expression or a unique one says something of its own.
INDEXES = """
    SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indkey::int[], i.indclass::int[], i.indisunique
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
    WHERE a.amname = 'btree' AND i.indpred IS NULL AND i.indexprs IS NULL
        AND (t.relname LIKE 'accounts%' OR t.relname LIKE 'tickets%' OR t.relname LIKE 'audit%'
            OR t.relname LIKE 'notifications%')
"""


@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another() -> None:
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        rows = cursor.fetchall()
    assert len(rows) > 30
    told_twice = [
        f"{name} is the beginning of {other}"
        for table, name, columns, kinds, is_unique in rows
        for other_table, other, others, other_kinds, _unique in rows
        if name != other and table == other_table and not is_unique
        if others[: len(columns)] == columns and other_kinds[: len(kinds)] == kinds
    ]
    assert told_twice == []
