"""What people choose on their page, with a trace of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.acting import SYSTEM, Forbidden
from accounts.models import User
from audit import trail
from audit.models import Event
from notifications import preferences
from notifications.models import Contact, Delivery, Preference, Quiet, Transport
from tests.factories import opened, stand, web
from tests.invariants import check
from tickets import actions
from tickets.models import Service

pytestmark = pytest.mark.django_db

PAGE = "/account/notifications/"
type BrowserOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _post_office(settings: Any) -> None:
    settings.MAIL_HOST = "mail.example.com"


def ticked(user: User, **changed: str | None) -> dict[str, str]:
    """The form as it stands, with some of it changed; None unticks. `reply-email` is written `reply_email`."""
    form = {f"{kind}-{by}": "on" for (kind, by), wanted in preferences.wishes_of(user).items() if wanted}
    for name, value in {"digest": "now", "begins": "", "ends": "", **changed}.items():
        field = name.replace("_", "-")
        form.pop(field, None)
        if value is not None:
            form[field] = value
    return form


def test_an_employee_chooses_among_what_concerns_him(
    browser_of: BrowserOf, employee: User, agent: User
) -> None:
    for user, kinds in ((employee, 4), (agent, 6)):
        text = browser_of(user).get(PAGE).content.decode()
        assert text.count('type="checkbox"') == kinds * 2
        assert ("an internal note" in text) == user.is_agent


def test_an_employee_reads_it_in_words_of_his(browser_of: BrowserOf, employee: User, agent: User) -> None:
    his, agents = (browser_of(user).get(PAGE).content.decode() for user in (employee, agent))
    assert ("I am added to a ticket" in his, "taken from me" in his, "my team" in his) == (True, False, False)
    assert "a ticket is given to me or taken from me" in agents


def test_what_is_unticked_is_not_told_and_the_rest_is(
    browser_of: BrowserOf, employee: User, agent: User, service: Service
) -> None:
    browser = browser_of(employee)
    answer = browser.post(PAGE, ticked(employee, reply_email=None, change_email="on"))
    assert answer.status_code == 302
    assert preferences.wishes_of(employee)["reply", "email"] is False
    assert preferences.wishes_of(employee)["change", "email"] is True
    ticket = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent)
    actions.add_comment(ticket, body="Which cable?", by=web(agent))
    mails = Delivery.objects.filter(recipient=employee, transport=Transport.EMAIL)
    assert set(mails.values_list("kind", flat=True)) == {"change"}


def test_only_what_differs_from_the_defaults_is_kept(browser_of: BrowserOf, employee: User) -> None:
    browser = browser_of(employee)
    browser.post(PAGE, ticked(employee, reply_email=None))
    assert Preference.objects.count() == 1
    browser.post(PAGE, ticked(employee, reply_email="on"))
    assert Preference.objects.count() == 0


def test_it_leaves_one_trace_and_none_where_nothing_changes(browser_of: BrowserOf, employee: User) -> None:
    browser = browser_of(employee)
    for _time in range(2):
        browser.post(PAGE, ticked(employee, reply_email=None, begins="22:00", ends="07:00", digest="daily"))
    event = Event.objects.get(verb="notices.chosen")
    assert (event.actor_id, event.subject_id) == (employee.public_id, employee.public_id)
    assert event.changes == {
        "notices": [[], ["-reply/email"]],
        "quiet_hours": ["", "22:00-07:00"],
        "digest": ["", "daily"],
    }
    browser.post(PAGE, ticked(employee, reply_email="on"))
    assert Event.objects.filter(verb="notices.chosen").count() == 2
    assert trail.first_fault() is None
    assert check(connection) == []


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ({"begins": "22:00"}, "ends"),
        ({"ends": "07:00"}, "begins"),
        ({"begins": "22:00", "ends": "22:00"}, "ends"),
        ({"begins": "25:00", "ends": "07:00"}, "begins"),
        ({"digest": "weekly"}, "digest"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_lost(
    browser_of: BrowserOf, employee: User, sent: dict[str, str], fault: str
) -> None:
    answer = browser_of(employee).post(PAGE, ticked(employee, reply_email=None, **sent))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [fault]
    assert not answer.context["form"]["reply-email"].value()
    assert not Preference.objects.exists()
    assert not Quiet.objects.exists()


def test_nobody_decides_for_another(employee: User, admin: User) -> None:
    for actor in (web(admin), SYSTEM):
        with pytest.raises(Forbidden):
            preferences.choose(employee, wishes={}, contacts={}, quiet=None, digest="", by=actor)


# --- Chats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transport", "good", "bad"),
    [
        ("slack", "U024BE7LH", ["C024BE7LH", "#general", "u024be7lh", "U024BE7LH\n<!channel>", "@igor"]),
        ("telegram", "123456789", ["-100123456789", "@group", "0", "1" * 40, "12 34"]),
    ],
)
def test_a_chat_is_a_persons_own_never_a_group(transport: str, good: str, bad: list[str]) -> None:
    from django.core.exceptions import ValidationError

    from notifications.forms import ADDRESSES

    validate = ADDRESSES[Transport(transport)]
    validate(good)
    for address in bad:
        with pytest.raises(ValidationError):
            validate(address)


def test_a_chat_is_told_of_once_it_is_named(employee: User) -> None:
    preferences.choose(
        employee, wishes={}, contacts={"slack": "U024BE7LH"}, quiet=None, digest="", by=web(employee)
    )
    assert preferences.contacts_of(employee) == {"slack": "U024BE7LH"}
    preferences.choose(employee, wishes={}, contacts={"slack": ""}, quiet=None, digest="", by=web(employee))
    assert not Contact.objects.exists()
