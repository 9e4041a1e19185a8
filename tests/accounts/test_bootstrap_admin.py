"""manage.py bootstrap_admin."""

import io
import re

import pytest
from django.core.management import CommandError, call_command

from accounts import api_keys
from accounts.models import Installation, User
from audit.models import Event
from tests.factories import PASSWORD

EMAIL, NAME = "maria@example.com", "Maria Petrova"


def bootstrap(**options: str) -> str:
    said = io.StringIO()
    call_command("bootstrap_admin", stdout=said, **{"email": EMAIL, "full_name": NAME} | options)
    return said.getvalue()


def test_the_first_administrator_gets_a_password_and_a_key(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)
    said = bootstrap()
    user = User.objects.get()
    assert (user.email, user.full_name, user.role) == (EMAIL, NAME, "ADMIN")
    assert user.check_password(PASSWORD)
    raw = re.search(r"^sf_\S+$", said, re.MULTILINE)
    assert raw is not None
    assert api_keys.find(raw[0]) is not None
    verbs = [event.verb for event in Event.objects.order_by("id")]
    assert verbs == ["user.bootstrapped", "api_key.issued", "user.password_changed"]
    assert PASSWORD not in said


def test_without_a_password_there_is_the_key_alone(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    assert "only way in" in bootstrap()
    assert not User.objects.get().has_usable_password()


def test_it_works_once_even_if_no_administrator_is_left(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_PASSWORD", raising=False)
    Installation.objects.create()
    with pytest.raises(CommandError, match="already"):
        bootstrap()
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("options", "password"),
    [({"email": "no address"}, PASSWORD), ({}, "short"), ({"full_name": "x" * 200}, PASSWORD)],
)
def test_a_mistake_changes_nothing_and_can_be_mended(
    db: None, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], password: str
) -> None:
    monkeypatch.setenv("ADMIN_PASSWORD", password)
    with pytest.raises(CommandError):
        bootstrap(**options)
    assert not User.objects.exists()
    assert not Installation.objects.exists()
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)
    bootstrap()
    assert User.objects.count() == 1


def test_without_a_prompt_the_address_must_be_given(db: None) -> None:
    with pytest.raises(CommandError, match="--email"):
        bootstrap(email="")
