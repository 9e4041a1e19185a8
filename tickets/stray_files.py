"""Whether rows and files agree: files that no row names are taken away after a day, rows without a file are reported.

Verbs store files before they write rows, so a process that is killed in between leaves a file behind, never a row.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from tickets.models import Attachment

log = structlog.get_logger("tickets.stray_files")

KEPT_FOR = timedelta(days=1)  # no verb takes that long
SHELVES = [f"{number:02x}" for number in range(256)]


@dataclass
class Found:
    """What did not agree: paths in the store."""

    forgotten: int = 0
    missing: tuple[str, ...] = ()


def tidy_up() -> Found:
    """Go through the whole store, shelf by shelf."""
    found = Found()
    for shelf in SHELVES:
        before = _rows(shelf)
        files, drawn = _listed(f"attachments/{shelf}"), _listed(f"pictures/{shelf}")
        found.missing += tuple(sorted(before - files))
        after = _rows(shelf)
        strays = files - after
        strays |= {path for path in drawn if _original(path) not in after}
        found.forgotten += sum(_forget(path) for path in strays)
    _forget_what_never_arrived()
    if found.missing:
        log.error("files_missing", number=len(found.missing), first=found.missing[0])
    log.info("files_tidied", forgotten=found.forgotten, missing=len(found.missing))
    return found


def _rows(shelf: str) -> set[str]:
    prefix = f"attachments/{shelf}/"
    return set(Attachment.objects.filter(file__startswith=prefix).values_list("file", flat=True))


def _listed(folder: str) -> set[str]:
    try:
        _folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return set()
    return {f"{folder}/{name}" for name in names}


def _original(picture: str) -> str:
    return picture.replace("pictures/", "attachments/", 1).partition(".")[0]


def _forget(path: str) -> bool:
    if default_storage.get_modified_time(path) > timezone.now() - KEPT_FOR:
        return False
    default_storage.delete(path)
    return True


def _forget_what_never_arrived() -> None:
    """Uploads of processes that were killed."""
    oldest = (timezone.now() - KEPT_FOR).timestamp()
    for path in _arriving():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _arriving() -> Iterator[Path]:
    return (path for path in settings.FILE_UPLOAD_TEMP_DIR.iterdir() if path.is_file())
