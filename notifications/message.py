"""What a transport is given to say, and how it says that it could not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings


def message_id(public_id: UUID) -> str:
    """The Message-ID of a mail of ours: the same at every attempt."""
    return f"<{public_id.hex}@{settings.MAIL_DOMAIN}>"


def own_id(name: str) -> UUID | None:
    """What a Message-ID of ours names; None for that of anybody else."""
    found = _OURS.fullmatch(name.strip())
    return UUID(found[1]) if found and found[2].lower() == settings.MAIL_DOMAIN.lower() else None


_OURS = re.compile(r"<?([0-9a-f]{32})@([^<>@\s]+)>?", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """One notice in the words of its reader. Transports take from it what they can show.

    `thread` are Message-IDs, oldest first, that a mail continues; `reply_to` is where an answer goes; `list_id` names
    the conversation (RFC 2919); `to` is another address than the one its reader has now. `facts` is what a webhook
    carries: plain values for JSON. `short` is for chats; without one they take the subject.
    """

    subject: str
    text: str
    html: str = ""
    short: str = ""
    link: str = ""
    thread: tuple[str, ...] = ()
    reply_to: str = ""
    list_id: str = ""
    to: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class NotSent(Exception):
    """The message did not go out. `said` is for people, without secrets and without the address of a webhook."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said[:500]


class Passing(NotSent):
    """Try again later; not before `at`, where the other side has said so.

    `about_this` where the other side is well and only this message has to wait.
    """

    def __init__(self, said: str, *, at: datetime | None = None, about_this: bool = False) -> None:
        super().__init__(said)
        self.at = at
        self.about_this = about_this


class Permanent(NotSent):
    """Trying again would change nothing."""


class Ambiguous(NotSent):
    """The other side had everything and did not say whether it took it."""


class NotSetUp(NotSent):
    """The desk has not been told yet how to send such things; that is nobody's failure."""
