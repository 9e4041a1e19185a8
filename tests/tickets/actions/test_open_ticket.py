"""Opening a ticket."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from accounts.acting import SYSTEM, Actor, Forbidden, Invalid, Refused
from accounts.models import Team, User
from audit.models import Event
from tests.factories import ServiceFactory, opened, web
from tests.invariants import check
from tickets import actions
from tickets.models import Service, Tag, Ticket


def test_an_employee_asks_for_help(employee: User, service: Service) -> None:
    ticket = actions.open_ticket(
        title="  VPN   drops\nagain ",
        description="Since Monday.\r\nEvery hour.\n",
        service=service,
        by=web(employee),
    )
    ticket = Ticket.objects.get(pk=ticket.pk)
    assert ticket.title == "VPN drops again"
    assert ticket.description == "Since Monday.\nEvery hour."
    assert (ticket.status, ticket.priority, ticket.waiting_for) == ("NEW", "NORMAL", "")
    assert (ticket.requester, ticket.author, ticket.assignee) == (employee, employee, None)
    assert (ticket.service, ticket.team) == (service, service.team)
    assert (ticket.version, ticket.source) == (1, "web")
    assert ticket.reference == f"SF-{ticket.number}"
    assert check(connection) == []


def test_two_tickets_never_share_a_number(employee: User) -> None:
    first, second = opened(by=employee), opened(by=employee)
    assert second.number > first.number
    assert second.public_id != first.public_id


def test_a_colleague_for_whom_it_is_becomes_the_requester(employee: User, colleague: User) -> None:
    ticket = opened(by=employee, requester=colleague)
    assert (ticket.requester, ticket.author) == (colleague, employee)


def test_its_first_event_tells_everything_it_was_opened_with(
    agent: User, employee: User, service: Service
) -> None:
    due = datetime(2031, 5, 4, 9, 30, tzinfo=UTC)
    ticket = opened(
        by=agent,
        requester=employee,
        service=service,
        assignee=agent,
        priority="HIGH",
        tags=["VPN"],
        due_at=due,
    )
    event = Event.objects.get(subject_id=ticket.public_id)
    assert (event.verb, event.seq, event.door) == ("ticket.opened", 1, "web")
    assert event.changes == {
        "title": [None, "VPN drops every ten minutes"],
        "status": [None, "NEW"],
        "priority": [None, "HIGH"],
        "service": [None, {"id": str(service.public_id), "name": "VPN access"}],
        "team": [None, {"id": str(service.team.public_id), "name": "IT"}],
        "requester": [None, {"id": str(employee.public_id), "name": "Anna Kuznetsova"}],
        "author": [None, {"id": str(agent.public_id), "name": "Igor Orlov"}],
        "assignee": [None, {"id": str(agent.public_id), "name": "Igor Orlov"}],
        "tags": [None, ["vpn"]],
        "source": [None, "web"],
        "due_at": [None, "2031-05-04T09:30:00+00:00"],
        "created_at": [None, ticket.created_at.isoformat()],
    }


def test_an_agent_may_name_another_team_than_the_services(
    agent: User, service: Service, other_team: Team
) -> None:
    assert opened(by=agent, service=service, team=other_team).team == other_team


@pytest.mark.parametrize(
    ("title", "accepted"),
    [
        ("ab", False),
        ("abc", True),
        ("  ab  ", False),
        ("x" * 255, True),
        ("x" * 256, False),
        ("", False),
        ("Ы" * 255, True),
    ],
)
def test_a_title_has_three_to_255_characters(employee: User, title: str, accepted: bool) -> None:
    if accepted:
        assert opened(by=employee, title=title).title == title
        return
    with pytest.raises(Invalid) as refusal:
        opened(by=employee, title=title)
    assert refusal.value.field == "title"
    assert not Ticket.objects.exists()


def test_a_description_has_at_most_20000_characters(employee: User) -> None:
    assert len(opened(by=employee, description="x" * 20_000).description) == 20_000
    with pytest.raises(Invalid) as refusal:
        opened(by=employee, description="x" * 20_001)
    assert refusal.value.field == "description"


def test_tags_are_folded_sorted_and_become_known(agent: User) -> None:
    ticket = opened(by=agent, tags=[" VPN ", "office", "vpn", ""])
    assert ticket.tags == ["office", "vpn"]
    assert set(Tag.objects.values_list("name", flat=True)) == {"office", "vpn"}


@pytest.mark.parametrize("tags", [["x" * 51], ["a,b"], [f"tag{n}" for n in range(21)]])
def test_a_ticket_has_at_most_twenty_short_tags(agent: User, tags: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        opened(by=agent, tags=tags)
    assert refusal.value.field == "tags"


def test_what_is_no_longer_offered_cannot_be_asked_for(employee: User, service: Service) -> None:
    service.is_active = False
    with pytest.raises(Invalid) as refusal:
        opened(by=employee, service=service)
    assert refusal.value.field == "service"


def test_nobody_opens_a_ticket_for_somebody_who_has_left(employee: User, colleague: User) -> None:
    colleague.is_active = False
    with pytest.raises(Invalid) as refusal:
        opened(by=employee, requester=colleague)
    assert refusal.value.field == "requester"


def test_a_team_that_is_no_longer_in_use_gets_no_tickets(agent: User, other_team: Team) -> None:
    other_team.is_active = False
    with pytest.raises(Invalid) as refusal:
        opened(by=agent, team=other_team)
    assert refusal.value.field == "team"


@pytest.mark.parametrize("priority", ["", "normal", "CRITICAL", "HIGH\x00"])
def test_an_unknown_priority_is_bad_input(employee: User, priority: str) -> None:
    with pytest.raises(Invalid) as refusal:
        opened(by=employee, priority=priority)
    assert refusal.value.field == "priority"


def test_an_employee_gives_his_request_to_nobody(employee: User, agent: User, service: Service) -> None:
    with pytest.raises(Forbidden):
        opened(by=employee, service=service, assignee=agent)
    assert not Ticket.objects.exists()


def test_an_agent_gives_it_to_himself_only_and_a_lead_to_his_team(
    agent: User, other_agent: User, lead: User, stranger: User, service: Service
) -> None:
    assert opened(by=agent, service=service, assignee=agent).assignee == agent
    with pytest.raises(Forbidden):
        opened(by=agent, service=service, assignee=other_agent)
    assert opened(by=lead, service=service, assignee=other_agent).assignee == other_agent
    with pytest.raises(Forbidden):
        opened(by=lead, service=service, assignee=stranger)


def test_a_lead_is_no_lead_of_tickets_of_no_team(lead: User, other_agent: User) -> None:
    with pytest.raises(Forbidden):
        opened(by=lead, assignee=other_agent)


def test_who_may_not_see_a_confidential_ticket_cannot_hold_it(
    admin: User, agent: User, stranger: User, confidential: Service
) -> None:
    with pytest.raises(Refused) as refusal:
        opened(by=admin, service=confidential, assignee=agent)
    assert refusal.value.code == "assignee_may_not_see"
    assert opened(by=admin, service=confidential, assignee=stranger).assignee == stranger


def test_the_desk_itself_opens_nothing(service: Service) -> None:
    with pytest.raises(Forbidden) as refusal:
        actions.open_ticket(title="A ticket of nobody's", service=service, by=SYSTEM)
    assert refusal.value.code == "people_only"


def test_the_door_is_the_source(employee: User) -> None:
    assert actions.open_ticket(title="By mail", by=Actor(employee, "mail")).source == "mail"


def test_a_confidential_service_hides_the_ticket_from_other_agents(
    employee: User, agent: User, stranger: User, confidential: Service
) -> None:
    ticket = opened(by=employee, service=confidential)
    assert not Ticket.objects.visible_to(agent).filter(pk=ticket.pk).exists()
    assert Ticket.objects.visible_to(stranger).filter(pk=ticket.pk).exists()


def test_a_service_of_another_team_sends_the_ticket_there(employee: User, other_team: Team) -> None:
    assert opened(by=employee, service=ServiceFactory.create(team=other_team)).team == other_team
