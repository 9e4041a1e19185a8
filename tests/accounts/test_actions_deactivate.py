"""Shutting somebody out, and letting him in again. What his tickets do: tests/tickets/actions/test_release.py."""

from functools import partial

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import actions, api_keys
from accounts.acting import SYSTEM, Actor, Forbidden, Refused
from accounts.models import User
from accounts.sign_in import EmailBackend
from audit.models import Event
from tests.factories import PASSWORD, UserFactory, web
from tests.racing import at_once


def test_who_is_shut_out_signs_in_no_more_and_his_keys_are_dead(admin: User, employee: User) -> None:
    _key, raw = api_keys.issue(employee, name="Script", scopes=["read"], by=web(employee))
    assert EmailBackend().authenticate(None, employee.email, PASSWORD) == employee
    actions.deactivate(employee, by=web(admin))
    assert EmailBackend().authenticate(None, employee.email, PASSWORD) is None
    assert EmailBackend().get_user(employee.pk) is None
    assert api_keys.find(raw) is None
    event = Event.objects.get(verb="user.deactivated")
    assert event.changes == {"is_active": [True, False]}


def test_his_open_session_is_nobodys(admin: User, employee: User) -> None:
    browser = Client()
    browser.force_login(employee)
    actions.deactivate(employee, by=web(admin))
    assert EmailBackend().get_user(browser.session["_auth_user_id"]) is None


def test_who_is_let_in_again_has_neither_his_keys_nor_his_sessions_back(admin: User, employee: User) -> None:
    key, raw = api_keys.issue(employee, name="Script", scopes=["read"], by=web(employee))
    browser, program = Client(), Client(headers={"X-API-Key": raw})
    browser.force_login(employee)
    profile = reverse("accounts:profile")
    assert (browser.get(profile).status_code, program.get("/api/v1/users/me").status_code) == (200, 200)
    actions.deactivate(employee, by=web(admin))
    assert actions.activate(employee, by=web(admin)).is_active
    assert (browser.get(profile).status_code, program.get("/api/v1/users/me").status_code) == (302, 401)
    key.refresh_from_db()
    assert key.state[0] == "revoked"
    assert list(Event.objects.order_by("id").values_list("verb", "subject_id")) == [
        ("api_key.issued", key.public_id),
        ("user.deactivated", employee.public_id),
        ("api_key.revoked", key.public_id),
        ("user.activated", employee.public_id),
        ("api_key.refused", None),
    ]
    browser.force_login(User.objects.get(pk=employee.pk))
    assert browser.get(profile).status_code == 200


def test_keys_that_are_dead_already_leave_no_second_trace(admin: User, employee: User) -> None:
    revoked, _raw = api_keys.issue(employee, name="Script", scopes=["read"], by=web(employee))
    expired, _raw = api_keys.issue(employee, name="Old script", scopes=["read"], by=web(employee))
    api_keys.revoke(revoked, by=web(employee))
    type(expired).objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    actions.deactivate(employee, by=web(admin))
    assert Event.objects.filter(verb="api_key.revoked").count() == 1


@pytest.mark.django_db(transaction=True)
def test_no_key_is_issued_or_rotated_past_a_departure(admin: User) -> None:
    boss = web(admin)
    for _round in range(15):
        person = UserFactory.create()
        key, _raw = api_keys.issue(person, name="Script", scopes=["read"], by=web(person))
        actor = web(person)
        results = at_once(
            partial(api_keys.issue, person, name="New", scopes=["read"], by=actor),
            partial(api_keys.rotate, key, by=actor),
            partial(actions.deactivate, person, by=boss),
        )
        faults = [one for one in results if isinstance(one, Exception) and not isinstance(one, Refused)]
        assert not faults
        assert not person.api_keys.filter(revoked_at=None).exists()


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
