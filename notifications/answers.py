"""What came of an attempt, in the reader's language.

Workers note it in English, with codes of the other side in it, for they know no reader; here is what such notes can
say. Codes and words of the other side stay as they are.
"""

import re
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

SENTENCES = (
    gettext_noop("No connection: %(why)s."),
    gettext_noop("No safe connection: %(why)s."),
    gettext_noop("No answer: %(why)s."),
    gettext_noop("No answer after the message: %(why)s."),
    gettext_noop("The server hung up: %(why)s."),
    gettext_noop("The recipient is refused: %(code)s."),
    gettext_noop("The message is refused: %(code)s."),
    gettext_noop("The server refuses us: %(code)s."),
    gettext_noop(
        "The server cannot do what MAIL_SECURITY or MAIL_USER ask for, or has no letters for the address."
    ),
    gettext_noop("The mail cannot be addressed."),
    gettext_noop("Mail goes to people only."),
    gettext_noop("No mail server is set up (MAIL_HOST)."),
    gettext_noop("No bot of Slack is set up."),
    gettext_noop("No bot of Telegram is set up."),
    gettext_noop("He has left no address there."),
    gettext_noop("An answer that is not Slack's."),
    gettext_noop("An answer that is not Telegram's."),
    gettext_noop("The secret is not one of Slack's."),
    gettext_noop("The secret is not one of Telegram's."),
    gettext_noop("Telegram asks to wait."),
    gettext_noop("The address is not valid."),
    gettext_noop("The address must begin with https://."),
    gettext_noop("The address must not hold a user name."),
    gettext_noop("The address leads into a private network."),
    gettext_noop("The name of the server is not known."),
    gettext_noop("The name of the server could not be asked for."),
    gettext_noop("There is no webhook any more."),
    gettext_noop("The webhook was deleted."),
    gettext_noop("It has waited for too long."),
    gettext_noop("No longer to be told."),
    gettext_noop("A secret can no longer be read: set or rotate it."),
    gettext_noop("A fault of the desk: see the log."),
    gettext_noop("in a digest"),
)
WHYS = (
    gettext_noop("it took too long"),
    gettext_noop("the certificate is not trusted"),
    gettext_noop("refused"),
    gettext_noop("it broke off"),
)


def told(said: str) -> str:
    """A note of a worker as its reader is told it."""
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(said):
            details = found.groupdict()
            if "why" in details:
                # The name of an exception tells administrators nothing.
                details["why"] = _(details["why"]) if details["why"] in WHYS else _("it broke off")
            return _(sentence) % details if details else _(sentence)
    return said


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(sentence, _pattern(sentence)) for sentence in SENTENCES]


def _pattern(sentence: str) -> re.Pattern[str]:
    """Whatever may stand for the details; some end without their full stop."""
    whole = re.sub(
        r"%\((\w+)\)s", r"(?P<\1>[^:]+?)", re.escape(sentence).replace(r"%\(", "%(").replace(r"\)s", ")s")
    )
    return re.compile(whole.removesuffix(r"\.") + r"\.?" if "(?P<" in whole else whole)
