"""What an employee wants to know of a request: {% standing ticket %}, {% waits_for_me ticket as mine %}."""

from django import template
from django.template.context import Context

from tickets import reads, timeline
from tickets.models import Ticket

register = template.Library()


@register.simple_tag(takes_context=True)
def standing(context: Context, ticket: Ticket) -> str:
    """Where it stands, in one sentence."""
    return timeline.where_it_stands(ticket, reader=context["user"])


@register.simple_tag(takes_context=True)
def waits_for_me(context: Context, ticket: Ticket) -> bool:
    return reads.waits_for(ticket, context["user"])
