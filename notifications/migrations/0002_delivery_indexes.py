from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("notifications", "0001_initial")]

    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS delivery_webhook_waiting", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "delivery",
            models.Index(
                condition=models.Q(transport="webhook", state="pending"),
                fields=["webhook", "due_at"],
                name="delivery_webhook_waiting",
            ),
        ),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS delivery_receipt", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "delivery",
            models.Index(
                condition=models.Q(reason="sender", transport="email"),
                fields=["recipient", "created_at"],
                name="delivery_receipt",
            ),
        ),
    ]
