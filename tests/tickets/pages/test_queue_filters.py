"""Finding in the queue: chips, menus, the panel, the search."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.acting import SYSTEM
from accounts.models import Team, User
from tests.factories import ServiceFactory, opened, stand
from tests.tickets.pages.reading import link, rows, words
from tickets import actions
from tickets.models import Service, Ticket

type Browser = Callable[[User], Client]

QUEUE = "/queue/"


@pytest.fixture
def printer(employee: User, service: Service) -> Ticket:
    return opened(
        by=employee, title="Принтер не печатает", service=service, priority="HIGH", tags=["printer"]
    )


@pytest.fixture
def closed(employee: User, service: Service, agent: User) -> Ticket:
    ticket = opened(by=employee, title="The printer was jammed", service=service)
    return stand(ticket, "DONE", assignee=agent)


def test_a_filter_is_a_chip_and_its_cross_removes_it(
    browser_of: Browser, agent: User, printer: Ticket, ticket: Ticket
) -> None:
    browser = browser_of(agent)
    answer = browser.get(QUEUE, {"view": "all", "priority": "HIGH", "tag": "printer"})
    assert rows(answer) == ["Принтер не печатает"]
    assert "Priority: High" in words(answer)
    without = browser.get(QUEUE + link(answer, "Remove the filter Priority: High"))
    assert rows(without) == ["Принтер не печатает"]
    assert "Priority: High" not in words(without)
    assert len(rows(browser.get(QUEUE + link(without, "Clear all")))) == 2


def test_a_filter_named_by_id_is_shown_by_name(
    browser_of: Browser, agent: User, employee: User, team: Team, service: Service, ticket: Ticket
) -> None:
    query = {
        "team": str(team.public_id),
        "service": str(service.public_id),
        "requester": str(employee.public_id),
        "assignee": "none",
    }
    answer = browser_of(agent).get(QUEUE, query)
    assert rows(answer) == [ticket.title]
    for chip in ("Team: IT", "Service: VPN access", "Requester: Anna Kuznetsova", "Assignee: nobody"):
        assert chip in words(answer)


def test_the_menus_add_and_take_away_one_value(
    browser_of: Browser, agent: User, printer: Ticket, ticket: Ticket
) -> None:
    browser = browser_of(agent)
    high = browser.get(QUEUE + link(browser.get(QUEUE, {"view": "all"}), "High"))
    assert rows(high) == ["Принтер не печатает"]
    both = browser.get(QUEUE + link(high, "Normal"))
    assert len(rows(both)) == 2
    assert rows(browser.get(QUEUE + link(both, "High"))) == [ticket.title]


def test_asking_for_a_status_looks_among_closed_tickets_too(
    browser_of: Browser, agent: User, closed: Ticket
) -> None:
    answer = browser_of(agent).get(QUEUE, {"status": "DONE"})
    assert rows(answer) == ["The printer was jammed"]
    assert "All tickets (1)" in words(answer)


def test_the_panel_offers_what_there_is_and_keeps_the_other_filters(
    browser_of: Browser, agent: User, other_team: Team, printer: Ticket, confidential: Service
) -> None:
    browser = browser_of(agent)
    closed = browser.get(QUEUE, {"view": "all", "priority": "HIGH"})
    assert "<select" not in closed.content.decode()
    answer = browser.get(QUEUE + link(closed, "Filters"))
    page = answer.content.decode()
    for option in ("VPN access", "HR", "Igor Orlov", "printer", "nobody", "no team"):
        assert f">{option}</option>" in page
    assert '<input type="hidden" name="priority" value="HIGH">' in page
    assert rows(
        browser.get(
            QUEUE, {"view": "all", "priority": "HIGH", "tag": "printer", "team": "", "created_after": ""}
        )
    ) == [printer.title]


def test_the_panel_keeps_several_values_of_one_filter(
    browser_of: Browser, agent: User, team: Team, other_team: Team
) -> None:
    query = {"filters": "open", "team": [str(team.public_id), str(other_team.public_id)]}
    page = browser_of(agent).get(QUEUE, query).content.decode()
    select = page.partition('<select name="team"')[2].partition("</select>")[0]
    assert " multiple" in select
    assert select.count(" selected") == 2


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("status", "BROKEN", "BROKEN"),
        ("priority", "11", "11"),
        ("assignee", "igor", "“igor” is neither an id nor one of: me, none."),
        ("team", "x' OR 1=1", "is neither an id nor one of: none."),
        ("created_after", "yesterday", "“yesterday” is not a date or time."),
        ("updated_before", "2026-02-30", "“2026-02-30” is not a date or time."),
        ("sla", "soon", "soon"),
        ("q", "x" * 300, "300"),
    ],
)
def test_a_wrong_value_is_said_beside_its_field_and_shows_no_tickets(
    browser_of: Browser, agent: User, ticket: Ticket, name: str, value: str, message: str
) -> None:
    answer = browser_of(agent).get(QUEUE, {"view": "all", name: value})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert f'id="id_{name}"' in page
    assert 'aria-invalid="true"' in page
    assert message in words(answer)
    assert rows(answer) == []


def test_days_are_those_of_the_readers_zone(browser_of: Browser, agent: User, ticket: Ticket) -> None:
    browser = browser_of(agent)
    today = timezone.localdate()
    assert rows(browser.get(QUEUE, {"created_after": today.isoformat()})) == [ticket.title]
    tomorrow = (today + timedelta(days=1)).isoformat()
    answer = browser.get(QUEUE, {"created_after": tomorrow})
    assert rows(answer) == []
    assert "No ticket fits these filters" in words(answer)


def test_an_empty_filter_in_a_view_leads_on_to_all_tickets(
    browser_of: Browser, agent: User, ticket: Ticket
) -> None:
    browser = browser_of(agent)
    answer = browser.get(QUEUE, {"view": "mine", "priority": "NORMAL"})
    assert rows(answer) == []
    assert rows(browser.get(QUEUE + link(answer, "Look in all tickets"))) == [ticket.title]


def test_many_that_fit_are_not_counted_to_the_end(
    browser_of: Browser, agent: User, employee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.views.queue.COUNTED", 2)
    for number in range(4):
        opened(by=employee, title=f"Request {number}")
    answer = browser_of(agent).get(QUEUE, {"status": "NEW"})
    assert "more than 2 tickets" in words(answer)
    assert "<title>All tickets (2+)" in answer.content.decode()


# --- Search -----------------------------------------------------------------------------------------


def test_words_are_found_in_every_visible_ticket_open_or_closed(
    browser_of: Browser, agent: User, printer: Ticket, closed: Ticket, ticket: Ticket
) -> None:
    browser = browser_of(agent)
    assert rows(browser.get(QUEUE, {"q": "printers"})) == ["The printer was jammed"]
    answer = browser.get(QUEUE, {"q": "ghbynth"})
    assert rows(answer) == ["Принтер не печатает"]
    assert "<title>Search: ghbynth (1)" in answer.content.decode()


@pytest.fixture
def scanners(employee: User) -> list[Ticket]:
    """Five tickets about it, the best matches among the older ones, the others alike."""
    titles = ["Scanner, scanner, scanner", "The scanner is slow", *["Something else"] * 3]
    return [
        opened(by=employee, title=f"{title} {number}", description="It is the scanner.", priority=priority)
        for number, (title, priority) in enumerate(
            zip(titles, ["LOW", "NORMAL", "NORMAL", "URGENT", "NORMAL"], strict=True)
        )
    ]


BEST_FIRST = [
    "Scanner, scanner, scanner 0",
    "The scanner is slow 1",
    "Something else 4",
    "Something else 3",
    "Something else 2",
]


def test_a_search_begins_with_the_best_match_and_walks_each_row_once(
    browser_of: Browser, agent: User, scanners: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.views.queue.ROWS", 2)
    browser, seen, url = browser_of(agent), list[str](), "?q=scanners"
    while url:
        page = browser.get(QUEUE + url)
        assert "best match first" in words(page)
        seen += rows(page)
        url = link(page, "Next") if 'rel="next"' in page.content.decode() else ""
    assert seen == BEST_FIRST
    assert rows(browser.get(QUEUE + link(page, "Previous"))) == BEST_FIRST[2:4]


def test_an_order_that_was_chosen_stays_and_the_best_match_can_be_chosen_again(
    browser_of: Browser, agent: User, scanners: list[Ticket]
) -> None:
    browser = browser_of(agent)
    urgent = browser.get(QUEUE + link(browser.get(QUEUE, {"q": "scanners"}), "Priority"))
    assert rows(urgent)[0] == "Something else 3"
    assert rows(browser.get(QUEUE + link(urgent, "best match first"))) == BEST_FIRST


def test_neighbours_of_a_ticket_that_was_found_are_those_of_the_search(
    browser_of: Browser, agent: User, scanners: list[Ticket]
) -> None:
    here = reverse("tickets:detail", args=[scanners[1].public_id]) + "?view=all&q=scanners"
    page = browser_of(agent).get(here)
    assert "2 of 5" in words(page)
    assert str(scanners[0].public_id) in link(page, "Previous ticket")
    assert str(scanners[4].public_id) in link(page, "Next ticket")


def test_a_search_says_that_only_the_newest_are_ranked(
    browser_of: Browser, agent: User, scanners: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.search.RANKED", 3)
    monkeypatch.setattr("tickets.views.queue.RANKED", 3)
    browser = browser_of(agent)
    page = browser.get(QUEUE, {"q": "scanners"})
    assert "Only the newest of them, about 3, are ranked and shown." in words(page)
    assert len(rows(page)) == 3
    assert len(rows(browser.get(QUEUE + link(page, "Show all, latest change first")))) == 5


# One counts it for the rate limit; of words that are wanted it is asked once which tickets have them, where these are
# few, and once on which they were said.
@pytest.mark.parametrize(("q", "queries"), [("scanners", 8), ("scanners -slow", 8), ("-slow", 6)])
def test_a_search_costs_so_many_queries(
    browser_of: Browser,
    agent: User,
    scanners: list[Ticket],
    django_assert_num_queries: Callable[[int], object],
    q: str,
    queries: int,
) -> None:
    browser = browser_of(agent)
    browser.get(QUEUE)
    with django_assert_num_queries(queries):  # type: ignore[attr-defined]
        answer = browser.get(QUEUE, {"q": q})
    assert len(rows(answer)) == (5 if q == "scanners" else 4)


@pytest.mark.parametrize("text", ["{number}", "SF-{number}", " sf-{number} ", "СФ-{number}"])
def test_a_number_opens_its_ticket(browser_of: Browser, agent: User, closed: Ticket, text: str) -> None:
    answer = browser_of(agent).get(QUEUE, {"q": text.format(number=closed.number)})
    assert answer["Location"] == reverse("tickets:detail", args=[closed.public_id])


def test_the_number_of_a_ticket_one_may_not_see_finds_nothing(
    browser_of: Browser, agent: User, employee: User, confidential: Service
) -> None:
    secret = opened(by=employee, title="My salary is wrong", service=confidential)
    answer = browser_of(agent).get(QUEUE, {"q": secret.reference})
    assert answer.status_code == 200
    assert "Nothing has been found" in words(answer)
    assert secret.title not in answer.content.decode()


def test_what_is_typed_into_the_search_is_only_text(browser_of: Browser, agent: User) -> None:
    page = browser_of(agent).get(QUEUE, {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert(1)" not in page
    assert "Search: &lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_service_is_named_in_the_readers_language(
    browser_of: Browser, agent: User, team: Team, employee: User
) -> None:
    agent.language = "ru"
    agent.save()
    phone = ServiceFactory.create(name_en="Phones", name_ru="Телефония", team=team)
    ticket = actions.set_service(opened(by=employee), service=phone, by=SYSTEM)
    answer = browser_of(agent).get(QUEUE, {"service": str(phone.public_id)})
    assert rows(answer) == [ticket.title]
    assert "Телефония" in words(answer)
    assert "Phones" not in answer.content.decode()
