"""Start, wait, resolve, cancel. Which pairs are legal is shown in tests/tickets/test_workflow.py."""

import pytest

from accounts.acting import SYSTEM, Forbidden, Invalid, Refused
from accounts.models import User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Comment, Service, Ticket


def events_of(ticket: Ticket) -> list[str]:
    return list(
        Event.objects.filter(subject_id=ticket.public_id).order_by("seq").values_list("verb", flat=True)
    )


@pytest.mark.parametrize(
    ("status", "verb"),
    [("WAITING", "ticket.waiting"), ("DONE", "ticket.resolved"), ("CANCELED", "ticket.canceled")],
)
def test_an_agent_moves_his_ticket_on_and_says_why(
    agent: User, ticket: Ticket, status: str, verb: str
) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    moved = actions.change_status(held, status=status, comment=" As agreed. ", by=web(agent))
    assert (moved.status, moved.version) == (status, held.version + 1)
    said = Comment.objects.get()
    assert (said.body, said.internal, said.author, said.seq) == ("As agreed.", False, agent, moved.version)
    assert events_of(ticket)[-1] == verb


def test_resolving_keeps_the_time_and_reopening_forgets_it(agent: User, ticket: Ticket) -> None:
    done = actions.change_status(stand(ticket, "IN_PROGRESS", assignee=agent), status="DONE", by=web(agent))
    assert done.resolved_at is not None
    assert actions.reopen(done, by=web(agent)).resolved_at is None


def test_the_first_answer_of_the_desk_is_remembered_once(agent: User, ticket: Ticket) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    assert held.first_responded_at is None
    waiting = actions.change_status(held, status="WAITING", comment="Which cable?", by=web(agent))
    first = waiting.first_responded_at
    assert first is not None
    done = actions.change_status(waiting, status="DONE", comment="Works again.", by=web(agent))
    assert done.first_responded_at == first


def test_moving_on_in_silence_is_no_answer_but_resolving_is(agent: User, ticket: Ticket) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    silent = actions.change_status(held, status="WAITING", by=web(agent))
    assert silent.first_responded_at is None
    assert actions.change_status(silent, status="DONE", by=web(agent)).first_responded_at is not None


@pytest.mark.parametrize("reason", ["", "   "])
def test_staff_cancels_only_with_a_reason(agent: User, ticket: Ticket, reason: str) -> None:
    held = actions.claim(ticket, by=web(agent))
    with pytest.raises(Invalid) as refusal:
        actions.change_status(held, status="CANCELED", comment=reason, by=web(agent))
    assert (refusal.value.field, refusal.value.code) == ("comment", "reason_required")


def test_take_it_and_start_in_one_step_are_two_events(agent: User, ticket: Ticket) -> None:
    started = actions.change_status(ticket, status="IN_PROGRESS", assignee=agent, by=web(agent))
    assert (started.status, started.assignee, started.version) == ("IN_PROGRESS", agent, 3)
    assert events_of(ticket) == ["ticket.opened", "ticket.claimed", "ticket.started"]


def test_a_lead_has_one_of_his_start(lead: User, agent: User, ticket: Ticket) -> None:
    started = actions.change_status(ticket, status="IN_PROGRESS", assignee=agent, by=web(lead))
    assert started.assignee == agent
    assert events_of(ticket) == ["ticket.opened", "ticket.assigned", "ticket.started"]


def test_if_the_second_step_is_refused_the_first_has_not_happened(
    agent: User, other_agent: User, ticket: Ticket
) -> None:
    held = stand(ticket, "WAITING", assignee=agent)
    with pytest.raises(Forbidden):  # once handed over it is not his to start
        actions.change_status(held, status="IN_PROGRESS", assignee=other_agent, by=web(agent))
    now = Ticket.objects.get()
    assert (now.assignee, now.status, now.version) == (agent, "WAITING", held.version)
    assert "ticket.handed_over" not in events_of(ticket)


def test_an_illegal_change_with_an_assignee_gives_the_ticket_to_nobody(
    lead: User, agent: User, ticket: Ticket
) -> None:
    with pytest.raises(Refused) as refusal:
        actions.change_status(ticket, status="DONE", assignee=agent, by=web(lead))
    assert refusal.value.code == "illegal_status_change"
    assert Ticket.objects.get().assignee is None


def test_whoever_has_no_right_hears_that_whatever_the_status(
    employee: User, agent: User, ticket: Ticket
) -> None:
    done = stand(ticket, "DONE", assignee=agent)
    for assignee in (None, employee, agent):
        with pytest.raises(Forbidden):
            actions.change_status(done, status="IN_PROGRESS", assignee=assignee, by=web(employee))


def test_the_desk_itself_says_nothing_to_people(agent: User, ticket: Ticket) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    canceled = actions.change_status(held, status="CANCELED", comment="By the clock.", by=SYSTEM)
    assert not Comment.objects.exists()
    assert Event.objects.get(subject_id=ticket.public_id, seq=canceled.version).comment == "By the clock."


def test_giving_it_to_whom_may_not_see_it_is_refused_whole(
    stranger: User, agent: User, admin: User, employee: User, confidential: Service
) -> None:
    ticket = stand(opened(by=employee, service=confidential), "WAITING", assignee=stranger)
    with pytest.raises(Refused) as refusal:
        actions.change_status(ticket, status="IN_PROGRESS", assignee=agent, by=web(admin))
    assert refusal.value.code == "assignee_may_not_see"
    assert Ticket.objects.get().assignee == stranger
