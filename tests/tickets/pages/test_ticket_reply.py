"""Saying something on the ticket page, to everybody or to the team."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import opened, stand, web
from tests.tickets.pages.posting import again, page_of, press, see, verbs
from tickets import actions
from tickets.models import Comment, Service, Ticket

BrowserOf = Callable[[User], Client]


def test_anna_adds_what_she_forgot(ticket: Ticket, employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    answer = press(browser, ticket, "comment", body="It is the **second** floor")
    assert answer["Location"].endswith("#e-2")
    page = see(browser, ticket)
    assert "<strong>second</strong>" in page
    assert "Sent." in page


def test_anna_s_answer_brings_the_ticket_back_to_work(
    ticket: Ticket, employee: User, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "WAITING", assignee=agent)
    press(browser_of(employee), ticket, "comment", body="Here it is")
    assert again(ticket).status == "IN_PROGRESS"


def test_an_agent_writes_for_the_team_alone(
    ticket: Ticket, employee: User, agent: User, browser_of: BrowserOf
) -> None:
    press(browser_of(agent), ticket, "comment", body="Third time this week", visibility="internal")
    assert Comment.objects.get(ticket=ticket).internal
    assert "Third time" not in see(browser_of(employee), ticket)


@pytest.mark.parametrize(
    ("then", "status"),
    [("", "IN_PROGRESS"), ("wait", "WAITING"), ("resolve", "DONE")],
)
def test_a_reply_may_take_the_next_step(
    then: str, status: str, ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    before = again(ticket).version
    press(browser_of(agent), ticket, "comment", body="Try again now", visibility="public", then=then)
    assert (again(ticket).status, again(ticket).version) == (status, before + 1)
    assert Comment.objects.get(ticket=ticket).body == "Try again now"


def test_a_note_never_resolves_a_ticket_and_never_becomes_a_reply(
    ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    answer = press(
        browser_of(agent), ticket, "comment", body="She is wrong", visibility="internal", then="resolve"
    )
    assert answer.status_code == 400
    assert "An internal note cannot change the status." in answer.content.decode()
    assert "She is wrong" in answer.content.decode()
    assert not Comment.objects.exists()
    assert again(ticket).status == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("body", "says"), [("  ", "This field is required."), ("x" * 20_001, "20,000 characters")]
)
def test_nothing_and_too_much_are_told_at_the_field(
    body: str, says: str, ticket: Ticket, employee: User, browser_of: BrowserOf
) -> None:
    answer = press(browser_of(employee), ticket, "comment", body=body)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert says in text
    assert body.strip() in text
    field = text[text.index('<textarea name="body"') :].split(">", 1)[0]
    assert 'aria-invalid="true"' in field
    assert "autofocus" in field
    assert verbs(ticket) == ["opened"]


def test_a_note_in_fault_stays_a_note(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    text = press(browser_of(agent), ticket, "comment", body="", visibility="internal").content.decode()
    assert 'value="internal" id="to-team" checked' in text


def test_a_reply_that_has_arrived_is_not_sent_again_unknowingly(
    ticket: Ticket, employee: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    press(browser, ticket, "comment", body="Twice\r\nclicked", version=1)
    answer = press(browser, ticket, "comment", body="Twice\r\nclicked", version=1)
    assert answer.status_code == 409
    assert "Your message has already arrived." in answer.content.decode()
    assert Comment.objects.filter(ticket=ticket).count() == 1


def test_a_held_note_is_still_a_note(
    ticket: Ticket, agent: User, employee: User, browser_of: BrowserOf
) -> None:
    actions.add_comment(ticket, body="Meanwhile", by=web(employee))
    text = press(
        browser_of(agent), ticket, "comment", body="For us", visibility="internal", version=1
    ).content.decode()
    assert 'value="internal" class="form-check-input" id="comment_visibility_1" checked' in " ".join(
        text.split()
    )


def test_who_opened_it_for_a_colleague_reads_but_does_not_write(
    employee: User, colleague: User, browser_of: BrowserOf
) -> None:
    ticket = opened(by=employee, requester=colleague)
    browser = browser_of(employee)
    assert "Add information" not in see(browser, ticket)
    assert press(browser, ticket, "comment", body="Hello").status_code == 403


def test_nobody_replies_on_a_closed_ticket(
    ticket: Ticket, agent: User, employee: User, browser_of: BrowserOf
) -> None:
    closed = stand(ticket, "DONE", assignee=agent)
    Ticket.objects.filter(pk=ticket.pk).update(closed_at=closed.resolved_at)
    browser = browser_of(employee)
    assert "Add information" not in see(browser, ticket)
    answer = press(browser, ticket, "comment", body="One more thing")
    assert answer.status_code == 409
    assert "This ticket is closed." in answer.content.decode()
    assert "One more thing" in answer.content.decode()


def test_words_that_come_too_often_come_back(
    ticket: Ticket, agent: User, browser_of: BrowserOf, settings: Any
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"person": 1}
    browser = browser_of(agent)
    press(browser, ticket, "comment", body="The first")
    answer = press(browser, ticket, "comment", body="The second & last")
    assert answer.status_code == 429
    assert ">The second &amp; last</textarea>" in answer.content.decode()
    assert ticket.comments.count() == 1


@pytest.mark.parametrize("gone", ["out of sight", "no right"])
def test_words_for_what_is_not_his_any_more_come_back(
    gone: str,
    ticket: Ticket,
    confidential: Service,
    agent: User,
    other_agent: User,
    admin: User,
    browser_of: BrowserOf,
) -> None:
    browser = browser_of(agent)
    if gone == "out of sight":
        actions.set_service(ticket, service=confidential, by=web(admin))
        answer = press(browser, ticket, "comment", body="Long words & <b>markup</b>")
        assert answer.status_code == 404
    else:
        actions.assign(ticket, assignee=other_agent, by=web(admin))
        answer = press(
            browser, ticket, "hand_over", to=str(agent.public_id), note="Long words & <b>markup</b>"
        )
        assert answer.status_code == 403
    assert ">Long words &amp; &lt;b&gt;markup&lt;/b&gt;</textarea>" in answer.content.decode()
    assert "Long words" not in browser.get(page_of(ticket)).content.decode()
