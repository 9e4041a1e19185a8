"""What a person decides about himself."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from audit.models import Event
from tests.factories import PASSWORD

type BrowserOf = Callable[[User], Client]
PROFILE, CHANGE_PASSWORD = "/account/", "/account/password/"
NEW = "another long password"


def test_anna_changes_name_language_and_zone(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    fields = {"full_name": " Anna  Smirnova ", "language": "ru", "time_zone": "Asia/Yekaterinburg"}
    assert browser.post(PROFILE, fields)["Location"] == PROFILE
    employee.refresh_from_db()
    assert (employee.full_name, employee.language, employee.time_zone) == (
        "Anna Smirnova", "ru", "Asia/Yekaterinburg",
    )  # fmt: skip
    assert Event.objects.get().verb == "user.profile_changed"
    assert '<html lang="ru"' in browser.get(PROFILE).content.decode()


def test_a_zone_is_found_by_its_city(employee: User, browser_of: BrowserOf) -> None:
    page = browser_of(employee).get(PROFILE).content.decode()
    assert '<optgroup label="Asia">' in page
    assert ">Yekaterinburg (UTC+5)<" in page
    assert ">Kolkata (UTC+5:30)<" in page
    assert ">Buenos Aires, Argentina (UTC\N{MINUS SIGN}3)<" in page


def test_a_zone_of_an_older_kind_is_kept(employee: User, browser_of: BrowserOf) -> None:
    User.objects.filter(pk=employee.pk).update(time_zone="US/Pacific")
    fields = {"full_name": "Anna Smirnova", "language": "en", "time_zone": "US/Pacific"}
    assert browser_of(employee).post(PROFILE, fields).status_code == 302


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", ""),
        ("full_name", "\u200b \u200d"),
        ("full_name", "x" * 151),
        ("language", "xx"),
        ("time_zone", "Mars/Olympus"),
    ],
)
def test_faults_are_said_beside_the_field(
    employee: User, browser_of: BrowserOf, field: str, value: str
) -> None:
    fields = {"full_name": "Anna Smirnova", "language": "en", "time_zone": "UTC"} | {field: value}
    answer = browser_of(employee).post(PROFILE, fields)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not Event.objects.exists()


def test_igor_switches_the_keys_off_and_on(agent: User, browser_of: BrowserOf) -> None:
    browser = browser_of(agent)
    fields = {"full_name": agent.full_name, "language": "en", "time_zone": "UTC"}
    assert "js/shortcuts.js" in browser.get(PROFILE).content.decode()
    browser.post(PROFILE, fields)  # an empty box is not sent
    assert Event.objects.get().changes == {"shortcuts": [True, False]}
    for page in (PROFILE, "/queue/"):
        off = browser.get(page).content.decode()
        assert "js/shortcuts.js" not in off
        assert 'id="shortcuts"' not in off
    browser.post(PROFILE, fields | {"shortcuts": "on"})
    assert Event.objects.order_by("-id")[0].changes == {"shortcuts": [False, True]}
    assert "js/shortcuts.js" in browser.get(PROFILE).content.decode()


def test_an_employee_has_no_keys_to_switch_off(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    assert 'name="shortcuts"' not in browser.get(PROFILE).content.decode()
    browser.post(PROFILE, {"full_name": "Anna", "language": "en", "time_zone": "UTC"})
    employee.refresh_from_db()
    assert employee.shortcuts


def test_nobody_promotes_himself(employee: User, browser_of: BrowserOf) -> None:
    fields = {
        "full_name": "Anna",
        "language": "en",
        "time_zone": "UTC",
        "role": "ADMIN",
        "email": "x@example.com",
    }
    browser_of(employee).post(PROFILE, fields)
    employee.refresh_from_db()
    assert (employee.role, employee.email) == ("EMPLOYEE", "anna@example.com")


def test_a_new_password_ends_every_session_but_this_one(employee: User, browser_of: BrowserOf) -> None:
    here, elsewhere = browser_of(employee), browser_of(employee)
    answer = here.post(CHANGE_PASSWORD, {"current_password": PASSWORD, "password": NEW, "repeated": NEW})
    assert answer["Location"] == PROFILE
    employee.refresh_from_db()
    assert employee.check_password(NEW)
    assert here.get(PROFILE).status_code == 200
    assert elsewhere.get(PROFILE).status_code == 302
    assert Event.objects.get().verb == "user.password_changed"


@pytest.mark.parametrize(
    ("current", "new", "repeated", "said"),
    [
        ("a wrong guess at it", NEW, NEW, "This is not your current password."),
        (PASSWORD, "short", "short", "too short"),
        (PASSWORD, "password1234", "password1234", "too common"),
        (PASSWORD, "kuznetsova anna", "kuznetsova anna", "too similar"),
        (PASSWORD, NEW, "something else entirely", "not the same"),
    ],
)
def test_a_password_is_not_changed_lightly(
    employee: User, browser_of: BrowserOf, current: str, new: str, repeated: str, said: str
) -> None:
    fields = {"current_password": current, "password": new, "repeated": repeated}
    answer = browser_of(employee).post(CHANGE_PASSWORD, fields)
    assert said in answer.content.decode()
    assert f'value="{new}"' not in answer.content.decode()
    employee.refresh_from_db()
    assert employee.check_password(PASSWORD)


def test_guessing_the_current_password_is_slow(
    employee: User, browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.RATE_LIMITS, "sign_in", 1)
    browser = browser_of(employee)
    fields = {"current_password": "a wrong guess at it", "password": NEW, "repeated": NEW}
    assert browser.post(CHANGE_PASSWORD, fields).status_code == 200
    answer = browser.post(CHANGE_PASSWORD, fields)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
