"""Secrets that must be read again (passwords of mailboxes, signing keys): kept encrypted, so no table shows them."""

import base64
import hashlib
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """Encrypted with a SECRET_KEY that is neither the present one nor one of SECRET_KEY_FALLBACKS."""


def seal(plain: bytes, *, purpose: str) -> bytes:
    """Encrypt with the first key. What is sealed for one purpose cannot be opened for another."""
    return _ciphers(purpose).encrypt(plain)


def unseal(token: bytes, *, purpose: str) -> bytes:
    """The plain bytes. Raises Unreadable."""
    try:
        return _ciphers(purpose).decrypt(token)
    except InvalidToken:
        raise Unreadable(purpose) from None


class Sealed:
    """An attribute of a model whose column holds it encrypted: `password = Sealed("password_sealed")`.

    Reading it raises Unreadable where the key of then is gone. Nothing set reads as an empty text.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def __set_name__(self, owner: type, name: str) -> None:
        self.purpose = f"{owner.__module__}.{owner.__qualname__}.{name}"

    def __get__(self, row: Any, owner: type) -> str:
        token: str = getattr(row, self.column)
        return unseal(token.encode("ascii"), purpose=self.purpose).decode() if token else ""

    def __set__(self, row: Any, plain: str) -> None:
        token = seal(plain.encode(), purpose=self.purpose).decode("ascii") if plain else ""
        setattr(row, self.column, token)


def _ciphers(purpose: str) -> MultiFernet:
    return _ciphers_of((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS), purpose)


@lru_cache(maxsize=64)
def _ciphers_of(secrets: tuple[str, ...], purpose: str) -> MultiFernet:
    digests = (hashlib.sha256(f"{purpose}:{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
