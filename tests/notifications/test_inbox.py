"""The inbox: what was told, of what may still be read, and what was read already."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.acting import SYSTEM
from accounts.models import User
from notifications import inbox
from notifications.models import Delivery
from tests.factories import UserFactory, opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket

pytestmark = pytest.mark.django_db

type BrowserOf = Callable[[User], Client]


def unread(user: User) -> int:
    return inbox.of(user).filter(read_at=None).count()


@pytest.fixture
def held(ticket: Ticket, agent: User) -> Ticket:
    """In progress with Igor, who has read everything, as Anna has."""
    ticket = stand(ticket, "IN_PROGRESS", assignee=agent)
    Delivery.objects.update(read_at=timezone.now())
    return ticket


def text(browser: Client, path: str = "/inbox/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_tells_in_words_and_leads_to_the_place(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    held.refresh_from_db()
    page = text(browser_of(employee))
    assert "<b>Igor Orlov</b> replied" in page
    assert "Which cable?" in page
    assert f'href="/tickets/{held.public_id}/#e-{held.version}"' in page
    assert "1 unread notice" in page


def test_what_is_unread_comes_first(
    browser_of: BrowserOf, employee: User, agent: User, service: Service
) -> None:
    old = opened(by=employee, service=service, title="An old one")
    new = opened(by=employee, service=service, title="A new one")
    actions.add_comment(old, body="Unread", by=web(agent))
    actions.add_comment(new, body="Read", by=web(agent))
    inbox.of(employee).filter(subject_id=new.public_id).update(read_at=timezone.now())
    page = text(browser_of(employee))
    assert page.index("An old one") < page.index("A new one")


def test_opening_the_ticket_reads_what_was_told_of_it_and_nothing_else(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User, service: Service
) -> None:
    other = opened(by=employee, service=service)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    actions.add_comment(other, body="Coming.", by=web(agent))
    browser = browser_of(employee)
    assert unread(employee) == 2
    browser.head(f"/tickets/{held.public_id}/")
    browser.get(f"/tickets/{held.public_id}/", headers={"Sec-Purpose": "prefetch;prerender"})
    assert unread(employee) == 2
    page = text(browser, f"/tickets/{held.public_id}/")
    assert "1 unread notice" in page
    assert list(inbox.of(employee).filter(read_at=None).values_list("subject_id", flat=True)) == [
        other.public_id
    ]


def test_somebody_elses_look_reads_nothing_of_mine(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User, colleague: User
) -> None:
    actions.watch(held, user=colleague, by=SYSTEM)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    browser_of(colleague).get(f"/tickets/{held.public_id}/")
    assert unread(employee) >= 1
    assert unread(colleague) == 0


def test_everything_is_read_at_once_but_not_what_came_since(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User, colleague: User
) -> None:
    actions.watch(held, user=colleague, by=SYSTEM)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    browser = browser_of(employee)
    last = browser.get("/inbox/").context["page"].last
    actions.add_comment(held, body="And which socket?", by=web(agent))
    theirs = unread(colleague)
    assert browser.get("/inbox/read/").status_code == 405
    assert browser.post("/inbox/read/", {"upto": str(last.public_id)}).status_code == 302
    assert unread(employee) == 1
    assert unread(colleague) == theirs


@pytest.mark.parametrize("upto", ["", "nothing", "00000000-0000-0000-0000-000000000000"])
def test_a_strange_form_reads_nothing(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User, upto: str
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    assert browser_of(employee).post("/inbox/read/", {"upto": upto}).status_code == 302
    assert unread(employee) == 1


def test_anothers_notice_is_no_place_of_mine(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User, colleague: User
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    actions.watch(held, user=colleague, by=SYSTEM)
    theirs = inbox.of(colleague).latest("pk")
    browser_of(employee).post("/inbox/read/", {"upto": str(theirs.public_id)})
    assert unread(employee) == 1


def test_what_can_no_longer_be_seen_is_told_in_no_word_but_can_be_cleared(
    browser_of: BrowserOf, held: Ticket, agent: User, colleague: User
) -> None:
    actions.watch(held, user=colleague, by=SYSTEM)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    actions.unwatch(held, user=colleague, by=SYSTEM)
    User.objects.filter(pk=colleague.pk).update(language="en")
    browser = browser_of(colleague)
    page = text(browser)
    assert held.title not in page
    assert held.reference not in page
    assert "2 notices are about something you can no longer see." in page
    browser.post("/inbox/read/", {"upto": str(inbox.of(colleague).latest("pk").public_id)})
    assert unread(colleague) == 0
    assert "no longer see" not in text(browser)


def test_an_empty_inbox_says_what_will_be_in_it(browser_of: BrowserOf) -> None:
    page = text(browser_of(UserFactory.create()))
    assert "Nothing here" in page
    assert "sf-unread" not in page


def test_it_goes_on_to_older_ones(
    browser_of: BrowserOf, employee: User, agent: User, service: Service
) -> None:
    for number in range(inbox.SUBJECTS + 3):
        ticket = opened(by=employee, service=service, title=f"Request {number:02}")
        actions.add_comment(ticket, body="Coming.", by=web(agent))
    browser = browser_of(employee)
    assert text(browser).count('class="sf-told is-unread"') == inbox.SUBJECTS
    assert "?page=2" in text(browser)
    assert text(browser, "/inbox/?page=2").count('class="sf-told is-unread"') == 3
    for strange in ("0", "-1", "x", "9" * 30, "499", "٣"):
        browser.get("/inbox/", {"page": strange})


def test_the_page_costs_the_same_for_few_and_for_many(
    browser_of: BrowserOf, employee: User, agent: User, service: Service, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        ticket = opened(by=employee, service=service)
        for body in ("One", "Two", "Three", "Four"):
            actions.add_comment(ticket, body=f"{body} {number}", by=web(agent))
    browser = browser_of(employee)
    browser.get("/inbox/")
    with django_assert_max_num_queries(
        7
    ):  # session, person with count, subjects, latest, tickets, events, comments
        browser.get("/inbox/")


def test_the_number_beside_the_bell_ends_at_99(
    browser_of: BrowserOf, held: Ticket, agent: User, employee: User
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    row = inbox.of(employee).latest("pk")
    Delivery.objects.bulk_create(
        Delivery(
            kind=row.kind, verb=row.verb, subject_type=row.subject_type, subject_id=row.subject_id, seq=1000 + number,
            subject_name="x", reason="requester", transport="inbox", recipient=employee, state="sent",
        )
        for number in range(150)
    )  # fmt: skip
    page = text(browser_of(employee), "/")
    assert ">99+<" in page


def test_employees_and_agents_only_see_their_own(
    browser_of: BrowserOf, held: Ticket, agent: User, stranger: User
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    assert "Which cable?" not in text(browser_of(stranger))
    assert Client().get("/inbox/").status_code == 302
