"""One identity of each provider for each person, whoever writes to the table: it is allauth's, so it is told here.

The verb (accounts.actions.link_identity) refuses a second one, under the lock of the person, so there is none to find.
"""

from typing import ClassVar

from django.db import migrations

INDEX = "accounts_identity_once"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("accounts", "0004_replaced_keys"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]
    operations: ClassVar[list[migrations.RunSQL]] = [
        # What was given up half-way has left an invalid index behind.
        migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}", migrations.RunSQL.noop),
        migrations.RunSQL(
            f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON socialaccount_socialaccount (user_id, provider)",
            f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}",
        ),
    ]
