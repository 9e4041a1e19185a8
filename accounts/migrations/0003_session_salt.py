"""What ends the sessions of a person who is shut out. Those that stand go on: the salt begins empty."""

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0002_guards")]
    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="user",
            name="session_salt",
            field=models.CharField(blank=True, default="", editable=False, max_length=32),
        ),
    ]
