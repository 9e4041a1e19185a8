"""What becomes of a file that is there: it is looked at, and taken away."""

from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from accounts.acting import SYSTEM, Actor
from tickets import pictures, scanner
from tickets.actions._record import note
from tickets.file_names import PICTURES
from tickets.models import Attachment
from tickets.models.files import FileState

log = structlog.get_logger("tickets.files")


def look_at(public_id: UUID) -> None:
    """Ask the scanner about a held file, and draw the pictures of a clean image. May be done again at any time.

    Raises ScannerAway: then the file stays held.
    """
    file = Attachment.objects.filter(public_id=public_id).first()
    if file is None:
        return
    if file.state == FileState.HELD:
        file = settle(file, threat=_threat_in(file), by=SYSTEM)
    if file.is_clean and file.content_type in PICTURES and not file.picture_width:
        pictures.draw(file)


@transaction.atomic
def settle(file: Attachment, *, threat: str, by: Actor) -> Attachment:
    """Give a held file free, or refuse it for good because of what the scanner has found."""
    file = Attachment.objects.select_for_update(of=("self",)).select_related("ticket").get(pk=file.pk)
    if file.state != FileState.HELD:
        return file
    file.state = FileState.REFUSED if threat else FileState.CLEAN
    file.save(update_fields=["state"])
    note(
        file,
        "attachment.checked",
        by=by,
        changes={"state": (FileState.HELD, file.state)},
        comment=threat[:200],
    )
    if threat:
        log.warning("file_refused", attachment=str(file.public_id), threat=threat[:200])
    return file


@transaction.atomic
def note_download(file: Attachment, *, by: Actor) -> None:
    """Remember who has taken away a file, or looked at its picture in full. The ticket itself has not changed."""
    note(file, "attachment.downloaded", by=by)


def _threat_in(file: Attachment) -> str:
    try:
        if not settings.SCANNER:
            # It was held for a scanner: without one it stays so, for whoever has taken it away may not have meant this.
            raise scanner.ScannerAway("none is set up")
        with file.file.open("rb") as content:
            return scanner.threat_in(content)
    except scanner.ScannerAway as away:
        log.error("file_not_scanned", attachment=str(file.public_id), trouble=str(away))
        raise
