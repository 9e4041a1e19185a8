"""How a file goes out: as something to keep, never as a page of ours."""

from tempfile import TemporaryFile
from zipfile import ZipFile

from django.conf import settings
from django.http import FileResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from accounts.acting import Actor, Refused
from tickets import actions, evidence, kept, pictures
from tickets.models import Attachment, Ticket
from tickets.models.files import FileState

# Should a browser draw it all the same, then alone: no script, no form, no origin, nothing from elsewhere.
POLICY = "sandbox; default-src 'none'"


def content(file: Attachment, *, by: Actor, audited: bool) -> FileResponse:
    """The file itself, to be saved under its name. Raises Refused for one that is held or refused by the scanner.

    That somebody has it is remembered (`audited`) unless he only asks whether it is there.
    """
    if file.state == FileState.HELD:
        raise Refused("file_held", _("This file is still being checked. Try again in a minute."))
    if file.state == FileState.REFUSED:
        raise Refused("file_refused", _("This file was found to be harmful and is not given out."))
    response = _answer(str(file.file.name), file.content_type)
    if audited:
        _note(file, response, by=by)
    response["Content-Length"] = str(file.size)
    response["Content-Disposition"] = content_disposition_header(True, file.name)
    return response


def picture(file: Attachment, size: str, *, by: Actor, audited: bool) -> FileResponse:
    """What we have drawn of an image ourselves; it may be shown in a page."""
    response = _answer(pictures.path_of(str(file.file.name), size), pictures.CONTENT_TYPE)
    if audited:
        _note(file, response, by=by)
    response["Content-Disposition"] = "inline"
    return response


def evidence_of(ticket: Ticket, *, by: Actor) -> FileResponse:
    """All there is about a ticket, with its proof, in one file: for whoever may read all of it."""
    # On disk, where uploads lie for as long as they arrive: it may be as large as all the ticket's files.
    packed = TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115 (the response closes it)
    try:
        with ZipFile(packed, "w") as archive:
            evidence.write(ticket, evidence.Zip(archive))
        actions.note_evidence(ticket, by=by)  # without a trace nothing goes out
    except BaseException:
        packed.close()
        raise
    packed.seek(0)
    return _sealed_off(
        FileResponse(
            packed,
            as_attachment=True,
            filename=f"evidence-{ticket.reference}.zip",
            content_type="application/zip",
        )
    )


def _note(file: Attachment, response: FileResponse, *, by: Actor) -> None:
    # After the store was asked, which may take its time: no transaction waits for it. Without a trace nothing goes out.
    try:
        actions.note_download(file, by=by)
    except BaseException:
        response.close()
        raise


def _answer(path: str, content_type: str) -> FileResponse:
    try:
        opened = kept.opened(path)
    except FileNotFoundError:
        raise kept.unavailable() from None
    return _sealed_off(FileResponse(opened, content_type=content_type))


def _sealed_off(response: FileResponse) -> FileResponse:
    response["Content-Security-Policy"] = POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    response["Accept-Ranges"] = "none"
    return response
