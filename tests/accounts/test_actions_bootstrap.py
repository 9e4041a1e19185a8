"""The first administrator: made exactly once in the life of an installation."""

from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from accounts import actions, api_keys
from accounts.acting import Actor, Forbidden, Invalid
from accounts.models import ApiKey, Installation, User
from audit.models import Event
from tests.invariants import check
from tests.racing import at_once

NOBODY = Actor(None, "api", request_id="r-1", address="192.0.2.1")
MARIA = {"email": "maria@example.com", "full_name": "Maria Petrova"}


def test_the_first_administrator_gets_a_key_that_does_everything(db: None) -> None:
    user, key, raw = actions.bootstrap_admin(**MARIA, by=NOBODY)
    assert (user.role, user.is_active, user.is_staff) == ("ADMIN", True, True)
    assert api_keys.find(raw) == key
    assert key.scopes == ["read", "write", "admin"]
    verbs = Event.objects.order_by("id").values_list("verb", "actor_id", "request_id", "address")
    assert list(verbs) == [
        ("user.bootstrapped", None, "r-1", "192.0.2.1"),
        ("api_key.issued", user.public_id, "r-1", "192.0.2.1"),
    ]
    assert raw not in str(Event.objects.values())


def test_never_again_not_even_with_another_address(db: None) -> None:
    actions.bootstrap_admin(**MARIA, by=NOBODY)
    for email in ("maria@example.com", "igor@example.com"):
        with pytest.raises(Forbidden) as refusal:
            actions.bootstrap_admin(email=email, full_name="Igor Orlov", by=NOBODY)
        assert refusal.value.code == "already_bootstrapped"
    assert (User.objects.count(), ApiKey.objects.count(), Event.objects.count()) == (1, 1, 2)


def test_not_even_when_no_administrator_is_left(db: None) -> None:
    actions.bootstrap_admin(**MARIA, by=NOBODY)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE accounts_user SET is_active = false")
        cursor.execute("DELETE FROM accounts_apikey")
        cursor.execute("DELETE FROM accounts_user")
        cursor.execute("RESET session_replication_role")
    with pytest.raises(Forbidden):
        actions.bootstrap_admin(**MARIA, by=NOBODY)
    assert not User.objects.exists()
    assert check(connection) != []  # and somebody should know


@pytest.mark.parametrize("statement", ["DELETE FROM", "UPDATE {} SET bootstrapped_at = now()", "TRUNCATE"])
def test_the_memory_of_it_is_not_wiped_by_raw_sql(db: None, statement: str) -> None:
    actions.bootstrap_admin(**MARIA, by=NOBODY)
    table = "accounts_installation"
    sql = statement.format(table) if "{}" in statement else f"{statement} {table}"
    with (
        pytest.raises(IntegrityError, match="once in the life"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    with pytest.raises(IntegrityError), transaction.atomic():
        Installation.objects.create(id=2)


def test_a_failed_attempt_does_not_use_it_up(db: None) -> None:
    with pytest.raises(Invalid):
        actions.bootstrap_admin(email="no address", full_name="Maria", by=NOBODY)
    assert not Installation.objects.exists()
    assert actions.bootstrap_admin(**MARIA, by=NOBODY)[0].is_admin


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_try_at_once_one_becomes_administrator() -> None:
    results = at_once(
        *[
            partial(actions.bootstrap_admin, email=f"maria{n}@example.com", full_name="Maria", by=NOBODY)
            for n in range(8)
        ]
    )
    assert sum(isinstance(result, tuple) for result in results) == 1, results
    assert sum(isinstance(result, Forbidden) for result in results) == 7
    assert User.objects.count() == ApiKey.objects.count() == 1
    assert check(connection) == []


@pytest.mark.parametrize(
    ("configured", "candidate", "opens"),
    [
        ("k" * 24, "k" * 24, True),
        ("k" * 24, "k" * 23, False),
        ("k" * 24, "", False),
        ("", "", False),
        ("k" * 24, "ключ" * 6, False),
        ("k" * 24, "\ud800", False),
    ],
)
def test_the_bootstrap_key_opens_only_where_there_is_one(
    configured: str, candidate: str, opens: bool
) -> None:
    with override_settings(ADMIN_BOOTSTRAP_KEY=configured):
        assert actions.bootstrap_key_is(candidate) is opens
