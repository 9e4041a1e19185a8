"""The address an answer goes to: it says which ticket, and proves for whom the mail was meant.

`desk+1042-k3j…@example.com`: the number of the ticket and a MAC of 130 bits over it and a secret of the person. Nothing
is stored; who the person is, is found by trying those who could have been written to. The local part stays below 64
characters (RFC 5321, 4.5.3.1.1) for names of up to 25.
"""

import base64
import hmac
import re
from hashlib import sha256

_TAG = re.compile(r"\+(\d{1,10}n?)-([a-z2-7]{26})$")


def address(base: str, number: int, person: str, *, note: bool = False, key: bytes) -> str:
    """`base` with the tag. `person` is whatever makes up the person and must die with his access; what is answered
    to an internal `note` is one, whatever his mail program does to the other fields.
    """
    local, _at, domain = base.rpartition("@")
    place = f"{number}n" if note else str(number)
    return f"{local}+{place}-{mac(place, person, key=key)}@{domain}"


def mac(place: str, person: str, *, key: bytes) -> str:
    digest = hmac.digest(key, f"{place}\n{person}".encode(), sha256)
    return base64.b32encode(digest).decode().lower()[:26]


def read(addressed: str) -> tuple[str, str] | None:
    """(place, MAC) of an address with a tag; case does not matter, mail servers may change it."""
    found = _TAG.search(addressed.rpartition("@")[0].lower())
    return (found[1], found[2]) if found else None


def number_of(place: str) -> int:
    return int(place.removesuffix("n"))


def is_for_notes(addressed: str) -> bool:
    """Whether what is sent there is internal. Nothing proves that anybody was given the address: see is_of."""
    found = read(addressed)
    return found is not None and found[0].endswith("n")


def is_of(given: str, place: str, person: str, *, keys: list[bytes]) -> bool:
    """Whether the MAC is this person's, by any key that still counts."""
    return any(hmac.compare_digest(given, mac(place, person, key=key)) for key in keys)
