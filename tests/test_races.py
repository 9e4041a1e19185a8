"""What happens when people and programs do the same thing at the same moment, through the real web server."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from threading import Barrier

import pytest
import requests
from django.db import connection
from django.urls import reverse

from accounts.models import Team, User
from audit.models import Event
from tests.factories import UserFactory, opened
from tests.invariants import check
from tests.served import Desk, Visitor, forms
from tickets.models import Service, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 100
TICKETS = "/api/v1/tickets"


def at_once(*deeds: Callable[[], requests.Response]) -> list[requests.Response]:
    """The answers to requests that are sent at the same moment."""
    ready = Barrier(len(deeds))

    def deed_when_all_are_ready(deed: Callable[[], requests.Response]) -> requests.Response:
        ready.wait(timeout=30)
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(deed_when_all_are_ready, deeds))


def program(desk: Desk, key: str) -> Visitor:
    visitor = desk.visitor()
    visitor.headers["X-API-Key"] = key
    return visitor


class AtThePage:
    """An agent who has the ticket's page open and presses its button."""

    def __init__(self, desk: Desk, agent: User, sample: Ticket) -> None:
        self.visitor = desk.visitor().sign_in(agent.email)
        # One page tells what the button sends; only the version differs from ticket to ticket.
        page = self.visitor.get(reverse("tickets:detail", args=[sample.public_id]))
        [self.form] = forms(page.text, action=reverse("tickets:claim", args=[sample.public_id]))

    def claim(self, ticket: Ticket) -> requests.Response:
        return self.visitor.post(
            reverse("tickets:claim", args=[ticket.public_id]),
            data=self.form.fields | {"version": str(ticket.version)},
            headers={"Referer": self.visitor.base + "/"},
            allow_redirects=False,
        )


class AtTheInterface:
    """An agent's program."""

    def __init__(self, desk: Desk, key: str) -> None:
        self.visitor = program(desk, key)

    def claim(self, ticket: Ticket) -> requests.Response:
        return self.visitor.post(f"{TICKETS}/{ticket.public_id}/claim", json={})


def claimed(answer: requests.Response) -> bool:
    """Whether an answer says done."""
    return answer.status_code in {200, 302, 303}


def told_that(winner: User, answer: requests.Response) -> bool:
    """Whether a page or an answer of the API says no, and who was quicker."""
    if answer.headers["Content-Type"].startswith("text/html"):
        return answer.status_code == 409 and f"{winner.full_name} has already taken" in answer.text
    told = answer.json()
    return (answer.status_code, told["code"], told["assignee"]) == (
        409,
        "already_claimed",
        str(winner.public_id),
    )


def test_one_of_two_agents_gets_the_ticket(
    desk: Desk, agent: User, other_agent: User, employee: User, service: Service, key_of: Callable[..., str]
) -> None:
    sample = opened(by=employee, service=service)
    pages = [AtThePage(desk, person, sample) for person in (agent, other_agent)]
    interfaces = [AtTheInterface(desk, key_of(person)) for person in (agent, other_agent)]
    doors: list[Sequence[AtThePage | AtTheInterface]] = [
        (pages[0], pages[1]),
        (interfaces[0], interfaces[1]),
        (pages[0], interfaces[1]),
        (interfaces[0], pages[1]),
    ]
    winners: Counter[str] = Counter()
    for _round, (first, second) in zip(range(ROUNDS), cycle(doors), strict=False):
        ticket = opened(by=employee, service=service)
        answers = at_once(partial(first.claim, ticket), partial(second.claim, ticket))
        outcomes = [claimed(answer) for answer in answers]
        assert sorted(outcomes) == [False, True], [answer.text[:500] for answer in answers]
        winner = agent if outcomes[0] else other_agent
        lost = answers[1] if outcomes[0] else answers[0]
        assert told_that(winner, lost), f"{lost.status_code} {lost.text[:2000]}"
        ticket.refresh_from_db()
        assert ticket.assignee_id == winner.pk
        assert ticket.version == 2
        claims = Event.objects.filter(subject_id=ticket.public_id, verb="ticket.claimed")
        assert [event.actor_id for event in claims] == [winner.public_id]
        winners[winner.full_name] += 1
    assert len(winners) == 2, f"one was always the first, so this was no race: {winners}"
    assert check(connection) == []


def test_eight_calls_with_one_idempotency_key_are_one(
    desk: Desk, employee: User, service: Service, key_of: Callable[..., str]
) -> None:
    programs = [program(desk, key_of(employee)) for _i in range(8)]
    for attempt in range(10):
        headers = {"Idempotency-Key": f"the same thing {attempt}"}
        body = {"title": f"Order number {attempt}", "service": str(service.public_id)}
        answers = at_once(*(partial(one.post, TICKETS, json=body, headers=headers) for one in programs))
        assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1
        assert len({answer.headers["Location"] for answer in answers}) == 1
        replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
        assert sorted(map(str, replayed)) == ["None", *["true"] * 7]
        assert Ticket.objects.filter(title=body["title"]).count() == 1
    assert Event.objects.filter(verb="ticket.opened").count() == 10
    assert check(connection) == []


def test_eight_agents_who_ask_for_the_next_one_get_eight(
    desk: Desk, team: Team, employee: User, service: Service, key_of: Callable[..., str]
) -> None:
    agents = [UserFactory.create(role="AGENT", in_teams=[team]) for _i in range(8)]
    programs = [program(desk, key_of(agent)) for agent in agents]
    for _attempt in range(10):
        tickets = {str(opened(by=employee, service=service).public_id) for _i in range(8)}
        answers = at_once(*(partial(one.post, f"{TICKETS}/claim-next") for one in programs))
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert {answer.json()["id"] for answer in answers} == tickets
        holders = {answer.json()["assignee"]["id"] for answer in answers}
        assert holders == {str(agent.public_id) for agent in agents}
    assert check(connection) == []


def test_a_form_that_is_sent_four_times_at_once_opens_one_ticket(
    desk: Desk, employee: User, service: Service
) -> None:
    visitors = [desk.visitor().sign_in(employee.email)]
    page = visitors[0].get(reverse("tickets:new"), params={"service": str(service.public_id)})
    [form] = forms(page.text, name="title")
    for _i in range(3):
        visitors.append(desk.visitor())
        visitors[-1].cookies.update(visitors[0].cookies)
    sent_to = reverse("tickets:new")
    fields = form.fields | {"title": "The lift is stuck", "description": "On the third floor."}
    answers = at_once(
        *(
            partial(one.post, sent_to, data=fields, headers={"Referer": page.url}, allow_redirects=False)
            for one in visitors
        )
    )
    assert {answer.status_code for answer in answers} <= {302, 303}, [answer.text for answer in answers]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert Ticket.objects.filter(title="The lift is stuck").count() == 1
    assert check(connection) == []
