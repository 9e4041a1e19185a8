"""The second half of 0004: readers and writers go on meanwhile."""

from typing import ClassVar

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0004_link_purpose")]
    operations: ClassVar[list[ValidateConstraint]] = [
        ValidateConstraint(model_name="link", name="link_purpose_known"),
    ]
