"""The start page: one's own requests and what the desk offers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Team, User
from tests.factories import ServiceFactory, opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket

type BrowserOf = Callable[[User], Client]


def page(browser: Client, query: str = "") -> str:
    answer = browser.get(f"/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stranger_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/")["Location"] == "/account/sign-in/?next=/"


def test_anna_sees_her_request_where_it_stands_and_who_has_it(
    employee: User, agent: User, ticket: Ticket, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    text = page(browser_of(employee))
    assert ticket.title in text
    assert "Igor Orlov is working on it." in text
    assert f"/tickets/{ticket.public_id}/" in text


def test_what_waits_for_anna_comes_first_and_says_so(
    employee: User, agent: User, ticket: Ticket, browser_of: BrowserOf
) -> None:
    stand(ticket, "WAITING", assignee=agent)
    opened(by=employee, title="A later request")
    text = page(browser_of(employee))
    assert "Your answer is needed" in text
    assert text.index(ticket.title) < text.index("A later request")


def test_boris_sees_nothing_of_annas_requests(colleague: User, ticket: Ticket, browser_of: BrowserOf) -> None:
    assert ticket.title not in page(browser_of(colleague))
    assert ticket.title not in page(browser_of(colleague), "?q=VPN")


def test_boris_sees_what_he_opened_for_anna_and_what_he_follows(
    employee: User, colleague: User, ticket: Ticket, browser_of: BrowserOf
) -> None:
    opened(by=colleague, title="A chair for Anna", requester=employee)
    actions.watch(ticket, user=colleague, by=web(employee))
    text = page(browser_of(colleague))
    assert "A chair for Anna" in text
    assert ticket.title in text
    assert "Anna Kuznetsova" in text


def test_services_stand_in_groups_and_lead_to_a_new_request(
    employee: User, service: Service, confidential: Service, browser_of: BrowserOf
) -> None:
    ServiceFactory.create(name_en="Fax machines", team=service.team, is_active=False)
    text = page(browser_of(employee))
    assert (
        text.index(">HR<")
        < text.index(confidential.name_en)
        < text.index(">IT<")
        < text.index(service.name_en)
    )
    assert f"/tickets/new/?service={service.public_id}" in text
    assert "Fax machines" not in text


def test_an_empty_desk_says_what_to_do(employee: User, browser_of: BrowserOf) -> None:
    assert "Nothing is open." in page(browser_of(employee))


def test_finished_requests_stand_below_and_go_back_page_by_page(
    employee: User, browser_of: BrowserOf
) -> None:
    for n in range(8):
        stand(opened(by=employee, title=f"Old story {n}"), "CANCELED")
    browser = browser_of(employee)
    answer = browser.get("/")
    assert "Old story 7" in answer.content.decode()
    assert "Old story 1" not in answer.content.decode()
    older = page(browser, f"?finished={answer.context['finished'].next}")
    assert "Old story 1" in older
    assert browser.get("/?finished=nonsense")["Location"] == "/"


@pytest.mark.parametrize("words", ["vpn", "VPN acc", "доступом", "мзт"])
def test_one_box_searches_services_in_both_languages_and_layouts(
    employee: User, service: Service, confidential: Service, browser_of: BrowserOf, words: str
) -> None:
    text = page(browser_of(employee), f"?q={words}")
    assert service.name_en in text
    assert confidential.name_en not in text


def test_one_box_searches_requests_and_opens_a_number(
    employee: User, colleague: User, ticket: Ticket, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    assert ticket.title in page(browser, "?q=drops")
    assert browser.get("/", {"q": ticket.reference})["Location"] == f"/tickets/{ticket.public_id}/"
    assert ticket.title not in page(browser_of(colleague), f"?q={ticket.reference}")


def test_nothing_found_leads_to_a_new_request_with_these_words(employee: User, browser_of: BrowserOf) -> None:
    text = page(browser_of(employee), "?q=coffee <b>machine</b> & milk")
    assert "Nothing found for “coffee &lt;b&gt;machine&lt;/b&gt;”" in text
    assert "/tickets/new/?title=coffee%20%3Cb%3Emachine%3C%2Fb%3E" in text


@pytest.mark.parametrize(
    "q", ["x" * 5000, "' OR 1=1 --", "%_\\", "99999999999999999999", "🦄", '"', "&|!():*"]
)
def test_any_words_may_be_searched_for(employee: User, browser_of: BrowserOf, q: str) -> None:
    assert browser_of(employee).get("/", {"q": q}).status_code == 200


def test_an_agent_is_at_home_in_the_queue_and_finds_his_own_requests_here(
    agent: User, ticket: Ticket, browser_of: BrowserOf
) -> None:
    mine = opened(by=agent, title="My own screen flickers")
    browser = browser_of(agent)
    assert browser.get("/")["Location"] == "/queue/"
    text = page(browser, "?mine")
    assert mine.title in text
    assert ticket.title not in text


def test_the_page_costs_the_same_for_one_request_and_for_ten(
    employee: User, team: Team, browser_of: BrowserOf, django_assert_max_num_queries: Any
) -> None:
    for n in range(10):
        opened(by=employee, service=ServiceFactory.create(team=team), title=f"Request {n}")
    browser = browser_of(employee)
    with django_assert_max_num_queries(6):
        page(browser)
