"""How a message leaves the house: one module for each transport, each with `send`."""

from collections.abc import Callable

from notifications.message import Message
from notifications.models import Delivery
from notifications.models import Transport as Name
from notifications.transports import email, slack, telegram, webhook

# Sends one message and answers what the other side said. Raises Passing, Permanent, Ambiguous or NotSetUp.
type Send = Callable[[Delivery, Message], str]

SEND: dict[str, Send] = {
    Name.EMAIL: email.send,
    Name.SLACK: slack.send,
    Name.TELEGRAM: telegram.send,
    Name.WEBHOOK: webhook.send,
}
