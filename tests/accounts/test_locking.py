"""People change while others work: whoever is second waits or is refused, and nobody waits in a circle."""

import time
from collections.abc import Callable
from functools import partial
from threading import Event as Signal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import actions, api_keys
from accounts.acting import SYSTEM, Forbidden
from accounts.models import User
from tests.factories import UserFactory, opened, web
from tests.racing import at_once, refused_with
from tickets import actions as tickets
from tickets.actions._record import locked
from tickets.models import Service, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 15
USERS = "/api/v1/users"


def program(key: str) -> APIClient:
    return APIClient(raise_request_exception=False, HTTP_X_API_KEY=key)


def patch(key: str, user: User, **changes: Any) -> Any:
    return program(key).patch(f"{USERS}/{user.public_id}", changes, format="json")


@pytest.mark.parametrize(
    "change", [{"role": "AGENT"}, {"is_active": False}, {"full_name": "X", "role": "AGENT"}]
)
def test_of_two_administrators_who_shut_each_other_out_one_stays(
    key_of: Callable[..., str], change: dict[str, Any]
) -> None:
    pair = UserFactory.create_batch(2, role="ADMIN")
    for _round in range(ROUNDS):
        first, second = pair
        answers = at_once(
            partial(patch, key_of(first), second, **change), partial(patch, key_of(second), first, **change)
        )
        assert {answer.status_code for answer in answers} <= {200, 401, 403, 409}, [
            a.content for a in answers
        ]
        assert {answer.status_code for answer in answers} != {200}
        pair = [User.objects.active().get(role="ADMIN"), UserFactory.create(role="ADMIN")]


def test_who_is_shut_out_while_he_comments_never_waits_in_a_circle(
    admin: User, employee: User, service: Service, key_of: Callable[..., str]
) -> None:
    boss = key_of(admin)
    for _round in range(ROUNDS):
        agent = UserFactory.create(role="AGENT", in_teams=[service.team])
        ticket = tickets.assign(opened(by=employee, service=service), assignee=agent, by=SYSTEM)
        comment = partial(
            program(key_of(agent)).post, f"/api/v1/tickets/{ticket.public_id}/comments", {"body": "On it."},
            format="json",
        )  # fmt: skip
        said, done = at_once(
            comment, partial(patch, boss, agent, email=f"x{agent.pk}@example.com", is_active=False)
        )
        assert said.status_code in {201, 401, 403}, said.content
        assert done.status_code == 200, done.content
        assert Ticket.objects.get(pk=ticket.pk).assignee is None


def holding(ticket: Ticket, signal: Signal, deed: Callable[[], Any]) -> Any:
    """Do the deed a moment after the ticket is locked and the signal given, in one transaction."""
    with transaction.atomic():
        locked(ticket)
        signal.set()
        time.sleep(0.5)
        return deed()


def after(signal: Signal, deed: Callable[[], Any], *, pause: float = 0.1) -> Any:
    signal.wait(timeout=20)
    time.sleep(pause)
    return deed()


def test_a_hand_over_to_an_administrator_and_the_holders_departure(
    admin: User, agent: User, employee: User, service: Service
) -> None:
    ticket = tickets.assign(opened(by=employee, service=service), assignee=agent, by=SYSTEM)
    signal = Signal()
    given, left = at_once(
        partial(holding, ticket, signal, partial(tickets.hand_over, ticket, to=admin, by=web(agent))),
        partial(after, signal, partial(actions.deactivate, agent, by=web(admin))),
    )
    assert given.assignee == admin, given
    assert not left.is_active, left
    assert Ticket.objects.get(pk=ticket.pk).assignee == admin


@pytest.mark.parametrize("leave", [actions.deactivate, partial(actions.change_role, role="EMPLOYEE"),
                                   partial(actions.set_teams, teams={})])  # fmt: skip
def test_two_hand_each_other_their_tickets_while_both_leave(
    admin: User, agent: User, other_agent: User, employee: User, service: Service, leave: Callable[..., Any]
) -> None:
    first, second = (
        tickets.assign(opened(by=employee, service=service), assignee=holder, by=SYSTEM)
        for holder in (agent, other_agent)
    )
    service.confidential = True
    tickets.save_service(service, by=SYSTEM)
    signals = [Signal(), Signal()]
    results = at_once(
        partial(holding, first, signals[0], partial(tickets.hand_over, first, to=other_agent, by=SYSTEM)),
        partial(holding, second, signals[1], partial(tickets.hand_over, second, to=agent, by=SYSTEM)),
        partial(after, signals[0], partial(leave, agent, by=web(admin))),
        partial(after, signals[1], partial(leave, other_agent, by=web(admin))),
    )
    refused = refused_with(results, "not_an_agent") + refused_with(results, "assignee_may_not_see")
    faults = [result for result in results if isinstance(result, Exception) and result not in refused]
    assert not faults
    assert set(Ticket.objects.values_list("assignee", flat=True)) == {None}


def test_the_admins_page_changes_address_and_role_in_one_order(
    browser_of: Callable[[User], Client],
) -> None:
    for _round in range(ROUNDS):
        first, second = UserFactory.create_batch(2, role="ADMIN")
        answers = at_once(
            *(
                partial(post_person, browser_of(one), other, email=f"new{other.pk}@example.com", role="AGENT")
                for one, other in ((first, second), (second, first))
            )
        )
        assert {answer.status_code for answer in answers} <= {200, 302, 403}, answers
        assert User.objects.active().filter(role="ADMIN").exists()


def post_person(browser: Client, user: User, **changes: Any) -> Any:
    browser.raise_request_exception = False
    fields = {
        "email": user.email, "full_name": user.full_name, "language": "en", "time_zone": "UTC",
        "role": user.role, "is_active": "on",
        "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    return browser.post(reverse("admin:accounts_user_change", args=[user.pk]), fields | changes)


def test_nobody_is_given_what_he_may_no_longer_see(
    admin: User, agent: User, employee: User, service: Service
) -> None:
    service.confidential = True
    tickets.save_service(service, by=SYSTEM)
    ticket = opened(by=employee, service=service)
    signal = Signal()

    def leave_the_team() -> None:
        with transaction.atomic():
            actions.set_teams(agent, teams={}, by=web(admin))
            signal.set()
            time.sleep(0.5)

    results = at_once(
        leave_the_team, partial(after, signal, partial(tickets.assign, ticket, assignee=agent, by=SYSTEM))
    )
    assert len(refused_with(results, "assignee_may_not_see")) == 1, results
    assert Ticket.objects.get(pk=ticket.pk).assignee is None


@pytest.mark.parametrize("verb", ["claim", "open", "set_service"])
def test_a_service_becomes_confidential_while_somebody_takes_its_ticket(
    admin: User, stranger: User, employee: User, service: Service, verb: str
) -> None:
    """Either the verb sees that it may not, or whoever makes the service confidential sees what the verb has done."""
    signal = Signal()
    ticket = opened(by=employee, service=None if verb == "set_service" else service)
    deeds: dict[str, Callable[[], Any]] = {
        "claim": partial(tickets.claim, ticket, by=web(stranger)),
        "open": partial(
            tickets.open_ticket,
            title="His",
            requester=employee,
            service=service,
            assignee=stranger,
            by=web(stranger),
        ),
        "set_service": partial(tickets.set_service, ticket, service=service, by=web(stranger)),
    }
    if verb == "set_service":
        tickets.claim(ticket, by=web(stranger))

    def take() -> Any:
        with transaction.atomic():
            taken = deeds[verb]()
            signal.set()
            time.sleep(0.5)
        return taken

    secret = Service.objects.get(pk=service.pk)
    secret.confidential = True
    taken, saved = at_once(take, partial(after, signal, partial(tickets.save_service, secret, by=web(admin))))
    assert isinstance(taken, Ticket), taken
    assert isinstance(saved, Service), saved
    for one in Ticket.objects.filter(service=service):
        assert one.assignee is None


def test_properties_and_a_service_are_saved_at_once_without_a_circle(
    admin: User, agent: User, employee: User, service: Service
) -> None:
    """The page and If-Match lock the ticket first; so does whoever makes a service confidential."""
    signal = Signal()
    ticket = tickets.claim(opened(by=employee, service=service), by=web(agent))
    secret = Service.objects.get(pk=service.pk)
    secret.confidential = True
    results = at_once(
        partial(
            holding, ticket, signal, partial(tickets.set_service, ticket, service=service, by=web(agent))
        ),
        partial(after, signal, partial(tickets.save_service, secret, by=web(admin))),
    )
    assert not [result for result in results if isinstance(result, Exception)], results


def test_who_is_shut_out_while_he_waits_for_a_ticket_does_nothing_to_it(
    admin: User, agent: User, employee: User, service: Service
) -> None:
    ticket, signal = opened(by=employee, service=service), Signal()
    results = at_once(
        partial(holding, ticket, signal, partial(actions.deactivate, agent, by=web(admin))),
        partial(
            after, signal, partial(tickets.add_comment, ticket, body="Too late", internal=True, by=web(agent))
        ),
    )
    assert len(refused_with(results, "not_permitted")) == 1, results
    assert not ticket.comments.exists()


def test_an_administrator_who_is_none_any_more_gives_nobody_a_key(admin: User, employee: User) -> None:
    UserFactory.create(role="ADMIN")
    let_in = web(admin)
    actions.change_role(admin, role="EMPLOYEE", by=SYSTEM)
    with pytest.raises(Forbidden):
        api_keys.issue(employee, name="Late", scopes=["read"], by=let_in)
