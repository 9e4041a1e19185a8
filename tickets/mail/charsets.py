"""Bytes of mails as text: the charset they name, or what they look like."""

import codecs
import re

# What mail programs call charsets, where Python does not know the name or knows one that holds less.
_MEANT = {
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "iso-8859-9": "cp1254",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "utf-16": "utf-16-be",
    "x-mac-cyrillic": "mac-cyrillic",
    "macintosh": "mac-roman",
}
# Codecs of Python that are no charsets of mail.
_NONE = {
    "unicode_escape",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "idna",
    "punycode",
    "undefined",
    "mbcs",
    "oem",
}
_RUN = re.compile(rb"[\x80-\xff]+")


def decode(raw: bytes, charset: str = "", *, hint: str = "") -> str:
    """The text. `charset` is what the mail says; where that is wrong or nothing, the bytes are looked at.

    `hint` is what other parts of the same mail say.
    """
    for name in (charset, hint):
        codec = _codec(name)
        if codec is None:
            continue
        if codec == "utf-16-be" and raw[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            codec = "utf-16"
        if codec == "cp1252" and _is_utf8(raw):
            codec = "utf-8"
        try:
            return raw.decode(codec).removeprefix("\ufeff")
        except (UnicodeError, ValueError):
            if codec not in {"utf-8", "cp1252"} and len(raw) > 40:
                # One broken byte in a long text does not make the charset wrong.
                text = raw.decode(codec, "replace")
                if text.count("\ufffd") * 20 < len(text):
                    return text
    return _looked_at(raw)


def _codec(name: str) -> str | None:
    name = name.strip().strip("\"'").lower()
    name = _MEANT.get(name, name)
    if not name:
        return None
    if name.startswith("cp-"):
        name = "cp" + name[3:]
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return found.name if found._is_text_encoding and found.name not in _NONE else None


def _is_utf8(raw: bytes) -> bool:
    """Whether it can hardly be anything else: it has sequences of several bytes, and all of them are whole."""
    if raw.isascii():
        return False
    try:
        raw.decode()
    except UnicodeError:
        return False
    return True


def _looked_at(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeError:
        pass
    if b"\x1b$" in raw or b"\x1b(" in raw:
        try:
            return raw.decode("iso-2022-jp")
        except UnicodeError:
            pass
    runs = _RUN.findall(raw)
    high = sum(map(len, runs))
    letters = b"".join(runs)
    # Broken UTF-8 is still mostly UTF-8.
    text = raw.decode("utf-8", "replace")
    if text.count("\ufffd") * 4 < high:
        return text
    # Cyrillic words are runs of high bytes; in other languages of Europe these stand alone among ASCII.
    if high >= 4 and sum(len(run) for run in runs if len(run) >= 3) * 2 > high and _are_letters(letters):
        low, upper = (sum(first <= byte <= first + 31 for byte in letters) for first in (0xE0, 0xC0))
        return raw.decode("cp1251" if low >= upper else "koi8-r", "replace")
    return raw.decode("cp1252", "replace")


def _are_letters(high: bytes) -> bool:
    """Whether these bytes are letters in the charsets of Russian, nearly all of them."""
    return sum(byte >= 0xC0 or byte in b"\xa3\xa8\xb3\xb8" for byte in high) * 10 >= len(high) * 9
