"""One mail as the desk reads it."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime
from hashlib import sha256
from quopri import decodestring
from secrets import token_hex

from tickets.mail import charsets, folding, headers, hypertext, machine
from tickets.mail.headers import Address
from tickets.mail.machine import Machine

MOST_PARTS = 1000
_UNREAD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_HIDDEN_FROM = re.compile(rb"(?im)^From[ \t]+:")
_BARE_CR = re.compile(rb"\r(?!\n)")
_LONGEST_HEADER = 1024 * 1024  # bytes
# They turn what is written after them around, which in a line beside others misleads (Unicode TR 36, 2.5).
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LONE = re.compile("[\ud800-\udfff]")
_EXTENSIONS = {
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
}


@dataclass(frozen=True)
class File:
    """What came with a mail, under the name it was given there."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class ParsedMail:
    """Everything a mail says. Nothing of it is proven.

    `doubt` says why the From field cannot be taken for one person's address, whoever vouches for it; `results` are the
    Authentication-Results fields, topmost first; `body_sha256` is of everything below the header.
    """

    sender: Address
    doubt: str
    subject: str
    text: str
    signature: str
    quoted: str
    files: tuple[File, ...]
    message_id: str
    references: tuple[str, ...]
    date: datetime | None
    recipients: tuple[Address, ...]
    delivered_to: tuple[str, ...]
    results: tuple[str, ...]
    machine: Machine | None
    body_sha256: str
    loops: tuple[str, ...] = ()

    @property
    def folded(self) -> str:
        """What stood below or above the words: signature and history."""
        return "\n\n".join(part for part in (self.signature, self.quoted) if part)


# What a program has encoded: full lines in a row, and how long a run has to be to be worth it. Each line is looked at
# once: nothing is given back (++) and a run begins at a line's beginning only.
_ENCODED = re.compile(rb"(?m)^(?:[A-Za-z0-9+/]{40,100}+\r?\n)++")
_LARGE = 16 * 1024  # bytes


class Bulk:
    """Large encoded files, kept away from the parser: it would need several times their memory."""

    def __init__(self) -> None:
        self.mark = token_hex(8).encode()
        self.blocks: list[memoryview] = []

    def without(self, raw: bytes) -> bytes:
        """The mail with a short line in the place of each."""
        view, place = memoryview(raw), 0
        pieces: list[bytes | memoryview] = []
        for found in _ENCODED.finditer(raw):
            if found.end() - found.start() < _LARGE:
                continue
            pieces += [view[place : found.start()], b"%s-%d\n" % (self.mark, len(self.blocks))]
            self.blocks.append(view[found.start() : found.end()])
            place = found.end()
        return b"".join([*pieces, view[place:]]) if self.blocks else raw

    def back_in(self, raw: bytes) -> bytes:
        """Part of such a mail as it was."""
        if not self.blocks or self.mark not in raw:
            return raw
        pieces = re.split(rb"%s-(\d{1,9})\r?\n?" % self.mark, raw)
        return b"".join(
            self.blocks[int(piece)] if place % 2 and int(piece) < len(self.blocks) else piece
            for place, piece in enumerate(pieces)
        )


@dataclass
class _Body:
    texts: list[str] = field(default_factory=list)
    # Of mails inside this one: what is read where nothing else was said, as when somebody only forwards.
    enclosed: list[str] = field(default_factory=list)
    is_plain: bool = False
    set_aside: "Bulk" = field(default_factory=Bulk)
    files: list[File] = field(default_factory=list)
    parts: int = 0


def read(raw: bytes) -> ParsedMail:
    raw = _begun(raw)
    raw, hidden = _hidden_from(raw)
    body_sha256 = _body_sha256(raw)
    body = _Body()
    message = message_from_bytes(body.set_aside.without(raw))
    hint = _charset(message)
    froms = headers.raw_values(message, "From")
    authors = headers.addresses(froms) or headers.addresses(headers.raw_values(message, "Sender"))
    sender = authors[0] if authors else Address("", headers.words(froms[0])[:320] if froms else "")
    subject = headers.text(message, "Subject", hint=hint)
    _walk(message, body)
    said = [text for text in body.texts if text.strip()] or [text for text in body.enclosed if text.strip()]
    folded = folding.fold(_clean("\n\n".join(said)))
    return ParsedMail(
        sender=Address(_line(sender.name), _line(sender.address)),
        doubt="several From fields" if hidden else _doubt(froms, authors),
        subject=_line(subject),
        text=folded.visible,
        signature=folded.signature,
        quoted=folded.quoted,
        files=tuple(body.files),
        message_id=_line(next(iter(headers.ids(headers.raw_value(message, "Message-ID"))), "")),
        references=_references(message),
        date=_date(headers.raw_value(message, "Date")),
        recipients=tuple(
            headers.addresses([*headers.raw_values(message, "To"), *headers.raw_values(message, "Cc")])
        ),
        delivered_to=_delivered_to(message),
        results=tuple(map(_line, headers.raw_values(message, "Authentication-Results"))),
        machine=machine.kind(message, sender=sender.address, subject=subject),
        body_sha256=body_sha256,
        loops=tuple(map(_line, headers.raw_values(message, "X-Loop"))),
    )


# --- The header ----------------------------------------------------------------------------------


def _begun(raw: bytes) -> bytes:
    """Without what stands before the header: empty lines, a mark of UTF-8, the line of an mbox."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    found = _END_OF_HEADER.search(raw)
    head = raw[: found.end()] if found else raw[:_LONGEST_HEADER]
    if b"\n" in head and _BARE_CR.search(head):
        # The library takes a lone CR for the end of a line, and no mail server does: a field would begin there that
        # nobody on the way has seen.
        raw = _BARE_CR.sub(b" ", head) + raw[len(head) :]
    return raw


def _body_sha256(raw: bytes) -> str:
    """Of everything below the header, however the lines end. In pieces: a mail may be large, and memory is bounded."""
    found = _END_OF_HEADER.search(raw)
    digest = sha256()
    place, end = (found.end() if found else len(raw)), len(raw)
    while end > place and raw[end - 1] in b"\r\n\t ":
        end -= 1
    for start in range(place, end, 1 << 20):
        digest.update(raw[start : min(start + (1 << 20), end)].replace(b"\r", b""))
    return digest.hexdigest()


def _hidden_from(raw: bytes) -> tuple[bytes, bool]:
    """Whether there is a From field with white space before its colon (RFC 5322, 4.5.2), which not everybody on the way
    takes for one; and the mail without that white space, for the library takes it for the end of the header.
    """
    found = _END_OF_HEADER.search(raw)
    length = found.start() if found else _LONGEST_HEADER
    head, times = _HIDDEN_FROM.subn(b"From:", raw[:length])
    return (head + raw[length:] if times else raw), times > 0


def _doubt(froms: list[str], authors: list[Address]) -> str:
    if len(froms) != 1:
        return "several From fields" if froms else "no From field"
    # What is quoted and closed; in a quote that is never closed none begins either.
    plain = re.sub(r'"(?:[^"\\]|\\.)*+("?)', lambda quote: "" if quote[1] else quote[0], froms[0])
    if len(authors) != 1:
        return "several addresses in From" if authors else "no address in From"
    address = authors[0].address
    angled = re.findall(r"<([^<>]*)>", plain)
    pieces = re.findall(r"([^<>]*+)([<>]?)", plain)
    if ";" in plain or any(":" in text and end != ">" for text, end in pieces):
        return "a group in From"
    if "=?" in address or any("=?" in part for part in angled) or not plain.isascii():
        return "an encoded address in From"
    if (
        address not in plain
        or len(angled) > 1
        or (angled and angled[0].strip() != address)
        or plain.count("@") != 1
    ):
        return "an unclear address in From"
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", address):
        return "an unusual address in From"
    return ""


def _references(message: Message) -> tuple[str, ...]:
    """The mails this one answers, nearest first."""
    replied = headers.ids(" ".join(headers.raw_values(message, "In-Reply-To")))
    chain = headers.ids(" ".join(headers.raw_values(message, "References")))
    return tuple(map(_line, dict.fromkeys([*replied, *reversed(chain)])))[:100]


def _delivered_to(message: Message) -> tuple[str, ...]:
    fields = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
    found = headers.addresses(value for name in fields for value in headers.raw_values(message, name))
    return tuple(dict.fromkeys(_line(one.address) for one in found))[:200]


def _date(raw: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(raw)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _charset(message: Message) -> str:
    """The charset some part of the mail names: header fields are often in the same without saying so."""
    for part in message.walk():
        charset = headers.parameters(headers.raw_value(part, "Content-Type"))[1].get("charset", "")
        if charset and charset.lower() not in {"us-ascii", "ascii"}:
            return charset
    return ""


# --- The body ------------------------------------------------------------------------------------


def _walk(part: Message, body: _Body) -> None:
    body.parts += 1
    if body.parts > MOST_PARTS:
        return
    content_type, parameters = headers.parameters(headers.raw_value(part, "Content-Type"))
    content_type = content_type if "/" in content_type else "text/plain"
    disposition, named = headers.parameters(headers.raw_value(part, "Content-Disposition"))
    name = (
        named.get("filename") or named.get("name") or parameters.get("name") or parameters.get("filename", "")
    )
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        children = part.get_payload()
        if content_type == "multipart/alternative":
            _alternative(children, body)  # type: ignore[arg-type]
            return
        for child in children:
            _walk(child, body)  # type: ignore[arg-type]
        return
    if part.is_multipart():
        _enclosed(part, content_type, name, body)
        return
    is_text = content_type in {"text/plain", "text/html", "text/enriched"} or (
        content_type.startswith("multipart/") and not name
    )
    if is_text and disposition != "attachment" and not name:
        body.texts.append(_as_text(part, content_type, parameters, body.set_aside))
        body.is_plain = body.is_plain or (content_type == "text/plain" and bool(body.texts[-1].strip()))
        return
    body.files.append(
        File(_named(name, content_type), _plain_type(content_type), _content(part, body.set_aside))
    )


def _alternative(children: list[Message], body: _Body) -> None:
    """The plainest form that says anything; files in any of them."""
    readings = []
    for child in children:
        reading = _Body(parts=body.parts, set_aside=body.set_aside)
        _walk(child, reading)
        body.parts = reading.parts
        body.files += reading.files
        body.enclosed += reading.enclosed
        readings.append(reading)
    saying = [reading for reading in readings if any(text.strip() for text in reading.texts)]
    if saying:
        chosen = next((reading for reading in saying if reading.is_plain), saying[0])
        body.texts += chosen.texts
        body.is_plain = body.is_plain or chosen.is_plain


def _enclosed(part: Message, content_type: str, name: str, body: _Body) -> None:
    """A mail within the mail is a file; reports are told by others."""
    inner = part.get_payload()
    try:
        content = body.set_aside.back_in(b"".join(one.as_bytes() for one in inner))  # type: ignore[union-attr]
    except Exception:  # noqa: BLE001 (whatever the library trips over: it is still a file)
        content = str(inner).encode("utf-8", "replace")
    if content_type == "message/rfc822":
        within = _Body(parts=body.parts, set_aside=body.set_aside)
        for one in inner if isinstance(inner, list) else []:
            _walk(one, within)  # type: ignore[arg-type]
        body.parts = within.parts
        body.enclosed += within.texts
    if not name and content_type == "message/rfc822":
        subject = headers.text(inner[0], "Subject") if isinstance(inner, list) and inner else ""  # type: ignore[arg-type]
        name = f"{subject[:100]}.eml" if subject else ""
    body.files.append(File(_named(name, content_type), _plain_type(content_type), content))


def _as_text(part: Message, content_type: str, parameters: dict[str, str], bulk: Bulk) -> str:
    text = charsets.decode(_content(part, bulk), parameters.get("charset", ""))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if content_type == "text/html" or (content_type != "text/plain" and "<html" in text[:500].lower()):
        return hypertext.as_text(text)
    if parameters.get("format", "").lower() == "flowed":
        return _unflowed(text, delsp=parameters.get("delsp", "").lower() == "yes")
    return text


def _unflowed(text: str, *, delsp: bool) -> str:
    """Paragraphs in one line again (RFC 3676)."""
    lines: list[str] = []
    flows = ""
    for line in text.split("\n"):
        mark = re.match(r">*", line)[0]  # type: ignore[index]
        words = line[len(mark) :].removeprefix(" ")
        joins = bool(lines) and flows == f"{mark}+"
        if joins:
            lines[-1] += words
        else:
            lines.append(f"{mark} {words}" if mark else words)
        if words.endswith(" ") and words.rstrip("\r") != "-- ":
            flows = f"{mark}+"
            lines[-1] = lines[-1][:-1] if delsp else lines[-1]
        else:
            flows = ""
    return "\n".join(line if line == "-- " else line.rstrip() for line in lines)


def _content(part: Message, bulk: Bulk) -> bytes:
    # get_payload() would guess at a charset already.
    payload = part._payload  # type: ignore[attr-defined]
    if not isinstance(payload, str):
        return b""
    encoding = headers.raw_value(part, "Content-Transfer-Encoding").lower()
    if "uu" in encoding:
        decoded = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else b""
    raw = bulk.back_in(payload.encode("ascii", "surrogateescape"))
    if "quoted" in encoding:
        return decodestring(raw)
    if "base64" in encoding:
        return headers.unbase64(raw)
    return raw


def _plain_type(content_type: str) -> str:
    return (
        content_type
        if re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", content_type)
        else "application/octet-stream"
    )


def _named(name: str, content_type: str) -> str:
    return _line(name) or f"file{_EXTENSIONS.get(content_type, '')}"


# --- Characters ----------------------------------------------------------------------------------


def _clean(text: str) -> str:
    return _LONE.sub("\ufffd", _UNREAD.sub("", text.replace("\x85", "\n"))).strip("\n").rstrip()


def _line(text: str) -> str:
    return _LONE.sub("\ufffd", _TURNING.sub("", text.replace("\x00", ""))).strip()
