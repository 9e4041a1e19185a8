"""What a file may be called and what it is, whatever its sender says. Knows no rows and no store."""

import re
import unicodedata
from pathlib import PurePosixPath

import filetype

from accounts.checking import is_blank

LONGEST_NAME = 255
UNNAMED = "file"
UNKNOWN = "application/octet-stream"
HEAD = 8192  # bytes that tell what a file is

# What may be called by its own type, and the endings that go with it. Anything else is UNKNOWN: above all what a
# browser would run or draw as a page of ours (HTML, SVG, XML, scripts).
ENDINGS: dict[str, frozenset[str]] = {
    "image/png": frozenset({"png"}),
    "image/jpeg": frozenset({"jpg", "jpeg", "jpe", "jfif"}),
    "image/gif": frozenset({"gif"}),
    "image/webp": frozenset({"webp"}),
    "image/bmp": frozenset({"bmp"}),
    "image/tiff": frozenset({"tif", "tiff"}),
    "image/heic": frozenset({"heic", "heif"}),
    "application/pdf": frozenset({"pdf"}),
    "application/zip": frozenset({"zip"}),
    "application/gzip": frozenset({"gz", "tgz"}),
    "application/x-7z-compressed": frozenset({"7z"}),
    "application/msword": frozenset({"doc"}),
    "application/vnd.ms-excel": frozenset({"xls"}),
    "application/vnd.ms-powerpoint": frozenset({"ppt"}),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": frozenset({"docx"}),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": frozenset({"xlsx"}),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": frozenset({"pptx"}),
    "application/vnd.oasis.opendocument.text": frozenset({"odt"}),
    "application/vnd.oasis.opendocument.spreadsheet": frozenset({"ods"}),
    "application/vnd.oasis.opendocument.presentation": frozenset({"odp"}),
    "audio/mpeg": frozenset({"mp3"}),
    "audio/ogg": frozenset({"ogg", "oga", "opus"}),
    "audio/x-wav": frozenset({"wav"}),
    "video/mp4": frozenset({"mp4"}),
    "video/webm": frozenset({"webm"}),
    "video/quicktime": frozenset({"mov"}),
    # Text has no signature: it is what decodes and ends so.
    "text/plain": frozenset({"txt", "log", "md", "ini", "conf", "cfg", "yml", "yaml"}),
    "text/csv": frozenset({"csv"}),
    "application/json": frozenset({"json"}),
}
_TEXT = frozenset({"text/plain", "text/csv", "application/json"})
# The raster images that are drawn anew to be shown: see tickets/pictures.py.
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
# What senders call the same thing, and what says nothing.
_ALSO_CALLED = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/heif": "image/heic",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "application/x-gzip": "application/gzip",
    "audio/mp3": "audio/mpeg",
    "audio/wav": "audio/x-wav",
    "audio/wave": "audio/x-wav",
    "application/csv": "text/csv",
}
_SAYS_NOTHING = frozenset(
    {"", UNKNOWN, "application/x-download", "application/force-download", "binary/octet-stream"}
)
# No text has these, but for tab, line feed, form feed, carriage return and the escape of coloured logs.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def safe_name(raw: str) -> str:
    """The name as people read it: without a path, without anything that hides, turns or breaks text."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", raw))[-1]
    # Control and format characters (bidi overrides, zero widths, NUL), halves of pairs, line separators; what comes
    # apart after that composes again.
    kept = "".join(" " if unicodedata.category(each) in {"Zl", "Zp", "Zs"} else each for each in name)
    kept = "".join(each for each in kept if unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    name = " ".join(unicodedata.normalize("NFC", kept).split()).strip(". ")
    if is_blank(name.replace(".", "")):
        return UNNAMED
    if len(name) > LONGEST_NAME:
        ending = PurePosixPath(name).suffix[:20]
        name = (name[: LONGEST_NAME - len(ending)].rstrip(". ") + ending).strip(". ")
    return name


def ending_of(name: str) -> str:
    return PurePosixPath(name).suffix.lstrip(".").lower()


def kind_of(name: str, head: bytes, *, declared: str = "") -> str:
    """The type of a file that begins so: where content, ending and sender agree on one of ours, else UNKNOWN."""
    found = _by_content(name, head)
    said = declared.partition(";")[0].strip().lower()
    said = _ALSO_CALLED.get(said, said)
    if ending_of(name) not in ENDINGS.get(found, ()):
        return UNKNOWN
    if said in _SAYS_NOTHING or said == found or (found in _TEXT and _is_for_text(said)):
        return found
    return UNKNOWN


def _by_content(name: str, head: bytes) -> str:
    known = filetype.guess_mime(head)
    if known is not None:
        return str(known)
    if not _is_text(head):
        return UNKNOWN
    ending = ending_of(name)
    return next((kind for kind in _TEXT if ending in ENDINGS[kind]), UNKNOWN)


def _is_text(head: bytes) -> bool:
    if _BINARY.search(head):
        return False
    # The last character may have been cut through.
    try:
        head.decode()
    except UnicodeDecodeError as broken:
        return len(head) == HEAD and broken.start > HEAD - 4
    return True


def _is_for_text(said: str) -> bool:
    """Windows calls tables of commas Excel's; a program may call its log anything that is text but no page."""
    return (
        said in _TEXT
        or said == "application/vnd.ms-excel"
        or said in {"text/markdown", "text/x-log", "application/yaml", "text/yaml", "application/x-yaml"}
    )
