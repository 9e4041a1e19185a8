"""Making people known to the desk."""

from typing import Any

import pytest

from accounts import actions
from accounts.acting import SYSTEM, Forbidden, Invalid
from accounts.models import Membership, Team, User
from audit.models import Event
from tests.factories import web
from tests.racing import at_once

NINA: dict[str, Any] = {"email": "Nina@Example.com", "full_name": "Nina Kuznetsova"}


def test_an_administrator_lets_somebody_in(admin: User, team: Team, other_team: Team) -> None:
    user = actions.create_user(
        **NINA,
        role="AGENT",
        language="ru",
        time_zone="Europe/Moscow",
        teams={team: True, other_team: False},
        by=web(admin),
    )
    assert User.objects.by_email("nina@example.COM").get() == user
    assert (user.role, user.language, user.time_zone, user.is_active) == (
        "AGENT",
        "ru",
        "Europe/Moscow",
        True,
    )
    assert dict(Membership.objects.values_list("team", "is_lead")) == {team.pk: True, other_team.pk: False}
    assert not user.has_usable_password()
    event = Event.objects.get(subject_id=user.public_id)
    assert (event.verb, event.actor_id) == ("user.created", admin.public_id)
    assert event.changes == {
        "email": [None, "Nina@Example.com"],
        "full_name": [None, "Nina Kuznetsova"],
        "role": [None, "AGENT"],
        "teams": [
            [],
            [
                {"id": str(other_team.public_id), "name": "HR", "lead": False},
                {"id": str(team.public_id), "name": "IT", "lead": True},
            ],
        ],
    }


def test_a_password_is_kept_as_a_hash_and_in_no_event(admin: User) -> None:
    user = actions.create_user(**NINA, password="correct horse battery", by=web(admin))
    assert user.check_password("correct horse battery")
    assert "battery" not in user.password
    assert "battery" not in str(Event.objects.values())


@pytest.mark.parametrize("email", ["anna@example.com", "ANNA@EXAMPLE.COM", "Anna@example.com"])
def test_an_address_belongs_to_one_person_whatever_its_case(admin: User, employee: User, email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.create_user(email=email, full_name="Another Anna", by=web(admin))
    assert (refusal.value.field, refusal.value.code) == ("email", "email_taken")
    assert not Event.objects.filter(verb="user.created").exists()


@pytest.mark.parametrize(
    "email", ["", "anna", "anna@", "a b@example.com", "a@b\x00.com", "x" * 250 + "@example.com"]
)
def test_an_address_must_be_one(admin: User, email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.create_user(email=email, full_name="Anna", by=web(admin))
    assert refusal.value.field == "email"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", "x" * 151),
        ("full_name", "An\x00na"),
        ("full_name", "An\ud800na"),
        ("role", "KING"),
        ("role", ""),
        ("language", "tlh"),
        ("time_zone", "Mars/Olympus"),
    ],
)
def test_what_cannot_be_stored_is_bad_input(admin: User, field: str, value: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.create_user(**{**NINA, field: value}, by=web(admin))
    assert refusal.value.field == field
    assert not User.objects.by_email(NINA["email"]).exists()


def test_only_administrators_and_the_desk_do_this(employee: User, lead: User) -> None:
    for person in (employee, lead):
        with pytest.raises(Forbidden) as refusal:
            actions.create_user(**NINA, by=web(person))
        assert refusal.value.code == "admins_only"
    assert actions.create_user(**NINA, by=SYSTEM).role == "EMPLOYEE"


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_enter_the_same_address_at_once_one_succeeds(admin: User) -> None:
    actor = web(admin)
    results = at_once(*[lambda: actions.create_user(**NINA, by=actor)] * 8)
    assert sum(isinstance(result, User) for result in results) == 1, results
    assert sum(isinstance(result, Invalid) for result in results) == 7
    assert Event.objects.filter(verb="user.created").count() == 1
