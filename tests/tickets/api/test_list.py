"""GET /tickets: what one may see, filtered, ordered, page by page."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from accounts.models import User
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket

TICKETS = "/api/v1/tickets"


def titles(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [ticket["title"] for ticket in response.json()["results"]]


def walk(program: Any, address: str) -> list[str]:
    found = []
    while address:
        told = program.get(address).json()
        found += [ticket["title"] for ticket in told["results"]]
        address = told["next"] or ""
    return found


def test_everybody_lists_his_own(program_of: Any, employee: User, colleague: User, ticket: Ticket) -> None:
    opened(by=colleague, title="Broken chair")
    assert titles(program_of(employee).get(TICKETS)) == [ticket.title]
    assert titles(program_of(colleague).get(TICKETS)) == ["Broken chair"]


def test_the_newest_comes_first_unless_told_otherwise(program_of: Any, agent: User, employee: User) -> None:
    for title in ("one", "two", "three"):
        opened(by=employee, title=title, priority="URGENT" if title == "two" else "LOW")
    program = program_of(agent)
    assert titles(program.get(TICKETS)) == ["three", "two", "one"]
    assert titles(program.get(f"{TICKETS}?ordering=number")) == ["one", "two", "three"]
    assert titles(program.get(f"{TICKETS}?ordering=priority")) == ["two", "one", "three"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=NEW", {"free"}),
        ("status=NEW&status=DONE", {"free", "solved"}),
        ("priority=HIGH", {"mine"}),
        ("assignee=me", {"mine", "solved"}),
        ("assignee=none", {"free"}),
        ("assignee=me&assignee=none", {"mine", "solved", "free"}),
        ("requester=me", set()),
        ("tag=Paper", {"free"}),
        ("team=none", {"mine", "solved", "free"}),
        ("created_after=2020-01-01", {"mine", "solved", "free"}),
        ("created_before=2020-01-01T10:00:00Z", set()),
        ("updated_after=2020-01-01", {"mine", "solved", "free"}),
        ("sla=breached", {"mine"}),
        ("q=papers", {"free"}),
        ("status=NEW&priority=HIGH", set()),
    ],
)
def test_filters_combine(
    program_of: Any, agent: User, employee: User, query: str, expected: set[str]
) -> None:
    from datetime import UTC, datetime

    mine = opened(by=employee, title="mine", priority="HIGH")
    stand(mine, "IN_PROGRESS", assignee=agent)
    actions.set_due(mine, due_at=datetime(2024, 1, 1, tzinfo=UTC), by=web(agent))
    stand(opened(by=employee, title="solved"), "DONE", assignee=agent)
    opened(by=employee, title="free", description="The paper is stuck.", tags=["paper"])
    assert set(titles(program_of(agent).get(f"{TICKETS}?{query}"))) == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("colour=red", "colour"),
        ("page=2", "page"),
        ("format=json", "format"),
        ("status=new", "status"),
        ("status=", "status"),
        ("status=NEW&status=OLD", "status"),
        ("assignee=igor", "assignee"),
        ("assignee=", "assignee"),
        ("requester=none", "requester"),
        ("created_after=yesterday", "created_after"),
        ("created_after=0001-01-01T00:00:00%2B14:00", "created_after"),
        ("created_after=2026-01-01&created_after=2026-02-01", "created_after"),
        ("q=a&q=b", "q"),
        ("q=" + "x" * 201, "q"),
        ("sla=late", "sla"),
        ("ordering=title", "ordering"),
        ("ordering=number&ordering=-number", "ordering"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e1", "limit"),
        ("limit=٣", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("cursor=x", "cursor"),
        ("cursor=W10", "cursor"),
        ("count=yes", "count"),
    ],
)
def test_an_unknown_parameter_or_value_is_named(program_of: Any, agent: User, query: str, name: str) -> None:
    response = program_of(agent).get(f"{TICKETS}?{query}")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [name]


def test_walking_all_pages_while_rows_are_added(program_of: Any, agent: User, employee: User) -> None:
    before = [opened(by=employee, title=f"old {n}").title for n in range(7)]
    program = program_of(agent)
    found, address = [], f"{TICKETS}?limit=2"
    while address:
        response = program.get(address)
        found += titles(response)
        opened(by=employee, title="added meanwhile")
        address = response.json()["next"] or ""
    assert [title for title in found if title != "added meanwhile"] == before[::-1]


@pytest.mark.parametrize(
    "ordering", ["priority", "-priority", "created_at", "-updated_at", "number", "-number"]
)
def test_every_order_can_be_walked(program_of: Any, agent: User, employee: User, ordering: str) -> None:
    wanted = {
        opened(by=employee, title=f"ticket {n}", priority=p).title for n, p in enumerate(["LOW", "HIGH"] * 3)
    }
    found = walk(program_of(agent), f"{TICKETS}?limit=2&ordering={ordering}")
    assert len(found) == 6
    assert set(found) == wanted


def test_one_can_walk_back(program_of: Any, agent: User, employee: User) -> None:
    for n in range(5):
        opened(by=employee, title=f"ticket {n}")
    program = program_of(agent)
    first = program.get(f"{TICKETS}?limit=2&status=NEW")
    second = program.get(first.json()["next"])
    assert titles(second) == ["ticket 2", "ticket 1"]
    assert "status=NEW" in second.json()["previous"]
    assert first.json()["previous"] is None
    assert titles(program.get(second.json()["previous"])) == titles(first)
    assert f'<{second.json()["next"]}>; rel="next"' in second["Link"]
    assert f'<{second.json()["previous"]}>; rel="prev"' in second["Link"]


def test_a_count_comes_for_asking(program_of: Any, agent: User, employee: User) -> None:
    for n in range(3):
        opened(by=employee, title=f"ticket {n}")
    program = program_of(agent)
    assert "count" not in program.get(TICKETS).json()
    assert program.get(f"{TICKETS}?count=true&limit=1").json()["count"] == 3


def test_an_unchanged_list_is_not_sent_twice(
    program_of: Any, agent: User, other_agent: User, ticket: Ticket
) -> None:
    program = program_of(agent)
    tag = program.get(TICKETS)["ETag"]
    assert program.get(TICKETS, headers={"if-none-match": tag}).status_code == 304
    assert program.get(f"{TICKETS}?limit=1", headers={"if-none-match": tag}).status_code == 200
    assert program_of(other_agent).get(TICKETS, headers={"if-none-match": tag}).status_code == 200
    actions.claim(ticket, by=web(agent))
    assert program.get(TICKETS, headers={"if-none-match": tag}).status_code == 200


@pytest.mark.parametrize("rows", [10, 100])
def test_ten_rows_and_a_hundred_take_the_same_queries(
    program_of: Any, agent: User, employee: User, service: Service, rows: int, django_assert_num_queries: Any
) -> None:
    for n in range(rows):
        opened(by=employee, title=f"ticket {n}", service=service)
    program = program_of(agent)
    program.get(TICKETS)
    with django_assert_num_queries(3):
        response = program.get(f"{TICKETS}?limit=100&status=NEW")
    assert len(response.json()["results"]) == rows


def test_a_session_takes_one_query_more(
    browser_of: Any, agent: User, ticket: Ticket, django_assert_num_queries: Any
) -> None:
    browser = browser_of(agent)
    with django_assert_num_queries(4):
        assert titles(browser.get(TICKETS)) == [ticket.title]


def test_the_next_page_is_at_our_own_address(program_of: Any, agent: User, employee: User) -> None:
    for n in range(2):
        opened(by=employee, title=f"ticket {n}")
    following = urlsplit(program_of(agent).get(f"{TICKETS}/?limit=1").json()["next"])
    assert (following.scheme, following.netloc, following.path) == ("http", "testserver", f"{TICKETS}/")
