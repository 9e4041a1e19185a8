"""Slack: an incoming webhook, or a bot's chat.postMessage."""

import json
import re

from django.conf import settings

from notifications import http
from notifications.message import Message, NotSetUp, Passing, Permanent
from notifications.models import Contact, Delivery

LONGEST = 3000  # characters; Slack cuts at 40,000, and nobody reads those
# What chat.postMessage calls troubles of its own.
PASSING = frozenset(
    {
        "accesslimited",
        "fatal_error",
        "internal_error",
        "ratelimited",
        "rate_limited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)


def send(delivery: Delivery, message: Message) -> str:
    """To a channel by its own bot or webhook, to a person by the bot of the settings."""
    body = {"text": _text(message), "unfurl_links": False, "unfurl_media": False}
    if delivery.channel is not None:
        token, where = delivery.channel.token, delivery.channel.address
        if token.startswith(("https://", "http://")):
            return _by_webhook(token, body)
    else:
        token, where = settings.SLACK_BOT_TOKEN, contact_of(delivery)
    if not token:
        raise NotSetUp("No bot of Slack is set up.")
    return _by_bot(token, body | {"channel": where})


def contact_of(delivery: Delivery) -> str:
    contact = Contact.objects.filter(user=delivery.recipient_id, transport=delivery.transport).first()
    if contact is None:
        raise Permanent("He has left no address there.")
    return contact.address


def _by_webhook(url: str, body: dict[str, object]) -> str:
    answer = http.post(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return http.require_taken(answer, _word(answer.body.decode(errors="replace")))


def _by_bot(token: str, body: dict[str, object]) -> str:
    answer = http.post(
        f"{settings.SLACK_API}/chat.postMessage",
        json.dumps(body).encode(),
        {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {_header(token)}"},
    )
    told = http.require_taken(answer)
    try:
        said = json.loads(answer.body)
        taken, error = said.get("ok") is True, _word(str(said.get("error", "")))
    except (ValueError, AttributeError):
        raise Passing("An answer that is not Slack's.") from None
    if not taken:
        raise (Passing if error in PASSING else Permanent)(f"Slack: {error or 'no'}")
    return told


def _text(message: Message) -> str:
    """No words of a person become a mention, a link or a call to everybody: those are made of < and > (Slack's own
    rule: escape &, < and >). The link to the ticket is ours.
    """
    words = (message.short or message.subject)[:LONGEST]
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{escaped}\n<{message.link}>" if message.link else escaped


def _word(said: str) -> str:
    """Their word for it, if it is one: anything else could repeat what we sent."""
    return said if re.fullmatch(r"[a-z][a-z_]{0,60}", said) else ""


def _header(token: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Permanent("The secret is not one of Slack's.")
    return token
