"""Due dates that every zone can show: tickets/actions/content.py has the same bounds."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("tickets", "0002_guards")]
    operations: ClassVar[list[Any]] = [
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    due_at__gte=datetime(2000, 1, 1, tzinfo=UTC), due_at__lt=datetime(2200, 1, 1, tzinfo=UTC)
                ),
                name="ticket_due_in_range",
            ),
        ),
    ]
