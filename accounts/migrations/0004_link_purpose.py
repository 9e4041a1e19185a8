"""A link is for what the program knows. Checked for new rows first, for those of before in 0005."""

from typing import ClassVar

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0003_link")]
    operations: ClassVar[list[AddConstraintNotValid]] = [
        AddConstraintNotValid(
            model_name="link",
            constraint=models.CheckConstraint(
                condition=models.Q(purpose__in=["invitation", "reset", "email"]), name="link_purpose_known"
            ),
        ),
    ]
