"""Real mails with what others say is in them, and how far we agree."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tickets.mail import hypertext

GOALS = {"sender": 0.99, "subject": 0.97, "text": 0.95, "attachment names": 0.95}
UNREADABLE = "\ufffd"


@dataclass(frozen=True)
class Reading:
    """What the desk has made of a mail."""

    sender: str
    subject: str
    text: str  # with what is folded away
    names: list[str]


@dataclass
class Agreement:
    """How often we read what others read."""

    asked: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    differing: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    def note(self, file: str, what: str, expected: Any, read: Any, *, is_same: bool) -> None:
        self.asked[what] += 1
        self.agreed[what] += is_same
        if not is_same:
            self.differing.append((file, what, expected, read))

    def share(self, what: str) -> float:
        return self.agreed[what] / self.asked[what]

    def compare(self, told: dict[str, Any], read: Reading) -> None:
        file = told["file"]
        if "from" in told:
            same = read.sender.lower() == (told["from"] or "").lower()
            self.note(file, "sender", told["from"], read.sender, is_same=same)
        if "subject" in told:
            same = is_same(spaced(told["subject"]), spaced(read.subject))
            self.note(file, "subject", told["subject"], read.subject, is_same=same)
        if "text_contains" in told:
            words = spaced(_words(told["text_contains"]))
            same = is_same(words, spaced(read.text), anywhere=True)
            self.note(file, "text", words, read.text[:300], is_same=same)
        if "attachment_names" in told:
            names = told["attachment_names"]
            same = len(names) == len(read.names) and all(
                any(is_same(name, ours) for ours in read.names) for name in names
            )
            self.note(file, "attachment names", names, read.names, is_same=same)


def mails(corpus: Path) -> Iterator[Path]:
    """Every file that is a mail, in order."""
    return (file for file in sorted(corpus.rglob("*")) if file.is_file() and "_expected" not in file.parts)


def told(corpus: Path) -> Iterable[dict[str, Any]]:
    lines = (corpus / "_expected" / "hard.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def spaced(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


def is_same(expected: str, read: str, *, anywhere: bool = False) -> bool:
    """Where whoever stated it could not read a character, ours may be any."""
    pattern = ".{0,4}?".join(map(re.escape, expected.split(UNREADABLE)))
    return bool((re.search if anywhere else re.fullmatch)(pattern, read, re.DOTALL))


def _words(text: str) -> str:
    """Some state the source of a page, cut after so many characters; the words of it are compared."""
    text = text.replace("\x00", "")
    if not text.lstrip().lower().startswith(("<html", "<!doctype")):
        return text
    return hypertext.as_text(re.sub(r"<[^>]*$", "", text))
