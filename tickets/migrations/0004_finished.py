"""Who finished a ticket and when, for the view of what an agent has closed."""

from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("tickets", "0003_due_range")]
    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="ticket",
            name="finished_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="finished"),
        ),
        migrations.AddField(
            model_name="ticket",
            name="finished_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="finished",
                to=settings.AUTH_USER_MODEL,
                verbose_name="finished by",
            ),
        ),
    ]
