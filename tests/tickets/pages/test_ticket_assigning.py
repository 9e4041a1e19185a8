"""Taking, assigning and handing over on the ticket page."""

from collections.abc import Callable

from django.test import Client

from accounts.models import Team, User
from tests.factories import opened, stand, web
from tests.tickets.pages.posting import again, page_of, press, see
from tickets import actions
from tickets.models import Comment, Service, Ticket

BrowserOf = Callable[[User], Client]


def test_igor_takes_it(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    browser = browser_of(agent)
    press(browser, ticket, "claim")
    assert again(ticket).assignee == agent
    assert "The ticket is yours." in see(browser, ticket)


def test_olga_reads_who_was_faster(
    ticket: Ticket, agent: User, other_agent: User, browser_of: BrowserOf
) -> None:
    actions.claim(ticket, by=web(agent))
    answer = press(browser_of(other_agent), ticket, "claim")
    assert answer.status_code == 409
    assert "Igor Orlov has already taken this ticket." in answer.content.decode()


def test_a_lead_assigns_within_the_team(
    ticket: Ticket, agent: User, lead: User, stranger: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(lead)
    page = see(browser, ticket)
    assert f'<option value="{agent.public_id}">' in page
    assert f'<option value="{stranger.public_id}">' not in page
    assert press(browser, ticket, "assign", assignee=stranger.public_id).status_code == 403
    press(browser, ticket, "assign", assignee=agent.public_id)
    assert again(ticket).assignee == agent


def test_an_agent_assigns_nobody(
    ticket: Ticket, agent: User, other_agent: User, browser_of: BrowserOf
) -> None:
    assert press(browser_of(agent), ticket, "assign", assignee=other_agent.public_id).status_code == 403


def test_igor_hands_it_to_olga_with_a_note(
    ticket: Ticket, agent: User, other_agent: User, employee: User, browser_of: BrowserOf
) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    press(
        browser_of(agent), ticket, "hand_over", to=f"agent:{other_agent.public_id}", note="She is in a hurry"
    )
    assert again(ticket).assignee == other_agent
    assert Comment.objects.get(ticket=ticket).internal
    assert "in a hurry" not in see(browser_of(employee), ticket)


def test_igor_hands_it_to_another_team(
    ticket: Ticket, agent: User, other_team: Team, browser_of: BrowserOf
) -> None:
    press(browser_of(agent), ticket, "hand_over", to=f"team:{other_team.public_id}")
    assert again(ticket).team == other_team


def test_handing_over_to_nobody_keeps_the_note(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    answer = press(browser_of(agent), ticket, "hand_over", to="", note="A typed note")
    assert answer.status_code == 400
    assert "A typed note" in answer.content.decode()


def test_an_unassigned_ticket_goes_from_an_agent_to_a_team_only(
    ticket: Ticket, agent: User, other_agent: User, other_team: Team, browser_of: BrowserOf
) -> None:
    page = see(browser_of(agent), ticket)
    assert f"team:{other_team.public_id}" in page
    assert f"agent:{other_agent.public_id}" not in page


def test_a_confidential_ticket_is_offered_to_its_team_only(
    employee: User, admin: User, agent: User, stranger: User, confidential: Service, browser_of: BrowserOf
) -> None:
    ticket = opened(by=employee, service=confidential)
    page = see(browser_of(admin), ticket)
    assert str(stranger.public_id) in page
    assert str(agent.public_id) not in page


def test_a_lead_is_offered_his_team_and_an_administrator_everybody(
    employee: User,
    agent: User,
    lead: User,
    stranger: User,
    admin: User,
    service: Service,
    browser_of: BrowserOf,
) -> None:
    ticket = opened(by=employee, service=service)

    def offered(reader: User) -> set[str]:
        form = browser_of(reader).get(page_of(ticket)).context["forms"]["assign"]
        return {word for value, word in form.fields["assignee"].widget.choices if value}

    assert offered(lead) == {agent.full_name, lead.full_name}
    assert offered(admin) == {person.full_name for person in (agent, lead, stranger, admin)}


def test_a_ticket_of_no_team_can_be_given_to_anybody(
    employee: User, agent: User, admin: User, browser_of: BrowserOf
) -> None:
    ticket = opened(by=employee)
    page = see(browser_of(admin), ticket)
    assert f'<option value="{agent.public_id}">' in page
