"""The queue: what waits for whom, found, sorted and taken."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Concatenate

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.acting import Invalid, actor_of
from accounts.one_time_forms import name_for, signed_in
from accounts.rest import keyset
from accounts.visitors import local, me
from audit.models import Door
from tickets import actions, reads
from tickets.forms.queue import ORDER_WORDS, Asked
from tickets.models import Attachment, Ticket
from tickets.permissions import can
from tickets.search import RANKED
from tickets.views.answers import address, see_other

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ROWS = 50
# Of a list that is filtered we count no further: nobody reads the difference.
COUNTED = 500

# Why a view may be empty, and what comes into it.
EMPTY: "dict[str, tuple[_StrPromise, _StrPromise]]" = {
    "unassigned": (
        gettext_lazy("Nobody is waiting"),
        gettext_lazy("Every request of your teams has been taken. New ones appear here."),
    ),
    "mine": (
        gettext_lazy("You have no open tickets"),
        gettext_lazy("Take one from the unassigned, or press “Next one” for the most urgent."),
    ),
    "waiting": (
        gettext_lazy("None of your tickets waits for somebody"),
        gettext_lazy("A ticket comes here when you set it to waiting, and leaves when the answer comes."),
    ),
    "due_today": (
        gettext_lazy("Nothing is due today"),
        gettext_lazy("Tickets whose date is today or has passed appear here."),
    ),
    "followed": (
        gettext_lazy("You follow no open ticket"),
        gettext_lazy("Follow a ticket on its page to find it here."),
    ),
    "closed_by_me": (
        gettext_lazy("You have closed nothing in the last 14 days"),
        gettext_lazy("Tickets you have resolved or canceled stay here for 14 days."),
    ),
    "all": (
        gettext_lazy("There are no open tickets"),
        gettext_lazy("Requests appear here as soon as somebody opens one."),
    ),
}


@dataclass(frozen=True)
class Line:
    """A row of the list."""

    ticket: Ticket
    may_take: bool


def agents_only[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponse], /
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Lead employees to their own requests, and refuse what they could only have forged."""

    @signed_in
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if me(request).is_agent:
            return view(request, *args, **kwargs)
        if request.method == "POST":
            raise PermissionDenied
        return redirect("tickets:start")

    return guarded


@require_safe
@agents_only
def queue(request: HttpRequest) -> HttpResponse:
    reader = me(request)
    asked = Asked(request.GET, reader=reader)
    if (hit := asked.hit()) is not None:
        return redirect(address(hit))
    counts = reads.counts(reader)
    page = page_of(asked, cursor=request.GET.get("cursor", ""))
    total = counts[asked.view.name] if not asked.active else asked.count(most=COUNTED)
    uncounted = bool(asked.active) and total > COUNTED
    return render(
        request,
        "tickets/queue.html",
        {
            "asked": asked,
            "form": asked.form,
            "title": title_of(asked),
            "counts": counts,
            "current_view": asked.shown_view,
            "lines": [Line(ticket, can(reader, "claim", ticket)) for ticket in page.rows],
            "total": total,
            "more_than": COUNTED if uncounted else None,
            "total_words": f"{COUNTED}+" if uncounted else str(total),
            "ranked": RANKED if asked.is_ranked and total > RANKED else None,
            "order_words": ORDER_WORDS[asked.ordering],
            "next_url": asked.page_url(page.next) if page.next else "",
            "previous_url": asked.page_url(page.previous) if page.previous else "",
            "by_priority": asked.heading("priority", "priority"),
            "by_number": asked.heading("number", "-number"),
            "by_change": asked.heading("updated_at", "-updated_at"),
            "menus": [
                (_("Status"), asked.menu("status")),
                (_("Priority"), asked.menu("priority")),
            ],
            "empty": EMPTY[asked.view.name],
            "form_name": name_for(reader),
        },
        status=200 if asked.form.is_valid() else 400,
    )


@require_POST
@agents_only
def next_one(request: HttpRequest) -> HttpResponse:
    """Hand out the most urgent ticket that nobody holds."""
    ticket = actions.claim_next(by=actor_of(request, Door.WEB))
    if ticket is None:
        messages.info(request, _("Nothing is waiting."))
        return see_other(back(request))
    messages.success(request, _("%(reference)s is yours now.") % {"reference": ticket.reference})
    return see_other(address(ticket))


def back(request: HttpRequest) -> str:
    """The list one came from."""
    return local(request.POST.get("next", "")) or reverse("tickets:queue")


def page_of(asked: Asked, *, cursor: str = "") -> keyset.Page[Ticket]:
    tickets = asked.rows.noting_watch_of(asked.reader).select_related("service", "requester", "assignee")
    tickets = tickets.annotate(has_files=Exists(Attachment.objects.filter(ticket=OuterRef("pk"))))
    try:
        return keyset.page(
            # The long texts stay where they are.
            tickets.defer("description", "search"),
            order=asked.order,
            cursor=cursor,
            limit=ROWS,
        )
    except Invalid as invalid:
        asked.form.add_error(None, str(invalid))
        return keyset.Page([], "", "")


def title_of(asked: Asked) -> str:
    if asked.words:
        return _("Search: %(words)s") % {"words": asked.words[:60]}
    if asked.view.name == "all" and asked.any_status:
        return _("All tickets")
    return str(asked.view.title)
