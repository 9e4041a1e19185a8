"""Handing a ticket over to an agent or to a team."""

import pytest

from accounts.acting import SYSTEM, Forbidden, Invalid, Refused
from accounts.models import Team, User
from audit.models import Event
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Comment, Service, Ticket


def test_an_agent_hands_his_ticket_to_a_colleague_with_a_note(
    agent: User, other_agent: User, ticket: Ticket
) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    handed = actions.hand_over(held, to=other_agent, note=" She tried a new cable. ", by=web(agent))
    assert (handed.assignee, handed.status) == (other_agent, "IN_PROGRESS")
    note = Comment.objects.get()
    assert (note.body, note.internal, note.author, note.seq) == (
        "She tried a new cable.",
        True,
        agent,
        handed.version,
    )
    event = Event.objects.get(subject_id=ticket.public_id, seq=handed.version)
    assert (event.verb, event.comment, event.internal) == (
        "ticket.handed_over",
        "She tried a new cable.",
        True,
    )


@pytest.mark.parametrize(
    ("before", "after"), [("NEW", "NEW"), ("IN_PROGRESS", "NEW"), ("WAITING", "WAITING")]
)
def test_in_a_teams_queue_nobody_holds_it_and_nothing_is_in_progress(
    agent: User, other_team: Team, ticket: Ticket, before: str, after: str
) -> None:
    held = stand(ticket, before, assignee=agent)
    queued = actions.hand_over(held, team=other_team, by=web(agent))
    assert (queued.team, queued.assignee, queued.status) == (other_team, None, after)
    assert Event.objects.get(subject_id=ticket.public_id, seq=queued.version).internal is False


def test_an_agent_sends_on_what_stands_in_his_teams_queue_but_not_to_himself(
    agent: User, other_team: Team, ticket: Ticket
) -> None:
    with pytest.raises(Forbidden):
        actions.hand_over(ticket, to=agent, by=web(agent))
    assert actions.hand_over(ticket, team=other_team, by=web(agent)).team == other_team


def test_to_an_agent_and_his_team_in_one_step(
    agent: User, stranger: User, other_team: Team, ticket: Ticket
) -> None:
    held = actions.claim(ticket, by=web(agent))
    handed = actions.hand_over(held, to=stranger, team=other_team, by=web(agent))
    assert (handed.team, handed.assignee) == (other_team, stranger)


def test_somebody_has_to_be_named(agent: User, ticket: Ticket) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.hand_over(ticket, by=web(agent))
    assert refusal.value.field == "assignee"


def test_back_into_the_queue_it_stands_in_is_no_change(agent: User, team: Team, ticket: Ticket) -> None:
    with pytest.raises(Refused) as refusal:
        actions.hand_over(ticket, team=team, by=web(agent))
    assert refusal.value.code == "already_there"
    held = actions.claim(ticket, by=web(agent))
    assert actions.hand_over(held, team=team, by=web(agent)).assignee is None


def test_to_whom_has_it_already_is_refused(agent: User, ticket: Ticket) -> None:
    held = actions.claim(ticket, by=web(agent))
    with pytest.raises(Refused) as refusal:
        actions.hand_over(held, to=agent, by=web(agent))
    assert refusal.value.code == "already_assigned"


def test_a_team_that_is_no_longer_in_use_gets_nothing(agent: User, other_team: Team, ticket: Ticket) -> None:
    other_team.is_active = False
    with pytest.raises(Invalid) as refusal:
        actions.hand_over(ticket, team=other_team, by=web(agent))
    assert refusal.value.field == "team"


def test_a_confidential_ticket_goes_only_to_those_who_will_see_it(
    stranger: User, agent: User, employee: User, team: Team, confidential: Service
) -> None:
    held = actions.claim(opened(by=employee, service=confidential), by=web(stranger))
    with pytest.raises(Refused) as refusal:
        actions.hand_over(held, to=agent, by=web(stranger))
    assert refusal.value.code == "assignee_may_not_see"
    handed = actions.hand_over(held, to=agent, team=team, by=web(stranger))
    assert handed.assignee == agent
    assert not Ticket.objects.visible_to(stranger).exists()


def test_the_desk_writes_no_notes(agent: User, ticket: Ticket) -> None:
    with pytest.raises(Forbidden):
        actions.hand_over(ticket, to=agent, note="By the clock.", by=SYSTEM)
    assert actions.hand_over(ticket, to=agent, by=SYSTEM).assignee == agent
