"""A tree of hashes over a batch of events: whoever holds one event and a short path can show that it was sealed.

The shape is that of RFC 6962: what has no neighbour goes up as it is. Each leaf is blinded by a salt of its own, so
that a path, which is made of other events' hashes, lets nobody try out what those events might say.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

SALT = 16  # bytes


def salt_of(event: int, secret: bytes) -> bytes:
    """What blinds the leaf of this event; the secret is its seal's, and a salt tells nothing about another."""
    return hmac.digest(secret, _number(event), "sha256")[:SALT]


def leaf(event: int, told: bytes, salt: bytes) -> bytes:
    """`told` is the hash of the event's digest."""
    return sha256(b"\0" + salt + _number(event) + told).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    return _levels(leaves)[-1][0]


def paths(leaves: Sequence[bytes], wanted: Sequence[int]) -> list[list[bytes]]:
    """Of each wanted leaf the neighbours on its way up, lowest first."""
    levels = _levels(leaves)[:-1]
    return [
        [level[at ^ 1] for height, level in enumerate(levels) if (at := index >> height) ^ 1 < len(level)]
        for index in wanted
    ]


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = (below[at : at + 2] for at in range(0, len(below), 2))
        levels.append([_node(*pair) if len(pair) == 2 else pair[0] for pair in pairs])
    return levels


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _number(event: int) -> bytes:
    return event.to_bytes(8, "big", signed=True)
