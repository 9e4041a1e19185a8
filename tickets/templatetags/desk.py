"""What a page may offer, asked of the same table that decides.

{% can "claim" ticket as may_claim %}{% if may_claim %}…{% endif %}
"""

from django import template
from django.template.context import Context

from tickets import permissions
from tickets.models import Ticket

register = template.Library()


@register.simple_tag(takes_context=True)
def can(context: Context, verb: str, ticket: Ticket) -> bool:
    """Whether the signed-in person may do this with the ticket now."""
    return permissions.can(context["user"], verb, ticket)
