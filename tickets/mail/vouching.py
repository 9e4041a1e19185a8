"""What our own receiving host says of a sender (RFC 8601). What anybody else says there proves nothing."""

import re
from collections.abc import Iterable

_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_DOMAIN = re.compile(r"^[a-z0-9.-]{1,253}$")


def dmarc(results: Iterable[str], *, by: str) -> tuple[str, str]:
    """What DMARC says (pass, fail, none …) and of which domain, as stamped by the host whose authserv-id is `by`.

    Only the topmost field of that host counts: hosts write above what they were given, and one below it may have come
    with the mail.
    """
    if not by:
        return "", ""
    for result in results:
        plain = _without_comments(result)
        host, _semicolon, methods = plain.partition(";")
        if (host.split() or [""])[0].lower() != by.lower():
            continue
        verdicts = [part.split() for part in methods.split(";")]
        said = [words for words in verdicts if words and words[0].lower().startswith("dmarc=")]
        if len(said) != 1:
            return "", ""
        domains = [word[12:].lower() for word in said[0] if word.lower().startswith("header.from=")]
        known = len(domains) == 1 and _DOMAIN.match(domains[0])
        return said[0][0].lower().partition("=")[2], domains[0] if known else ""
    return "", ""


def _without_comments(text: str) -> str:
    for _depth in range(5):
        text, found = _COMMENT.subn(" ", text)
        if not found:
            break
    return text
