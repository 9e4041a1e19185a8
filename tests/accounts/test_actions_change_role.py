"""Changing somebody's role; the last administrator stays.

What becomes of tickets is in tests/tickets/actions/test_release.py.
"""

from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import actions
from accounts.acting import SYSTEM, Forbidden, Invalid, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import UserFactory, web
from tests.invariants import check
from tests.racing import at_once, refused_with


def test_an_employee_becomes_an_agent(admin: User, employee: User) -> None:
    assert actions.change_role(employee, role="AGENT", by=web(admin)).is_agent
    assert User.objects.get(pk=employee.pk).role == "AGENT"
    event = Event.objects.get()
    assert (event.verb, event.changes) == ("user.role_changed", {"role": ["EMPLOYEE", "AGENT"]})
    assert (event.subject_type, event.subject_id) == ("user", employee.public_id)


def test_the_role_he_has_is_no_change(admin: User) -> None:
    actions.change_role(admin, role="ADMIN", by=web(admin))
    assert not Event.objects.exists()


@pytest.mark.parametrize("role", ["", "KING", "admin", "ADMIN\x00"])
def test_an_unknown_role_is_bad_input(admin: User, employee: User, role: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.change_role(employee, role=role, by=web(admin))
    assert refusal.value.field == "role"


def test_only_an_administrator_does_this(lead: User, employee: User) -> None:
    with pytest.raises(Forbidden):
        actions.change_role(employee, role="ADMIN", by=web(employee))
    with pytest.raises(Forbidden):
        actions.change_role(employee, role="AGENT", by=web(lead))


@pytest.mark.parametrize("role", ["AGENT", "EMPLOYEE"])
def test_the_last_active_administrator_stays(admin: User, role: str) -> None:
    UserFactory.create(role="ADMIN", is_active=False)
    for actor in (web(admin), SYSTEM):
        with pytest.raises(Refused) as refusal:
            actions.change_role(admin, role=role, by=actor)
        assert (refusal.value.status, refusal.value.code) == (409, "last_admin")
    assert User.objects.get(pk=admin.pk).is_admin
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_user SET role = 'AGENT'",
        "UPDATE accounts_user SET is_active = false",
        "UPDATE accounts_user SET is_active = false WHERE role = 'ADMIN'",
        "DELETE FROM accounts_user WHERE role = 'ADMIN'",
    ],
)
def test_nor_does_he_leave_by_raw_sql(admin: User, employee: User, statement: str) -> None:
    refused = pytest.raises(IntegrityError, match="last active administrator")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert User.objects.get(pk=admin.pk).is_staff


def test_two_of_three_leave_by_raw_sql_and_the_third_does_not(admin: User) -> None:
    UserFactory.create_batch(2, role="ADMIN")
    with connection.cursor() as cursor:
        for user in User.objects.exclude(pk=admin.pk):
            cursor.execute("UPDATE accounts_user SET role = 'EMPLOYEE' WHERE id = %s", [user.pk])
    admin.role = "EMPLOYEE"
    with pytest.raises(IntegrityError), transaction.atomic():
        admin.save()


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_demote_each_other_at_once_one_stays() -> None:
    for turn in range(10):
        one, other = UserFactory.create(role="ADMIN"), UserFactory.create(role="ADMIN")
        _let_all_others_go(one, other)
        verbs = [
            partial(actions.change_role, other, role="AGENT", by=web(one)),
            partial(actions.deactivate if turn % 2 else _demote, one, by=web(other)),
        ]
        results = at_once(*verbs)
        assert sum(isinstance(result, User) for result in results) == 1, results
        assert len(refused_with(results, "admins_only")) == 1, results
        assert User.objects.active().filter(role="ADMIN").count() == 1
    assert check(connection) == []


def _demote(user: User, **more: object) -> User:
    return actions.change_role(user, role="EMPLOYEE", **more)  # type: ignore[arg-type]


def _let_all_others_go(*stay: User) -> None:
    for user in User.objects.active().filter(role="ADMIN").exclude(pk__in=[user.pk for user in stay]):
        actions.change_role(user, role="AGENT", by=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_nor_do_both_go_by_raw_sql_at_once() -> None:
    one, other = UserFactory.create(role="ADMIN"), UserFactory.create(role="ADMIN")
    results = at_once(
        *[partial(User.objects.filter(pk=user.pk).update, role="AGENT") for user in (one, other)]
    )
    assert User.objects.active().filter(role="ADMIN").count() == 1, results
    assert sum(isinstance(result, IntegrityError) for result in results) == 1
