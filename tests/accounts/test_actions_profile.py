"""What a person decides about himself, and the address and password he signs in with."""

from functools import partial
from typing import Any

import pytest

from accounts import actions
from accounts.acting import SYSTEM, Forbidden, Invalid
from accounts.models import User
from audit.models import Event
from tests.factories import web


def test_a_person_changes_name_language_and_time_zone(employee: User) -> None:
    actions.change_profile(
        employee, full_name="Anna Belova", language="ru", time_zone="UTC", by=web(employee)
    )
    now = User.objects.get(pk=employee.pk)
    assert (now.full_name, now.language, now.time_zone) == ("Anna Belova", "ru", "UTC")
    event = Event.objects.get()
    assert (event.verb, event.actor_name) == ("user.profile_changed", "Anna Kuznetsova")
    assert event.changes == {"full_name": ["Anna Kuznetsova", "Anna Belova"], "language": ["en", "ru"]}


def test_theme_and_language_are_one_click(employee: User) -> None:
    actions.choose_theme(employee, theme="dark", by=web(employee))
    actions.choose_language(employee, language="ru", by=web(employee))
    actions.choose_language(employee, language="ru", by=web(employee))
    assert [event.changes for event in Event.objects.order_by("id")] == [
        {"theme": ["", "dark"]},
        {"language": ["en", "ru"]},
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", "x" * 151),
        ("full_name", "An\x00na"),
        ("full_name", "\u200b\u2060\u3164"),
        ("language", "de"),
        ("time_zone", "Moscow"),
        ("time_zone", "../etc/passwd"),
    ],
)
def test_what_is_unknown_or_too_long_is_bad_input(employee: User, field: str, value: str) -> None:
    profile: dict[str, Any] = {"full_name": "Anna", "language": "en", "time_zone": "UTC", field: value}
    with pytest.raises(Invalid) as refusal:
        actions.change_profile(employee, **profile, by=web(employee))
    assert refusal.value.field == field
    assert User.objects.get(pk=employee.pk).full_name == "Anna Kuznetsova"


def test_an_unknown_theme_is_bad_input(employee: User) -> None:
    with pytest.raises(Invalid):
        actions.choose_theme(employee, theme="neon", by=web(employee))


def test_nobody_changes_another_but_administrators_do(employee: User, colleague: User, admin: User) -> None:
    for verb in (
        partial(actions.change_profile, full_name="X. Y.", language="en", time_zone="UTC"),
        partial(actions.choose_theme, theme="dark"),
        partial(actions.choose_language, language="ru"),
        partial(actions.change_password, password="correct horse battery"),
    ):
        with pytest.raises(Forbidden):
            verb(employee, by=web(colleague))
        verb(employee, by=web(admin))


def test_an_administrator_gives_somebody_another_address(
    admin: User, employee: User, colleague: User
) -> None:
    actions.change_email(employee, email="anna.belova@example.com", by=web(admin))
    assert User.objects.by_email("Anna.Belova@example.com").get() == employee
    assert Event.objects.get().changes == {"email": ["anna@example.com", "anna.belova@example.com"]}
    for email in ("BORIS@example.com", "nonsense", "b\x00@example.com"):
        with pytest.raises(Invalid):
            actions.change_email(employee, email=email, by=web(admin))
    with pytest.raises(Forbidden):
        actions.change_email(employee, email="x@example.com", by=web(employee))


def test_the_case_of_ones_own_address_may_change(admin: User, employee: User) -> None:
    assert actions.change_email(employee, email="Anna@Example.com", by=web(admin)).email == "Anna@Example.com"


def test_a_new_password_works_and_leaves_no_word_behind(employee: User) -> None:
    actions.change_password(employee, password="correct horse battery", by=web(employee))
    assert User.objects.get(pk=employee.pk).check_password("correct horse battery")
    event = Event.objects.get()
    assert (event.verb, event.changes, event.comment) == ("user.password_changed", {}, "")


@pytest.mark.parametrize("password", ["", "short", "password1234", "anna@example.com"])
def test_a_weak_password_is_bad_input(employee: User, password: str) -> None:
    before = employee.password
    with pytest.raises(Invalid) as refusal:
        actions.change_password(employee, password=password, by=web(employee))
    assert refusal.value.field == "password"
    assert User.objects.get(pk=employee.pk).password == before


def test_coming_and_going_and_failing_leave_a_trace(employee: User) -> None:
    actions.signed_in(employee, by=web(employee))
    actions.signed_out(employee, by=web(employee))
    actions.sign_in_refused("whoever@example.com", by=SYSTEM)
    assert list(Event.objects.order_by("id").values_list("verb", "subject_name", "subject_id")) == [
        ("user.signed_in", "anna@example.com", employee.public_id),
        ("user.signed_out", "anna@example.com", employee.public_id),
        ("user.sign_in_refused", "whoever@example.com", None),
    ]


@pytest.mark.parametrize("tried", ["a\x00b@example.com", "x" * 5000, "\ud800", ""])
def test_whatever_is_typed_as_an_address_a_failure_leaves_a_trace(db: None, tried: str) -> None:
    actions.sign_in_refused(tried, by=SYSTEM)
    assert Event.objects.get().verb == "user.sign_in_refused"
