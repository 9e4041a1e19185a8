"""A ticket's life as the people on both sides see it: with and without scripts, in both languages, small and large."""

import re

import pytest
from django.utils import translation
from playwright.sync_api import Locator, expect

from accounts.models import User
from audit.models import Event
from serviceflow.templatetags.ui import WAITING
from tests.browser.chromium import NARROW, WIDE, Opens, Window
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket
from tickets.models.ticket import Status

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TITLE = "The projector shows only green"
QUESTION = "Which cable do you use?"
ANSWER = "The **white** one, from the drawer."
REMEDY = "The cable was broken; there is a new one in the drawer."
AGAIN = "It is green again."


def form_to(window: Window, verb: str) -> Locator:
    return window.page.locator(f"main form[action$='/{verb}/']")


def badge(window: Window) -> Locator:
    """Where an agent reads the status."""
    return window.page.locator(".sf-ticket-head .sf-badge").first


def said(window: Window, text: str) -> Locator:
    return window.page.locator(".sf-bubble-body", has_text=text)


@pytest.mark.parametrize(
    ("scripts", "language", "width"),
    [(True, "en", WIDE), (True, "ru", NARROW), (False, "ru", WIDE), (False, "en", NARROW)],
)
def test_a_request_is_asked_answered_solved_and_reopened(
    window: Opens,
    employee: User,
    agent: User,
    service: Service,
    scripts: bool,
    language: str,
    width: int,
) -> None:
    User.objects.update(language=language)
    looks = {"scripts": scripts, "language": language, "width": width}
    anna, igor = window(**looks).sign_in(employee), window(**looks).sign_in(agent)
    with translation.override(language):
        in_progress, done = str(Status.IN_PROGRESS.label), str(Status.DONE.label)
        waiting = str(WAITING["REQUESTER"])
    assert (done == "Done") == (language == "en")

    # The employee opens a ticket.
    anna.press(anna.page.locator("a[href^='/tickets/new/'][href*='service=']").first)
    form = anna.page.locator("main form", has=anna.page.locator("[name=title]"))
    form.locator("[name=title]").fill(TITLE)
    form.locator("[name=description]").fill("In the *large* room, since noon.")
    anna.press(form.locator("button[type=submit]"))
    expect(anna.page.locator("h1")).to_have_text(TITLE)
    expect(said(anna, "since noon").locator("em")).to_have_text("large")
    ticket = Ticket.objects.get(title=TITLE)
    assert anna.page.title().startswith(ticket.reference)
    assert (ticket.requester, ticket.service, ticket.status) == (employee, service, "NEW")

    # An agent finds it in the queue, takes it and starts.
    igor.open("/")
    row = igor.page.locator(".sf-queue tbody tr", has_text=TITLE)
    expect(row).to_contain_text(ticket.reference)
    igor.press(row.locator("a.sf-subject"))
    igor.press(form_to(igor, "claim").locator("button"))
    expect(form_to(igor, "claim")).to_have_count(0)
    igor.press(form_to(igor, "status").locator("button[name=to][value=IN_PROGRESS]"))
    expect(badge(igor)).to_have_text(in_progress)

    # He asks; she sees that it is her turn, and answers.
    composer = form_to(igor, "comment")
    composer.locator("textarea").fill(QUESTION)
    igor.press(composer.locator("button[name=then][value=wait]"))
    expect(badge(igor)).to_have_text(waiting)
    anna.open("/")
    expect(anna.page.locator(".sf-request", has_text=TITLE).locator(".sf-badge.is-amber")).to_be_visible()
    anna.press(anna.page.locator("a.sf-subject", has_text=TITLE))
    expect(said(anna, QUESTION)).to_be_visible()
    composer = form_to(anna, "comment")
    composer.locator("textarea").fill(ANSWER)
    anna.press(composer.locator("button[type=submit]"))
    expect(said(anna, "The white one")).to_be_visible()

    # It is his turn again. A note for the team stays with the team; the remedy is for her.
    igor.open(f"/tickets/{ticket.reference}/")
    expect(badge(igor)).to_have_text(in_progress)
    expect(said(igor, "The white one")).to_be_visible()
    composer = form_to(igor, "comment")
    composer.locator("label[for=to-team]").click()
    expect(composer.locator(".sf-if-public").first).to_be_hidden()
    composer.locator("textarea").fill("Third cable this year.")
    igor.press(composer.locator("button[name=then][value='']"))
    expect(igor.page.locator(".is-internal", has_text="Third cable")).to_be_visible()
    composer = form_to(igor, "comment")
    composer.locator("textarea").fill(REMEDY)
    igor.press(composer.locator("button[name=then][value=resolve]"))
    expect(badge(igor)).to_have_text(done)

    # She sees that it is done, and that it is not.
    anna.open(f"/tickets/{ticket.reference}/")
    expect(said(anna, REMEDY)).to_be_visible()
    expect(anna.page.locator("body")).not_to_contain_text("Third cable")
    expect(anna.page.locator(".sf-steps [aria-current=step]")).to_have_text(done)
    reopen = form_to(anna, "reopen")
    folded = anna.page.locator("main details", has=anna.page.locator("form[action$='/reopen/']"))
    folded.locator("summary").click()
    reopen.locator("textarea").fill(AGAIN)
    anna.press(reopen.locator("button[type=submit]"))
    expect(said(anna, AGAIN)).to_be_visible()
    expect(reopen).to_have_count(0)

    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee) == ("IN_PROGRESS", agent)
    events = Event.objects.filter(subject_id=ticket.public_id).order_by("seq")
    assert [event.verb.removeprefix("ticket.") for event in events] == [
        "opened", "claimed", "started", "waiting", "commented", "noted", "resolved", "reopened",
    ]  # fmt: skip
    assert {event.door for event in events} == {"web"}


def test_an_agent_works_by_keys_alone(window: Opens, agent: User, employee: User, service: Service) -> None:
    opened(by=employee, service=service, title="A newer one", priority="LOW")
    ticket = opened(by=employee, service=service, title=TITLE, priority="URGENT")
    igor = window().sign_in(agent)
    keys = igor.page.keyboard

    def go(key: str) -> None:
        with igor.page.expect_navigation(wait_until="load"):
            keys.press(key)

    keys.press("g")
    go("q")
    keys.press("j")
    keys.press("j")
    keys.press("k")
    expect(igor.page.locator("tr.is-current")).to_contain_text(TITLE)
    go("Enter")
    expect(igor.page.locator("h1")).to_have_text(TITLE)
    go("i")
    expect(igor.page.locator(".sf-ticket-head")).to_contain_text(agent.full_name)
    # The menu of statuses: opened, chosen and sent without a pointer.
    keys.press("s")
    assert _is_within(igor, "form[action$='/status/'] select")
    keys.type("In pro")
    _tab_to(igor, "form[action$='/status/'] button")
    go("Enter")
    expect(badge(igor)).to_have_text("In progress")
    keys.press("n")
    keys.type("Looks like the cable.")
    _tab_to(igor, ".sf-composer button[name=then]")
    go("Enter")
    expect(igor.page.locator(".is-internal", has_text="Looks like the cable.")).to_be_visible()
    keys.press("r")
    keys.type(REMEDY)
    _tab_to(igor, ".sf-composer button[value=resolve]")
    go("Enter")
    expect(badge(igor)).to_have_text("Done")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee) == ("DONE", agent)


def test_a_wide_screen_makes_no_wide_lines_and_the_panel_no_scroll_bar(
    window: Opens, agent: User, employee: User
) -> None:
    ticket = opened(by=employee, description="All the words there are. " * 100)
    igor = window(width=2560).sign_in(agent)
    igor.open(f"/tickets/{ticket.reference}/")
    characters = igor.page.locator(".sf-bubble-body p").first.evaluate(
        """text => {
            const ruler = text.appendChild(document.createElement("span"));
            ruler.textContent = "0".repeat(75);
            const width = text.getBoundingClientRect().width / ruler.getBoundingClientRect().width * 75;
            ruler.remove();
            return width;
        }"""
    )
    assert 40 < characters <= 75.5
    assert igor.page.locator(".sf-aside").evaluate("panel => getComputedStyle(panel).overflowY") == "visible"


def test_keys_lead_to_every_view_on_a_russian_keyboard_too(
    window: Opens, agent: User, ticket: Ticket
) -> None:
    igor = window().sign_in(agent)
    for letter, view in (("ь", "mine"), ("ц", "waiting"), ("в", "due_today"), ("а", "followed")):
        igor.page.keyboard.press("Shift+Slash")
        sheet = igor.page.locator("#shortcuts")
        expect(sheet).to_be_visible()
        expect(sheet.get_by_text("Closed by me")).to_be_visible()
        igor.page.keyboard.press("Escape")
        with igor.page.expect_navigation(wait_until="load"):
            _russian(igor, "п")
            _russian(igor, letter)
        assert igor.page.url.endswith(f"?view={view}")


def test_keys_that_are_switched_off_do_nothing(window: Opens, agent: User, ticket: Ticket) -> None:
    User.objects.filter(pk=agent.pk).update(shortcuts=False)
    igor = window().sign_in(agent)
    igor.open("/queue/?view=all")
    for key in ("j", "i", "?", "/", "g", "m"):
        igor.page.keyboard.press(key)
    assert igor.page.url.endswith("?view=all")
    expect(igor.page.locator("tr.is-current")).to_have_count(0)
    assert igor.page.evaluate("document.activeElement === document.body")
    ticket.refresh_from_db()
    assert ticket.assignee is None


_RUSSIAN = dict(zip("йцукенгшщзфывапролдячсмить", "QWERTYUIOPASDFGHJKLZXCVBNM", strict=True))


def _russian(window: Window, letter: str) -> None:
    """Press the key that carries this letter on a Russian keyboard."""
    window.page.evaluate(
        "([key, code]) => document.body.dispatchEvent("
        "new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))",
        [letter, f"Key{_RUSSIAN[letter]}"],
    )


def _is_within(window: Window, selector: str) -> bool:
    return bool(
        window.page.evaluate("(selector) => Boolean(document.activeElement?.closest(selector))", selector)
    )


def _tab_to(window: Window, selector: str) -> None:
    for _step in range(25):
        if _is_within(window, selector):
            return
        window.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_conflict_keeps_every_typed_word(
    window: Opens, agent: User, other_agent: User, employee: User, service: Service, scripts: bool
) -> None:
    ticket = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent)
    igor = window(scripts=scripts).sign_in(agent)
    igor.open(f"/tickets/{ticket.reference}/")
    typed = 'First line\n\n  second, with <b>brackets</b> & "quotes"\n- и по-русски'
    igor.page.locator(".sf-composer textarea").fill(typed)
    actions.add_comment(ticket, body="Olga was quicker.", by=web(other_agent))
    igor.press(igor.page.locator(".sf-composer button[name=then][value='']"))

    expect(igor.page.locator("main")).to_contain_text("Olga was quicker.")
    area = form_to(igor, "comment").locator("textarea")
    assert area.input_value() == typed
    assert not ticket.comments.filter(author=agent).exists()

    igor.press(form_to(igor, "comment").locator("button[type=submit]").first)
    assert [comment.body for comment in ticket.comments.filter(author=agent)] == [
        typed.replace("\n", "\r\n")
    ] or [comment.body for comment in ticket.comments.filter(author=agent)] == [typed]


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("what", ["new", "comment"])
def test_a_form_outlives_the_session(
    window: Opens, employee: User, service: Service, scripts: bool, what: str
) -> None:
    ticket = opened(by=employee, service=service)
    anna = window(scripts=scripts).sign_in(employee)
    typed = "Two hours of work,\nwritten by hand."
    if what == "new":
        anna.open("/tickets/new/")
        form = anna.page.locator("main form", has=anna.page.locator("[name=title]"))
        form.locator("[name=title]").fill(TITLE)
        form.locator("[name=description]").fill(typed)
    else:
        anna.open(f"/tickets/{ticket.reference}/")
        form = form_to(anna, "comment")
        form.locator("textarea").fill(typed)
    session = next(cookie for cookie in anna.context.cookies() if cookie["name"].endswith("session"))
    anna.context.clear_cookies(name=session["name"])
    anna.press(form.locator("button[type=submit]").first)

    anna.fill_sign_in(employee.email)
    area = anna.page.locator("main textarea:visible").filter(has_text=re.compile("Two hours"))
    expect(area).to_have_count(1)
    assert area.input_value() == typed
    if what == "new":
        assert anna.page.locator("main [name=title]").input_value() == TITLE
    form = anna.page.locator("main form", has=anna.page.locator("textarea:visible", has_text="Two hours"))
    anna.press(form.locator("button[type=submit]").first)
    expect(said(anna, "written by hand")).to_be_visible()
    assert Event.objects.filter(verb="ticket.opened" if what == "new" else "ticket.commented").count() == (
        2 if what == "new" else 1
    )


@pytest.mark.parametrize("scripts", [True, False])
def test_a_wrong_form_says_what_to_do_and_keeps_the_rest(
    window: Opens, employee: User, service: Service, scripts: bool
) -> None:
    anna = window(scripts=scripts).sign_in(employee)
    anna.open("/tickets/new/")
    form = anna.page.locator("main form", has=anna.page.locator("[name=title]"))
    form.locator("[name=title]").fill("ab")
    form.locator("[name=description]").fill("Kept <as> it is")
    anna.press(form.locator("button[type=submit]"))
    title = anna.page.locator("main [name=title]")
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(title).to_be_focused()
    assert title.input_value() == "ab"
    assert anna.page.locator("main [name=description]").input_value() == "Kept <as> it is"
    described = (title.get_attribute("aria-describedby") or "").split()
    errors = [anna.page.locator(f"[id='{one}']").inner_text() for one in described if "error" in one]
    assert any(errors), described
    assert not Ticket.objects.exists()


def test_the_rest_of_the_desk_stays_behind_the_session(window: Opens, employee: User) -> None:
    """Signing out ends it: Back shows nothing of it, and the address asks to sign in."""
    anna = window().sign_in(employee)
    anna.page.locator(".sf-bar details[data-drop] summary").last.click()
    anna.press(anna.page.locator("form[action$='/sign-out/'] button"))
    anna.open("/")
    expect(anna.page.locator("input[type=password]")).to_be_visible()
