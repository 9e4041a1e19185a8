"""No index of its own for a column with which another index begins. Dropped while people go on working."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import migrations, models


def unindexed(model: str, field: str, index: str, column: models.Field) -> migrations.SeparateDatabaseAndState:
    """As AlterField would, which takes the foreign key away meanwhile and looks through the whole table for it."""
    table = f"tickets_{model}"
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
    dependencies: ClassVar[list[Any]] = [("tickets", "0005_finished_by_whom"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations: ClassVar[list[Any]] = [
        unindexed(
            "comment",
            "ticket",
            "tickets_comment_ticket_id_36a9497d",
            models.ForeignKey(
                "tickets.ticket", models.CASCADE, db_index=False, related_name="comments", verbose_name="ticket"
            ),
        ),
        unindexed(
            "ticket",
            "requester",
            "tickets_ticket_requester_id_2072a2f2",
            models.ForeignKey(
                settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, related_name="requests", verbose_name="requester"
            ),
        ),
        unindexed(
            "watch",
            "ticket",
            "tickets_watch_ticket_id_57805060",
            models.ForeignKey("tickets.ticket", models.CASCADE, db_index=False, related_name="watches"),
        ),
    ]
