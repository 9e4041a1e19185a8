"""Cancelling: one's own request while nobody has taken it, or as staff with a reason."""

import pytest

from accounts.acting import SYSTEM, Forbidden, Invalid, Refused
from accounts.models import User
from tests.factories import stand, web
from tickets import actions
from tickets.models import Comment, Ticket


def test_an_employee_takes_his_request_back_without_saying_why(employee: User, ticket: Ticket) -> None:
    canceled = actions.cancel(ticket, by=web(employee))
    assert (canceled.status, canceled.version) == ("CANCELED", 2)
    assert not Comment.objects.exists()


def test_or_says_why(employee: User, ticket: Ticket) -> None:
    actions.cancel(ticket, reason="Works again.", by=web(employee))
    assert Comment.objects.get().body == "Works again."


def test_not_once_somebody_has_taken_it(employee: User, agent: User, ticket: Ticket) -> None:
    held = actions.claim(ticket, by=web(agent))
    with pytest.raises(Refused) as refusal:
        actions.cancel(held, by=web(employee))
    assert (refusal.value.status, refusal.value.code) == (409, "already_claimed")


def test_not_once_it_is_past_new(employee: User, agent: User, ticket: Ticket) -> None:
    done = stand(ticket, "DONE", assignee=agent)
    with pytest.raises(Refused) as refusal:
        actions.cancel(done, by=web(employee))
    assert refusal.value.code == "wrong_status"


def test_staff_needs_a_reason_by_this_door_too(agent: User, ticket: Ticket) -> None:
    held = actions.claim(ticket, by=web(agent))
    with pytest.raises(Invalid):
        actions.cancel(held, by=web(agent))
    assert actions.cancel(held, reason="A doublet of SF-7.", by=web(agent)).status == "CANCELED"


def test_a_colleague_cancels_nothing(colleague: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.cancel(ticket, by=web(colleague))


def test_the_desk_itself_gives_a_reason(ticket: Ticket) -> None:
    with pytest.raises(Invalid):
        actions.cancel(ticket, by=SYSTEM)
    assert actions.cancel(ticket, reason="Nobody answered.", by=SYSTEM).status == "CANCELED"
