"""What the rest of the desk does when somebody's standing changes.

`accounts` may not import the desk, so the desk leaves word here at start-up (see tickets.apps).
"""

from collections.abc import Callable

from accounts.acting import Actor
from accounts.models import User

Listener = Callable[..., None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have `listener(user, by=actor)` called in the transaction of every change of role, team or activity."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(user: User, *, by: Actor) -> None:
    """Tell everybody who listens that this person may now see or hold less than before."""
    for listener in _listeners:
        listener(user, by=by)
