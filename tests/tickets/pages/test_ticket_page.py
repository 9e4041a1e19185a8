"""The page of one ticket: who sees what of it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.factories import UserFactory, opened, stand, web
from tests.tickets.pages.posting import again, page_of, see
from tickets import actions
from tickets.models import Service, Ticket, Watch

BrowserOf = Callable[[User], Client]


def test_a_stranger_signs_in_first_and_comes_back(client: Client, ticket: Ticket) -> None:
    answer = client.get(page_of(ticket))
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('accounts:sign_in')}?next={page_of(ticket)}"


@pytest.mark.parametrize("what", ["detail", "history"])
def test_a_ticket_one_may_not_see_is_not_there(
    what: str, ticket: Ticket, colleague: User, browser_of: BrowserOf
) -> None:
    assert browser_of(colleague).get(reverse(f"tickets:{what}", args=[ticket.public_id])).status_code == 404


def test_payroll_is_not_there_for_it(
    agent: User, employee: User, confidential: Service, browser_of: BrowserOf
) -> None:
    ticket = opened(by=employee, service=confidential)
    assert browser_of(agent).get(page_of(ticket)).status_code == 404


@pytest.mark.parametrize(
    "reference",
    ["SF-99999999999999999999", "SF-", "nonsense", "92a457cd-3560-4ce7-8df2-67955103481e", "SF-0", "٣"],
)
def test_what_names_no_ticket_is_not_there(reference: str, agent: User, browser_of: BrowserOf) -> None:
    assert browser_of(agent).get(reverse("tickets:detail", args=[reference])).status_code == 404


def test_the_number_leads_to_the_one_address(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    by_number = reverse("tickets:detail", args=[ticket.reference.lower()])
    answer = browser_of(agent).get(f"{by_number}?show=changes")
    assert answer.status_code == 302
    assert answer["Location"] == f"{page_of(ticket)}?show=changes"


def test_the_tab_says_number_and_subject(ticket: Ticket, employee: User, browser_of: BrowserOf) -> None:
    assert f"<title>{ticket.reference} {ticket.title} · ServiceFlow</title>" in see(
        browser_of(employee), ticket
    )


@pytest.mark.parametrize(("language", "said"), [("en", "21 Nov 2025, 14:05"), ("ru", "21 ноя 2025, 14:05")])
def test_an_earlier_day_is_told_in_full_in_the_story(
    language: str, said: str, ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    Ticket.objects.update(created_at=datetime(2025, 11, 21, 14, 5, tzinfo=UTC))
    User.objects.filter(pk=agent.pk).update(language=language)
    page = see(browser_of(agent), ticket)
    assert f'title="{said} UTC">{said}</time>' in page


@pytest.mark.parametrize("query", ["", "?view=all&ordering=-updated_at"])
def test_the_page_asks_as_little_for_a_hundred_comments_as_for_ten(
    query: str,
    ticket: Ticket,
    service: Service,
    confidential: Service,
    agent: User,
    employee: User,
    lead: User,
    admin: User,
    browser_of: BrowserOf,
) -> None:
    for _number in range(6):
        opened(by=employee)
    stand(ticket, "WAITING", assignee=agent)
    for asked in (confidential, service):  # a Russian reads their names as they are now
        actions.set_service(ticket, service=asked, by=web(admin))
    User.objects.filter(pk__in=[agent.pk, employee.pk]).update(language="ru")

    def queries(reader: User) -> int:
        browser = browser_of(reader)
        see(browser, ticket, query)
        with CaptureQueriesContext(connection) as captured:
            see(browser, ticket, query)
        return len(captured)

    def grow(times: int) -> None:
        for number in range(times):
            actions.add_comment(ticket, body=f"Number {number}", internal=number % 2 == 0, by=web(agent))
        followers = UserFactory.create_batch(times, role="AGENT")
        Watch.objects.bulk_create(Watch(ticket=ticket, user=follower) for follower in followers)

    readers = (employee, agent, lead, admin)
    grow(10)
    few = {reader.full_name: queries(reader) for reader in readers}
    grow(90)
    assert {reader.full_name: queries(reader) for reader in readers} == few
    assert max(few.values()) <= 8, few


# --- What an employee must not learn ---------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?show=all", "?show=conversation", "?show=changes"])
def test_no_internal_word_reaches_the_requester(
    query: str, ticket: Ticket, agent: User, other_agent: User, employee: User, browser_of: BrowserOf
) -> None:
    mine = web(agent)
    actions.claim(ticket, by=mine)
    actions.add_comment(ticket, body="She always forgets her password", internal=True, by=mine)
    actions.hand_over(ticket, to=other_agent, note="I cannot stand this one", by=mine)
    actions.add_comment(ticket, body="Have you tried the other client?", by=web(other_agent))

    browser = browser_of(employee)
    for text in (
        see(browser, ticket, query),
        browser.get(reverse("tickets:history", args=[ticket.public_id])).content.decode(),
    ):
        for secret in ("forgets", "stand this", "nternal", "handed"):
            assert secret not in text
    assert "Have you tried the other client?" in see(browser, ticket)
    assert "forgets her password" in see(browser_of(agent), ticket)


def test_page_history_and_api_tell_each_reader_the_same_events(
    ticket: Ticket,
    agent: User,
    employee: User,
    browser_of: BrowserOf,
    program_of: Callable[[User], Any],
) -> None:
    actions.claim(ticket, by=web(agent))
    actions.set_tags(ticket, tags=["vpn"], by=web(agent))
    actions.add_comment(ticket, body="Ask the network people", internal=True, by=web(agent))
    actions.add_comment(ticket, body="On my way", by=web(agent))
    for reader, expected in ((employee, [1, 2, 3, 5]), (agent, [1, 2, 3, 4, 5])):
        told = program_of(reader).get(f"/api/v1/tickets/{ticket.public_id}/history").json()["results"]
        drawn = browser_of(reader).get(reverse("tickets:history", args=[ticket.public_id])).context["items"]
        page = see(browser_of(reader), ticket)
        assert [event["seq"] for event in told] == expected
        assert sorted(item.seq for item in drawn) == expected
        assert sorted({int(seq) for seq in re.findall(r'id="e-([0-9]+)"', page)}) == expected
        assert "added the tags <b>vpn</b>" in page


def test_internal_notes_carry_the_word(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    actions.add_comment(ticket, body="Ask the network people", internal=True, by=web(agent))
    page = see(browser_of(agent), ticket)
    note = page[page.index('id="e-2"') :]
    assert 'class="sf-message is-internal"' in page
    assert "Internal" in note[: note.index("Ask the network people")]


# --- Hostile text ----------------------------------------------------------------------------------


def test_hostile_text_comes_back_as_text(employee: User, agent: User, browser_of: BrowserOf) -> None:
    hostile = '<script>alert(1)</script> {{7*7}} "><img src=x onerror=alert(2)>'
    ticket = opened(by=employee, title=hostile, description=f"{hostile} [x](javascript:alert(3))")
    actions.claim(ticket, by=web(agent))
    actions.add_comment(ticket, body=hostile, by=web(agent))
    actions.edit(ticket, title=f"{hostile} again", by=web(agent))
    for reader in (agent, employee):
        for address in (page_of(ticket), reverse("tickets:history", args=[ticket.public_id])):
            text = browser_of(reader).get(address).content.decode()
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "javascript:" not in text.replace("[x](javascript:alert(3))", "")
            assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in text


def test_nul_is_refused(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    browser = browser_of(agent)
    url = reverse("tickets:comment", args=[ticket.public_id])
    assert browser.post(url, {"body": "a\0b", "version": 1}).status_code == 400
    assert again(ticket).version == 1


# --- What is offered -------------------------------------------------------------------------------


def test_a_new_ticket_offers_to_take_it(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    page = see(browser_of(agent), ticket)
    assert reverse("tickets:claim", args=[ticket.public_id]) in page
    assert "Resolve" not in page
    assert reverse("tickets:delete", args=[ticket.public_id]) not in page


def test_only_legal_statuses_are_offered(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    page = see(browser_of(agent), ticket)
    assert '<option value="WAITING:THIRD_PARTY">' in page
    assert '<option value="DONE">' in page
    assert '<option value="IN_PROGRESS">' not in page


def test_an_agent_of_another_team_may_only_talk(
    ticket: Ticket, stranger: User, agent: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    page = see(browser_of(stranger), ticket)
    for button in ("claim", "status", "hand_over", "properties", "edit", "delete", "assign", "reopen"):
        assert reverse(f"tickets:{button}", args=[ticket.public_id]) not in page
    assert reverse("tickets:comment", args=[ticket.public_id]) in page


def test_the_requester_reads_where_it_stands(
    ticket: Ticket, agent: User, employee: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    assert "The team “IT” will take it." in see(browser, ticket)
    stand(ticket, "IN_PROGRESS", assignee=agent)
    assert "Igor Orlov is working on it." in see(browser, ticket)
    actions.change_status(ticket, status="WAITING", by=web(agent))
    assert "We are waiting for your answer." in see(browser, ticket)
    actions.change_status(ticket, status="DONE", by=web(agent))
    assert "you can reopen it until" in see(browser, ticket)


def test_somebody_copied_in_reads_that_another_is_waited_for(
    ticket: Ticket, agent: User, employee: User, colleague: User, browser_of: BrowserOf
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    stand(ticket, "WAITING", assignee=agent)
    colleague.language = "en"
    colleague.save()
    assert "We are waiting for an answer from Anna Kuznetsova." in see(browser_of(colleague), ticket)


def test_the_button_says_who_will_read(
    ticket: Ticket, agent: User, colleague: User, employee: User, browser_of: BrowserOf
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    page = see(browser_of(agent), ticket)
    assert "Send to Anna + 1" in page
    assert "To: Anna Kuznetsova, Борис Белов" in page.replace("\n", " ").replace("  ", " ")
    assert "Save for the team only" in page


def test_an_agent_sees_the_requesters_other_tickets_that_are_his_to_see(
    ticket: Ticket, employee: User, agent: User, confidential: Service, browser_of: BrowserOf
) -> None:
    opened(by=employee, title="Keyboard is sticky")
    opened(by=employee, title="Salary is late", service=confidential)
    page = see(browser_of(agent), ticket)
    assert "Keyboard is sticky" in page
    assert "Salary is late" not in page


# --- The story -------------------------------------------------------------------------------------


def test_the_story_can_be_narrowed(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    actions.claim(ticket, by=web(agent))
    actions.add_comment(ticket, body="On my way", by=web(agent))
    browser = browser_of(agent)
    talk, done = see(browser, ticket, "?show=conversation"), see(browser, ticket, "?show=changes")
    assert "On my way" in talk
    assert "took the ticket" not in talk
    assert "On my way" not in done
    assert "took the ticket" in done
    assert "On my way" in see(browser, ticket, "?show=<script>")


def test_several_changes_are_folded(ticket: Ticket, lead: User, browser_of: BrowserOf) -> None:
    actions.set_priority(ticket, priority="URGENT", by=web(lead))
    actions.set_tags(ticket, tags=["vpn"], by=web(lead))
    page = see(browser_of(lead), ticket)
    assert "<summary>2 changes</summary>" in page
    assert "<b>Lena Sokolova</b> changed the priority from <b>Normal</b> to <b>Urgent</b>" in page


def test_the_list_one_came_from_has_neighbours(
    ticket: Ticket, employee: User, agent: User, browser_of: BrowserOf
) -> None:
    second = opened(by=employee)
    third = opened(by=employee)
    page = see(browser_of(agent), second, "?view=all")
    assert "2 of 3" in page
    assert f'rel="prev" data-key="k" href="{page_of(ticket)}?view=all"' in page
    assert f'rel="next" data-key="j" href="{page_of(third)}?view=all"' in page
    assert "of 3" not in see(browser_of(agent), second)
    assert see(browser_of(agent), second, "?view=nonsense&team=x")


def test_history_tells_time_person_and_door(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    actions.claim(ticket, by=web(agent))
    page = browser_of(agent).get(reverse("tickets:history", args=[ticket.public_id])).content.decode()
    assert "<b>Igor Orlov</b> took the ticket" in page
    assert "Browser" in page
