"""Whether a program wrote a mail (RFC 3834, RFC 3464, and what they do that do not follow them)."""

import re
from email.message import Message
from enum import StrEnum

from tickets.mail import headers


class Machine(StrEnum):
    """What kind of program. The first three only answer what somebody else has sent: they ask for nothing."""

    BOUNCE = "bounce"
    RECEIPT = "receipt"
    VACATION = "vacation"
    LIST = "list"  # a person may have written, but to a list
    AUTOMATIC = "automatic"


ANSWERING = frozenset({Machine.BOUNCE, Machine.RECEIPT, Machine.VACATION})

_DAEMON = re.compile(r"^(?:mailer-daemon|postmaster|mail-daemon|maildaemon)@", re.IGNORECASE)
_NOBODY = re.compile(r"^(?:no-?reply|do-?not-?reply|noreply[-+.].*|bounces?)(?:[-+.].*)?@", re.IGNORECASE)
_AWAY = re.compile(
    r"^\W*(?:auto(?:matic)?[- ]?(?:reply|response|antwort)|out of (?:the )?office(?: auto-?reply)?|"
    r"away from (?:the |my )?office|автоответ|автоматический ответ|автоматическое уведомление об отсутствии|"
    r"нет на месте|вне офиса|réponse automatique|absence du bureau|automatische antwort|abwesenheit(?:snotiz)?)"
    r"\s*(?::|$)",
    re.IGNORECASE,
)
_LIST_FIELDS = ("List-Id", "List-Post", "List-Unsubscribe", "Mailing-List", "X-Mailing-List")


def kind(message: Message, *, sender: str, subject: str) -> Machine | None:
    """The kind of program that wrote it; None for a person.

    A subject alone makes nobody an answering program: people write about those, too, and nothing of theirs is passed
    over. It only keeps the desk from answering.
    """
    content, parameters = headers.parameters(headers.raw_value(message, "Content-Type"))
    submitted = (
        headers.raw_value(message, "Auto-Submitted").partition(";")[0].partition("(")[0].strip().lower()
    )
    precedence = headers.raw_value(message, "Precedence").lower()
    suppress = headers.raw_value(message, "X-Auto-Response-Suppress").lower()
    if content == "multipart/report":
        told = parameters.get("report-type", "").lower()
        return Machine.RECEIPT if told == "disposition-notification" else Machine.BOUNCE
    if _DAEMON.match(sender) or headers.raw_value(message, "X-Failed-Recipients"):
        return Machine.BOUNCE
    answers = any(
        headers.raw_value(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder")
    )
    lists = any(headers.raw_value(message, name) for name in _LIST_FIELDS) or precedence in {"list", "bulk"}
    null_path = any(path.replace(" ", "") == "<>" for path in headers.raw_values(message, "Return-Path"))
    quiet = {"all", "autoreply", "oof"} & {word.strip() for word in suppress.split(",")}
    marked = headers.raw_value(message, "X-Loop") or precedence == "junk"
    says_so = submitted not in {"", "no"} or null_path or quiet or marked
    is_away = _AWAY.match(subject) is not None
    if (
        submitted == "auto-replied"
        or "auto_reply" in precedence
        or answers
        or (is_away and (says_so or lists))
    ):
        return Machine.VACATION
    if lists:
        return Machine.LIST
    if says_so or is_away or _NOBODY.match(sender):
        return Machine.AUTOMATIC
    return None
