"""The employee's side of the desk: the start page, and opening a ticket."""

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import one_time_forms
from accounts.acting import Invalid, Refused, actor_of
from accounts.forms import focus_first_fault
from accounts.models import Team, User
from accounts.one_time_forms import signed_in
from accounts.rest import keyset
from accounts.visitors import me
from audit.models import Door
from tickets import actions, files, reads
from tickets.forms.files import LOST, say_they_are_lost
from tickets.forms.portal import NewTicketForm
from tickets.models import Service, Ticket
from tickets.models.ticket import TicketQuerySet
from tickets.search import Search, services_about
from tickets.views.answers import address, see_other

MOST_OPEN = 50
MOST_FOUND = 20
FINISHED = 6
LONGEST_SEARCH = 200


@require_safe
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """One's own requests and the catalogue. Agents come here for their own; their home is the queue."""
    reader = me(request)
    if reader.is_agent and "mine" not in request.GET:
        return redirect("tickets:queue")
    text = " ".join(request.GET.get("q", "").split())[:LONGEST_SEARCH]
    if text:
        return _found(request, reader, text)
    mine = reads.requests_of(reader).with_people()
    try:
        finished = keyset.page(
            mine.finished(),
            order=("-updated_at", "-number"),
            cursor=request.GET.get("finished", ""),
            limit=FINISHED,
        )
    except Invalid:  # an address somebody has cut or made up
        return redirect("tickets:start")
    going_on = list(mine.open().order_by("-updated_at", "-number")[: MOST_OPEN + 1])
    context = {
        "open": sorted(going_on[:MOST_OPEN], key=lambda ticket: not reads.waits_for(ticket, reader)),
        "more": len(going_on) > MOST_OPEN,
        "finished": finished,
        "catalogue": _by_team(Service.objects.filter(is_active=True)),
    }
    return render(request, "tickets/start.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def new(request: HttpRequest) -> HttpResponse:
    author = me(request)
    if request.method == "POST":
        return _opened(request, author)
    typed = one_time_forms.take_back(request)
    if typed is not None:
        messages.info(request, _("Here is what you had typed. Check it and send it."))
        form = NewTicketForm(typed, author=author)
        if one_time_forms.FILES_LOST in typed:
            form.add_error("files", LOST)
        return _page(request, form)
    initial = {name: request.GET.get(name, "")[:255] for name in ("service", "title")}
    return _page(request, NewTicketForm(author=author, initial=initial))


def _opened(request: HttpRequest, author: User) -> HttpResponse:
    form = NewTicketForm(request.POST, request.FILES, author=author)
    try:
        public_id = one_time_forms.public_id_of(request.POST.get(one_time_forms.FIELD, ""), sent_by=author)
    except one_time_forms.NotYours:
        form.add_error(None, _("This form was open for too long. Please send it once more."))
        return _page(request, form, status=409)
    twin = Ticket.objects.filter(public_id=public_id, author=author)
    if not form.is_valid():
        return _twin_or_page(request, form, twin, status=400)
    try:
        with files.stored(form.cleaned_data["files"]):
            by = actor_of(request, Door.WEB)
            ticket = actions.open_ticket(**form.cleaned_data, public_id=public_id, by=by)
    except Refused as no:
        form.blame(no.field if isinstance(no, Invalid) else "", str(no.message))
        return _twin_or_page(request, form, twin, status=no.status)
    except IntegrityError:  # sent twice
        if (before := twin.first()) is None:
            raise
        return _to(before, author)
    messages.success(
        request, _("%(number)s is open. This page shows how it goes on.") % {"number": ticket.reference}
    )
    is_confidential = ticket.service is not None and ticket.service.confidential
    return _to(ticket, author) if is_confidential else see_other(address(ticket))


def _twin_or_page(
    request: HttpRequest, form: NewTicketForm, twin: TicketQuerySet, *, status: int
) -> HttpResponse:
    """The ticket of the first sending, if there was one; else the form with its faults."""
    if (before := twin.first()) is not None:
        return _to(before, form.author)
    return _page(request, form, status=status)


def _to(ticket: Ticket, author: User) -> HttpResponse:
    """Its page; the start page for an agent who opened something confidential for somebody and may not see it."""
    if Ticket.objects.visible_to(author).filter(pk=ticket.pk).exists():
        return see_other(address(ticket))
    return see_other(reverse("tickets:start"))


def _page(request: HttpRequest, form: NewTicketForm, *, status: int = 200) -> HttpResponse:
    if form.errors:
        say_they_are_lost(form)
    focus_first_fault(form)
    context = {"form": form, "form_name": one_time_forms.name_for(form.author)}
    return render(request, "tickets/new.html", context, status=status)


def _found(request: HttpRequest, reader: User, text: str) -> HttpResponse:
    """What the words lead to: services and one's own requests; a number opens its ticket."""
    try:
        return redirect(address(reads.find(text, reader=reader)))
    except Ticket.DoesNotExist:
        pass
    mine = reads.requests_of(reader).with_people()
    search = Search(text, reader=reader)
    if search.can_be_ranked:
        found = search.ranked(mine).with_people()
    else:
        found = search.matching(mine).order_by("-updated_at", "-number")
    context = {
        "text": text,
        "catalogue": _by_team(services_about(text)),
        "found": list(found[:MOST_FOUND]),
    }
    return render(request, "tickets/start.html", context)


def _by_team(services: Any) -> list[tuple[Team, list[Service]]]:
    ordered = sorted(
        services.select_related("team"), key=lambda row: (row.team.name, row.team_id, row.name.casefold())
    )
    return [(team, list(rows)) for team, rows in groupby(ordered, key=lambda row: row.team)]
