"""The door through which mail comes in: `collect` fetches and keeps it, `receive` makes one thing of each."""

from tickets.inbound_email.collecting import (
    QUEUE,
    TASK,
    VISIT,
    VISITS,
    ask_to_receive,
    collect,
    try_out,
    visit,
    visit_all,
)
from tickets.inbound_email.receiving import files_of, receive
from tickets.inbound_email.troubles import Trouble, described

__all__ = [
    "QUEUE",
    "TASK",
    "VISIT",
    "VISITS",
    "Trouble",
    "ask_to_receive",
    "collect",
    "described",
    "files_of",
    "receive",
    "try_out",
    "visit",
    "visit_all",
]
