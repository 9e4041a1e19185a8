from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audit", "0003_security_events")]

    operations = [
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS event_verb", migrations.RunSQL.noop),
        AddIndexConcurrently("event", models.Index(fields=["verb", "id"], name="event_verb")),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS event_address", migrations.RunSQL.noop),
        AddIndexConcurrently("event", models.Index(fields=["address", "id"], name="event_address")),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS event_request", migrations.RunSQL.noop),
        AddIndexConcurrently("event", models.Index(fields=["request_id"], name="event_request")),
    ]
