"""What is done with tickets. One verb is one function, one transaction and one event, whichever door it came in by.

A verb has five beats: lock, ask, change, tell, record. It answers the ticket as it stands afterwards. All of them
raise Forbidden (not his to do), Refused (against the rules) or Invalid (wrong input) and then change nothing.
"""

from tickets.actions._record import expect
from tickets.actions.assigning import (
    assign,
    claim,
    claim_next,
    give,
    hand_over,
    release_what_is_lost,
    release_what_is_unseen,
)
from tickets.actions.bulk import Outcome, in_bulk
from tickets.actions.configuring import save_service
from tickets.actions.content import delete, edit, set_due, set_priority, set_service, set_tags
from tickets.actions.conversation import add_comment, attach, unwatch, watch
from tickets.actions.evidence import note_evidence
from tickets.actions.files import look_at, note_download, settle
from tickets.actions.mail import (
    accept_sender,
    hold_mail,
    named_in,
    note_source_read,
    read_again,
    refuse_mail,
    release_mail,
    save_mailbox,
    turn_away,
)
from tickets.actions.opening import open_ticket
from tickets.actions.progress import cancel, change_status, reopen

__all__ = [
    "Outcome",
    "accept_sender",
    "add_comment",
    "assign",
    "attach",
    "cancel",
    "change_status",
    "claim",
    "claim_next",
    "delete",
    "edit",
    "expect",
    "give",
    "hand_over",
    "hold_mail",
    "in_bulk",
    "look_at",
    "named_in",
    "note_download",
    "note_evidence",
    "note_source_read",
    "open_ticket",
    "read_again",
    "refuse_mail",
    "release_mail",
    "release_what_is_lost",
    "release_what_is_unseen",
    "reopen",
    "save_mailbox",
    "save_service",
    "set_due",
    "set_priority",
    "set_service",
    "set_tags",
    "settle",
    "turn_away",
    "unwatch",
    "watch",
]
