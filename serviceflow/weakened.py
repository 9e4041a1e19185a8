"""What somebody has chosen to be less safe than it is delivered, told where nobody can miss it."""

import structlog
from django.conf import settings

log = structlog.get_logger("serviceflow.weakened")


def say_so() -> None:
    """At every start of a web server and of a worker."""
    for name in settings.WEAKENED:
        log.warning("weakened_setting", setting=name, advice=f"{name} is less safe than it is delivered.")
