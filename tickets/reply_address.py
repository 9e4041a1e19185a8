"""The address an answer goes to: it says which ticket, and proves for whom the mail was meant.

`desk+1042-k3j…@example.com`: the number of the ticket and a MAC of 130 bits over it and a secret of the person. Nothing
is stored; who the person is, is found by trying those who could have been written to. The local part stays below 64
characters (RFC 5321, 4.5.3.1.1) for names of up to 25.
"""

import base64
import hmac
import re
from hashlib import sha256

_TAG = re.compile(r"\+(\d{1,10})-([a-z2-7]{26})$")


def address(base: str, number: int, person: str, *, key: bytes) -> str:
    """`base` with the tag. `person` is whatever makes up the person and must die with his access."""
    local, _at, domain = base.rpartition("@")
    return f"{local}+{number}-{mac(number, person, key=key)}@{domain}"


def mac(number: int, person: str, *, key: bytes) -> str:
    digest = hmac.digest(key, f"{number}\n{person}".encode(), sha256)
    return base64.b32encode(digest).decode().lower()[:26]


def read(addressed: str) -> tuple[int, str] | None:
    """(number of the ticket, MAC) of an address with a tag; case does not matter, mail servers may change it."""
    found = _TAG.search(addressed.rpartition("@")[0].lower())
    return (int(found[1]), found[2]) if found else None


def is_of(given: str, number: int, person: str, *, keys: list[bytes]) -> bool:
    """Whether the MAC is this person's, by any key that still counts."""
    return any(hmac.compare_digest(given, mac(number, person, key=key)) for key in keys)
