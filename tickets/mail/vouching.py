"""What our own receiving host says of a sender (RFC 8601). What anybody else says there proves nothing."""

import re
from collections.abc import Iterable

_DOMAIN = re.compile(r"^[a-z0-9.-]{1,253}$")


def dmarc(results: Iterable[str], *, by: str) -> tuple[str, str]:
    """What DMARC says (pass, fail, none …) and of which domain, as stamped by the host whose authserv-id is `by`.

    Several verdicts in one field are a fail. Only the topmost field of that host counts: hosts write above what they
    were given, and one below it may have come with the mail.
    """
    if not by:
        return "", ""
    for result in results:
        plain = _bare(result)
        host, _semicolon, methods = plain.partition(";")
        if (host.split() or [""])[0].lower() != by.lower():
            continue
        verdicts = [part.split() for part in methods.split(";")]
        said = [words for words in verdicts if words and words[0].lower().startswith("dmarc=")]
        if len(said) != 1:
            return ("fail", "") if said else ("", "")
        domains = [word[12:].lower() for word in said[0] if word.lower().startswith("header.from=")]
        known = len(domains) == 1 and _DOMAIN.match(domains[0])
        return said[0][0].lower().partition("=")[2], domains[0] if known else ""
    return "", ""


def _bare(text: str) -> str:
    """Without comments, and with every quoted string as a lone quote: what stands in either is the sender's to choose
    (a local part, say) and separates nothing (RFC 5322, 3.2.2 and 3.2.4). Nothing at all if one is not closed.
    """
    bare: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and (depth or quoted):
            escaped = True
        elif quoted:
            quoted = character != '"'
        elif character == "(":
            depth += 1
            bare.append(" ")
        elif depth:
            depth -= character == ")"
        elif character == '"':
            quoted = True
            bare.append('"')
        else:
            bare.append(character)
    return "" if depth or quoted else "".join(bare)
