"""How the database answers what a desk of some size asks: by its indexes, never by reading a large table through.

Of the plan and the rows it touches, not of the time. `benchmarks/plans.py` says the same of a desk of a million
tickets, with times. Seen to fail without each of the indexes ticket_created, ticket_updated, ticket_of_requester,
ticket_search and comment_search, without ticket_open_by_urgency and ticket_open_of_assignee, with DISTINCT in the
filter of statuses, and where rare words are looked for as common ones are.
"""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from benchmarks import explaining
from benchmarks.fill import fill
from tests.factories import opened, web
from tickets import actions
from tickets.models.ticket import Status

TICKETS = 10_000
MOST = 2_000  # rows: no call is about more
THINGS = ["printer", "router", *(f"machine{n:02}" for n in range(58))]
LARGE = {"tickets_ticket", "tickets_comment", "tickets_watch", "audit_event"}


@pytest.fixture
def large_desk(agent: User, employee: User) -> None:
    """Copies of sixty tickets, each about something else; two hundred of them open."""
    for thing in THINGS:
        asked = opened(by=employee, title=f"The {thing} on floor 3", description="It says: paper jam.")
        actions.add_comment(asked, body=f"Which {thing} is it?", by=web(agent))
        actions.watch(asked, user=employee, by=web(employee))
        if thing in THINGS[::4]:
            continue  # it stays open
        held = actions.claim(asked, by=web(agent))
        if held.status == Status.NEW:
            held = actions.change_status(held, status=Status.IN_PROGRESS, by=web(agent))
        actions.change_status(held, status=Status.DONE, by=web(agent))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or no index could be taken away
    fill(tickets=TICKETS, still_open=200, employees=100, seed=1, say=lambda _words: None)
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE"
        )  # all: whatever was last noted of those who are people was noted between two tests


def read_through(asking: Any, *where: Any, **more: Any) -> list[str]:
    """The statements of a call that read a large table, or much of it, by an index or without one.

    A count that may stop at 501 may well begin anywhere.
    """
    recorder = explaining.Recorder()
    with connection.execute_wrapper(recorder):
        answer = asking(*where, **more)
    assert answer.status_code < 400, answer.content
    asked = [one["sql"] for one in recorder.found if one["sql"].lstrip().startswith(("SELECT", "WITH"))]
    assert any("tickets_ticket" in one for one in asked)
    return [
        f"{where} {rows} of {table}: {one}"
        for one in asked
        for table, _kind, rows in explaining.reads(explaining.explained(one, measured=True)["Plan"])
        if table in LARGE and rows > MOST
    ]


LISTS = [
    "",
    "?ordering=updated_at",
    "?ordering=-priority",
    "?status=NEW",
    "?status=IN_PROGRESS&assignee=me",
    "?assignee=none",
    "?requester=me",
    "?tag=vpn",
    "?sla=breached",
    "?q=printer",
    "?q=ghbynth",
    "?q=zzzz",
    "?q=SF-1042",
]
QUEUES = [
    *(f"?view={view}" for view in ("unassigned", "mine", "waiting", "due_today", "followed", "closed_by_me", "all")),
    "?q=printer",
    "?q=router",
    "?q=zzzz",
    "?q=printer+-floor",
    "?status=DONE",
    "?view=all&ordering=-updated_at",
]  # fmt: skip


@pytest.mark.usefixtures("large_desk")
@pytest.mark.django_db
def test_a_large_desk_answers_by_its_indexes(
    agent: User, employee: User, admin: User, browser_of: Any, api: Any, key_of: Any
) -> None:
    heavy = User.objects.get(email="made.up.0@northwind.example")
    wrong = []
    for who in (agent, admin, heavy):
        program = api(key_of(who))
        wrong += [found for each in LISTS for found in read_through(program.get, f"/api/v1/tickets{each}")]
    for who in (agent, admin):
        browser: Client = browser_of(who)
        wrong += [found for each in QUEUES for found in read_through(browser.get, f"/queue/{each}")]
        wrong += read_through(browser.post, "/queue/next/")
    for page in ("/", "/?q=printer"):
        wrong += read_through(browser_of(heavy).get, page)
    assert not wrong, "\n\n".join(wrong)
