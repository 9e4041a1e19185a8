"""Saying something on a ticket."""

from hashlib import sha256

import pytest

from accounts.acting import SYSTEM, Forbidden, Invalid
from accounts.models import User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Comment, Ticket


def test_what_is_said_is_stored_with_its_event(agent: User, ticket: Ticket) -> None:
    comment = actions.add_comment(ticket, body="  Which cable?\nThe blue one? ", by=web(agent))
    assert Comment.objects.get() == comment
    assert (comment.body, comment.author, comment.internal) == ("Which cable?\nThe blue one?", agent, False)
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert (event.verb, event.internal, comment.seq) == ("ticket.commented", False, 2)
    assert event.changes["comment"] == [
        None,
        {
            "id": str(comment.public_id),
            "internal": False,
            "sha256": sha256(comment.body.encode()).hexdigest(),
        },
    ]
    assert comment.body not in str(event.changes) + event.comment


def test_a_note_is_for_agents(agent: User, employee: User, ticket: Ticket) -> None:
    actions.add_comment(ticket, body="Her third VPN this year.", internal=True, by=web(agent))
    assert Comment.objects.readable_by(agent).count() == 1
    assert not Comment.objects.readable_by(employee).exists()
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    assert (event.verb, event.internal) == ("ticket.noted", True)


def test_an_employee_writes_no_notes(employee: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.add_comment(ticket, body="Only for you.", internal=True, by=web(employee))


@pytest.mark.parametrize("body", ["", " \r\n\t"])
def test_nothing_is_not_said(agent: User, ticket: Ticket, body: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.add_comment(ticket, body=body, by=web(agent))
    assert refusal.value.field == "body"


def test_a_comment_has_at_most_20000_characters(agent: User, ticket: Ticket) -> None:
    assert len(actions.add_comment(ticket, body="ы" * 20_000, by=web(agent)).body) == 20_000
    with pytest.raises(Invalid) as refusal:
        actions.add_comment(ticket, body="x" * 20_001, by=web(agent))
    assert refusal.value.code == "too_long"


def test_the_desk_itself_says_nothing(ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.add_comment(ticket, body="Beep.", by=SYSTEM)


# --- The answer one waits for --------------------------------------------------------------------


def test_the_requesters_answer_brings_his_ticket_back_to_work(
    employee: User, agent: User, ticket: Ticket
) -> None:
    waiting = stand(ticket, "WAITING", assignee=agent)
    actions.add_comment(waiting, body="The blue one.", by=web(employee))
    now = Ticket.objects.get()
    assert (now.status, now.waiting_for, now.assignee) == ("IN_PROGRESS", "", agent)
    assert now.version == waiting.version + 1
    event = Event.objects.get(subject_id=ticket.public_id, seq=now.version)
    assert event.verb == "ticket.commented"
    assert event.changes["status"] == ["WAITING", "IN_PROGRESS"]


def test_or_to_the_queue_where_nobody_holds_it(employee: User, agent: User, ticket: Ticket) -> None:
    waiting = stand(ticket, "WAITING", assignee=agent)
    queued = actions.hand_over(waiting, team=waiting.team, by=web(agent))
    actions.add_comment(queued, body="The blue one.", by=web(employee))
    assert Ticket.objects.get().status == "NEW"


def test_nobody_elses_words_are_the_answer(agent: User, colleague: User, admin: User, ticket: Ticket) -> None:
    waiting = actions.watch(stand(ticket, "WAITING", assignee=agent), user=colleague, by=web(agent))
    for person in (agent, colleague, admin):
        actions.add_comment(waiting, body="I wonder, too.", by=web(person))
    assert Ticket.objects.get().status == "WAITING"


@pytest.mark.parametrize("whom", ["APPROVAL", "THIRD_PARTY"])
def test_who_is_not_waited_for_does_not_end_the_waiting(
    employee: User, agent: User, ticket: Ticket, whom: str
) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    waiting = actions.change_status(held, status="WAITING", waiting_for=whom, by=web(agent))
    actions.add_comment(waiting, body="Any news?", by=web(employee))
    assert Ticket.objects.get().waiting_for == whom


def test_an_agents_note_on_his_own_request_is_no_answer(agent: User, other_agent: User) -> None:
    waiting = stand(opened(by=agent), "WAITING", assignee=other_agent)
    actions.add_comment(waiting, body="For us only.", internal=True, by=web(agent))
    assert Ticket.objects.get().status == "WAITING"


def test_the_first_answer_of_the_desk_is_public_and_not_the_requesters_own(
    employee: User, agent: User, other_agent: User
) -> None:
    ticket = opened(by=agent)
    actions.add_comment(ticket, body="More about it.", by=web(agent))
    actions.add_comment(ticket, body="For us only.", internal=True, by=web(other_agent))
    assert Ticket.objects.get().first_responded_at is None
    comment = actions.add_comment(ticket, body="Which cable?", by=web(other_agent))
    first = Ticket.objects.get().first_responded_at
    assert first is not None
    assert first <= comment.created_at
    actions.add_comment(ticket, body="Hello?", by=web(other_agent))
    assert Ticket.objects.get().first_responded_at == first
