"""No migration keeps a table in use from those who work: squawk reads the SQL of each.

`docs/development.md` says how to write what it refuses: an index concurrently, a check in two steps, a column that the
program of before can leave out, and nothing renamed or dropped that it still uses.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

OURS = ("audit", "accounts", "notifications", "tickets")
# What makes others wait for the length of a table, or breaks the program of before.
RULES = {
    "adding-field-with-default", "adding-foreign-key-constraint", "adding-not-nullable-field",
    "adding-required-field", "adding-serial-primary-key-field", "ban-alter-domain-with-add-constraint",
    "ban-concurrent-index-creation-in-transaction", "ban-drop-column", "ban-drop-not-null", "ban-drop-table",
    "ban-truncate-cascade", "changing-column-type", "constraint-missing-not-valid", "disallowed-unique-constraint",
    "renaming-column", "renaming-table", "require-concurrent-index-creation", "require-concurrent-index-deletion",
    "syntax-error",
}  # fmt: skip


def found(folder: Path, texts: dict[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """The rules that each text breaks; a text is SQL, and whether it runs in a transaction of its own."""
    for name, (text, atomic) in texts.items():
        (folder / f"{name}.sql").write_text(f"BEGIN;\n{text}\nCOMMIT;\n" if atomic else text)
    program = Path(sys.executable).with_name("squawk")
    asked = subprocess.run(
        [program, "--reporter=json", "--pg-version=15.0", *folder.glob("*.sql")],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    told: dict[str, set[str]] = {}
    for each in json.loads(asked.stdout):
        if each["rule_name"] in RULES:
            told.setdefault(Path(each["file"]).stem, set()).add(each["rule_name"])
    return told


def sql_of(migration: migrations.Migration, loader: MigrationLoader) -> tuple[str, bool]:
    return "\n".join(loader.collect_sql([(migration, False)])), migration.atomic


# Not in a transaction of the test's own: what makes an index concurrently refuses to be looked at in one.
@pytest.mark.django_db(transaction=True)
def test_no_migration_keeps_others_waiting(tmp_path: Path) -> None:
    """Those after the first of each app: before it there is nobody."""
    loader = MigrationLoader(connection, replace_migrations=False)
    texts = {
        f"{app}.{name}": sql_of(loader.graph.nodes[app, name], loader)
        for app, name in sorted(loader.graph.nodes)
        if app in OURS and not name.startswith("0001")
    }
    assert len(texts) > 10
    assert found(tmp_path, texts) == {}


BAD: dict[str, Any] = {
    "require-concurrent-index-creation": migrations.AddIndex("tag", models.Index(fields=["name"], name="i")),
    "adding-required-field": migrations.RunSQL("ALTER TABLE tickets_tag ADD COLUMN colour text NOT NULL"),
    "adding-not-nullable-field": migrations.RunSQL(
        "ALTER TABLE tickets_ticket ALTER assignee_id SET NOT NULL"
    ),
    "constraint-missing-not-valid": migrations.AddConstraint(
        "tag", models.CheckConstraint(condition=~models.Q(name=""), name="c")
    ),
    "disallowed-unique-constraint": migrations.AddConstraint(
        "comment", models.UniqueConstraint(fields=["ticket", "seq"], name="u")
    ),
    "renaming-column": migrations.RenameField("tag", "name", "word"),
    "renaming-table": migrations.AlterModelTable("tag", "tickets_label"),
    "ban-drop-column": migrations.RemoveField("ticket", "description"),
    "ban-drop-table": migrations.DeleteModel("Watch"),
    "changing-column-type": migrations.AlterField("tag", "name", models.TextField()),
}


@pytest.mark.django_db
@pytest.mark.parametrize("rule", BAD)
def test_a_migration_that_would_is_refused(rule: str, tmp_path: Path) -> None:
    """What somebody may write tomorrow. Seen to fail: with the rule taken out of RULES."""
    loader = MigrationLoader(connection, replace_migrations=False)
    migration = type("Bad", (migrations.Migration,), {"operations": [BAD[rule]]})("bad", "tickets")
    with connection.schema_editor(collect_sql=True) as editor:
        migration.apply(loader.project_state(), editor, collect_sql=True)
    refused = found(tmp_path, {"tickets.bad": ("\n".join(editor.collected_sql), True)})
    assert rule in refused["tickets.bad"]
