"""Administrators at work on channels, webhooks and what was sent."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Value
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.acting import SYSTEM
from accounts.models import User
from audit.models import Event
from notifications import outbox, webhooks
from notifications.admin import WebhookAdmin
from notifications.models import Channel, Delivery, State, Webhook
from tests.factories import web
from tickets import actions
from tickets.models import Ticket

CHANNELS = "/admin/notifications/channel/"
WEBHOOKS = "/admin/notifications/webhook/"
DELIVERIES = "/admin/notifications/delivery/"
TOKEN = "https://hooks.slack.com/services/T0/B0/PLANTEDSECRET"
SLACK = {
    "name": "Ops",
    "transport": "slack",
    "language": "en",
    "token": TOKEN,
    "topics": ["all"],
    "is_active": "on",
}
HOOK = {"name": "Monitoring", "url": "https://hooks.example.com/x", "topics": ["all"], "is_active": "on"}


@pytest.fixture
def browser(admin: User, browser_of: Callable[[User], Client]) -> Client:
    return browser_of(admin)


@pytest.fixture
def webhook(db: None) -> Webhook:
    return webhooks.create(name="Monitoring", url="https://hooks.example.com/x", topics=["all"], by=SYSTEM)[0]


def page(browser: Client, address: str, /, **posted: Any) -> str:
    answer: Any = browser.post(address, posted, follow=True) if posted else browser.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def act(browser: Client, address: str, action: str, *rows: Any) -> str:
    return page(browser, address, action=action, _selected_action=[row.pk for row in rows])


def test_a_channel_is_added_and_its_secret_never_shown(browser: Client) -> None:
    page(browser, f"{CHANNELS}add/", **SLACK)
    channel = Channel.objects.get()
    assert channel.token == TOKEN
    assert "PLANTEDSECRET" not in channel.token_sealed
    shown = [page(browser, CHANNELS), page(browser, f"{CHANNELS}{channel.pk}/change/")]
    shown += [page(browser, f"/admin/audit/event/{event.pk}/change/") for event in Event.objects.all()]
    assert not [one for one in shown if "PLANTEDSECRET" in one]
    assert Event.objects.filter(verb="channel.created").exists()


def test_a_channel_keeps_its_secret_when_something_else_changes(browser: Client) -> None:
    page(browser, f"{CHANNELS}add/", **SLACK)
    channel = Channel.objects.get()
    page(browser, f"{CHANNELS}{channel.pk}/change/", **(SLACK | {"token": "", "name": "Operations"}))
    channel.refresh_from_db()
    assert (channel.name, channel.token) == ("Operations", TOKEN)
    page(browser, f"{CHANNELS}{channel.pk}/change/", **(SLACK | {"token": "xoxb-new", "address": "C1"}))
    changed = Event.objects.filter(verb="channel.changed").latest("pk")
    assert {"token_set_at", "address"} <= set(changed.changes)
    assert "xoxb" not in str(changed.changes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"topics": []},
        {"token": "https://127.0.0.1/"},
        {"token": "xoxb-1"},
        {"transport": "email"},
    ],
)
def test_a_channel_that_could_not_work_is_refused(browser: Client, wrong: dict[str, Any]) -> None:
    assert "errornote" in page(browser, f"{CHANNELS}add/", **(SLACK | wrong))
    assert not Channel.objects.exists()


def test_a_webhooks_secret_is_shown_once(browser: Client) -> None:
    shown = page(browser, f"{WEBHOOKS}add/", **HOOK)
    webhook = Webhook.objects.get()
    assert webhook.secret in shown
    assert webhook.secret not in page(browser, f"{WEBHOOKS}{webhook.pk}/change/") + page(browser, WEBHOOKS)


def test_it_is_changed_rotated_and_dropped(browser: Client, webhook: Webhook) -> None:
    old = webhook.secret
    page(browser, f"{WEBHOOKS}{webhook.pk}/change/", **(HOOK | {"name": "Alarms"}))
    shown = act(browser, WEBHOOKS, "rotate", webhook)
    webhook.refresh_from_db()
    assert webhook.name == "Alarms"
    assert webhook.secret in shown
    assert webhook.old_secret == old
    act(browser, WEBHOOKS, "drop", webhook)
    assert "Alarms" not in page(browser, WEBHOOKS).partition("messagelist")[2].partition("</ul>")[2]
    verbs = Event.objects.filter(subject_type="webhook").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.deleted"]


@pytest.mark.parametrize("action", ["drop", "rotate"])
def test_what_is_refused_is_said(browser: Client, webhook: Webhook, action: str) -> None:
    """Whoever was quicker has deleted it between the list and the action."""
    with pytest.MonkeyPatch.context() as during:
        during.setattr(
            WebhookAdmin,
            "get_queryset",
            lambda self, request: Webhook.objects.annotate(
                failed=Value(0), waiting=Value(0), trouble=Value("")
            ),
        )
        webhooks.delete(webhook, by=SYSTEM)
        assert "This webhook has been deleted." in act(browser, WEBHOOKS, action, webhook)
    assert Event.objects.filter(subject_type="webhook").count() == 2


def test_an_inner_address_is_refused_beside_its_field(browser: Client) -> None:
    assert "errornote" in page(browser, f"{WEBHOOKS}add/", **(HOOK | {"url": "https://169.254.169.254/x"}))


def test_the_list_costs_the_same_for_one_and_for_many(
    browser: Client, webhook: Webhook, delivery_to: Callable[..., Delivery]
) -> None:
    with CaptureQueriesContext(connection) as one:
        page(browser, WEBHOOKS)
    for number in range(5):
        webhooks.create(name=f"{number}", url="https://hooks.example.com/x", topics=["all"], by=SYSTEM)
    delivery_to(webhook, state=State.FAILED)
    with CaptureQueriesContext(connection) as many:
        listed = page(browser, WEBHOOKS)
    assert len(many) == len(one)
    assert 'state__exact=failed">1</a>' in listed


def test_nothing_internal_is_offered_to_channels_and_webhooks(browser: Client) -> None:
    offered = page(browser, f"{CHANNELS}add/")
    assert "a ticket waits in the team&#x27;s queue" in offered
    assert "internal note" not in offered
    assert "my team" not in offered
    assert not {"ticket.noted", "ticket.mail_held", "ticket.mail_refused"} & outbox.EVENTS
    assert "ticket.mail_released" in page(browser, f"{WEBHOOKS}add/")


def test_a_test_message_goes_to_each_of_them(browser: Client, webhook: Webhook, admin: User) -> None:
    page(browser, f"{CHANNELS}add/", **SLACK)
    act(browser, CHANNELS, "send_test", Channel.objects.get())
    act(browser, WEBHOOKS, "send_test", webhook)
    browser.post(reverse("admin:notifications_delivery_test"))
    tests = Delivery.objects.filter(verb="test").order_by("pk")
    assert [str(one.whom) for one in tests] == ["Ops", "Monitoring", str(admin)]


def test_a_delivery_leads_to_its_ticket_and_says_how_it_stands(
    browser: Client, ticket: Ticket, employee: User, delivery_to: Callable[..., Delivery]
) -> None:
    mail = delivery_to(employee, subject_type="ticket", subject_id=ticket.public_id, state=State.FAILED)
    shown = page(browser, f"{DELIVERIES}{mail.pk}/change/")
    assert reverse("tickets:detail", args=[ticket.public_id]) in shown
    assert '<span class="sf-state is-failed">failed</span>' in shown + page(browser, DELIVERIES)


def test_what_failed_is_told_and_sent_again(
    browser: Client, employee: User, delivery_to: Callable[..., Delivery]
) -> None:

    failed = delivery_to(employee, state=State.FAILED, finished_at=timezone.now(), said="550 no such user")
    assert "could not be delivered" in page(browser, "/admin/")
    listed = page(browser, f"{DELIVERIES}?state__exact=failed")
    assert "550 no such user" in listed
    act(browser, DELIVERIES, "send_again", failed)
    failed.refresh_from_db()
    assert failed.state == State.PENDING
    assert "could not be delivered" not in page(browser, "/admin/")


def test_deliveries_are_found_by_ticket_and_by_person(
    browser: Client, employee: User, agent: User, delivery_to: Callable[..., Delivery]
) -> None:
    delivery_to(employee, subject_name="SF-7 No sound")
    delivery_to(agent, subject_name="SF-8 No picture")
    assert "SF-8" not in page(browser, f"{DELIVERIES}?q=SF-7")
    assert "SF-7" not in page(browser, f"{DELIVERIES}?q={agent.email}")
    assert "No picture" in page(browser, f"{DELIVERIES}?q={agent.email}")


def test_a_delivery_has_a_page_and_no_form(
    browser: Client, employee: User, delivery_to: Callable[..., Delivery]
) -> None:
    one = delivery_to(employee)
    assert str(one.public_id) in page(browser, f"{DELIVERIES}{one.pk}/change/")
    assert browser.get(f"{DELIVERIES}add/").status_code == 403
    assert browser.post(f"{DELIVERIES}{one.pk}/change/", {"state": "sent"}).status_code == 403


def test_inboxes_are_not_looked_into(browser: Client, ticket: Ticket, agent: User) -> None:
    actions.add_comment(ticket, body="Which cable?", by=web(agent))
    [notice] = Delivery.objects.filter(transport="inbox", recipient=ticket.requester)
    assert ticket.title not in page(browser, DELIVERIES)
    assert browser.get(f"{DELIVERIES}{notice.pk}/change/").status_code == 302


def test_nobody_else_comes_in(agent: User, browser_of: Callable[[User], Client], webhook: Webhook) -> None:
    browser = browser_of(agent)
    for address in (CHANNELS, WEBHOOKS, DELIVERIES, f"{WEBHOOKS}{webhook.pk}/change/"):
        assert browser.get(address).status_code == 403
    assert browser.post(reverse("admin:notifications_delivery_test")).status_code == 403
    assert not Delivery.objects.filter(verb="test").exists()


def test_a_webhook_that_nobody_answers_says_so(browser: Client, webhook: Webhook, ticket: Ticket) -> None:
    Delivery.objects.filter(webhook=webhook).update(attempts=1, said="The name of the server is not known.")
    assert Delivery.objects.filter(webhook=webhook, state="pending").count() == 1
    for shown in (page(browser, WEBHOOKS), page(browser, f"{WEBHOOKS}{webhook.pk}/change/")):
        assert "state__exact=pending" in shown
        assert "The name of the server is not known." in shown


def test_a_delivery_is_called_by_what_happened(browser: Client, webhook: Webhook, ticket: Ticket) -> None:
    one = Delivery.objects.get(webhook=webhook)
    test = outbox.send_test(webhook, by=SYSTEM)
    shown = page(browser, f"{DELIVERIES}{one.pk}/change/")
    assert f"{one.subject_name} · Ticket opened → Monitoring" in shown
    assert "ticket.opened" not in shown
    assert "Test message → Monitoring" in page(browser, f"{DELIVERIES}{test.pk}/change/")


def test_there_is_no_next_attempt_once_all_is_over(browser: Client, webhook: Webhook, ticket: Ticket) -> None:
    one = Delivery.objects.get(webhook=webhook)
    address, year = f"{DELIVERIES}{one.pk}/change/", f"{one.due_at:%Y}"
    field = re.compile(r"field-next_at.*?</div>\s*</div>", re.DOTALL)
    assert year in field.search(page(browser, address))[0]  # type: ignore[index]
    Delivery.objects.update(state="failed", finished_at=timezone.now())
    assert year not in field.search(page(browser, address))[0]  # type: ignore[index]


def test_only_ways_that_are_listed_can_be_chosen(browser: Client, webhook: Webhook, ticket: Ticket) -> None:
    shown = page(browser, DELIVERIES)
    assert "transport__exact=webhook" in shown
    assert "transport__exact=inbox" not in shown


def test_each_test_message_says_where_it_goes(browser: Client, webhook: Webhook) -> None:
    other = webhooks.create(name="Wall", url="https://hooks.example.com/y", topics=["all"], by=SYSTEM)[0]
    shown = act(browser, WEBHOOKS, "send_test", webhook, other)
    assert "A test message is on its way: Monitoring." in shown
    assert "A test message is on its way: Wall." in shown
