"""Starting, waiting, resolving, canceling and reopening on the ticket page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import stand, web
from tests.tickets.pages.posting import again, press, see, verbs
from tickets import actions
from tickets.models import Ticket

BrowserOf = Callable[[User], Client]


@pytest.mark.parametrize(
    ("before", "to", "after", "whom"),
    [
        ("NEW", "IN_PROGRESS", "IN_PROGRESS", ""),
        ("IN_PROGRESS", "WAITING:APPROVAL", "WAITING", "APPROVAL"),
        ("WAITING", "IN_PROGRESS", "IN_PROGRESS", ""),
        ("WAITING", "DONE", "DONE", ""),
    ],
)
def test_igor_moves_his_ticket(
    before: str, to: str, after: str, whom: str, ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, before, assignee=agent)
    press(browser_of(agent), ticket, "status", to=to)
    assert (again(ticket).status, again(ticket).waiting_for) == (after, whom)


def test_olga_does_not_move_igors_ticket(
    ticket: Ticket, agent: User, other_agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    assert press(browser_of(other_agent), ticket, "status", to="DONE").status_code == 403
    assert again(ticket).status == "IN_PROGRESS"


def test_an_illegal_step_says_why_and_keeps_the_message(
    ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "NEW", assignee=agent)
    answer = press(browser_of(agent), ticket, "status", to="DONE", comment="All well")
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "A ticket cannot go from “New” to “Done”." in text
    assert "All well" in text
    assert '<option value="DONE" selected>' in text


def test_canceling_asks_for_a_reason(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    answer = press(browser_of(agent), ticket, "status", to="CANCELED")
    assert answer.status_code == 400
    assert "Say why the ticket is canceled." in answer.content.decode()
    press(browser_of(agent), ticket, "status", to="CANCELED", comment="Sent twice")
    assert again(ticket).status == "CANCELED"


def test_anna_no_longer_needs_it(ticket: Ticket, employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    assert "I no longer need this…" in see(browser, ticket)
    press(browser, ticket, "cancel", reason="Found it myself")
    assert again(ticket).status == "CANCELED"
    assert "This request was canceled." in see(browser, ticket)


def test_anna_does_not_cancel_what_igor_has_taken(
    ticket: Ticket, employee: User, agent: User, browser_of: BrowserOf
) -> None:
    actions.claim(ticket, by=web(agent))
    browser = browser_of(employee)
    assert "I no longer need this…" not in see(browser, ticket)
    assert press(browser, ticket, "cancel").status_code == 409


def test_anna_reopens_what_is_not_solved(
    ticket: Ticket, employee: User, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "DONE", assignee=agent)
    browser = browser_of(employee)
    assert "It is not solved: reopen" in see(browser, ticket)
    press(browser, ticket, "reopen", comment="Still broken")
    assert again(ticket).status == "IN_PROGRESS"
    assert "Still broken" in see(browser, ticket)


def test_after_the_window_anna_opens_a_new_one(
    ticket: Ticket, employee: User, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "DONE", assignee=agent)
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=timezone.now() - timedelta(days=15))
    browser = browser_of(employee)
    page = see(browser, ticket)
    assert "It is not solved: reopen" not in page
    assert "If it comes up again, open a new one." in page
    answer = press(browser, ticket, "reopen", comment="Still broken")
    assert answer.status_code == 409
    assert "Still broken" in answer.content.decode()


def test_only_an_administrator_deletes_and_says_why(
    ticket: Ticket, admin: User, lead: User, browser_of: BrowserOf
) -> None:
    assert press(browser_of(lead), ticket, "delete", reason="Spam").status_code == 403
    browser = browser_of(admin)
    assert press(browser, ticket, "delete", reason=" ").status_code == 400
    press(browser, ticket, "delete", reason="Spam")
    assert verbs(ticket)[-1] == "deleted"
    assert not Ticket.objects.standing().exists()
