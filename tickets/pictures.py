"""What a page shows of an image: a small and a large picture, drawn anew by a process of its own and kept beside it."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from tickets import redraw
from tickets.models import Attachment

log = structlog.get_logger("tickets.pictures")

PATIENCE = 20  # seconds
SMALL, LARGE = "small", "large"
CONTENT_TYPE = "image/webp"


def path_of(stored: str, size: str) -> str:
    """Where the picture of a file lies that is stored there."""
    return stored.replace("attachments/", "pictures/", 1) + f".{size}"


def draw(file: Attachment) -> None:
    """Draw and keep both pictures. A file that cannot be drawn has none, and nobody tries again."""
    with TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        with file.file.open("rb") as content:
            copyfileobj(content, copy)
        copy.seek(0)
        done = _redrawn(copy)
    if done is None:
        return
    width, height, pictures = done
    for size, picture in zip((SMALL, LARGE), pictures, strict=True):
        path = path_of(str(file.file.name), size)
        default_storage.delete(path)  # of an attempt that was cut short
        default_storage.save(path, ContentFile(picture))
    Attachment.objects.filter(pk=file.pk).update(picture_width=width, picture_height=height)


def _redrawn(content: IO[bytes]) -> tuple[int, int, list[bytes]] | None:
    program = [sys.executable, "-I", str(Path(redraw.__file__))]
    try:
        ended = subprocess.run(  # noqa: S603 (our own program, its input a file)
            program, stdin=content, capture_output=True, timeout=PATIENCE, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        log.warning("picture_not_drawn", why="timeout")
        return None
    if ended.returncode != 0:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        log.info("picture_not_drawn", why=last[:200])
        return None
    head, _line, rest = ended.stdout.partition(b"\n")
    told = json.loads(head)
    small, large = told["sizes"]
    return told["width"], told["height"], [rest[:small], rest[small : small + large]]
