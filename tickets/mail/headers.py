"""Header fields as they are found in the wild: encoded words, parameters, addresses, ids."""

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses
from quopri import decodestring
from urllib.parse import unquote_to_bytes

from tickets.mail import charsets

_WORD = re.compile(r"=\?([^?\s]*)\?([BbQq])\?(.*?)(\?=|\Z)", re.DOTALL)
_FOLD = re.compile(r"\r?\n(?=[ \t])|[\r\n]+")
_ID = re.compile(r"<([^<>\s]{1,990})>")
_WORDLIKE = re.compile(r"[^\s<>\"(),;:\\\[\]]+")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Address:
    """`name` is what somebody calls himself, `address` in the case it was written in."""

    name: str
    address: str


def raw_values(message: Message, name: str) -> list[str]:
    """Every field of this name, unfolded; bytes beyond ASCII are surrogates yet."""
    wanted = name.lower()
    return [
        _FOLD.sub("", str(value)).strip()
        for key, value in message.raw_items()
        if key.lower().strip() == wanted
    ]


def raw_value(message: Message, name: str) -> str:
    """The first field of this name, or nothing."""
    return next(iter(raw_values(message, name)), "")


def text(message: Message, name: str, *, hint: str = "") -> str:
    return words(raw_value(message, name), hint=hint)


def words(raw: str, *, hint: str = "") -> str:
    """A field for people: encoded words decoded (RFC 2047), and no control character left."""
    pieces: list[str | tuple[str, bytes]] = []
    end = 0
    for found in _WORD.finditer(raw):
        if not found[4]:
            break  # never closed, and none that begins behind it either
        between = raw[end : found.start()]
        # White space between two encoded words is none.
        if between and not (pieces and isinstance(pieces[-1], tuple) and not between.strip()):
            pieces.append(between)
        charset, content = found[1].partition("*")[0], _decoded(found[2], found[3])
        last = pieces[-1] if pieces else ""
        # A character may be cut in two by a border of words.
        if isinstance(last, tuple) and last[0].lower() == charset.lower():
            pieces[-1] = (last[0], last[1] + content)
        else:
            pieces.append((charset, content))
        end = found.end()
    pieces.append(raw[end:])
    whole = "".join(
        charsets.decode(piece[1], piece[0]) if isinstance(piece, tuple) else _plain(piece, hint)
        for piece in pieces
    )
    return _CONTROL.sub(" ", whole).strip()


def _decoded(encoding: str, content: str) -> bytes:
    raw = content.encode("utf-8", "surrogateescape")
    if encoding in "Qq":
        return decodestring(raw.replace(b"\n", b""), header=True)
    return unbase64(raw)


def unbase64(raw: bytes) -> bytes:
    """What can be read of it: foreign characters are passed over, and missing padding is added."""
    # Mailing lists append a footer in plain words to what was encoded; the padding is the end.
    end = re.search(rb"={1,2}(?=\s)", raw)
    if end:
        raw = raw[: end.end()]
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        clean = raw.translate(None, _NO_BASE64)
    clean = clean[: len(clean) // 4 * 4] if len(clean) % 4 == 1 else clean
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def _plain(piece: str, hint: str = "") -> str:
    try:
        return charsets.decode(piece.encode("ascii", "surrogateescape"), hint=hint)
    except UnicodeError:
        return piece.encode("utf-8", "replace").decode()


def addresses(raws: Iterable[str]) -> list[Address]:
    """Everybody named, in order. Encoded words are decoded in names only: an address is what it is."""
    found: list[Address] = []
    for raw in raws:
        pairs = [pair for pair in _pairs(raw) if "@" in pair[1]]
        if not pairs:
            pairs = [("", address) for address in _alike(raw) or _alike(words(raw))]
        found += [
            Address(words(name).strip("\"' "), _CONTROL.sub("", _plain(address)).strip())
            for name, address in pairs
        ]
    return found


def _alike(raw: str) -> list[str]:
    """What looks like an address: a word with an @ inside. Found by two looks, for one takes more than linear time."""
    return [word for word in _WORDLIKE.findall(raw) if "@" in word[1:-1]]


def _pairs(raw: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([raw], strict=False)
    except (IndexError, ValueError, RecursionError):
        return []


def ids(raw: str) -> list[str]:
    """Message-IDs with their brackets."""
    return [f"<{found}>" for found in _ID.findall(_plain(raw))]


def parameters(raw: str) -> tuple[str, dict[str, str]]:
    """The value before the first semicolon, and the parameters: RFC 2231, RFC 2047 where it should not be, or as is."""
    value = raw.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    parts: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, content in _PARAMETER.findall(raw[len(raw.partition(";")[0]) :]):
        name, content = name.lower(), content.strip()
        if content.startswith('"'):
            content = re.sub(r"\\(.)", r"\1", content[1:].removesuffix('"'), flags=re.DOTALL)
        base, star, rest = name.partition("*")
        if not star:
            plain.setdefault(name, words(content))
            continue
        number, coded = rest.removesuffix("*"), rest.endswith("*") or rest == ""
        if (number.isdecimal() and len(number) < 4) or number == "":
            parts.setdefault(base, {}).setdefault(int(number or 0), (coded, content))
    for base, sections in parts.items():
        plain[base] = _joined([sections[number] for number in sorted(sections)])
    return value, plain


def _joined(sections: list[tuple[bool, str]]) -> str:
    """Parameter continuations of RFC 2231: the first may name a charset, each may be percent-encoded."""
    charset, content = "", b""
    for place, (coded, part) in enumerate(sections):
        if place == 0 and coded and part.count("'") >= 2:
            charset, _language, part = part.split("'", 2)
        raw = part.encode("utf-8", "surrogateescape")
        content += unquote_to_bytes(raw) if coded else raw
    decoded = charsets.decode(content, charset)
    return _CONTROL.sub(" ", words(decoded) if "=?" in decoded else decoded).strip()
