"""Reading a page of the queue as people do: its rows, its links, its words."""

import re
from html import unescape
from typing import Any


def rows(answer: Any) -> list[str]:
    """The subjects of the list, from top to bottom."""
    return [
        unescape(subject)
        for subject in re.findall(r'class="sf-subject"[^>]*>([^<]*)<', answer.content.decode())
    ]


def words(answer: Any) -> str:
    """The page without its markup, every space single."""
    page = re.sub(r"<(script|style|svg).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def link(answer: Any, text: str) -> str:
    """The address behind the link that says or is labelled this."""
    for attributes, inner in re.findall(r"<a\b([^>]*)>(.*?)</a>", answer.content.decode(), flags=re.DOTALL):
        said = " ".join(re.sub(r"<[^>]+>", " ", inner).split())
        label = re.search(r'aria-label="([^"]*)"', attributes)
        if text in (unescape(said), unescape(label[1]) if label else ""):
            address = re.search(r'href="([^"]*)"', attributes)
            assert address is not None
            return unescape(address[1])
    raise AssertionError(f"no link “{text}”")
