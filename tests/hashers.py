"""A password hasher for tests: the algorithm of production at a price that hundreds of people can pay."""

import os
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickHasher(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8
    parallelism = 1


class CountingHasher(QuickHasher):
    """Leaves a byte in a file for each password that it looks at, whichever process it is in."""

    def verify(self, password: str, encoded: str) -> bool:
        _count()
        return super().verify(password, encoded)

    def encode(self, password: str, salt: str) -> Any:
        _count()
        return super().encode(password, salt)


def _count() -> None:
    file = os.open(os.environ["HASHES_COUNTED_IN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, b".")
    finally:
        os.close(file)
