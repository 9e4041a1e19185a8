"""What somebody is told of, and how he decides about it: with scripts and without, in both languages."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from notifications import inbox, preferences
from notifications.models import Quiet
from tests.browser import looking
from tests.browser.chromium import Opens
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WAYS = [(True, "en", 1440), (False, "ru", 390)]
QUESTION = "Which of the two sockets is it?"


@pytest.mark.parametrize(("scripts", "language", "width"), WAYS)
def test_a_reply_is_found_by_the_bell_and_is_read_when_it_is_seen(
    window: Opens, agent: User, employee: User, service: Service, scripts: bool, language: str, width: int
) -> None:
    employee.language = language
    employee.save()
    ticket = stand(opened(by=employee, service=service, title="No network"), "IN_PROGRESS", assignee=agent)
    inbox.of(employee).delete()
    actions.add_comment(ticket, body=QUESTION, by=web(agent))
    anna = window(scripts=scripts, language=language, width=width).sign_in(employee)
    bell = anna.page.locator(".sf-bell")
    expect(bell.locator(".sf-unread")).to_have_text("1")
    anna.press(bell)
    line = anna.page.locator(".sf-told", has_text="No network")
    expect(line).to_contain_text(QUESTION)
    anna.press(line.locator("a.sf-told-line").first)
    expect(anna.page.locator("h1")).to_have_text("No network")
    expect(bell.locator(".sf-unread")).to_have_count(0)
    assert not inbox.of(employee).filter(read_at=None).exists()
    anna.press(bell)
    expect(anna.page.locator(".sf-told.is-unread")).to_have_count(0)
    expect(anna.page.locator(".sf-told", has_text="No network")).to_be_visible()
    assert list(looking.faults(anna, language=language)) == [] if scripts else True


@pytest.mark.parametrize("scripts", [True, False])
def test_everything_is_marked_as_read_in_one_go(
    window: Opens, agent: User, employee: User, service: Service, scripts: bool
) -> None:
    for number in range(3):
        ticket = opened(by=employee, service=service, title=f"Request {number}")
        actions.add_comment(ticket, body=QUESTION, by=web(agent))
    anna = window(scripts=scripts).sign_in(employee)
    anna.open("/inbox/")
    expect(anna.page.locator(".sf-told.is-unread")).to_have_count(3)
    anna.press(anna.page.locator("form[action$='/inbox/read/'] button"))
    expect(anna.page.locator(".sf-told.is-unread")).to_have_count(0)
    expect(anna.page.locator(".sf-told")).to_have_count(3)
    expect(anna.page.locator(".sf-bell .sf-unread")).to_have_count(0)


@pytest.mark.parametrize(("scripts", "language", "width"), WAYS)
def test_somebody_decides_what_he_hears_of_by_keys_alone(
    window: Opens, employee: User, scripts: bool, language: str, width: int
) -> None:
    employee.language = language
    employee.save()
    anna = window(scripts=scripts, language=language, width=width).sign_in(employee)
    anna.open("/account/notifications/")
    page = anna.page
    tick = page.locator("[name=reply-inbox]")
    expect(tick).to_be_checked()
    tick.focus()
    page.keyboard.press("Space")
    page.locator("[name=begins]").fill("22:00")
    save = page.locator("main form [type=submit]").last
    anna.press(save)
    # A night without an end: said, at the field, and the tick is as it was left.
    ends = page.locator("[name=ends]")
    expect(ends).to_be_focused()
    expect(ends).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name=reply-inbox]")).not_to_be_checked()
    expect(page.locator("[name=begins]")).to_have_value("22:00")
    ends.fill("07:00")
    with page.expect_navigation(wait_until="load"):
        ends.press("Enter")
    expect(page.locator("[name=reply-inbox]")).not_to_be_checked()
    assert preferences.wishes_of(employee)["reply", "inbox"] is False
    quiet = Quiet.objects.get(user=employee)
    assert f"{quiet.begins:%H:%M}-{quiet.ends:%H:%M}" == "22:00-07:00"
