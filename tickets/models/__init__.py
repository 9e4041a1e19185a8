"""The records of the desk."""

from tickets.models.catalogue import Service, Tag
from tickets.models.conversation import Comment, Watch
from tickets.models.ticket import Priority, Source, Ticket

__all__ = ["Comment", "Priority", "Service", "Source", "Tag", "Ticket", "Watch"]
