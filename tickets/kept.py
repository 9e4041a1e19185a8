"""Reading what the store keeps."""

from typing import IO

import structlog
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from accounts.acting import Refused

log = structlog.get_logger("tickets.kept")


def opened(path: str) -> IO[bytes]:
    """Raises FileNotFoundError for what is not there, Refused for a store that does not answer."""
    try:
        found: IO[bytes] = default_storage.open(path, "rb")
    except FileNotFoundError:
        log.exception("file_not_read", path=path)
        raise
    except Exception as trouble:
        log.exception("file_not_read", path=path, trouble=type(trouble).__name__)
        raise unavailable() from None
    return found


def unavailable() -> Refused:
    return Refused(
        "store_unavailable", _("The file cannot be read just now. Try again in a while."), status=503
    )
