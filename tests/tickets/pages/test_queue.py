"""The queue: who sees it, its views and counts, sorting, paging, taking."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.acting import SYSTEM
from accounts.models import Team, User
from tests.factories import opened, stand, web
from tests.tickets.pages.reading import link, rows, words
from tickets import actions
from tickets.forms.queue import Asked
from tickets.models import Service, Ticket

type Browser = Callable[[User], Client]

QUEUE = "/queue/"


@pytest.fixture
def desk(
    employee: User, agent: User, other_agent: User, service: Service, confidential: Service
) -> dict[str, Ticket]:
    """A few tickets of every kind."""
    return {
        "waiting": opened(by=employee, title="Nobody has taken this", service=service),
        "urgent": opened(by=employee, title="The office is offline", service=service, priority="URGENT"),
        "mine": stand(
            opened(by=employee, title="Igor works on it", service=service), "IN_PROGRESS", assignee=agent
        ),
        "asked": stand(
            opened(by=employee, title="Igor has asked back", service=service), "WAITING", assignee=agent
        ),
        "hers": stand(
            opened(by=employee, title="Olga works on it", service=service),
            "IN_PROGRESS",
            assignee=other_agent,
        ),
        "done": actions.change_status(
            stand(
                opened(by=employee, title="Igor has mended it", service=service),
                "IN_PROGRESS",
                assignee=agent,
            ),
            status="DONE",
            by=web(agent),
        ),
        "secret": opened(by=employee, title="My salary is wrong", service=confidential),
    }


# --- Who --------------------------------------------------------------------------------------------


def test_an_employee_is_led_to_his_own_requests(browser_of: Browser, employee: User) -> None:
    answer = browser_of(employee).get(QUEUE)
    assert (answer.status_code, answer["Location"]) == (302, reverse("tickets:start"))


@pytest.mark.parametrize("address", ["/queue/next/", "/queue/bulk/"])
def test_what_an_employee_posts_to_the_queue_is_refused(
    browser_of: Browser, employee: User, address: str
) -> None:
    assert browser_of(employee).post(address).status_code == 403


def test_a_stranger_has_to_sign_in_first(client: Client) -> None:
    answer = client.get(f"{QUEUE}?view=mine")
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('accounts:sign_in')}?next=/queue/%3Fview%3Dmine"


def test_taking_the_next_one_is_no_link(browser_of: Browser, agent: User) -> None:
    assert browser_of(agent).get("/queue/next/").status_code == 405


# --- Views ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "seen"),
    [
        ("", ["The office is offline", "Nobody has taken this"]),
        ("unassigned", ["The office is offline", "Nobody has taken this"]),
        ("mine", ["Igor works on it", "Igor has asked back"]),
        ("waiting", ["Igor has asked back"]),
        ("closed_by_me", ["Igor has mended it"]),
        (
            "all",
            [
                "The office is offline",
                "Nobody has taken this",
                "Igor works on it",
                "Igor has asked back",
                "Olga works on it",
            ],
        ),
    ],
)
def test_igor_sees_in_each_view_what_belongs_there_most_urgent_first(
    browser_of: Browser, agent: User, desk: dict[str, Ticket], view: str, seen: list[str]
) -> None:
    answer = browser_of(agent).get(QUEUE, {"view": view} if view else {})
    assert answer.status_code == 200
    assert rows(answer) == seen


def test_followed_and_due_tickets_have_views_of_their_own(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    actions.watch(desk["hers"], user=agent, by=SYSTEM)
    actions.set_due(desk["waiting"], due_at=timezone.now() - timedelta(minutes=70), by=SYSTEM)
    actions.set_due(desk["hers"], due_at=timezone.now() + timedelta(days=3, minutes=5), by=SYSTEM)
    browser = browser_of(agent)
    assert rows(browser.get(QUEUE, {"view": "followed"})) == ["Olga works on it"]
    assert "in 3 d" in words(browser.get(QUEUE, {"view": "followed"}))
    late = browser.get(QUEUE, {"view": "due_today"})
    assert rows(late) == ["Nobody has taken this"]
    assert "Late 1:10" in words(late)


def test_closed_by_me_is_what_i_closed_whoever_had_it_latest_first(
    browser_of: Browser, agent: User, other_agent: User, lead: User, employee: User, desk: dict[str, Ticket]
) -> None:
    mine = opened(by=employee, title="Held by Igor, canceled by Lena")
    actions.give(mine, to=agent, by=SYSTEM)
    actions.set_service(mine, service=desk["hers"].service, by=SYSTEM)
    actions.cancel(mine, reason="Twice", by=web(lead))
    actions.change_status(desk["hers"], status="DONE", by=web(lead))
    actions.add_comment(mine, body="Thank you", by=web(employee))  # later than the closing of the other
    browser = browser_of(lead)
    seen = browser.get(QUEUE, {"view": "closed_by_me"})
    assert rows(seen) == ["Olga works on it", "Held by Igor, canceled by Lena"]
    assert "latest closed first" in words(seen)
    assert "Closed by me 2" in words(seen)
    assert rows(browser_of(other_agent).get(QUEUE, {"view": "closed_by_me"})) == []
    # Reopened it is nobody's; closed again by another it is his.
    actions.reopen(desk["hers"], by=web(lead))
    actions.change_status(desk["hers"], status="DONE", by=web(other_agent))
    assert rows(browser.get(QUEUE, {"view": "closed_by_me"})) == ["Held by Igor, canceled by Lena"]
    assert rows(browser_of(other_agent).get(QUEUE, {"view": "closed_by_me"})) == ["Olga works on it"]
    Ticket.objects.update(finished_at=timezone.now() - timedelta(days=15))
    assert rows(browser.get(QUEUE, {"view": "closed_by_me"})) == []


def test_closed_by_me_turns_its_pages(
    browser_of: Browser, agent: User, employee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.views.queue.ROWS", 2)
    for number in range(5):
        actions.change_status(
            actions.claim(opened(by=employee, title=f"Request {number}"), by=web(agent)),
            status="CANCELED", comment="Done with", by=web(agent),
        )  # fmt: skip
    browser, seen, url = browser_of(agent), list[str](), "?view=closed_by_me"
    while url:
        page = browser.get(QUEUE + url)
        seen += rows(page)
        url = link(page, "Next") if 'rel="next"' in page.content.decode() else ""
    assert seen == [f"Request {number}" for number in (4, 3, 2, 1, 0)]


def test_closed_by_me_is_found_by_an_index(agent: User, lead: User, ticket: Ticket) -> None:
    asked = Asked(QueryDict("view=closed_by_me"), reader=lead)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "ticket_finished_by" in asked.in_order[:51].explain()


def test_the_rail_counts_every_view_and_marks_the_one_shown(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    answer = browser_of(agent).get(QUEUE, {"view": "mine"})
    rail = answer.content.decode().partition('id="rail"')[2].partition("</nav>")[0]
    assert rail.count('aria-current="page"') == 1
    said = " ".join(words(answer).split())
    for entry in ("Unassigned 2", "Mine 2", "Waiting 1", "Closed by me 1", "All open 5"):
        assert entry in said
    assert "<title>Mine (2) · ServiceFlow</title>" in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ({"view": "mine", "priority": "HIGH"}, "Mine"),
        ({"view": "all"}, "All open"),
        ({"status": "DONE"}, ""),
        ({"q": "vpn"}, ""),
    ],
)
def test_the_rail_marks_no_view_that_is_not_shown(
    browser_of: Browser, agent: User, query: dict[str, str], marked: str
) -> None:
    assert current_in_rail(browser_of(agent).get(QUEUE, query)) == marked


def test_the_rail_is_beside_every_page_of_an_agent(browser_of: Browser, agent: User, ticket: Ticket) -> None:
    browser = browser_of(agent)
    here = reverse("tickets:detail", args=[ticket.public_id])
    bulk = browser.post("/queue/bulk/", {"action": "claim", "ticket": str(ticket.public_id)})
    for answer in (browser.get(here), browser.get("/account/"), browser.get("/tickets/new/"), bulk):
        assert "Unassigned 1" in words(answer)
        assert 'data-go="c"' in answer.content.decode()
    assert current_in_rail(browser.get(here + "?view=mine")) == "Mine"
    assert current_in_rail(browser.get(here)) == ""


def current_in_rail(answer: Any) -> str:
    rail = answer.content.decode().partition('id="rail"')[2].partition("</nav>")[0]
    found = re.search(r'aria-current="page">(?:<svg.*?</svg>)?([^<]*)', rail)
    return found[1] if found else ""


def test_a_confidential_ticket_is_seen_and_counted_only_by_its_team(
    browser_of: Browser, agent: User, stranger: User, desk: dict[str, Ticket]
) -> None:
    assert "My salary is wrong" not in rows(browser_of(agent).get(QUEUE, {"view": "all"}))
    theirs = browser_of(stranger).get(QUEUE, {"view": "all"})
    assert "My salary is wrong" in rows(theirs)
    assert "All open (6)" in words(theirs)


def test_a_view_nobody_knows_is_said_to_be_wrong(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    answer = browser_of(agent).get(QUEUE, {"view": "everything"})
    assert answer.status_code == 400
    assert "There is no such view or order: “everything”." in words(answer)
    assert rows(answer) == []


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ("", "Nobody is waiting"),
        ("mine", "You have no open tickets"),
        ("followed", "You follow no open ticket"),
    ],
)
def test_an_empty_view_says_why_and_where_to_look(
    browser_of: Browser, agent: User, view: str, reason: str
) -> None:
    answer = browser_of(agent).get(QUEUE, {"view": view} if view else {})
    assert reason in words(answer)
    assert link(answer, "All open tickets") == "/queue/?view=all"


def test_a_row_says_who_wants_what_from_whom(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    actions.set_tags(desk["asked"], tags=["vpn", "home"], by=SYSTEM)
    said = words(browser_of(agent).get(QUEUE, {"view": "waiting"}))
    for part in (
        desk["asked"].reference,
        "VPN access",
        "#home #vpn",
        "Normal",
        "Anna Kuznetsova",
        "Igor Orlov",
    ):
        assert part in said
    assert "Waiting for requester" in said


# --- Order and pages --------------------------------------------------------------------------------


def test_headings_sort_and_sort_the_other_way_round(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    browser = browser_of(agent)
    urgent_first = browser.get(QUEUE)
    assert 'aria-sort="descending"' in urgent_first.content.decode()
    least_first = browser.get(QUEUE + link(urgent_first, "Priority"))
    assert rows(least_first) == ["Nobody has taken this", "The office is offline"]
    assert 'aria-sort="ascending"' in least_first.content.decode()
    latest_first = browser.get(QUEUE + link(least_first, "Updated"))
    assert rows(latest_first) == ["The office is offline", "Nobody has taken this"]
    assert rows(browser.get(QUEUE + link(latest_first, "Updated"))) == [
        "Nobody has taken this",
        "The office is offline",
    ]
    assert rows(browser.get(QUEUE + link(latest_first, "Ticket"))) == [
        "The office is offline",
        "Nobody has taken this",
    ]


def test_an_order_nobody_knows_is_said_to_be_wrong(browser_of: Browser, agent: User, ticket: Ticket) -> None:
    answer = browser_of(agent).get(QUEUE, {"ordering": "password"})
    assert answer.status_code == 400
    assert "There is no such view or order: “password”." in words(answer)


def test_igor_turns_the_pages_forth_and_back_and_keeps_his_filter(
    browser_of: Browser, agent: User, employee: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickets.views.queue.ROWS", 2)
    for number in range(5):
        opened(by=employee, title=f"Request {number}", service=service)
    browser = browser_of(agent)
    first = browser.get(QUEUE, {"view": "all", "status": "NEW"})
    assert rows(first) == ["Request 0", "Request 1"]
    second = browser.get(QUEUE + link(first, "Next"))
    assert rows(second) == ["Request 2", "Request 3"]
    assert "Status: New" in words(second)
    last = browser.get(QUEUE + link(second, "Next"))
    assert rows(last) == ["Request 4"]
    assert 'rel="next"' not in last.content.decode()
    assert rows(browser.get(QUEUE + link(last, "Previous"))) == ["Request 2", "Request 3"]


def test_a_page_that_never_was_leads_back_to_the_list(
    browser_of: Browser, agent: User, ticket: Ticket
) -> None:
    answer = browser_of(agent).get(QUEUE, {"cursor": "nonsense"})
    assert answer.status_code == 400
    assert "This cursor is not one of ours." in words(answer)
    assert rows(answer) == []


# --- Taking -----------------------------------------------------------------------------------------


def test_igor_takes_a_ticket_from_the_list_and_is_back_in_it(
    browser_of: Browser, agent: User, ticket: Ticket
) -> None:
    browser = browser_of(agent)
    here = f"{QUEUE}?view=all&status=NEW"
    page = browser.get(here).content.decode()
    address = reverse("tickets:claim", args=[ticket.public_id])
    assert f'formaction="{address}"' in page
    assert 'name="next" value="/queue/?view=all&amp;status=NEW"' in page
    answer = browser.post(address, {"next": here})
    assert answer["Location"] == here
    ticket.refresh_from_db()
    assert ticket.assignee == agent


def test_whoever_takes_second_is_told_who_was_first(
    browser_of: Browser, agent: User, other_agent: User, ticket: Ticket
) -> None:
    address = reverse("tickets:claim", args=[ticket.public_id])
    browser_of(other_agent).post(address, {"next": QUEUE})
    answer = browser_of(agent).post(address, {"next": QUEUE})
    assert answer.status_code == 409
    assert "Olga Titova has already taken this ticket." in words(answer)
    assert link(answer, "Back to the list") == QUEUE
    assert "Take the next one" in words(answer)
    ticket.refresh_from_db()
    assert ticket.assignee == other_agent


def test_only_what_may_be_taken_has_the_button(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    page = browser_of(agent).get(QUEUE, {"view": "all"}).content.decode()
    assert page.count('data-row-key="i"') == 2


def test_the_next_one_is_the_most_urgent_that_nobody_has(
    browser_of: Browser, agent: User, desk: dict[str, Ticket]
) -> None:
    answer = browser_of(agent).post("/queue/next/")
    desk["urgent"].refresh_from_db()
    assert desk["urgent"].assignee == agent
    assert answer["Location"] == reverse("tickets:detail", args=[desk["urgent"].public_id])


def test_when_nothing_waits_the_desk_says_so_and_stays_with_the_list(
    browser_of: Browser, agent: User
) -> None:
    browser = browser_of(agent)
    answer = browser.post("/queue/next/", {"next": f"{QUEUE}?view=mine"}, follow=True)
    assert answer.redirect_chain == [(f"{QUEUE}?view=mine", 303)]
    assert "Nothing is waiting." in words(answer)


def test_the_way_back_never_leads_elsewhere(browser_of: Browser, agent: User) -> None:
    answer = browser_of(agent).post("/queue/next/", {"next": "https://evil.example/queue/"})
    assert answer["Location"] == QUEUE


# --- Cost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [10, 100])
@pytest.mark.parametrize(
    ("query", "queries"),
    [
        ({}, 4),  # session, person with teams, counts, list
        ({"view": "all", "ordering": "-updated_at"}, 4),
        ({"view": "all", "status": "NEW"}, 5),  # and how many fit
        ({"view": "all", "filters": "open"}, 5),  # and what can be chosen
    ],
)
def test_the_list_costs_the_same_for_ten_and_a_hundred_rows(
    browser_of: Browser,
    agent: User,
    employee: User,
    service: Service,
    django_assert_num_queries: Callable[[int], object],
    many: int,
    query: dict[str, str],
    queries: int,
) -> None:
    for number in range(many):
        opened(by=employee, title=f"Request {number}", service=service, tags=["vpn"])
    browser = browser_of(agent)
    browser.get(QUEUE)
    with django_assert_num_queries(queries):  # type: ignore[attr-defined]
        answer = browser.get(QUEUE, query)
    assert len(rows(answer)) == min(many, 50)


def test_an_administrator_without_a_team_sees_every_team_in_it(
    browser_of: Browser, admin: User, desk: dict[str, Ticket], team: Team
) -> None:
    assert rows(browser_of(admin).get(QUEUE)) == [
        "The office is offline",
        "Nobody has taken this",
        "My salary is wrong",
    ]
