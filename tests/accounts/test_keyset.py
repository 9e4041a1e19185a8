"""Walking through pages by what was seen last."""

import base64
import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.acting import Invalid
from accounts.models import User
from accounts.rest.keyset import Page, page
from tests.factories import UserFactory, opened, web
from tickets import actions
from tickets.filters import ORDERINGS
from tickets.models import Ticket

pytestmark = pytest.mark.django_db
each_order = pytest.mark.parametrize("order", ORDERINGS.values(), ids=ORDERINGS)


@pytest.fixture
def tickets(agent: User, employee: User) -> list[Ticket]:
    priorities = ["LOW", "URGENT", "NORMAL", "NORMAL", "HIGH", "NORMAL", "LOW"]
    return [opened(by=employee, priority=priority) for priority in priorities]


def walk(order: tuple[str, ...], *, limit: int) -> list[Page[Ticket]]:
    pages, cursor = [], ""
    while True:
        pages.append(page(Ticket.objects.all(), order=order, cursor=cursor, limit=limit))
        cursor = pages[-1].next
        if not cursor:
            return pages


@each_order
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_every_row_comes_once_and_in_order(tickets: list[Ticket], order: tuple[str, ...], limit: int) -> None:
    pages = walk(order, limit=limit)
    assert [row.pk for one in pages for row in one.rows] == list(
        Ticket.objects.order_by(*order).values_list("pk", flat=True)
    )
    assert all(len(one.rows) == limit for one in pages[:-1])
    assert pages[0].previous == ""


@each_order
def test_the_way_back_shows_the_same_pages(tickets: list[Ticket], order: tuple[str, ...]) -> None:
    pages = walk(order, limit=3)
    back = [pages[-1]]
    while back[-1].previous:
        back.append(page(Ticket.objects.all(), order=order, cursor=back[-1].previous, limit=3))
    assert [row.pk for row in back[1].rows] == [row.pk for row in pages[1].rows]
    assert [row.pk for row in back[2].rows] == [row.pk for row in pages[0].rows]
    assert back[1].next != ""


def test_rows_added_meanwhile_neither_repeat_nor_hide_old_ones(tickets: list[Ticket], employee: User) -> None:
    first = page(Ticket.objects.all(), order=ORDERINGS["-created_at"], limit=3)
    opened(by=employee)
    second = page(Ticket.objects.all(), order=ORDERINGS["-created_at"], cursor=first.next, limit=10)
    assert [row.pk for row in [*first.rows, *second.rows]] == [ticket.pk for ticket in reversed(tickets)]


def test_a_row_that_moved_away_does_not_stop_the_walk(tickets: list[Ticket], agent: User) -> None:
    first = page(Ticket.objects.all(), order=ORDERINGS["priority"], limit=3)
    actions.set_priority(first.rows[-1], priority="LOW", by=web(agent))
    rest = page(Ticket.objects.all(), order=ORDERINGS["priority"], cursor=first.next, limit=10)
    assert {row.pk for row in tickets} <= {row.pk for row in [*first.rows, *rest.rows]}


def test_an_empty_list_has_no_neighbours(db: None) -> None:
    assert page(Ticket.objects.all(), order=("number",)) == Page([], next="", previous="")


def test_a_page_costs_one_query(tickets: list[Ticket], django_assert_num_queries: Any) -> None:
    cursor = page(Ticket.objects.all(), order=("urgency", "number"), limit=2).next
    with django_assert_num_queries(1):
        page(Ticket.objects.all(), order=("urgency", "number"), cursor=cursor, limit=2)


# --- Cursors that are none of ours ---------------------------------------------------------------


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


ODD_WHOLES: list[Any] = [None, [], [0], [0, 1, 2, 3], {"0": 1}, [2, 1, 1], ["0", 1, 1], [0, None, 1]]
ODD_FIRSTS: list[Any] = [True, "abc", "", "\x00", "\ud800", [1], {}, 1e400, 10**30, -(10**30), 1.5]
ODD_LASTS: list[Any] = [10**19, -(10**19), "9" * 5000, "1; DROP TABLE tickets_ticket", "NaN"]
ODD = [
    *["!", "a", "====", "é", "\x00", "AAAA", "W10", "bnVsbA", "x" * 5000],
    *[encoded(value) for value in ODD_WHOLES],
    *[encoded([0, value, 1]) for value in ODD_FIRSTS],
    *[encoded([0, 1, value]) for value in ODD_LASTS],
]


def answer_to(cursor: str, rows: Any, order: tuple[str, ...]) -> str:
    try:
        with transaction.atomic():
            page(rows, order=order, cursor=cursor)
    except Invalid as refusal:
        return refusal.code
    return "a page"


@each_order
def test_a_cursor_that_is_none_of_ours_is_bad_input_or_harmless(
    tickets: list[Ticket], order: tuple[str, ...]
) -> None:
    answers = {cursor: answer_to(cursor, Ticket.objects.all(), order) for cursor in ODD}
    assert set(answers.values()) <= {"a page", "invalid_cursor"}
    assert answers["!"] == answers["AAAA"] == answers[encoded(None)] == "invalid_cursor"


@pytest.mark.parametrize(
    "moment", ["2026-01-01", "2026-01-01T10:00:00", "2026-01-01T00:00:00+14:00", "soon", "", 7]
)
@pytest.mark.parametrize("order", [("created_at", "number"), ("-updated_at", "-number")])
def test_a_time_in_a_cursor_has_a_zone(tickets: list[Ticket], order: tuple[str, ...], moment: object) -> None:
    expected = "a page" if str(moment).endswith("+14:00") else "invalid_cursor"
    assert answer_to(encoded([0, moment, 1]), Ticket.objects.all(), order) == expected


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "x" * 10_000])
def test_text_in_a_cursor_is_storable_text(employee: User, name: str) -> None:
    with pytest.raises(Invalid):
        page(User.objects.all(), order=("full_name", "id"), cursor=encoded([0, name, 1]))


def test_people_are_walked_by_name(db: None) -> None:
    UserFactory.create_batch(5, full_name="Anna")
    UserFactory.create_batch(2, full_name="Яна")
    first = page(User.objects.all(), order=("full_name", "id"), limit=4)
    rest = page(User.objects.all(), order=("full_name", "id"), cursor=first.next, limit=4)
    assert [user.full_name for user in rest.rows] == ["Anna", "Яна", "Яна"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text(min_size=1) | JSON.map(encoded) | st.lists(JSON, min_size=3, max_size=3).map(encoded))
def test_no_cursor_fails_otherwise_than_as_bad_input(db: None, cursor: str) -> None:
    for order in (("urgency", "number"), ("created_at", "number"), ("full_name", "id")):
        rows: Any = User.objects.all() if "full_name" in order else Ticket.objects.all()
        assert answer_to(cursor, rows, order) in {"a page", "invalid_cursor"}


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_forged_moment_never_reaches_the_database(moment: str, django_assert_num_queries: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([0, moment, 1001]).encode()).decode().rstrip("=")
    with django_assert_num_queries(0), pytest.raises(Invalid):
        page(Ticket.objects.all(), order=ORDERINGS["created_at"], cursor=cursor)
