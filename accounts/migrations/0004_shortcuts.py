"""Keys that can be switched off, and names that can be seen. Nobody's choice or name changes."""

from typing import Any, ClassVar

from django.db import migrations, models

from accounts.checking import validate_visible


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0003_session_salt")]
    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="user",
            name="shortcuts",
            # With a default of the table's own, people can still be made by the release before this one.
            field=models.BooleanField(db_default=True, default=True, verbose_name="keyboard shortcuts"),
        ),
        migrations.AlterField(
            model_name="user",
            name="full_name",
            field=models.CharField(max_length=150, validators=[validate_visible], verbose_name="full name"),
        ),
    ]
