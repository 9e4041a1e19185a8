"""Signing in tells nobody by its time whether an address is known: it is the same work for everybody.

benchmarks/sign_in_times.py measures the times themselves.
"""

from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import get_hasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.factories import PASSWORD, UserFactory
from tests.hashers import QuickHasher

WRONG = "a wrong guess at it"


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed; the hasher itself goes on as ever."""
    done: list[str] = []

    def counting(work: Callable[..., object]) -> Callable[..., object]:
        def count(self: object, password: str, *args: object, **more: object) -> object:
            done.append(password)
            return work(self, password, *args, **more)

        return count

    assert isinstance(get_hasher(), QuickHasher)
    for name in ("encode", "verify"):
        monkeypatch.setattr(QuickHasher, name, counting(getattr(QuickHasher, name)))
    return done


@pytest.fixture
def everybody(employee: User) -> dict[str, str]:
    UserFactory.create(email="gone@example.com", is_active=False)
    UserFactory.create(email="guest@example.com", has_password=False)
    return {
        "wrong password": "anna@example.com",
        "unknown": "nobody@example.com",
        "shut out": "gone@example.com",
        "without a password": "guest@example.com",
    }


def test_one_hash_and_the_same_questions_for_everybody(everybody: dict[str, str], hashes: list[str]) -> None:
    """Seen to fail without `set_password` for an unknown address in EmailBackend, and with a question for is_active
    before the password is checked.
    """
    seen = {}
    for who, email in everybody.items():
        hashes.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = Client().post("/account/sign-in/", {"email": email, "password": WRONG})
        asked = [query["sql"].split(" WHERE ")[0][:60] for query in queries]
        page = answer.content.decode().replace(email, "").split("csrfmiddlewaretoken")[0]
        seen[who] = (len(hashes), answer.status_code, asked, page)
    assert seen["wrong password"][:2] == (1, 200)
    for who, what in seen.items():
        assert what == seen["wrong password"], who


def test_who_is_shut_out_is_told_nothing_by_his_own_password(
    everybody: dict[str, str], hashes: list[str]
) -> None:
    answer = Client().post("/account/sign-in/", {"email": everybody["shut out"], "password": PASSWORD})
    assert "E-mail and password do not match" in answer.content.decode()
    assert len(hashes) == 1
