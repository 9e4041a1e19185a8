"""manage.py createsuperuser: there are no superusers here, so it only says what to do instead."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError


class Command(createsuperuser.Command):
    help = "Not used here: manage.py bootstrap_admin makes the first administrator, and administrators make others."

    def execute(self, *args: Any, **options: Any) -> None:
        raise CommandError(
            "There are no superusers here. The first administrator is made by manage.py bootstrap_admin,"
            " others by an administrator at /admin/accounts/user/add/."
        )
