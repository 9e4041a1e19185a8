"""Small parts of every page: icons, people, times, and words that carry a colour.

{% icon "lock" %}  {% icon "lock" label="Internal" %}  {% icon "x" small=True %}
{% avatar user %}  {% avatar user large=True %}  {% person user %}    nobody (None) is drawn too
{% when ticket.created_at %}                                          relative, with the exact time on hover
{{ some_timedelta|span }}                                             "42 min", "3 h 20 min", "1 d 4 h"
{% status_badge ticket %}  {% priority_badge ticket.priority %}       a word and an icon, never colour alone
{% markdown comment.body %}  {{ comment.body|rendered }}              on a page, in a mail
{{ request|typed }}                                                   the words of a form that has been refused
{% theme %}  {% field_kind field %}                                   for base.html and the form fields only
"""

import zlib
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.context import Context
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import moments
from notifications import markdown as markup

register = template.Library()

HUES = ("blue", "indigo", "amber", "orange", "red", "green", "teal", "purple")

# Of each value the word, the icon and the hue.
STATUSES = {
    "NEW": (gettext_lazy("New"), "circle-dashed", "blue"),
    "IN_PROGRESS": (gettext_lazy("In progress"), "progress", "indigo"),
    "WAITING": (gettext_lazy("Waiting"), "player-pause", "amber"),
    "DONE": (gettext_lazy("Done"), "circle-check", "green"),
    "CANCELED": (gettext_lazy("Canceled"), "circle-x", "grey"),
}
WAITING = {
    "REQUESTER": gettext_lazy("Waiting for requester"),
    "APPROVAL": gettext_lazy("Waiting for approval"),
    "THIRD_PARTY": gettext_lazy("Waiting for third party"),
}
CLOSED = (gettext_lazy("Closed"), "lock", "grey")
PRIORITIES = {
    "URGENT": (gettext_lazy("Urgent"), "chevrons-up", "red"),
    "HIGH": (gettext_lazy("High"), "chevron-up", "orange"),
    "NORMAL": (gettext_lazy("Normal"), "equal", "blue"),
    "LOW": (gettext_lazy("Low"), "chevron-down", "grey"),
}


# --- Icons ---------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, *, small: bool = False, label: str = "") -> SafeString:
    """One icon of static/img/icons.svg. It is decoration unless it has a label."""
    spoken = f' role="img" aria-label="{conditional_escape(label)}"' if label else ' aria-hidden="true"'
    size = " icon-sm" if small else ""
    href = f"{static('img/icons.svg')}#{conditional_escape(name)}"
    return SafeString(f'<svg class="icon{size}"{spoken}><use href="{href}"></use></svg>')


# --- People --------------------------------------------------------------------------------------


@register.simple_tag
def avatar(user: Any, *, large: bool = False) -> SafeString:
    """A circle with initials, for the eye only: the name stands beside it."""
    size = " is-large" if large else ""
    if user is None:
        return SafeString(f'<span class="sf-avatar is-nobody{size}" aria-hidden="true"></span>')
    name = str(user.full_name)
    hue = HUES[zlib.crc32(name.encode()) % len(HUES)]
    return SafeString(f'<span class="sf-avatar is-{hue}{size}" aria-hidden="true">{initials(name)}</span>')


@register.simple_tag
def person(user: Any) -> SafeString:
    """The circle and the name, or that nobody is assigned."""
    if user is None:
        name = conditional_escape(_("Unassigned"))
        return SafeString(
            f'<span class="sf-person sf-soft">{avatar(None)}<span class="sf-clip">{name}</span></span>'
        )
    name = conditional_escape(user.full_name)
    return SafeString(f'<span class="sf-person">{avatar(user)}<span class="sf-clip">{name}</span></span>')


def initials(name: str) -> SafeString:
    parts = [part for part in name.split() if part[0].isalnum()] or [name or "?"]
    letters = parts[0][:1] + (parts[-1][:1] if len(parts) > 1 else "")
    return conditional_escape(letters.upper())


# --- Times ---------------------------------------------------------------------------------------


@register.simple_tag
def when(moment: datetime | None, *, clock: bool = False) -> SafeString:
    """The moment as people say it, with the exact time in the reader's zone on hover.

    With `clock` an earlier day is told in full: in a story the order within a day matters.
    """
    if moment is None:
        return SafeString("")
    local = timezone.localtime(moment)
    exact = moments.exact(local)
    words = conditional_escape(_said(local, now=timezone.localtime(), clock=clock))
    return SafeString(
        f'<time datetime="{local.isoformat()}" title="{conditional_escape(exact)}">{words}</time>'
    )


def _said(local: datetime, *, now: datetime, clock: bool) -> str:
    ago = now - local
    if timedelta(0) <= ago < timedelta(minutes=1):
        return _("just now")
    if timedelta(0) <= ago < timedelta(hours=1):
        return _("%(minutes)d min ago") % {"minutes": ago.seconds // 60}
    time = formats.time_format(local, "TIME_FORMAT")
    if local.date() == now.date():
        return time
    if local.date() == now.date() - timedelta(days=1):
        yesterday = _("yesterday")
        return f"{yesterday}, {time}" if clock else yesterday
    if clock:
        return formats.date_format(local, "DATETIME_FORMAT")
    return formats.date_format(local, "MONTH_DAY_FORMAT" if local.year == now.year else "DATE_FORMAT")


@register.filter
def span(length: timedelta) -> str:
    """How long, in at most two units and without a sign."""
    minutes = round(abs(length.total_seconds()) / 60)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        parts = [_("%d d") % days, _("%d h") % hours if hours else ""]
    elif hours:
        parts = [_("%d h") % hours, _("%d min") % minutes if minutes else ""]
    else:
        parts = [_("%d min") % minutes]
    return "\N{NO-BREAK SPACE}".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts if part)


# --- Words with a colour -------------------------------------------------------------------------


@register.simple_tag
def status_badge(ticket: Any) -> SafeString:
    """Status of anything with .status and, if it has them, .waiting_for and .closed_at."""
    word, name, hue = STATUSES[ticket.status]
    if ticket.status == "WAITING":
        word = WAITING.get(getattr(ticket, "waiting_for", None) or "", word)
    if ticket.status == "DONE" and getattr(ticket, "closed_at", None):
        word, name, hue = CLOSED
    return SafeString(f'<span class="sf-badge is-{hue}">{icon(name)}{conditional_escape(word)}</span>')


@register.simple_tag
def priority_badge(priority: str) -> SafeString:
    word, name, hue = PRIORITIES[priority]
    return SafeString(
        f'<span class="sf-priority is-{hue}">{icon(name, small=True)}<span>{conditional_escape(word)}</span></span>'
    )


@register.filter
def rendered(text: str) -> SafeString:
    """Markdown that stands alone: in a mail, which is no page."""
    return markup.render(text)


@register.simple_tag(takes_context=True)
def markdown(context: Context, text: str) -> SafeString:
    """All texts of a page share one budget, however many somebody has written."""
    page: Any = context["request"]
    if not hasattr(page, "markdown_budget"):
        page.markdown_budget = markup.Budget()
    return markup.render(text, page.markdown_budget)


# --- For base.html and the form fields -----------------------------------------------------------


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """light, dark or system: the person's choice, or the cookie's before signing in."""
    user, request = context.get("user"), context.get("request")
    if user is not None and user.is_authenticated:
        chosen = str(user.theme)
    else:
        chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in {"light", "dark"} else "system"


@register.simple_tag
def field_kind(field: BoundField) -> str:
    """check: one box beside its label; choices: a group of boxes; else a plain control."""
    widget = field.field.widget
    if isinstance(widget, CheckboxSelectMultiple | RadioSelect):
        return "choices"
    return "check" if isinstance(widget, CheckboxInput) else "control"


# --- A form that was refused as a whole ------------------------------------------------------------

WORDS = ("title", "description", "body", "comment", "note", "reason", "tags")


@register.filter
def typed(request: HttpRequest | None) -> list[str]:
    """What somebody wrote into a form whose page is not for him (any more): no refusal throws words away."""
    if request is None or request.method != "POST":
        return []
    try:
        sent = request.POST
    except (RequestDataTooBig, SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        return []  # that it cannot be read is what it was refused for
    return [text for field in WORDS for text in sent.getlist(field) if text.strip()]
