"""Other systems hear of tickets: signed, in order, nothing internal, and for administrators to manage."""

import base64
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.acting import SYSTEM, Forbidden, Invalid, Refused
from accounts.models import Team, User
from audit.models import Event
from notifications import outbox, webhooks
from notifications.attempts import Later
from notifications.models import Delivery, State, Webhook
from tests.factories import opened, web
from tests.http_server import Heard, Listener, Reply
from tests.program import Program
from tickets import actions
from tickets.models import Service, Ticket


@pytest.fixture
def hook(db: None, listener: Listener) -> tuple[Webhook, str]:
    """A webhook to the listener, and its secret."""
    return webhooks.create(name="Monitoring", url=f"{listener.url}/hook", topics=["all"], by=SYSTEM)


def deliver_all() -> None:
    waiting = Delivery.objects.filter(transport="webhook", state=State.PENDING).order_by("pk")
    for one in waiting:
        with suppress(Later):
            outbox.deliver([str(one.public_id)])


def told(heard: Heard, secret: str) -> dict[str, Any]:
    """What a receiver reads that follows the standard."""
    payload: dict[str, Any] = Verifier(secret).verify(heard.body, heard.headers)
    return payload


# --- What is told --------------------------------------------------------------------------------


def test_an_event_is_told_with_the_ticket_as_the_api_has_it(
    hook: tuple[Webhook, str],
    listener: Listener,
    employee: User,
    service: Service,
    program_of: Callable[..., Program],
) -> None:
    ticket = opened(by=employee, title="Нет звука", service=service)
    deliver_all()
    [heard] = listener.heard
    payload = told(heard, hook[1])
    shown = program_of(employee).get(f"/api/v1/tickets/{ticket.public_id}").json()
    shown.pop("allowed")
    assert payload["type"] == "ticket.opened"
    assert payload["data"]["ticket"] == shown
    assert payload["data"]["event"]["verb"] == "ticket.opened"
    assert payload["data"]["event"]["seq"] == 1
    assert datetime.fromisoformat(payload["timestamp"]).tzinfo == UTC
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["webhook-id"] == str(Delivery.objects.get(transport="webhook").public_id)


def test_a_reply_is_told_with_its_words(
    hook: tuple[Webhook, str], listener: Listener, agent: User, ticket: Ticket
) -> None:
    actions.add_comment(ticket, body="Which cable?", by=web(agent))
    deliver_all()
    assert told(listener.heard[-1], hook[1])["data"]["comment"]["body"] == "Which cable?"


def test_nothing_internal_is_told(
    hook: tuple[Webhook, str], listener: Listener, agent: User, other_agent: User, ticket: Ticket
) -> None:
    actions.claim(ticket, by=web(agent))
    actions.add_comment(ticket, body="SECRETNOTE", internal=True, by=web(agent))
    actions.hand_over(ticket, to=other_agent, note="SECRETNOTE", by=web(agent))
    actions.set_priority(ticket, priority="HIGH", by=web(other_agent))
    deliver_all()
    verbs = [told(heard, hook[1])["type"] for heard in listener.heard]
    assert "ticket.priority_set" in verbs
    assert "ticket.noted" not in verbs
    assert all(b"SECRETNOTE" not in heard.body for heard in listener.heard)


def test_what_became_confidential_meanwhile_is_not_told(
    hook: tuple[Webhook, str], listener: Listener, ticket: Ticket, confidential: Service, admin: User
) -> None:
    deliver_all()
    actions.set_priority(ticket, priority="HIGH", by=web(admin))
    actions.set_service(ticket, service=confidential, by=web(admin))
    before = len(listener.heard)
    deliver_all()
    assert len(listener.heard) == before
    assert set(Delivery.objects.filter(transport="webhook").values_list("state", flat=True)) == {
        State.SENT,
        State.SKIPPED,
    }


def test_a_confidential_ticket_is_told_to_those_who_asked_for_its_team(
    listener: Listener, confidential: Service, other_team: Team, employee: User
) -> None:
    webhooks.create(name="All", url=f"{listener.url}/all", topics=["all"], by=SYSTEM)
    webhooks.create(name="HR", url=f"{listener.url}/hr", topics=[f"team:{other_team.public_id}"], by=SYSTEM)
    opened(by=employee, service=confidential)
    deliver_all()
    assert [heard.path for heard in listener.heard] == ["/hr"]


def test_only_the_events_it_asked_for(listener: Listener, ticket: Ticket, agent: User) -> None:
    webhooks.create(name="x", url=f"{listener.url}/x", topics=["all"], events=["ticket.claimed"], by=SYSTEM)
    actions.set_priority(ticket, priority="HIGH", by=web(agent))
    actions.claim(ticket, by=web(agent))
    deliver_all()
    assert [json.loads(heard.body)["type"] for heard in listener.heard] == ["ticket.claimed"]


def test_a_deleted_ticket_is_told_by_its_number_only(
    hook: tuple[Webhook, str], listener: Listener, ticket: Ticket, admin: User
) -> None:
    deliver_all()
    actions.delete(ticket, reason="A doublet.", by=web(admin))
    deliver_all()
    payload = told(listener.heard[-1], hook[1])
    assert payload["type"] == "ticket.deleted"
    assert payload["data"]["ticket"].keys() == {"id", "number", "version"}


# --- Signatures ----------------------------------------------------------------------------------


def test_a_forged_body_is_seen(hook: tuple[Webhook, str], listener: Listener, ticket: Ticket) -> None:
    actions.edit(ticket, title="New", by=web(ticket.requester))
    deliver_all()
    heard = listener.heard[-1]
    heard.body = heard.body.replace(b"New", b"Old")
    with pytest.raises(WebhookVerificationError):
        told(heard, hook[1])


def test_the_signature_is_that_of_the_standard(
    hook: tuple[Webhook, str], listener: Listener, employee: User
) -> None:
    opened(by=employee)
    deliver_all()
    [heard] = listener.heard
    key = base64.b64decode(hook[1].removeprefix("whsec_"))
    content = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode() + heard.body
    expected = base64.b64encode(hmac.digest(key, content, sha256)).decode()
    assert heard.headers["webhook-signature"] == f"v1,{expected}"
    assert 24 <= len(key) <= 64


def test_while_a_receiver_learns_the_new_secret_both_sign(
    hook: tuple[Webhook, str],
    listener: Listener,
    employee: User,
    admin: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook, old = hook
    _webhook, new = webhooks.rotate_secret(webhook, by=web(admin))
    opened(by=employee)
    deliver_all()
    told(listener.heard[-1], old)
    told(listener.heard[-1], new)
    later = timezone.now() + webhooks.OVERLAP + timedelta(minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    opened(by=employee)
    deliver_all()
    told(listener.heard[-1], new)
    with pytest.raises(WebhookVerificationError):
        told(listener.heard[-1], old)


def test_one_who_has_not_learnt_the_last_secret_yet_is_not_shut_out_by_the_next(
    hook: tuple[Webhook, str], listener: Listener, employee: User
) -> None:
    webhook, first = hook
    webhook, second = webhooks.rotate_secret(webhook, by=SYSTEM)
    webhook, third = webhooks.rotate_secret(webhook, by=SYSTEM)
    opened(by=employee)
    deliver_all()
    for secret in (first, second, third):
        told(listener.heard[-1], secret)


def test_a_repeat_has_the_same_id(hook: tuple[Webhook, str], listener: Listener, employee: User) -> None:
    listener.reply = lambda _heard: Reply(500 if len(listener.heard) == 1 else 200)
    opened(by=employee)
    deliver_all()
    Delivery.objects.update(due_at=timezone.now())
    deliver_all()
    assert len(listener.heard) == 2
    assert len({heard.headers["webhook-id"] for heard in listener.heard}) == 1


def test_a_secret_that_cannot_be_read_any_more_can_be_replaced(
    hook: tuple[Webhook, str], listener: Listener, employee: User, settings: LazySettings
) -> None:
    settings.SECRET_KEY = "another" * 10
    _webhook, new = webhooks.rotate_secret(hook[0], by=SYSTEM)
    opened(by=employee)
    deliver_all()
    told(listener.heard[-1], new)


def test_what_cannot_be_read_any_more_is_not_sent_unsigned(
    hook: tuple[Webhook, str], listener: Listener, employee: User, settings: LazySettings
) -> None:
    opened(by=employee)
    settings.SECRET_KEY = "another" * 10
    deliver_all()
    assert listener.heard == []
    assert "rotate" in Delivery.objects.get(transport="webhook").said


def test_what_is_sent_again_together_keeps_its_order_and_keeps_nothing_new_waiting(
    hook: tuple[Webhook, str], listener: Listener, agent: User, ticket: Ticket
) -> None:
    for priority in ("HIGH", "LOW", "HIGH"):
        actions.set_priority(ticket, priority=priority, by=web(agent))
    Delivery.objects.filter(transport="webhook").update(state=State.FAILED, finished_at=timezone.now())
    failed = list(Delivery.objects.filter(transport="webhook").order_by("-seq"))
    for one in failed:
        outbox.send_again(one, by=SYSTEM)
    actions.set_priority(ticket, priority="LOW", by=web(agent))
    new = Delivery.objects.get(transport="webhook", again_at=None)
    listener.reply = lambda _heard: Reply(503 if len(listener.heard) == 1 else 200)

    def brought(*which: Delivery) -> list[int]:
        del listener.heard[:]
        for one in which:
            with suppress(Later):
                outbox.deliver([str(one.public_id)])
        return [told(heard, hook[1])["data"]["event"]["seq"] for heard in listener.heard]

    # Whichever job comes first, the first version is tried; it fails, and the others wait for it. What is new does not.
    assert brought(*failed) == [1, 5]
    assert brought(new) == []
    listener.reply = lambda _heard: Reply()
    Delivery.objects.update(due_at=timezone.now())
    assert brought(*failed) == [1, 2, 3, 4]


def test_no_answer_is_tried_again(hook: tuple[Webhook, str], listener: Listener, employee: User) -> None:
    listener.reply = lambda _heard: Reply(hang_up=True)
    opened(by=employee)
    deliver_all()
    assert Delivery.objects.get(transport="webhook").state == State.PENDING


# --- The verbs -----------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an inner address": ({"url": "https://169.254.169.254/"}, "url"),
    "no TLS": ({"url": "http://93.184.215.14/"}, "url"),
    "no address": ({"url": "hooks"}, "url"),
    "a user in it": ({"url": "https://a:b@hooks.example.com/"}, "url"),
    "no topics": ({"topics": []}, "topics"),
    "a topic there is not": ({"topics": ["team:none"]}, "topics"),
    "an event there is not": ({"events": ["ticket.exploded"]}, "events"),
    "internal notes": ({"events": ["ticket.noted"]}, "events"),
    "no name": ({"name": ""}, "name"),
}


@pytest.mark.parametrize(("values", "field"), BAD.values(), ids=BAD)
def test_a_webhook_that_could_not_work_is_refused(
    admin: User, settings: LazySettings, values: dict[str, Any], field: str
) -> None:
    wish: dict[str, Any] = {"name": "x", "url": "https://hooks.example.com/", "topics": ["all"]}
    with pytest.raises(Invalid) as no:
        webhooks.create(**(wish | values), by=web(admin))
    assert no.value.field == field


def test_only_administrators_manage_them(agent: User, lead: User, hook: tuple[Webhook, str]) -> None:
    for person in (agent, lead):
        for deed in (webhooks.rotate_secret, webhooks.delete, webhooks.change):
            with pytest.raises(Forbidden):
                deed(renamed(hook[0]), by=web(person))


def renamed(webhook: Webhook) -> Webhook:
    webhook.name += "!"
    return webhook


def test_a_deleted_one_is_told_nothing_and_its_log_stays(
    hook: tuple[Webhook, str], listener: Listener, employee: User, admin: User
) -> None:
    opened(by=employee)
    webhook = webhooks.delete(hook[0], by=web(admin))
    opened(by=employee)
    deliver_all()
    assert listener.heard == []
    [delivery] = Delivery.objects.filter(webhook=webhook)
    assert (delivery.state, webhook.secret) == (State.SKIPPED, "")
    with pytest.raises(Refused):
        webhooks.rotate_secret(webhook, by=web(admin))


def test_no_event_tells_the_secret_or_the_path(
    hook: tuple[Webhook, str], admin: User, listener: Listener
) -> None:
    webhook, secret = hook
    webhook.url = f"{listener.url}/services/SECRETPATH"
    webhooks.change(webhook, by=web(admin))
    _webhook, new = webhooks.rotate_secret(webhook, by=web(admin))
    everything = str(list(Event.objects.values()))
    assert "webhook.changed" in everything
    assert not [word for word in (secret, new, "SECRETPATH") if word in everything]
    row = Webhook.objects.values().get()
    assert new.removeprefix("whsec_") not in str(row)
