"""What is finished already learns from its last event who did it; then the index, while people go on working."""

from typing import Any, ClassVar

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

TELL = """
UPDATE tickets_ticket t SET finished_at = e.at, finished_by_id = u.id
FROM (
    SELECT DISTINCT ON (subject_id) subject_id, at, actor_id FROM audit_event
    WHERE subject_type = 'ticket' AND verb IN ('ticket.resolved', 'ticket.canceled')
    ORDER BY subject_id, seq DESC
) e LEFT JOIN accounts_user u ON u.public_id = e.actor_id
WHERE t.public_id = e.subject_id AND t.status IN ('DONE', 'CANCELED') AND t.finished_at IS NULL
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("tickets", "0004_finished"),
        ("audit", "0001_initial"),
    ]
    operations: ClassVar[list[Any]] = [
        migrations.RunSQL(TELL, migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(deleted_at=None, finished_at__isnull=False),
                fields=["finished_by", "-finished_at", "-number"],
                name="ticket_finished_by",
            ),
        ),
    ]
