"""Where a file lies is within the store, whoever writes the row; those that are there are looked at in the next one."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0008_comment_claimed_by")]

    operations = [
        AddConstraintNotValid(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=~models.Q(file="") & ~models.Q(file__startswith="/") & ~models.Q(file__contains=".."),
                name="attachment_lies_within",
            ),
        ),
    ]
