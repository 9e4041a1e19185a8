"""GET /tickets/{id}: one ticket as its reader sees it."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts import actions as people
from accounts import configuration
from accounts.models import User
from tests.factories import opened, stand, web
from tickets import actions
from tickets.models import Service, Ticket

TICKETS = "/api/v1/tickets"


def address(ticket: Ticket) -> str:
    return f"/api/v1/tickets/{ticket.public_id}"


@pytest.mark.parametrize("form", ["{0.public_id}", "{0.reference}", "sf-{0.number}", "{0.public_id}/"])
def test_a_ticket_has_an_id_and_a_number(program_of: Any, agent: User, ticket: Ticket, form: str) -> None:
    response = program_of(agent).get(f"/api/v1/tickets/{form.format(ticket)}")
    assert response.status_code == 200
    assert response.json()["id"] == str(ticket.public_id)


def test_what_boris_does_not_see_is_not_there(program_of: Any, colleague: User, ticket: Ticket) -> None:
    response = program_of(colleague).get(address(ticket))
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "reference", ["SF-99999999", "1", "x", "SF-", "SF-" + 21 * "9", "٣", "..%2f", "a%00b"]
)
def test_what_is_no_ticket_is_not_there(program_of: Any, admin: User, reference: str) -> None:
    assert program_of(admin).get(f"/api/v1/tickets/{reference}").status_code in {400, 404}


def test_a_confidential_ticket_is_its_team_s(
    program_of: Any, employee: User, agent: User, stranger: User, confidential: Service
) -> None:
    ticket = opened(by=employee, service=confidential)
    assert program_of(agent).get(address(ticket)).status_code == 404
    assert program_of(stranger).get(address(ticket)).status_code == 200


def test_the_agent_is_told_what_he_may_do(program_of: Any, agent: User, ticket: Ticket) -> None:
    program = program_of(agent)
    told = program.get(address(ticket)).json()
    assert told["allowed"]["statuses"] == []
    assert "claim" in told["allowed"]["verbs"]
    stand(ticket, "IN_PROGRESS", assignee=agent)
    told = program.get(address(ticket)).json()
    assert told["allowed"]["statuses"] == ["WAITING", "DONE", "CANCELED"]
    assert "claim" not in told["allowed"]["verbs"]


def test_nothing_is_sent_twice(program_of: Any, agent: User, ticket: Ticket) -> None:
    program = program_of(agent)
    tag = program.get(address(ticket))["ETag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = program.get(address(ticket), headers={"if-none-match": given})
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", tag)
        assert "Content-Type" not in response
    actions.claim(ticket, by=web(agent))
    assert program.get(address(ticket), headers={"if-none-match": tag}).status_code == 200


def _named(row: Any, **names: str) -> Any:
    for name, value in names.items():
        setattr(row, name, value)
    return row


def _called(user: User, full_name: str, *, by: User) -> None:
    people.change_profile(
        user, full_name=full_name, language=user.language, time_zone=user.time_zone, by=web(by)
    )


# Whose renaming → how it is done to a ticket of the agent's, by him or an administrator.
RENAMED: dict[str, Callable[[Ticket, User, User], object]] = {
    "requester": lambda t, _me, boss: _called(t.requester, "Anna Orlova", by=boss),
    "address": lambda t, _me, boss: people.change_email(
        t.requester, email="orlova@example.com", by=web(boss)
    ),
    "assignee": lambda _t, me, boss: _called(me, "I. Orlov", by=boss),
    "service": lambda t, _me, boss: actions.save_service(_named(t.service, name_en="Far away"), by=web(boss)),
    "team": lambda t, _me, boss: configuration.save(_named(t.team, name="Networks"), by=web(boss)),
    "language": lambda _t, me, _boss: people.choose_language(me, language="ru", by=web(me)),
}


@pytest.mark.parametrize("rename", RENAMED.values(), ids=RENAMED)
def test_a_new_name_is_sent_although_the_version_is_the_same(
    program_of: Any,
    agent: User,
    admin: User,
    employee: User,
    service: Service,
    rename: Callable[[Ticket, User, User], object],
) -> None:
    ticket = actions.claim(opened(by=employee, service=service), by=web(agent))
    program = program_of(agent)
    before = {place: program.get(place) for place in (address(ticket), TICKETS)}
    rename(ticket, agent, admin)
    for place, known in before.items():
        now = program.get(place, headers={"if-none-match": known["ETag"]})
        assert now.status_code == 200
        assert now.json() != known.json()
    assert now["ETag"] != known["ETag"]  # the list's; the ticket's is its version, for If-Match
    assert (
        program.patch(address(ticket), {"priority": "HIGH"}, headers={"if-match": '"2"'}).status_code == 200
    )
    tag = program.get(address(ticket))["ETag"]
    assert program.get(address(ticket), headers={"if-none-match": tag}).status_code == 304


def test_what_nobody_reads_there_is_no_reason_to_send_it_again(
    program_of: Any, agent: User, ticket: Ticket
) -> None:
    program = program_of(agent)
    tag = program.get(address(ticket))["ETag"]
    people.choose_theme(agent, theme="dark", by=web(agent))
    people.signed_in(agent, by=web(agent))
    assert program.get(address(ticket), headers={"if-none-match": tag}).status_code == 304


def test_nobody_in_between_may_keep_it(program_of: Any, agent: User, ticket: Ticket) -> None:
    response = program_of(agent).get(address(ticket))
    assert response["Cache-Control"] == "private, no-cache"
    assert {"X-API-Key", "Authorization", "Cookie"} <= set(response["Vary"].split(", "))


def test_a_detail_knows_no_parameters(program_of: Any, agent: User, ticket: Ticket) -> None:
    response = program_of(agent).get(f"{address(ticket)}?verbose=1")
    assert (response.status_code, response.json()["code"]) == (400, "unknown_parameter")
    assert list(response.json()["errors"]) == ["verbose"]


def test_showing_takes_few_queries(
    program_of: Any, agent: User, ticket: Ticket, django_assert_max_num_queries: Any
) -> None:
    program = program_of(agent)
    program.get(address(ticket))
    with django_assert_max_num_queries(3):
        program.get(address(ticket))
