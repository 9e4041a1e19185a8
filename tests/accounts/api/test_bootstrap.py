"""POST /users with X-Bootstrap-Key: the first administrator, once in the life of an installation."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.models import ApiKey, User
from audit.models import Event
from tests.program import Program

USERS = "/api/v1/users"
KEY = "a-bootstrap-key-of-enough-characters"
MARIA = {"email": "maria@example.com", "full_name": "Maria Petrova"}


@pytest.fixture(autouse=True)
def bootstrap_key(settings: Any) -> None:
    settings.ADMIN_BOOTSTRAP_KEY = KEY


def bootstrap(body: dict[str, Any] = MARIA, key: str = KEY, *, once: str = "") -> Any:
    headers = {"x-bootstrap-key": key} | ({"idempotency-key": once} if once else {})
    return Program().post(USERS, body, headers=headers)


@pytest.mark.django_db
def test_maria_is_the_first() -> None:
    response = bootstrap()
    assert response.status_code == 201
    told = response.json()
    assert (told["email"], told["role"], told["is_active"]) == ("maria@example.com", "ADMIN", True)
    program = Program(HTTP_X_API_KEY=told["api_key"])
    assert program.post(USERS, {"email": "igor@example.com", "full_name": "Igor"}).status_code == 201
    assert Event.objects.filter(verb="user.bootstrapped").count() == 1


@pytest.mark.django_db
def test_it_works_once_even_if_nobody_is_left() -> None:
    bootstrap()
    response = bootstrap({"email": "eve@example.com", "full_name": "Eve"})
    assert (response.status_code, response.json()["code"]) == (403, "already_bootstrapped")
    assert User.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "wrong", KEY + "x", KEY.upper(), "\xff"])
def test_a_wrong_key_is_like_no_key(key: str) -> None:
    response = bootstrap(key=key)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_where_none_is_configured_none_works(settings: Any) -> None:
    settings.ADMIN_BOOTSTRAP_KEY = ""
    assert bootstrap(key="").status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body", [{}, {"email": "x", "full_name": "M"}, {"email": "m@example.com"}, MARIA | {"is_superuser": True}]
)
def test_a_mistake_does_not_use_it_up(body: dict[str, Any]) -> None:
    assert bootstrap(body).status_code == 400
    assert bootstrap().status_code == 201


@pytest.mark.django_db
def test_guessing_soon_ends(settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"refused": 2}
    assert [bootstrap(key="guess").status_code for _turn in range(3)] == [401, 401, 429]


@pytest.mark.django_db
def test_the_answer_comes_again_only_to_who_knows_the_key() -> None:
    first = bootstrap(once="k")
    again = bootstrap(once="k")
    assert again.json() == first.json()
    assert bootstrap(key="guess", once="k").status_code == 401
    assert Program().post(USERS, MARIA, headers={"idempotency-key": "k"}).status_code == 401


@pytest.mark.django_db
def test_it_opens_nothing_else() -> None:
    for path in (USERS, f"{USERS}/me", "/api/v1/tickets"):
        assert Program().get(path, headers={"x-bootstrap-key": KEY}).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_is_the_first() -> None:
    start = Barrier(8)

    def race(n: int) -> int:
        try:
            start.wait(timeout=20)
            status: int = bootstrap({"email": f"m{n}@example.com", "full_name": "M"}).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(8))) == [201] + [403] * 7
    assert (User.objects.count(), ApiKey.objects.count()) == (1, 1)
