"""What every button of the ticket page answers, whichever it is."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import PASSWORD, opened, stand, web
from tests.tickets.pages.posting import again, page_of, press, see, verbs
from tests.tickets.pages.reading import link, words
from tickets import actions
from tickets.models import Service, Ticket

BrowserOf = Callable[[User], Client]

# Of each button: words that an agent who has the ticket could send, and the status it takes.
BUTTONS: dict[str, tuple[str, dict[str, Any]]] = {
    "claim": ("NEW", {}),
    "assign": ("NEW", {"assignee": "other_agent"}),
    "hand_over": ("IN_PROGRESS", {"to": "agent:other_agent", "note": "A typed note"}),
    "status": ("IN_PROGRESS", {"to": "WAITING:THIRD_PARTY", "comment": "A typed message"}),
    "cancel": ("IN_PROGRESS", {"reason": "A typed reason"}),
    "reopen": ("DONE", {"comment": "A typed message"}),
    "edit": ("IN_PROGRESS", {"title": "A typed subject", "description": "A typed text"}),
    "properties": ("IN_PROGRESS", {"priority": "LOW", "tags": "typed, words"}),
    "comment": ("IN_PROGRESS", {"body": "A typed reply"}),
    "watch": ("IN_PROGRESS", {"email": "olga@example.com"}),
    "unwatch": ("IN_PROGRESS", {"person": "other_agent"}),
    "delete": ("IN_PROGRESS", {"reason": "A typed reason"}),
}
each_button = pytest.mark.parametrize("button", BUTTONS)


@pytest.fixture
def ready(ticket: Ticket, agent: User, other_agent: User) -> Callable[[str], dict[str, Any]]:
    """Bring the ticket to where the button is legal for an administrator; answers the words to send."""

    def prepare(button: str) -> dict[str, Any]:
        status, fields = BUTTONS[button]
        stand(ticket, status, assignee=None if status == "NEW" else agent)
        if button == "unwatch":
            actions.watch(ticket, user=other_agent, by=web(agent))
        return {
            name: value.replace("other_agent", str(other_agent.public_id)) for name, value in fields.items()
        }

    return prepare


@each_button
def test_it_does_its_work_once_and_leads_on(
    button: str, ticket: Ticket, admin: User, ready: Callable[[str], dict[str, Any]], browser_of: BrowserOf
) -> None:
    fields = ready(button)
    before = again(ticket).version
    answer = press(browser_of(admin), ticket, button, **fields)
    assert answer.status_code == 303
    # Two properties are two verbs.
    assert again(ticket).version == before + (2 if button == "properties" else 1)
    if button != "delete":
        assert answer["Location"].startswith(page_of(ticket))


@each_button
def test_sent_twice_it_changes_once(
    button: str, ticket: Ticket, admin: User, ready: Callable[[str], dict[str, Any]], browser_of: BrowserOf
) -> None:
    fields = ready(button) | {"version": again(ticket).version}
    browser = browser_of(admin)
    assert press(browser, ticket, button, **fields).status_code == 303
    after = again(ticket).version
    assert press(browser, ticket, button, **fields).status_code == (404 if button == "delete" else 409)
    assert again(ticket).version == after


@each_button
def test_it_is_held_when_something_has_happened_and_keeps_what_was_typed(
    button: str,
    ticket: Ticket,
    admin: User,
    agent: User,
    ready: Callable[[str], dict[str, Any]],
    browser_of: BrowserOf,
) -> None:
    fields = ready(button) | {"version": again(ticket).version}
    actions.add_comment(ticket, body="Said meanwhile", by=web(agent))
    before = again(ticket).version
    browser = browser_of(admin)
    held = press(browser, ticket, button, **fields)
    text = held.content.decode()
    assert held.status_code == 409
    assert again(ticket).version == before
    assert "Said meanwhile" in text
    for name, value in fields.items():
        if name != "version":
            assert value in text
    assert f'name="version" value="{before}"' in text
    assert press(browser, ticket, button, **fields | {"version": before}).status_code == 303


@each_button
def test_the_wrong_person_reads_that_it_is_not_his_to_do(
    button: str,
    ticket: Ticket,
    employee: User,
    colleague: User,
    ready: Callable[[str], dict[str, Any]],
    browser_of: BrowserOf,
) -> None:
    fields = ready(button)
    actions.watch(ticket, user=colleague, by=web(employee))
    colleague.language = "en"
    colleague.save()
    before = verbs(ticket)
    if button == "comment":
        fields["visibility"] = "internal"
    answer = press(browser_of(colleague), ticket, button, **fields)
    assert answer.status_code == 403
    assert "You are not permitted to do this with this ticket." in answer.content.decode()
    assert verbs(ticket) == before


@each_button
def test_it_is_not_there_for_whoever_does_not_see_the_ticket(
    button: str,
    ticket: Ticket,
    colleague: User,
    ready: Callable[[str], dict[str, Any]],
    browser_of: BrowserOf,
) -> None:
    fields = ready(button)
    before = verbs(ticket)
    assert press(browser_of(colleague), ticket, button, **fields).status_code == 404
    nowhere = reverse(f"tickets:{button}", args=[uuid4()])
    assert browser_of(colleague).post(nowhere, fields).status_code == 404
    assert verbs(ticket) == before


@each_button
def test_following_its_address_only_leads_to_the_ticket(
    button: str, ticket: Ticket, admin: User, browser_of: BrowserOf
) -> None:
    answer = browser_of(admin).get(reverse(f"tickets:{button}", args=[ticket.public_id]))
    assert answer.status_code == 303
    assert answer["Location"] == page_of(ticket)
    assert verbs(ticket) == ["opened"]


@each_button
def test_a_foreign_page_cannot_press_it(
    button: str, ticket: Ticket, admin: User, ready: Callable[[str], dict[str, Any]]
) -> None:
    fields = ready(button)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin)
    before = verbs(ticket)
    assert press(browser, ticket, button, **fields).status_code == 403
    assert verbs(ticket) == before


@pytest.mark.parametrize("button", [name for name in BUTTONS if name != "delete"])
def test_words_of_the_wrong_shape_are_no_fault_of_ours(
    button: str, ticket: Ticket, admin: User, ready: Callable[[str], dict[str, Any]], browser_of: BrowserOf
) -> None:
    fields = ready(button)
    before = verbs(ticket)
    for odd in ("", "x", "'\"><script>alert(1)</script>", "agent:", "team:nonsense", "9" * 30, str(uuid4())):
        sent = dict.fromkeys(fields, odd) | {"version": again(ticket).version}
        answer = press(browser_of(admin), ticket, button, **sent, due_at=odd)
        assert answer.status_code in {303, 400, 409}
        assert "<script>alert" not in answer.content.decode()
    assert press(browser_of(admin), ticket, button, **fields | {"version": "many"}).status_code == 400
    if button in {"assign", "hand_over", "watch", "unwatch"}:
        assert verbs(ticket) == before


@pytest.mark.parametrize(
    ("wanted", "followed"),
    [
        ("/queue/?view=mine", True),
        ("https://evil.example/", False),
        ("//evil.example", False),
        ("javascript:1", False),
    ],
)
def test_it_leads_back_to_our_own_pages_only(
    wanted: str, followed: bool, ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    answer = press(browser_of(agent), ticket, "claim", next=wanted)
    assert answer["Location"] == (wanted if followed else page_of(ticket))


def test_whoever_no_longer_sees_the_ticket_comes_to_the_start(
    ticket: Ticket, employee: User, colleague: User, agent: User, browser_of: BrowserOf
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    answer = press(browser_of(colleague), ticket, "unwatch", person=str(colleague.public_id))
    assert answer["Location"] == reverse("tickets:start")


def test_what_one_may_not_know_of_holds_nothing_up(
    ticket: Ticket, agent: User, employee: User, browser_of: BrowserOf
) -> None:
    seen = again(ticket).version
    actions.add_comment(ticket, body="A note", internal=True, by=web(agent))
    assert press(browser_of(employee), ticket, "comment", body="More", version=seen).status_code == 303
    assert press(browser_of(employee), ticket, "comment", body="More", version=seen).status_code == 409
    assert press(browser_of(employee), ticket, "comment", body="More", version=999).status_code == 409


def test_what_was_typed_outlives_the_session(ticket: Ticket, employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    page = see(browser, ticket)
    name = page.split('name="form_name" value="')[1].split('"')[0]
    browser.logout()
    url = reverse("tickets:comment", args=[ticket.public_id])
    sent = {"body": "A long letter", "version": "1", "form_name": name}
    assert browser.post(url, sent)["Location"] == f"{reverse('accounts:sign_in')}?next={url}"
    browser.post(reverse("accounts:sign_in"), {"email": employee.email, "password": PASSWORD, "next": url})
    kept = browser.get(url).content.decode()
    assert "A long letter" in kept
    assert "Nothing is lost" in kept
    assert verbs(ticket) == ["opened"]
    assert browser.get(url).status_code == 303


def test_a_ticket_deleted_meanwhile_is_not_there(
    ticket: Ticket, agent: User, admin: User, browser_of: BrowserOf
) -> None:
    actions.delete(ticket, reason="Twice", by=web(admin))
    assert press(browser_of(agent), ticket, "claim").status_code == 404


def test_a_service_that_takes_the_ticket_out_of_sight_leads_to_the_queue(
    ticket: Ticket, agent: User, confidential: Service, employee: User, browser_of: BrowserOf
) -> None:
    answer = press(browser_of(agent), ticket, "properties", service=str(confidential.public_id))
    assert answer["Location"] == reverse("tickets:queue")
    assert opened(by=employee).version == 1


# --- Too late ---------------------------------------------------------------------------------------


def test_whoever_takes_second_reads_who_was_first_and_may_take_the_next(
    ticket: Ticket, agent: User, other_agent: User, employee: User, browser_of: BrowserOf
) -> None:
    next_one = opened(by=employee, title="The next in the queue")
    browser, seen = browser_of(agent), again(ticket).version
    actions.claim(ticket, by=web(other_agent))
    here = page_of(ticket) + "?view=unassigned&priority=NORMAL"
    late = press(browser, ticket, "claim", version=seen, next=here)
    assert late.status_code == 409
    assert "Olga Titova has already taken this ticket." in words(late)
    assert "anyway" not in words(late)
    assert link(late, "Back to the ticket") == here
    assert link(late, "Back to the list") == "/queue/?view=unassigned&priority=NORMAL"
    assert "Take the next one" in words(late)
    assert 'action="/queue/next/"' in late.content.decode()
    browser.post("/queue/next/")
    assert again(next_one).assignee == agent
    assert again(ticket).assignee == other_agent
    assert verbs(ticket) == ["opened", "claimed"]


def test_pressing_take_twice_says_that_it_is_ones_own(
    ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    browser, seen = browser_of(agent), again(ticket).version
    press(browser, ticket, "claim", version=seen)
    twice = press(browser, ticket, "claim", version=seen)
    assert twice.status_code == 409
    assert "You have taken this ticket already." in words(twice)
    assert "Take the next one" not in words(twice)


def test_what_is_no_longer_legal_is_refused_and_not_offered_again(
    ticket: Ticket, agent: User, lead: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    seen = again(ticket).version
    actions.change_status(ticket, status="DONE", by=web(lead))
    late = press(browser_of(agent), ticket, "status", to="DONE", version=seen)
    assert late.status_code == 409
    assert "A ticket cannot go from “Done” to “Done”." in words(late)
    assert "anyway" not in words(late)
    assert "Take the next one" not in words(late)


def test_words_are_kept_where_the_verb_is_no_longer_legal(
    ticket: Ticket, agent: User, lead: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    seen = again(ticket).version
    actions.change_status(ticket, status="DONE", by=web(lead))
    fields = {"to": "WAITING:REQUESTER", "comment": "A long message"}
    late = press(browser_of(agent), ticket, "status", version=seen, **fields)
    assert late.status_code == 409
    assert "A ticket cannot go from “Done” to “Waiting”." in words(late)
    assert "A long message" in late.content.decode()
    assert "anyway" not in words(late)


@pytest.mark.parametrize(
    ("button", "fields", "words_of_it"),
    [
        ("claim", {}, "Do it anyway"),
        ("status", {"to": "CANCELED", "comment": "No longer needed"}, "Send anyway"),
    ],
)
def test_only_what_has_words_is_sent(
    button: str,
    fields: dict[str, str],
    words_of_it: str,
    ticket: Ticket,
    admin: User,
    agent: User,
    browser_of: BrowserOf,
) -> None:
    seen = again(ticket).version
    actions.add_comment(ticket, body="Said meanwhile", by=web(agent))
    held = press(browser_of(admin), ticket, button, version=seen, **fields)
    said = words(held)
    assert words_of_it in said
    assert ("sent" in said.lower().replace("presented", "")) == (words_of_it == "Send anyway")


def test_asking_the_verb_stores_nothing(
    ticket: Ticket, agent: User, lead: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    seen = again(ticket).version
    actions.add_comment(ticket, body="Said meanwhile", by=web(lead))
    before = verbs(ticket)
    press(browser_of(agent), ticket, "status", to="DONE", comment="Mended", version=seen)
    assert verbs(ticket) == before
    assert again(ticket).status == "IN_PROGRESS"
