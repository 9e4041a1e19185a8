"""What a page of the desk may offer: verbs, asked of the same table that decides, and the views of the queue.

{% can "claim" ticket as may_claim %}{% if may_claim %}…{% endif %}
{% queue_views as views %}
"""

from dataclasses import dataclass

from django import template
from django.template.context import Context
from django.urls import reverse

from tickets import permissions, reads
from tickets.models import Ticket

register = template.Library()


@register.simple_tag(takes_context=True)
def can(context: Context, verb: str, ticket: Ticket) -> bool:
    """Whether the signed-in person may do this with the ticket now."""
    return permissions.can(context["user"], verb, ticket)


@dataclass(frozen=True)
class Entry:
    """A view in the rail; `key` leads to it after g."""

    title: str
    icon: str
    key: str
    url: str
    count: int
    is_late: bool
    is_current: bool


@register.simple_tag(takes_context=True)
def queue_views(context: Context) -> list[Entry]:
    """The entries of the rail, once a page. A page that has counted already says so in `counts`.

    `current_view` is the name of the one that is shown, or from which the ticket was opened.
    """
    counts = context.get("counts") or reads.counts(context["user"])
    current = context.get("current_view", "")
    queue = reverse("tickets:queue")
    return [
        Entry(
            title=str(view.title),
            icon=view.icon,
            key=view.key,
            url=f"{queue}?view={view.name}",
            count=counts[view.name],
            is_late=view.name == "due_today" and counts[view.name] > 0,
            is_current=view.name == current,
        )
        for view in reads.VIEWS
    ]
