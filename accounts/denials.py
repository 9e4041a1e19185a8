"""Who was kept out: remembered, but so that nobody can fill the audit trail by knocking.

Each person and each address has so many events an hour; the last of them says that more was not written down. Every
single request stands in the log of the web server.
"""

import re

from accounts import allowances
from accounts.acting import Actor
from accounts.changing import subject
from accounts.models import User
from audit import trail

HOUR = 3600
OF_A_PERSON, OF_AN_ADDRESS, OF_ALL_ADDRESSES = 20, 10, 200
AND_MORE = "…"
_PREFIX = re.compile(r"sf_([a-z0-9]{8})_", re.ASCII)


def denied(user: User, *, what: str, by: Actor) -> None:
    """Somebody who has signed in, or his key, asked for what is not his. `what` is the method and the route."""
    more = _counted({f"denied:{user.pk}": OF_A_PERSON})
    if more is not None:
        trail.record("user.denied", subject(user), by=by, comment=what + more)


def key_refused(raw: str, *, by: Actor) -> None:
    """A key that is unknown, wrong, revoked or expired was shown: of a key of ours the part that everybody may see."""
    address = allowances.place(by.address or "")
    more = _counted({f"key_refused:{address}": OF_AN_ADDRESS, "key_refused": OF_ALL_ADDRESSES})
    if more is not None:
        shown = _PREFIX.match(raw)
        name = shown[1] if shown else AND_MORE
        trail.record("api_key.refused", trail.Subject("api_key", None, name), by=by, comment=more.strip())


def _counted(limits: dict[str, int]) -> str | None:
    """What to add to the event; None if there is to be none. Counted by itself, so that nobody waits for a stranger."""
    standings = allowances.spend(limits, window=HOUR)
    if any(standing.exceeded for standing in standings):
        return None
    return f" {AND_MORE}" if any(not standing.remaining for standing in standings) else ""
