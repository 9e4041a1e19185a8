"""Files of before lie within the store, too: reads the table, and nobody waits."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tickets", "0009_file_within")]

    operations = [ValidateConstraint(model_name="attachment", name="attachment_lies_within")]
