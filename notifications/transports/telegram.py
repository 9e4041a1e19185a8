"""Telegram: a bot's sendMessage, as plain text without any markup to break out of."""

import json
import re
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from notifications import http
from notifications.message import Message, NotSetUp, Passing, Permanent
from notifications.models import Delivery
from notifications.transports.slack import contact_of

LONGEST = 4096  # code units of UTF-16


def send(delivery: Delivery, message: Message) -> str:
    """To a channel by its own bot, to a person by the bot of the settings."""
    channel = delivery.channel
    token = channel.token if channel is not None else settings.TELEGRAM_BOT_TOKEN
    if not token:
        raise NotSetUp("No bot of Telegram is set up.")
    if not re.fullmatch(r"\d{1,20}:[\w-]{1,100}", token, re.ASCII):
        raise Permanent("The secret is not one of Telegram's.")
    answer = http.post(
        f"{settings.TELEGRAM_API}/bot{token}/sendMessage",
        json.dumps(
            {
                "chat_id": channel.address if channel is not None else contact_of(delivery),
                "text": text_of(message),
                "link_preview_options": {"is_disabled": True},
            }
        ).encode(),
        {"Content-Type": "application/json"},
    )
    return _told(answer)


def text_of(message: Message) -> str:
    """The words and, whatever has to be cut, the link."""
    end = f"\n{message.link}" if message.link else ""
    words = message.short or message.subject
    room = LONGEST - _units(end)
    if _units(words) > room:
        cut = words.encode("utf-16-le")[: 2 * (room - 1)].decode("utf-16-le", errors="ignore")
        words = f"{cut}…"
    return words + end


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _told(answer: http.Answer) -> str:
    try:
        said = json.loads(answer.body)
        description = _plain(said.get("description", ""))
        wish = (said.get("parameters") or {}).get("retry_after")
    except (ValueError, AttributeError):
        said, description, wish = {}, "", None
    if answer.status == 429 and isinstance(wish, int) and 0 < wish < 10**6:
        at = min(timezone.now() + timedelta(seconds=wish), timezone.now() + http.LONGEST_WISH)
        raise Passing("Telegram asks to wait.", at=at)
    told = http.require_taken(answer, description)
    if said.get("ok") is not True:
        raise Passing("An answer that is not Telegram's.")
    return told


def _plain(description: object) -> str:
    """Their sentence, if it is one that cannot hold what we sent."""
    return description if re.fullmatch(r"[A-Za-z ,.:'_-]{1,120}", str(description)) else ""  # type: ignore[return-value]
