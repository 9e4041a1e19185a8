"""Subject and text, priority, service, tags and due date on the ticket page; and who follows."""

from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import ServiceFactory, web
from tests.tickets.pages.posting import again, fields_of, press, see, verbs
from tickets import actions
from tickets.models import Service, Ticket, Watch

BrowserOf = Callable[[User], Client]


# --- Text ------------------------------------------------------------------------------------------


def test_anna_mends_her_new_request(ticket: Ticket, employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(employee)
    press(browser, ticket, "edit", title="VPN drops on Wi-Fi", description="Only **there**")
    assert again(ticket).title == "VPN drops on Wi-Fi"
    assert "changed the description, and the subject from" in see(browser, ticket)


def test_too_short_a_subject_is_told_at_the_field(
    ticket: Ticket, employee: User, browser_of: BrowserOf
) -> None:
    answer = press(browser_of(employee), ticket, "edit", title="ab", description="A long text")
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "A title has 3 to 255 characters." in text
    assert "A long text" in text
    assert '<details class="sf-bubble-foot" open>' in text


# --- Properties ------------------------------------------------------------------------------------


def test_several_properties_change_at_once(
    ticket: Ticket, agent: User, service: Service, browser_of: BrowserOf
) -> None:
    other = ServiceFactory.create(name_en="Printers")
    fields = {
        "initial-priority": "NORMAL", "priority": "HIGH",
        "initial-service": str(service.public_id), "service": str(other.public_id),
        "initial-tags": "", "tags": "Wi-Fi, vpn,",
        "initial-due_at": "", "due_at": "2030-05-06T12:30",
    }  # fmt: skip
    press(browser_of(agent), ticket, "properties", **fields)
    ticket = again(ticket)
    assert (ticket.priority, ticket.service, ticket.tags) == ("HIGH", other, ["vpn", "wi-fi"])
    assert f"{ticket.due_at:%F %H:%M}" == "2030-05-06 12:30"
    assert verbs(ticket) == ["opened", "priority_set", "tags_set", "due_set", "service_set"]


def test_only_what_was_touched_is_set(
    ticket: Ticket, agent: User, lead: User, service: Service, browser_of: BrowserOf
) -> None:
    actions.set_priority(ticket, priority="URGENT", by=web(lead))
    fields = {
        "initial-priority": "NORMAL", "priority": "NORMAL",
        "initial-service": str(service.public_id), "service": str(service.public_id),
        "initial-tags": "", "tags": "vpn",
    }  # fmt: skip
    press(browser_of(agent), ticket, "properties", **fields)
    assert (again(ticket).priority, again(ticket).tags) == ("URGENT", ["vpn"])


def test_the_form_of_the_page_sent_untouched_changes_nothing(
    ticket: Ticket, lead: User, browser_of: BrowserOf
) -> None:
    actions.set_due(ticket, due_at=timezone.now(), by=web(lead))
    actions.set_tags(ticket, tags=["b", "a"], by=web(lead))
    browser = browser_of(lead)
    sent = fields_of(see(browser, ticket), "properties")
    assert {"priority", "initial-priority", "tags", "due_at", "initial-due_at"} <= set(sent)
    before = verbs(ticket)
    assert press(browser, ticket, "properties", **sent).status_code == 303
    assert verbs(ticket) == before


def test_one_property_in_fault_leaves_all_as_they_were(
    ticket: Ticket, agent: User, browser_of: BrowserOf
) -> None:
    answer = press(
        browser_of(agent), ticket, "properties", priority="LOW", tags=",".join(map(str, range(30)))
    )
    assert answer.status_code == 400
    assert "A ticket has at most 20 tags." in answer.content.decode()
    assert verbs(ticket) == ["opened"]


def test_a_service_out_of_use_is_refused(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    old = ServiceFactory.create(name_en="Fax", is_active=False)
    assert "Fax" not in see(browser_of(agent), ticket)
    answer = press(browser_of(agent), ticket, "properties", service=str(old.public_id))
    assert answer.status_code == 400
    assert "This service is no longer offered." in answer.content.decode()


# --- Followers -------------------------------------------------------------------------------------


def test_anna_adds_boris_who_may_read_then(
    ticket: Ticket, employee: User, colleague: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    press(browser, ticket, "watch", email="BORIS@example.com")
    assert "Борис Белов" in see(browser, ticket)
    assert see(browser_of(colleague), ticket)
    press(browser, ticket, "unwatch", person=str(colleague.public_id))
    assert not Watch.objects.exists()


def test_an_unknown_address_is_told_at_the_field(
    ticket: Ticket, employee: User, browser_of: BrowserOf
) -> None:
    answer = press(browser_of(employee), ticket, "watch", email="nobody@example.com")
    assert answer.status_code == 400
    assert "Nobody here has this address." in answer.content.decode()
    assert "nobody@example.com" in answer.content.decode()


def test_boris_stops_following_but_removes_nobody(
    ticket: Ticket, employee: User, colleague: User, agent: User, browser_of: BrowserOf
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    actions.watch(ticket, user=agent, by=web(employee))
    browser = browser_of(colleague)
    assert press(browser, ticket, "unwatch", person=str(agent.public_id)).status_code == 403
    assert press(browser, ticket, "unwatch", person=str(colleague.public_id)).status_code == 303


def test_an_agent_follows_with_one_button(ticket: Ticket, agent: User, browser_of: BrowserOf) -> None:
    browser = browser_of(agent)
    press(browser, ticket, "watch", **fields_of(see(browser, ticket), "watch"))
    assert "Igor Orlov follows this ticket." in see(browser, ticket)
    assert "Stop following" in see(browser, ticket)
