"""Opening a ticket in the browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from tests.factories import PASSWORD
from tickets.models import Service, Ticket

type BrowserOf = Callable[[User], Client]
NEW = "/tickets/new/"


def send(browser: Client, **fields: Any) -> Any:
    """Fill in the form as it is shown and send it."""
    name = re.search(r'name="form_name" value="([^"]+)"', browser.get(NEW).content.decode())
    assert name is not None
    return browser.post(NEW, {"form_name": name[1], "title": "VPN drops every ten minutes"} | fields)


def test_anna_opens_a_request_and_sees_it(employee: User, service: Service, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    answer = send(browser, service=service.public_id, description="Since **Monday**", priority="HIGH")
    ticket = Ticket.objects.get()
    assert answer.status_code == 303
    assert answer["Location"] == f"/tickets/{ticket.public_id}/"
    assert (ticket.requester, ticket.author, ticket.team, ticket.source) == (
        employee,
        employee,
        service.team,
        "web",
    )
    assert (ticket.priority, ticket.description, ticket.status) == ("HIGH", "Since **Monday**", "NEW")


def test_a_subject_alone_is_enough(employee: User, browser_of: BrowserOf) -> None:
    send(browser_of(employee))
    assert Ticket.objects.get().priority == "NORMAL"


def test_the_service_and_the_words_of_the_address_are_filled_in(
    employee: User, service: Service, browser_of: BrowserOf
) -> None:
    text = (
        browser_of(employee)
        .get(NEW, {"service": str(service.public_id), "title": "Слетает VPN"})
        .content.decode()
    )
    assert f'value="{service.public_id}" selected' in text
    assert 'value="Слетает VPN"' in text


@pytest.mark.parametrize("service", ["nonsense", "99999999999999999999", "", "<script>"])
def test_a_mistyped_address_still_shows_the_form(employee: User, browser_of: BrowserOf, service: str) -> None:
    assert browser_of(employee).get(NEW, {"service": service}).status_code == 200


def test_anna_opens_one_for_boris_who_becomes_the_requester(
    employee: User, colleague: User, browser_of: BrowserOf
) -> None:
    send(browser_of(employee), requester="BORIS@example.com")
    ticket = Ticket.objects.get()
    assert (ticket.requester, ticket.author) == (colleague, employee)


def test_an_unknown_colleague_is_said_beside_the_field_and_every_letter_stays(
    employee: User, service: Service, browser_of: BrowserOf
) -> None:
    answer = send(
        browser_of(employee),
        service=service.public_id,
        title="  Nобычная <тема> ",
        description="Line 1\r\n\r\n`code` & <b>",
        priority="URGENT",
        requester="nobody@example.com",
    )
    text = answer.content.decode()
    assert answer.status_code == 400
    assert not Ticket.objects.exists()
    assert "Nobody here has this address." in text
    for typed in (
        "  Nобычная &lt;тема&gt; ",
        "`code` &amp; &lt;b&gt;",
        'value="URGENT" selected',
        "nobody@example.com",
    ):
        assert typed in text
    assert f'value="{service.public_id}" selected' in text
    first = re.search(r"<(?:input|textarea|select)[^>]*autofocus[^>]*>", text)
    assert first is not None
    assert 'name="requester"' in first[0]
    assert 'aria-invalid="true"' in first[0]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("title", "ab", "A title has 3 to 255 characters."),
        ("title", "\u200b\u2060\ufeff\u3164\u2800", "A title has 3 to 255 characters."),
        ("title", "x" * 256, "A title has 3 to 255 characters."),
        ("title", "", "This field is required."),
        ("description", "x" * 20_001, "A description has at most 20,000 characters."),
        ("priority", "SOON", "Select a valid choice."),
        ("service", "nonsense", "Select a valid choice."),
    ],
)
def test_faults_are_said_beside_the_field(
    employee: User, browser_of: BrowserOf, field: str, value: str, said: str
) -> None:
    answer = send(browser_of(employee), **{field: value})
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Ticket.objects.exists()


def test_an_employee_cannot_slip_in_what_only_agents_choose(
    employee: User, agent: User, other_team: Team, browser_of: BrowserOf
) -> None:
    send(
        browser_of(employee),
        team=other_team.public_id,
        assignee=agent.public_id,
        tags="vip",
        due_at="2030-01-01T10:00",
        status="DONE",
        number="1",
    )
    ticket = Ticket.objects.get()
    assert (ticket.team, ticket.assignee, ticket.tags, ticket.due_at, ticket.status) == (
        None,
        None,
        [],
        None,
        "NEW",
    )


def test_igor_opens_for_anna_and_takes_it_at_once(
    agent: User, employee: User, other_team: Team, browser_of: BrowserOf
) -> None:
    send(
        browser_of(agent),
        requester=employee.email,
        assignee=agent.public_id,
        team=other_team.public_id,
        tags="VPN, phone ,,",
        due_at="2030-01-01T10:00",
    )
    ticket = Ticket.objects.get()
    assert (ticket.requester, ticket.author, ticket.assignee, ticket.team) == (
        employee,
        agent,
        agent,
        other_team,
    )
    assert ticket.tags == ["phone", "vpn"]
    assert ticket.due_at is not None


def test_igor_is_offered_only_himself_and_lena_her_team(
    agent: User, lead: User, stranger: User, admin: User, browser_of: BrowserOf
) -> None:
    def offered(person: User) -> set[str]:
        field = browser_of(person).get(NEW).context["form"].fields["assignee"]
        return {str(value) for value, _label in field.widget.choices if value}

    assert offered(agent) == {str(agent.public_id)}
    assert offered(lead) == {str(lead.public_id), str(agent.public_id)}
    assert offered(admin) == {str(person.public_id) for person in (agent, lead, stranger, admin)}


def test_igor_may_not_give_work_to_olga(
    agent: User, other_agent: User, service: Service, browser_of: BrowserOf
) -> None:
    answer = send(browser_of(agent), service=service.public_id, assignee=other_agent.public_id)
    assert answer.status_code == 403
    assert "You are not permitted to give this ticket to them." in answer.content.decode()
    assert not Ticket.objects.exists()


def test_sent_twice_it_is_opened_once(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    name = browser.get(NEW).context["form_name"]
    first = browser.post(NEW, {"form_name": name, "title": "VPN drops"})
    second = browser.post(NEW, {"form_name": name, "title": "VPN drops, I said"})
    assert first["Location"] == second["Location"]
    assert Ticket.objects.get().title == "VPN drops"


def test_igor_opens_something_confidential_for_anna_that_he_may_not_see_himself(
    agent: User, employee: User, confidential: Service, browser_of: BrowserOf
) -> None:
    browser = browser_of(agent)
    fields = {"title": "Payslip is wrong", "service": confidential.public_id, "requester": employee.email}
    fields["form_name"] = browser.get(NEW).context["form_name"]
    assert [browser.post(NEW, fields)["Location"] for _time in range(2)] == ["/", "/"]
    assert Ticket.objects.get().requester == employee


@pytest.mark.parametrize("name", ["nonsense", "0193-not-signed", "x" * 10_000])
def test_a_made_up_form_name_opens_nothing_and_keeps_the_words(
    employee: User, browser_of: BrowserOf, name: str
) -> None:
    answer = browser_of(employee).post(NEW, {"form_name": name, "title": "VPN drops"})
    assert answer.status_code == 409
    assert 'value="VPN drops"' in answer.content.decode()
    assert not Ticket.objects.exists()


def test_the_form_shown_to_anna_is_not_for_boris(
    employee: User, colleague: User, browser_of: BrowserOf
) -> None:
    name = browser_of(employee).get(NEW).context["form_name"]
    assert browser_of(colleague).post(NEW, {"form_name": name, "title": "VPN drops"}).status_code == 409
    assert not Ticket.objects.exists()


def test_what_anna_typed_outlives_her_session(employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    name = browser.get(NEW).context["form_name"]
    browser.cookies.clear()
    answer = browser.post(NEW, {"form_name": name, "title": "VPN drops", "description": "Since Monday"})
    assert answer["Location"] == f"/account/sign-in/?next={NEW}"
    assert "What you typed is kept" in browser.get(answer["Location"]).content.decode()
    sign_in = {"email": employee.email, "password": PASSWORD, "next": NEW}
    text = browser.post("/account/sign-in/", sign_in, follow=True).content.decode()
    assert 'value="VPN drops"' in text
    assert "Since Monday" in text
    assert not Ticket.objects.exists()
    assert 'value="VPN drops"' not in browser.get(NEW).content.decode()


def test_what_anna_typed_is_not_shown_to_boris(
    employee: User, colleague: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    name = browser.get(NEW).context["form_name"]
    browser.cookies.clear()
    browser.post(NEW, {"form_name": name, "title": "Something private"})
    sign_in = {"email": colleague.email, "password": PASSWORD, "next": NEW}
    assert "Something private" not in browser.post("/account/sign-in/", sign_in, follow=True).content.decode()


def test_nothing_is_kept_for_strangers_who_make_forms_up(client: Client, db: None) -> None:
    client.post(NEW, {"form_name": "nonsense", "title": "Fill the table"})
    assert not client.session.items()


def test_an_inactive_service_is_not_offered(employee: User, service: Service, browser_of: BrowserOf) -> None:
    service.is_active = False
    service.save()
    answer = send(browser_of(employee), service=service.public_id)
    assert answer.status_code == 400
    assert not Ticket.objects.exists()


def test_what_anna_typed_outlives_a_sign_in_in_another_window(employee: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(employee)
    page = browser.get(NEW)
    name, stale = page.context["form_name"], page.context["csrf_token"]
    del browser.cookies["csrf"]
    browser.get(NEW)
    answer = browser.post(NEW, {"form_name": name, "title": "VPN drops", "csrfmiddlewaretoken": str(stale)})
    assert answer["Location"] == NEW
    assert 'value="VPN drops"' in browser.get(NEW).content.decode()
    assert not Ticket.objects.exists()


def test_a_forged_form_is_refused(employee: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(employee)
    assert browser.post(NEW, {"title": "VPN drops"}).status_code == 403
    assert not Ticket.objects.exists()


def test_sent_again_it_leads_to_the_first_whatever_has_changed_since(
    employee: User, service: Service, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    fields = {"form_name": browser.get(NEW).context["form_name"], "title": "VPN drops"}
    first = browser.post(NEW, fields | {"service": service.public_id})
    Service.objects.update(is_active=False)
    assert browser.post(NEW, fields | {"service": service.public_id})["Location"] == first["Location"]
    assert browser.post(NEW, fields | {"title": "No"})["Location"] == first["Location"]
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("assignee", ["nonsense", "92a457cd-3560-4ce7-8df2-67955103481e", "employee"])
def test_who_is_no_agent_cannot_be_chosen(
    admin: User, employee: User, browser_of: BrowserOf, assignee: str
) -> None:
    chosen = str(employee.public_id) if assignee == "employee" else assignee
    answer = send(browser_of(admin), assignee=chosen, requester=employee.email)
    assert answer.status_code == 400
    assert "Select a valid choice" in answer.content.decode()
    assert not Ticket.objects.exists()


def test_sending_asks_little(
    employee: User, agent: User, lead: User, admin: User, service: Service, team: Team, browser_of: BrowserOf
) -> None:
    """The transaction's own words apart: in a test they are SAVEPOINT and RELEASE."""
    most = {"service": service.public_id, "team": team.public_id, "tags": "vpn, phone"}
    for author, bound, fields in (
        (employee, 7, {"service": service.public_id}),
        (employee, 8, {"service": service.public_id, "requester": agent.email}),
        (agent, 8, {"service": service.public_id, "requester": employee.email}),
        # A team besides is looked up, too.
        (agent, 9, most | {"assignee": agent.public_id, "requester": employee.email}),
        (lead, 9, most | {"assignee": agent.public_id, "requester": employee.email}),
        (admin, 9, most | {"assignee": agent.public_id, "requester": agent.email}),
    ):
        browser = browser_of(author)
        name = browser.get(NEW).context["form_name"]
        with CaptureQueriesContext(connection) as captured:
            answer = browser.post(NEW, {"form_name": name, "title": "VPN drops"} | fields)
        assert answer.status_code == 303
        asked = [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]
        assert len(asked) <= bound, asked
