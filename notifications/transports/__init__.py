"""How a message leaves the house: one module or folder for each transport, each with `send`."""

from collections.abc import Callable

from notifications.message import Message
from notifications.models import Delivery
from notifications.models import Transport as Name
from notifications.transports import email

# Sends one message and answers what the other side said. Raises Passing, Permanent or Ambiguous.
type Send = Callable[[Delivery, Message], str]

SEND: dict[str, Send] = {Name.EMAIL: email.send}
