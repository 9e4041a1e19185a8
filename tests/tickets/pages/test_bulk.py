"""One thing for many tickets in the browser: choose, preview, confirm, read the results."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from uuid_utils.compat import uuid7

from accounts.acting import SYSTEM
from accounts.models import Team, User
from audit.models import Event
from tests.factories import opened, stand, web
from tests.tickets.pages.reading import link, rows, words
from tickets import actions
from tickets.actions.bulk import MOST
from tickets.models import Comment, Service, Ticket
from tickets.views.bulk import KEPT

type Browser = Callable[[User], Client]

BULK = "/queue/bulk/"
LIST = "/queue/?view=all"


@pytest.fixture
def three(employee: User, service: Service) -> list[Ticket]:
    return [opened(by=employee, title=f"Request {number}", service=service) for number in range(3)]


def ids(tickets: list[Ticket]) -> list[str]:
    return [str(ticket.public_id) for ticket in tickets]


def hidden(answer: Any, *, step: str) -> dict[str, list[str]]:
    """What the form of this step would send."""
    for form in re.findall(r"<form.*?</form>", answer.content.decode(), flags=re.DOTALL):
        if f'name="step" value="{step}"' in form:
            sent: dict[str, list[str]] = {}
            for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form):
                sent.setdefault(name, []).append(value)
            return sent
    raise AssertionError(f"no form for {step}: {words(answer)[:500]}")


def confirm(browser: Client, preview: Any) -> Any:
    """Press the button of the preview; answers the page it leads to."""
    answer = browser.post(BULK, hidden(preview, step="confirm"))
    assert (answer.status_code, answer["Location"]) == (303, BULK)
    return browser.get(BULK)


def fresh(tickets: list[Ticket]) -> list[Ticket]:
    return [Ticket.objects.get(pk=ticket.pk) for ticket in tickets]


def test_lena_sets_a_priority_with_a_look_before(
    browser_of: Browser, lead: User, three: list[Ticket]
) -> None:
    browser = browser_of(lead)
    ask = browser.post(BULK, {"action": "priority", "ticket": ids(three), "next": LIST})
    assert "3 tickets selected" in words(ask)
    preview = browser.post(BULK, hidden(ask, step="preview") | {"priority": "URGENT"})
    assert "3 tickets will get the priority “Urgent”." in words(preview)
    assert {ticket.priority for ticket in fresh(three)} == {"NORMAL"}
    result = confirm(browser, preview)
    assert "3 tickets have been changed." in words(result)
    assert rows(result) == ["Request 0", "Request 1", "Request 2"]
    assert {ticket.priority for ticket in fresh(three)} == {"URGENT"}
    assert link(result, "Back to the list") == LIST


def test_the_preview_names_what_would_be_refused_and_why(
    browser_of: Browser, agent: User, other_agent: User, three: list[Ticket]
) -> None:
    stand(three[1], "NEW", assignee=other_agent)
    browser = browser_of(agent)
    preview = browser.post(BULK, {"action": "claim", "ticket": ids(three), "next": LIST})
    assert "You will take 2 tickets. 1 ticket cannot be changed; the reason is below." in words(preview)
    assert "Request 1 Olga Titova has already taken this ticket." in words(preview)
    result = confirm(browser, preview)
    assert "2 tickets have been changed." in words(result)
    assert "1 ticket has not been changed." in words(result)
    assert [ticket.assignee for ticket in fresh(three)] == [agent, other_agent, agent]


def test_reading_the_result_again_repeats_nothing(
    browser_of: Browser, agent: User, other_agent: User, three: list[Ticket]
) -> None:
    stand(three[1], "NEW", assignee=other_agent)
    browser = browser_of(agent)
    result = confirm(browser, browser.post(BULK, {"action": "claim", "ticket": ids(three), "next": LIST}))
    events = Event.objects.count()
    for page in (result, browser.get(BULK), browser.get(BULK)):
        assert "2 tickets have been changed." in words(page)
        assert "Olga Titova has already taken this ticket." in words(page)
    assert Event.objects.count() == events
    assert browser_of(agent).get(BULK)["Location"] == "/queue/"  # another session has none


def test_the_kept_result_shows_no_ticket_that_has_gone_out_of_sight(
    browser_of: Browser, agent: User, admin: User, three: list[Ticket]
) -> None:
    browser = browser_of(agent)
    confirm(browser, browser.post(BULK, {"action": "claim", "ticket": ids(three)}))
    actions.delete(three[0], reason="Twice", by=web(admin))
    page = browser.get(BULK)
    assert rows(page) == ["Request 1", "Request 2"]
    assert "A ticket you cannot see" in words(page)


def test_the_largest_result_fits_into_the_session(browser_of: Browser, agent: User, employee: User) -> None:
    ticket = opened(by=employee)
    ghosts = [str(uuid7()) for _number in range(MOST - 1)]
    browser = browser_of(agent)
    confirm(browser, browser.post(BULK, {"action": "claim", "ticket": [*ids([ticket]), *ghosts]}))
    kept = browser.session[KEPT]
    assert len(json.dumps(kept)) < 100_000
    assert set(kept) == {"action", "back", "rows"}


def test_a_preview_without_a_change_says_so(browser_of: Browser, lead: User, three: list[Ticket]) -> None:
    sent = {"action": "priority", "step": "preview", "ticket": ids(three), "priority": "NORMAL"}
    preview = browser_of(lead).post(BULK, sent)
    said = "Nothing will change. 3 tickets are like that already and stay as they are."
    assert said in words(preview)
    assert 'value="confirm"' not in preview.content.decode()


def test_what_failed_stays_selected_for_another_try(
    browser_of: Browser, agent: User, other_agent: User, three: list[Ticket]
) -> None:
    stand(three[1], "NEW", assignee=other_agent)
    browser = browser_of(agent)
    preview = browser.post(BULK, {"action": "claim", "ticket": ids(three), "next": LIST})
    result = confirm(browser, preview)
    page = result.content.decode()
    assert re.findall(r'name="ticket" value="([^"]+)" checked', page) == ids([three[1]])
    assert rows(result)[0] == "Request 1"


def test_what_changed_since_the_preview_is_left_alone(
    browser_of: Browser, lead: User, three: list[Ticket]
) -> None:
    browser = browser_of(lead)
    preview = browser.post(
        BULK, {"action": "priority", "step": "preview", "ticket": ids(three), "priority": "LOW"}
    )
    actions.set_priority(three[0], priority="URGENT", by=SYSTEM)
    result = confirm(browser, preview)
    assert "Somebody has changed this ticket since you saw it." in words(result)
    assert [ticket.priority for ticket in fresh(three)] == ["URGENT", "LOW", "LOW"]


def test_confirming_twice_changes_once(browser_of: Browser, lead: User, three: list[Ticket]) -> None:
    browser = browser_of(lead)
    sent = {
        "action": "status",
        "step": "preview",
        "ticket": ids(three),
        "to": "CANCELED",
        "comment": "Doubles.",
    }
    preview = browser.post(BULK, sent)
    browser.post(BULK, hidden(preview, step="confirm"))
    events = Event.objects.count()
    again = confirm(browser, preview)
    assert "3 tickets have not been changed." in words(again)
    assert Event.objects.count() == events
    assert Comment.objects.filter(body="Doubles.").count() == 3


def test_nothing_is_changed_that_was_not_in_a_preview(
    browser_of: Browser, lead: User, three: list[Ticket]
) -> None:
    sent = {"action": "priority", "step": "confirm", "ticket": ids(three), "priority": "LOW"}
    assert "3 tickets will get the priority “Low”." in words(browser_of(lead).post(BULK, sent))
    assert {ticket.priority for ticket in fresh(three)} == {"NORMAL"}


def test_canceling_needs_a_reason_and_keeps_the_choice(
    browser_of: Browser, lead: User, three: list[Ticket]
) -> None:
    sent = {"action": "status", "step": "preview", "ticket": ids(three), "to": "CANCELED", "comment": " "}
    answer = browser_of(lead).post(BULK, sent)
    assert answer.status_code == 400
    assert "Say why the tickets are canceled." in words(answer)
    assert '<option value="CANCELED" selected>' in answer.content.decode()
    assert hidden(answer, step="preview")["ticket"] == ids(three)


@pytest.mark.parametrize(
    ("action", "typed"),
    [
        ("assign", {"assignee": "nobody"}),
        ("assign", {"assignee": ""}),
        ("status", {"to": "NEW"}),
        ("priority", {"priority": "11"}),
        ("team", {"team": "00000000-0000-7000-8000-000000000000"}),
    ],
)
def test_a_wrong_choice_is_said_beside_its_field(
    browser_of: Browser, lead: User, three: list[Ticket], action: str, typed: dict[str, str]
) -> None:
    answer = browser_of(lead).post(BULK, {"action": action, "step": "preview", "ticket": ids(three), **typed})
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.content.decode()


def test_lena_assigns_and_hands_over_many(
    browser_of: Browser, lead: User, agent: User, other_team: Team, three: list[Ticket]
) -> None:
    browser = browser_of(lead)
    sent: dict[str, Any] = {
        "action": "assign",
        "step": "preview",
        "ticket": ids(three),
        "assignee": str(agent.public_id),
    }
    preview = browser.post(BULK, sent)
    assert "3 tickets will be assigned to Igor Orlov." in words(preview)
    browser.post(BULK, hidden(preview, step="confirm"))
    assert {ticket.assignee for ticket in fresh(three)} == {agent}
    sent = {
        "action": "team",
        "step": "preview",
        "ticket": ids(three),
        "team": str(other_team.public_id),
        "note": "Yours?",
    }
    browser.post(BULK, hidden(browser.post(BULK, sent), step="confirm"))
    assert {(ticket.team, ticket.assignee) for ticket in fresh(three)} == {(other_team, None)}
    assert Comment.objects.filter(body="Yours?", internal=True).count() == 3


def test_waiting_says_for_whom(browser_of: Browser, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    browser = browser_of(agent)
    sent = {"action": "status", "step": "preview", "ticket": ids([ticket]), "to": "WAITING:THIRD_PARTY"}
    browser.post(BULK, hidden(browser.post(BULK, sent), step="confirm"))
    [ticket] = fresh([ticket])
    assert (ticket.status, ticket.waiting_for) == ("WAITING", "THIRD_PARTY")


def test_all_that_fit_are_looked_up_by_the_desk_and_then_fixed(
    browser_of: Browser, lead: User, employee: User, service: Service, three: list[Ticket]
) -> None:
    urgent = opened(by=employee, title="Leave this one", service=service, priority="URGENT")
    browser = browser_of(lead)
    sent = {"action": "priority", "all": "1", "list": "view=all&priority=NORMAL", "ticket": ids([urgent])}
    ask = browser.post(BULK, sent)
    opened(by=employee, title="Came later", service=service)
    preview = browser.post(BULK, hidden(ask, step="preview") | {"priority": "HIGH"})
    assert "3 tickets will get the priority “High”." in words(preview)
    browser.post(BULK, hidden(preview, step="confirm"))
    assert sorted(Ticket.objects.filter(priority="HIGH").values_list("title", flat=True)) == [
        "Request 0",
        "Request 1",
        "Request 2",
    ]


def test_all_that_fit_are_offered_where_there_are_more_than_a_page_shows(
    browser_of: Browser, agent: User, three: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(agent)
    assert 'name="all"' not in browser.get(LIST).content.decode()
    monkeypatch.setattr("tickets.views.queue.ROWS", 2)
    page = browser.get(LIST + "&status=NEW")
    assert "All 3 that fit" in words(page)
    assert 'name="list" value="view=all&amp;status=NEW"' in page.content.decode()


def test_a_list_with_a_fault_in_its_filter_selects_nothing(
    browser_of: Browser, lead: User, three: list[Ticket]
) -> None:
    answer = browser_of(lead).post(BULK, {"action": "claim", "all": "1", "list": "view=all&status=BROKEN"})
    assert answer.status_code == 303


def test_a_ticket_one_may_not_see_stays_unseen(
    browser_of: Browser, agent: User, employee: User, confidential: Service, ticket: Ticket
) -> None:
    secret = opened(by=employee, title="My salary is wrong", service=confidential)
    preview = browser_of(agent).post(BULK, {"action": "claim", "ticket": ids([ticket, secret])})
    assert "1 ticket cannot be changed" in words(preview)
    assert "A ticket you cannot see" in words(preview)
    assert secret.title not in preview.content.decode()
    assert hidden(preview, step="confirm")["ticket"] == [f"{ticket.public_id}:1"]


def test_without_a_selection_the_list_asks_for_one(browser_of: Browser, agent: User) -> None:
    answer = browser_of(agent).post(BULK, {"action": "claim", "next": LIST}, follow=True)
    assert "Select tickets first." in words(answer)
    assert answer.redirect_chain == [(LIST, 303)]


@pytest.mark.parametrize("sent", [{"action": "delete", "ticket": "x"}, {"action": "claim", "ticket": "x"}])
def test_what_no_button_sends_is_no_request(browser_of: Browser, agent: User, sent: dict[str, str]) -> None:
    assert browser_of(agent).post(BULK, sent).status_code == 400


def test_the_address_alone_leads_back_to_the_queue(browser_of: Browser, agent: User) -> None:
    assert browser_of(agent).get(BULK)["Location"] == "/queue/"


def test_a_reason_typed_when_the_session_ended_is_still_there_after_signing_in(
    browser_of: Browser, lead: User, three: list[Ticket]
) -> None:
    browser = browser_of(lead)
    ask = browser.post(BULK, {"action": "status", "ticket": ids(three), "next": LIST})
    typed = hidden(ask, step="preview") | {"to": "CANCELED", "comment": "Doubles of SF-1."}
    browser.logout()
    answer = browser.post(BULK, typed)
    assert answer["Location"] == f"{reverse('accounts:sign_in')}?next={BULK}"
    browser.post(reverse("accounts:sign_in"), {"email": lead.email, "password": "a long enough password"})
    preview = browser.get(BULK)
    assert "Doubles of SF-1." in words(preview)
    assert {ticket.status for ticket in fresh(three)} == {"NEW"}
    browser.post(BULK, hidden(preview, step="confirm"))
    assert {ticket.status for ticket in fresh(three)} == {"CANCELED"}
