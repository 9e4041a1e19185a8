"""Slack and Telegram, as their APIs are spoken by small servers of our own."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.utils import timezone

from accounts.models import User
from notifications.message import Ambiguous, Message, NotSent, NotSetUp, Passing, Permanent
from notifications.models import Channel, Contact, Delivery
from notifications.transports import slack, telegram
from tests.http_server import Heard, Listener, Reply

HOOK, BOT, TELEGRAM_BOT = "/services/T0/B0/PLANTED", "xoxb-PLANTED", "123456:PLANTED"
WORDS = Message(
    subject="[SF-1] Sound", text="…", short="Igor answered: <!here> & <@U1> *bold*", link="https://d/1"
)


@pytest.fixture
def slack_api(listener: Listener, settings: LazySettings) -> Listener:
    """Slack: knows one bot and one incoming webhook."""
    settings.SLACK_API, settings.SLACK_BOT_TOKEN = f"{listener.url}/api", BOT

    def reply(heard: Heard) -> Reply:
        if heard.path == HOOK:
            return Reply(body=b"ok")
        known = (
            heard.path == "/api/chat.postMessage" and heard.headers.get("authorization") == f"Bearer {BOT}"
        )
        return told({"ok": True} if known else {"ok": False, "error": "invalid_auth"})

    listener.reply = reply
    return listener


@pytest.fixture
def telegram_api(listener: Listener, settings: LazySettings) -> Listener:
    """Telegram: knows one bot."""
    settings.TELEGRAM_API, settings.TELEGRAM_BOT_TOKEN = listener.url, TELEGRAM_BOT

    def reply(heard: Heard) -> Reply:
        if heard.path == f"/bot{TELEGRAM_BOT}/sendMessage":
            return told({"ok": True, "result": {}})
        return told({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)

    listener.reply = reply
    return listener


def told(content: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def to_channel(transport: str, token: str, address: str = "C1") -> Delivery:
    channel = Channel(name="Ops", transport=transport, address=address)
    channel.token = token
    return Delivery(channel=channel, transport=transport, public_id=uuid4())


def to_person(user: User, transport: str, address: str) -> Delivery:
    Contact.objects.create(user=user, transport=transport, address=address)
    return Delivery(recipient=user, transport=transport, public_id=uuid4())


def body_of(listener: Listener) -> dict[str, Any]:
    return json.loads(listener.heard[-1].body)  # type: ignore[no-any-return]


# --- Slack ---------------------------------------------------------------------------------------


def test_slack_by_an_incoming_webhook(slack_api: Listener) -> None:
    assert slack.send(to_channel("slack", f"{slack_api.url}{HOOK}"), WORDS) == "HTTP 200: ok"
    assert slack_api.heard[-1].path == HOOK


def test_slack_by_a_channels_bot_and_to_a_person(slack_api: Listener, employee: User) -> None:
    slack.send(to_channel("slack", BOT, "C042"), WORDS)
    assert body_of(slack_api)["channel"] == "C042"
    slack.send(to_person(employee, "slack", "U042"), WORDS)
    assert body_of(slack_api)["channel"] == "U042"


def test_nobodys_words_call_everybody(slack_api: Listener) -> None:
    slack.send(to_channel("slack", BOT), WORDS)
    assert (
        body_of(slack_api)["text"] == "Igor answered: &lt;!here&gt; &amp; &lt;@U1&gt; *bold*\n<https://d/1>"
    )


def test_a_bot_that_is_unknown_is_told_so(slack_api: Listener) -> None:
    with pytest.raises(Permanent, match="invalid_auth"):
        slack.send(to_channel("slack", "xoxb-other"), WORDS)


NOS: dict[str, tuple[Reply, type[NotSent]]] = {
    "limited": (told({"ok": False, "error": "ratelimited"}), Passing),
    "limited by status": (Reply(429, headers={"Retry-After": "30"}), Passing),
    "their trouble": (told({"ok": False, "error": "internal_error"}), Passing),
    "no channel": (told({"ok": False, "error": "channel_not_found"}), Permanent),
    "not Slack": (Reply(200, b"<html>"), Passing),
    "a list": (Reply(200, b"[]"), Passing),
    "hook gone": (Reply(404, b"no_service"), Permanent),
    "down": (Reply(503), Passing),
    "cut": (Reply(hang_up=True), Ambiguous),
}


@pytest.mark.parametrize(("reply", "trouble"), NOS.values(), ids=NOS)
def test_what_slack_says_is_understood(slack_api: Listener, reply: Reply, trouble: type[NotSent]) -> None:
    slack_api.reply = lambda _heard: reply
    with pytest.raises(trouble) as no:
        slack.send(to_channel("slack", BOT), WORDS)
    assert type(no.value) is trouble
    assert "PLANTED" not in no.value.said


def test_without_a_bot_nothing_fails(settings: LazySettings, employee: User) -> None:
    settings.SLACK_BOT_TOKEN = settings.TELEGRAM_BOT_TOKEN = ""
    for transport, send in (("slack", slack.send), ("telegram", telegram.send)):
        with pytest.raises(NotSetUp):
            send(to_person(employee, transport, "1"), WORDS)


# --- Telegram ------------------------------------------------------------------------------------


def test_telegram_to_a_group_and_to_a_person(telegram_api: Listener, employee: User) -> None:
    telegram.send(to_channel("telegram", TELEGRAM_BOT, "-1001"), WORDS)
    assert body_of(telegram_api)["chat_id"] == "-1001"
    telegram.send(to_person(employee, "telegram", "77"), WORDS)
    sent = body_of(telegram_api)
    assert sent["chat_id"] == "77"
    # Plain text: there is no markup that words could break out of.
    assert sent["text"] == f"{WORDS.short}\n{WORDS.link}"
    assert "parse_mode" not in sent


@pytest.mark.parametrize("letter", ["x", "ы", "😀"])
def test_long_words_are_cut_and_the_link_stays(letter: str) -> None:
    text = telegram.text_of(Message(subject="s", text="t", short=letter * 5000, link="https://d/1"))
    assert 4090 <= len(text.encode("utf-16-le")) // 2 <= telegram.LONGEST
    assert text.endswith("…\nhttps://d/1")


def test_telegram_asks_to_wait(telegram_api: Listener) -> None:
    limited = {"ok": False, "error_code": 429, "description": "Too Many", "parameters": {"retry_after": 90}}
    telegram_api.reply = lambda _heard: told(limited, 429)
    with pytest.raises(Passing) as no:
        telegram.send(to_channel("telegram", TELEGRAM_BOT), WORDS)
    assert no.value.at is not None
    assert timedelta(seconds=80) < no.value.at - timezone.now() <= timedelta(seconds=90)


REFUSALS = {
    "blocked": (
        told({"ok": False, "description": "Forbidden: bot was blocked by the user"}, 403),
        Permanent,
        "blocked",
    ),
    "repeats the token": (told({"ok": False, "description": f"no {TELEGRAM_BOT}"}, 404), Permanent, "404"),
    "down": (Reply(502, b"<html>"), Passing, "502"),
    "not Telegram": (Reply(200, b"hello"), Passing, "not Telegram"),
}


@pytest.mark.parametrize(("reply", "trouble", "said"), REFUSALS.values(), ids=REFUSALS)
def test_what_telegram_says_is_understood(
    telegram_api: Listener, reply: Reply, trouble: type[NotSent], said: str
) -> None:
    telegram_api.reply = lambda _heard: reply
    with pytest.raises(trouble, match=said) as no:
        telegram.send(to_channel("telegram", TELEGRAM_BOT), WORDS)
    assert "PLANTED" not in no.value.said


@pytest.mark.parametrize("token", ["../../x", "1:a/../b", "1:a?x", "1:a\r\nHost: x", "bot"])
def test_no_token_leads_elsewhere(telegram_api: Listener, token: str) -> None:
    with pytest.raises(Permanent):
        telegram.send(to_channel("telegram", token), WORDS)
    assert telegram_api.heard == []


def test_no_token_begins_a_header(slack_api: Listener) -> None:
    with pytest.raises(Permanent):
        slack.send(to_channel("slack", "xoxb-1\r\nX-A: b"), WORDS)
    assert slack_api.heard == []
