"""The records of the desk."""

from tickets.models.catalogue import Service, Tag
from tickets.models.conversation import Comment, Watch
from tickets.models.files import Attachment
from tickets.models.mail import InboundMail, Mailbox
from tickets.models.ticket import Priority, Source, Ticket

__all__ = [
    "Attachment",
    "Comment",
    "InboundMail",
    "Mailbox",
    "Priority",
    "Service",
    "Source",
    "Tag",
    "Ticket",
    "Watch",
]
