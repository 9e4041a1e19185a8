"""Shutting somebody out, and letting him in again. What his tickets do: tests/tickets/actions/test_release.py."""

import pytest
from django.test import Client

from accounts import actions, api_keys
from accounts.acting import SYSTEM, Actor, Forbidden, Refused
from accounts.models import User
from accounts.sign_in import EmailBackend
from audit.models import Event
from tests.factories import PASSWORD, UserFactory, web


def test_who_is_shut_out_signs_in_no_more_and_his_keys_are_dead(admin: User, employee: User) -> None:
    _key, raw = api_keys.issue(employee, name="Script", scopes=["read"], by=web(employee))
    assert EmailBackend().authenticate(None, employee.email, PASSWORD) == employee
    actions.deactivate(employee, by=web(admin))
    assert EmailBackend().authenticate(None, employee.email, PASSWORD) is None
    assert EmailBackend().get_user(employee.pk) is None
    assert api_keys.find(raw) is None
    event = Event.objects.latest("id")
    assert (event.verb, event.changes) == ("user.deactivated", {"is_active": [True, False]})


def test_his_open_session_is_nobodys(admin: User, employee: User) -> None:
    browser = Client()
    browser.force_login(employee)
    actions.deactivate(employee, by=web(admin))
    assert EmailBackend().get_user(browser.session["_auth_user_id"]) is None


def test_who_is_let_in_again_has_his_keys_back(admin: User, employee: User) -> None:
    key, raw = api_keys.issue(employee, name="Script", scopes=["read"], by=web(employee))
    actions.deactivate(employee, by=web(admin))
    assert actions.activate(employee, by=web(admin)).is_active
    assert api_keys.find(raw) == key
    assert Event.objects.latest("id").verb == "user.activated"


def test_twice_is_once(admin: User, employee: User) -> None:
    for verb in (actions.deactivate, actions.activate):
        verb(employee, by=web(admin))
        verb(employee, by=web(admin))
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == [
        "user.deactivated",
        "user.activated",
    ]


def test_the_last_active_administrator_stays(admin: User) -> None:
    other = UserFactory.create(role="ADMIN")
    actions.deactivate(other, by=web(admin))
    for actor in (web(admin), SYSTEM):
        with pytest.raises(Refused) as refusal:
            actions.deactivate(admin, by=actor)
        assert refusal.value.code == "last_admin"


def test_only_administrators_do_this(agent: User, employee: User) -> None:
    for verb in (actions.deactivate, actions.activate):
        with pytest.raises(Forbidden):
            verb(employee, by=web(agent))


def test_an_administrator_who_was_shut_out_himself_decides_nothing(admin: User, employee: User) -> None:
    admin.is_active = False
    with pytest.raises(Forbidden):
        actions.deactivate(employee, by=Actor(admin, "web"))
