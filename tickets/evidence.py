"""An evidence pack: one ticket with all that happened to it. docs/verify_evidence.py checks it without us."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.utils import timezone

from audit import seals
from audit.models import Event
from audit.snapshot import one_moment
from tickets import kept
from tickets.models import Attachment, Comment, Ticket
from tickets.models.ticket import named

FORMAT = "serviceflow-evidence/1"
PIECE = 256 * 1024


class Pack(Protocol):
    """Where a pack is written to, a file at a time."""

    def opened(self, name: str, *, size: int | None = None) -> IO[bytes]: ...


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "files").mkdir(parents=True)

    def opened(self, name: str, *, size: int | None = None) -> IO[bytes]:
        return (self.path / name).open("xb")


class Zip:
    """What people have attached is mostly packed already, and stays as it is."""

    def __init__(self, archive: ZipFile) -> None:
        self.archive = archive

    def opened(self, name: str, *, size: int | None = None) -> IO[bytes]:
        told = ZipInfo(name, timezone.now().timetuple()[:6])
        told.compress_type = ZIP_DEFLATED if size is None else ZIP_STORED
        return self.archive.open(told, "w", force_zip64=True)


def write(ticket: Ticket, pack: Pack) -> None:
    """Write everything about the ticket as of one moment, then its files.

    Who may have it is the caller's to ask: internal notes are in it. A file that the store has lost is not in it, and
    whoever checks the pack is told which. Raises Refused for a store that does not answer.
    """
    with one_moment():
        # As it stands in that moment, deleted or not.
        ticket = Ticket.objects.with_people().select_related("finished_by").get(pk=ticket.pk)
        events = list(Event.objects.filter(subject_type="ticket", subject_id=ticket.public_id).order_by("id"))
        proofs = seals.proofs([event.pk for event in events])
        files = list(ticket.attachments.select_related("uploader").order_by("id"))
        told = {
            "format": FORMAT,
            "made_at": _moment(timezone.now()),
            "ticket": _ticket(ticket),
            "events": [_event(event) | {"proof": proofs.get(event.pk)} for event in events],
            "comments": [_comment(each) for each in ticket.comments.select_related("author").order_by("id")],
            "files": [_file(each) for each in files],
        }
        with pack.opened("evidence.json") as out:
            out.write(json.dumps(told, ensure_ascii=False, indent=1).encode())
        with pack.opened("seals.jsonl") as out:
            for line in _chain(min((proof["seal"] for proof in proofs.values()), default=None)):
                out.write(line)
    # After the moment is over: a store may take its time, and what lies there never changes.
    for each in files:
        if each.is_clean:
            _copy(each, pack)


def _copy(file: Attachment, pack: Pack) -> None:
    try:
        source = kept.opened(str(file.file.name))
    except FileNotFoundError:
        return  # evidence.json says what it was; `opened` has told the log
    with source, pack.opened(f"files/{file.public_id}", size=file.size) as out:
        while piece := source.read(PIECE):
            out.write(piece)


def _chain(first: int | None) -> Iterator[bytes]:
    for header in seals.headers(first) if first is not None else ():
        yield json.dumps(header).encode() + b"\n"


def _ticket(ticket: Ticket) -> dict[str, Any]:
    watchers = ticket.watches.order_by("user__public_id").values_list("user__public_id", "user__full_name")
    return {
        "id": str(ticket.public_id),
        "reference": ticket.reference,
        "version": ticket.version,
        "updated_at": _moment(ticket.updated_at),
        "state": ticket.audited() | {"watchers": [{"id": str(key), "name": name} for key, name in watchers]},
    }


def _event(event: Event) -> dict[str, Any]:
    """Every column, as the plain values that its digest is of."""
    return {"id": event.pk, "digest": event.digest} | event.told()


def _comment(comment: Comment) -> dict[str, Any]:
    return {
        "id": str(comment.public_id),
        "seq": comment.seq,
        "author": named(comment.author),
        "claimed_by": comment.claimed_by,
        "body": comment.body,
        "internal": comment.internal,
        "source": comment.source,
        "created_at": _moment(comment.created_at),
    }


def _file(file: Attachment) -> dict[str, Any]:
    """`path` is empty for one that the scanner holds or has refused: such are given to nobody."""
    return {
        "id": str(file.public_id),
        "seq": file.seq,
        "uploader": named(file.uploader),
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "sha256": file.sha256,
        "internal": file.internal,
        "state": str(file.state),
        "path": f"files/{file.public_id}" if file.is_clean else "",
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
