"""No index of its own for a column with which another index begins. Dropped while people go on working."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import migrations, models


def unindexed(model: str, field: str, index: str, column: models.Field) -> migrations.SeparateDatabaseAndState:
    """As AlterField would, which takes the foreign key away meanwhile and looks through the whole table for it."""
    table = f"accounts_{model}"
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f"DROP INDEX CONCURRENTLY IF EXISTS {index}",
                f"CREATE INDEX CONCURRENTLY {index} ON {table} ({field}_id)",
            )
        ],
        [migrations.AlterField(model, field, column)],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[Any]] = [("accounts", "0004_shortcuts")]
    operations: ClassVar[list[Any]] = [
        unindexed(
            "membership",
            "user",
            "accounts_membership_user_id_487fb39e",
            models.ForeignKey(
                settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="memberships", verbose_name="user"
            ),
        ),
        unindexed(
            "storedanswer",
            "user",
            "accounts_storedanswer_user_id_403058d0",
            models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, null=True, related_name="+"),
        ),
    ]
