"""Files on their way onto a ticket: what is taken in, under which name, and how it gets into the store and out again.

The bytes are stored first, outside the verb's transaction, and the row is written in it. Whoever takes in files says

    with files.stored([files.incoming(name, content, content_type), ...]) as arrived:
        actions.add_comment(ticket, body=..., files=arrived, by=...)

and whatever no row names when the block ends is taken out of the store again; of a process that is killed in between
`stray_files` finds it a day later. A verb that is given files nobody has stored yet stores them itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import IO, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from procrastinate.contrib.django import app
from procrastinate.types import JSONValue

from accounts.acting import Invalid
from tickets.file_names import HEAD, PICTURES, kind_of, safe_name
from tickets.models import Attachment, Comment, Ticket
from tickets.models.files import FileState, somewhere

log = structlog.get_logger("tickets.files")

TASK, QUEUE = "tickets.look_at", "files"


class TooLarge(Invalid):
    """More than the desk takes in: 413."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("file", code, message)
        self.status = 413


class StoreAway(Invalid):
    """The files could not be stored: 503, and nothing was done."""

    def __init__(self) -> None:
        super().__init__(
            "file", "store_unavailable", _("The files could not be stored just now. Try again in a while.")
        )
        self.status = 503


@dataclass(eq=False)
class Incoming:
    """A file that has arrived. `path` is its place in the store, empty until it lies there."""

    name: str
    content_type: str
    size: int  # bytes
    sha256: str
    content: "File[Any]"
    path: str = ""


def incoming(name: str, content: "bytes | IO[bytes] | File[Any]", content_type: str = "") -> Incoming:
    """A file as its sender has named and declared it, looked at and made harmless to tell of.

    Raises TooLarge for one of more than LARGEST_FILE bytes.
    """
    opened = _as_file(content)
    if opened.size > settings.LARGEST_FILE:
        raise too_large(safe_name(name))
    called = safe_name(name)
    opened.seek(0)
    head = opened.read(HEAD)
    opened.seek(0)
    digest = sha256(head[:0])
    for chunk in opened.chunks():
        digest.update(chunk)
    return Incoming(
        name=called,
        content_type=kind_of(called, head, declared=content_type),
        size=opened.size,
        sha256=digest.hexdigest(),
        content=opened,
    )


@contextmanager
def stored(arrivals: Iterable[Incoming]) -> Iterator[list[Incoming]]:
    """Put files into the store for what is done inside; those that no row names in the end are taken out again.

    Open it before the transaction: no row stays locked while bytes travel. Raises StoreAway.
    """
    files = list(arrivals)
    try:
        for each in files:
            put(each)
        yield files
    finally:
        _take_out_what_is_nobodys([each.path for each in files if each.path])


def put(file: Incoming) -> None:
    """Store it under a path of our own. Raises StoreAway, and then leaves nothing half-stored."""
    if file.path:
        return
    path = somewhere()
    file.content.seek(0)
    try:
        default_storage.save(path, file.content)
    except Exception as trouble:  # a full disk, a store that is away: each store has its own exceptions
        log.exception("file_not_stored", trouble=type(trouble).__name__)
        take_out(path)
        raise StoreAway from trouble
    file.path = path


def take_out(path: str) -> None:
    """Delete what lies at this path, if anything does. What cannot be deleted now is a stray that is found later."""
    try:
        default_storage.delete(path)
    except Exception as trouble:  # noqa: BLE001 (as above)
        log.warning("file_not_deleted", path=path, trouble=type(trouble).__name__)


def check(files: Sequence[Incoming], ticket: Ticket, *, joined: int = 0) -> None:
    """Refuse more files than a message may bring and a ticket may hold. Ask while the ticket is locked.

    `joined` is how many of the message's are on the ticket already.
    """
    if len(files) + joined > settings.MOST_FILES:
        raise too_many()
    held = 0 if ticket._state.adding else ticket.attachments.aggregate(sum=Sum("size", default=0))["sum"]
    if held + sum(each.size for each in files) > settings.FILES_PER_TICKET:
        left = max(settings.FILES_PER_TICKET - held, 0)
        raise TooLarge(
            "ticket_full",
            _("The files of one ticket together have at most %(most)s; %(left)s are left.")
            % {"most": filesizeformat(settings.FILES_PER_TICKET), "left": filesizeformat(left)},
        )


def attach(
    files: Sequence[Incoming], *, ticket: Ticket, comment: Comment | None, uploader: Any, internal: bool
) -> list[Attachment]:
    """Write the rows, in the verb's transaction."""
    for each in files:
        put(each)
    state = FileState.HELD if settings.SCANNER else FileState.CLEAN
    return Attachment.objects.bulk_create(
        Attachment(
            ticket=ticket,
            comment=comment,
            uploader=uploader,
            name=each.name,
            content_type=each.content_type,
            size=each.size,
            sha256=each.sha256,
            file=each.path,
            internal=internal,
            state=state,
            seq=ticket.version,
            created_at=ticket.updated_at,
        )
        for each in files
    )


def look_at_all(files: Iterable[Attachment]) -> None:
    """Have the scanner asked, and pictures drawn, once the verb's transaction is committed."""
    looked_at = [each for each in files if each.state == FileState.HELD or each.content_type in PICTURES]
    if looked_at:
        ask_to_look(each.public_id for each in looked_at)


def ask_to_look(ids: Iterable[UUID]) -> None:
    jobs: list[dict[str, JSONValue]] = [{"attachment": str(each)} for each in ids]
    app.configure_task(TASK, queue=QUEUE).batch_defer(*jobs)


def look_again(*, older_than: timedelta) -> int:
    """Have those looked at that are still held and have no job any more. Answers how many."""
    held = Attachment.objects.filter(state=FileState.HELD, created_at__lt=timezone.now() - older_than)
    ids = list(held.extra(where=[_WITHOUT_JOB], params=[TASK]).values_list("public_id", flat=True)[:1000])  # noqa: S610 (a constant)
    if ids:
        ask_to_look(ids)
    return len(ids)


_WITHOUT_JOB = """NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = %s AND j.status IN ('todo', 'doing')
    AND j.args->>'attachment' = tickets_attachment.public_id::text)"""


def too_large(name: str) -> TooLarge:
    said = _("“%(name)s” is too large: a file has at most %(most)s.")
    return TooLarge("file_too_large", said % {"name": name, "most": filesizeformat(settings.LARGEST_FILE)})


def too_many() -> TooLarge:
    most = settings.MOST_FILES
    said = ngettext(
        "A message brings at most %(most)s file.", "A message brings at most %(most)s files.", most
    )
    return TooLarge("too_many_files", said % {"most": most})


def _as_file(content: "bytes | IO[bytes] | File[Any]") -> "File[Any]":
    if isinstance(content, bytes):
        return ContentFile(content)
    return content if isinstance(content, File) else File(content)


def _take_out_what_is_nobodys(paths: list[str]) -> None:
    if not paths:
        return
    try:
        kept = set(Attachment.objects.filter(file__in=paths).values_list("file", flat=True))
    except DatabaseError:
        return  # nobody can say what was committed: the search for strays will
    for path in paths:
        if path not in kept:
            take_out(path)
