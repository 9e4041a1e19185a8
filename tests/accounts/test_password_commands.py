"""manage.py changepassword and createsuperuser: Django's names, the desk's verbs."""

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from audit.models import Event
from tests.factories import PASSWORD

NEW = "another long password"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What is piped into the command."""
    return lambda words: monkeypatch.setattr("sys.stdin", io.StringIO(words))


def test_a_password_is_set_by_the_verb_and_all_sessions_end(
    employee: User, browser_of: Callable[[User], Client], typed: Callable[[str], None]
) -> None:
    browser = browser_of(employee)
    typed(f"{NEW}\n")
    call_command("changepassword", employee.email.upper(), stdout=io.StringIO())
    employee.refresh_from_db()
    assert employee.check_password(NEW)
    event = Event.objects.get()
    assert (event.verb, event.subject_id, event.actor_id, event.door) == (
        "user.password_changed", employee.public_id, None, "system",
    )  # fmt: skip
    assert browser.get("/account/").status_code == 302


@pytest.mark.parametrize(
    ("email", "words", "said"),
    [
        ("anna@example.com", "short\n", "too short"),
        ("anna@example.com", "", "nothing is changed"),
        ("nobody@example.com", f"{NEW}\n", "Nobody here has the address"),
    ],
)
def test_a_refusal_is_one_line_and_changes_nothing(
    employee: User, typed: Callable[[str], None], email: str, words: str, said: str
) -> None:
    typed(words)
    with pytest.raises(CommandError, match=said) as refusal:
        call_command("changepassword", email)
    assert "\n" not in str(refusal.value)
    employee.refresh_from_db()
    assert employee.check_password(PASSWORD)
    assert not Event.objects.exists()


def test_there_are_no_superusers(db: None) -> None:
    with pytest.raises(CommandError, match="bootstrap_admin") as refusal:
        call_command("createsuperuser", "--noinput", "--email", "boss@example.com")
    assert "\n" not in str(refusal.value)
    assert not User.objects.exists()
