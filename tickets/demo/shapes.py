"""What a demo conversation is made of; the conversations themselves are in the `stories_*` modules.

A story starts with a NEW, unassigned ticket of its service. One agent of the service's team claims it right
before the first turn of "agent" and stays "agent" to the end; after `then="hand_over"` the turns of "agent"
belong to the colleague of the same team who took it. "lead" is a lead of that team, "colleague" a watcher.
A requester's public comment brings a ticket that waits for the requester back to work by itself.
"""

from dataclasses import dataclass, replace
from typing import Literal

Language = Literal["en", "ru"]
Priority = Literal["LOW", "NORMAL", "HIGH", "URGENT"]
Who = Literal["requester", "agent", "colleague", "lead"]
Then = Literal[
    "",
    "start",
    "wait_requester",
    "wait_third_party",
    "resume",
    "hand_over",
    "resolve",
    "cancel",
    "reopen",
]
Outcome = Literal[
    "new_unassigned",
    "new_claimed",
    "in_progress",
    "waiting_requester",
    "waiting_third_party",
    "done",
    "canceled_by_requester",
    "canceled_by_staff",
    "reopened_done",
]


@dataclass(frozen=True)
class Turn:
    """One message and the action that goes with it, `after_minutes` after the turn before (or the opening)."""

    who: Who
    text: str
    after_minutes: int
    internal: bool = False
    then: Then = ""


@dataclass(frozen=True)
class Story:
    """One request from opening to outcome; every variant of it is another ticket."""

    key: str
    service: str
    language: Language
    title: str
    description: str
    priority: Priority
    tags: tuple[str, ...]
    turns: tuple[Turn, ...]
    outcome: Outcome
    variants: tuple[dict[str, str], ...]

    def told(self, number: int) -> "Story":
        """The story with the placeholders of its variant `number` filled in."""
        values = self.variants[number]
        return replace(
            self,
            title=self.title.format_map(values),
            description=self.description.format_map(values),
            turns=tuple(replace(turn, text=turn.text.format_map(values)) for turn in self.turns),
        )


def fill(names: str, *rows: str) -> tuple[dict[str, str], ...]:
    """Variants from a header and rows, columns separated by `|`."""
    keys = names.split("|")
    return tuple(dict(zip(keys, row.split("|"), strict=True)) for row in rows)
