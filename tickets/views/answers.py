"""How a page finds a ticket, calls a verb and answers, whatever the verb says: once for every button."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import one_time_forms
from accounts.acting import Actor, Forbidden, Invalid, Refused, Stale, actor_of
from accounts.models import User
from accounts.one_time_forms import signed_in
from accounts.visitors import me
from tickets import actions, files, permissions, reads, timeline
from tickets.files import Incoming
from tickets.forms.files import say_they_are_lost
from tickets.forms.ticket import TicketForm
from tickets.models import Ticket
from tickets.models.ticket import TicketQuerySet

type Page = Callable[[HttpRequest, Ticket, TicketForm], HttpResponse]
# What a verb's view does: calls the verb, and says in words that it is done.
type Deed = Callable[[Ticket, dict[str, Any], Actor], str]
# The files a deed puts on the ticket: read and stored before its transaction, where no row stays locked meanwhile.
type Brought = Callable[[TicketForm], Iterable[Incoming]]


def found(request: HttpRequest, reference: str, *, beside: TicketQuerySet | None = None) -> Ticket:
    """The ticket of this id or number if the reader may see it; otherwise there is none."""
    try:
        return reads.find(reference, reader=me(request), beside=beside)
    except Ticket.DoesNotExist:
        raise Http404 from None


def address(ticket: Ticket, *, seq: int | None = None) -> str:
    """The ticket's page, or the place of one event on it."""
    return reverse("tickets:detail", args=[ticket.public_id]) + (f"#e-{seq}" if seq else "")


def see_other(target: str) -> HttpResponseRedirect:
    """What a post ends with: the browser gets the next page by GET."""
    return HttpResponseRedirect(target, status=HTTPStatus.SEE_OTHER)


def sent_files(form: TicketForm) -> Iterable[Incoming]:
    files: Iterable[Incoming] = form.cleaned_data.get("files", ())
    return files


def verb(
    form_class: type[TicketForm], *rights: str, page: Page, brought: Brought = sent_files
) -> Callable[[Deed], Callable[..., HttpResponse]]:
    """Make a view of a deed: POST does it, GET shows what somebody could not send, or leads to the ticket.

    Whoever has none of the rights in any state of the ticket is told so before his words are judged. `page` draws
    the ticket again with the form that has a fault. The deed finds what is `brought` as `files`.
    """

    def decorate(deed: Deed) -> Callable[..., HttpResponse]:
        @signed_in
        @wraps(deed)
        def view(request: HttpRequest, reference: str) -> HttpResponse:
            ticket = found(request, reference)
            if request.method != "POST":
                return _unsent(request, form_class, ticket)
            form = form_class(request.POST, request.FILES, ticket=ticket, reader=me(request))
            status: int = HTTPStatus.BAD_REQUEST
            try:
                said = _do(deed, form, rights, brought, by=actor_of(request, "web"))
            except Invalid as fault:
                form.blame(fault.field, str(fault.message))
                status = fault.status
            except Forbidden as no:
                return forbidden(request, ticket, no)
            except Refused as no:
                return conflict(request, form, no)
            else:
                if said is not None:
                    messages.success(request, said)
                    return see_other(_next(request, form))
            say_they_are_lost(form)
            answer = page(request, ticket, form)
            answer.status_code = status
            return answer

        return view

    return decorate


def _do(deed: Deed, form: TicketForm, rights: tuple[str, ...], brought: Brought, *, by: Actor) -> str | None:
    """What the deed says of itself once it is done; None if the form has a fault."""
    if not any(permissions.has_right(form.reader, right, form.ticket) for right in rights):
        raise Forbidden("not_permitted", _("You are not permitted to do this with this ticket."))
    valid = form.is_valid()
    with files.stored(brought(form) if valid else ()) as arrived, transaction.atomic():
        form.cleaned_data["files"] = arrived
        try:
            _expect(form)
        except Stale:
            if valid:
                _ask(deed, form, by=by)
            raise
        return deed(form.ticket, form.cleaned_data, by) if valid else None


def _ask(deed: Deed, form: TicketForm, *, by: Actor) -> None:
    """Raise the verb's own refusal, if it has one: what can no longer be done is not offered to be done anyway.

    It really runs and is rolled back, as for a preview.
    """
    with suppress(Invalid), transaction.atomic():
        deed(form.ticket, form.cleaned_data, by)
        transaction.set_rollback(True)


def _expect(form: TicketForm) -> None:
    """Raise Stale if something has happened that the reader has not seen, and could have.

    What he may not know of must not hold his words up, or he would learn that it is there.
    """
    seen = form.cleaned_data.get("version")
    if seen is None:
        return
    try:
        actions.expect(form.ticket, version=seen)
    except Stale:
        unseen = timeline.readable(form.ticket, reader=form.reader).filter(seq__gt=seen)
        if seen > form.ticket.version or unseen.exists():
            raise


def _next(request: HttpRequest, form: TicketForm) -> str:
    version = (
        Ticket.objects.visible_to(form.reader)
        .filter(pk=form.ticket.pk)
        .values_list("version", flat=True)
        .first()
    )
    if version is None:  # the deed has taken it out of sight
        return reverse("tickets:queue" if form.reader.is_agent else "tickets:start")
    return form.came_from or address(form.ticket, seq=version if form.name == "comment" else None)


# --- When the rules say no -------------------------------------------------------------------------


def forbidden(request: HttpRequest, ticket: Ticket, no: Forbidden) -> HttpResponse:
    """Visible, but not his to do: the reason in words."""
    problem = {"code": no.code, "detail": str(no.message)}
    context = {"problem": problem, "back": address(ticket)}
    return render(request, "403.html", context, status=HTTPStatus.FORBIDDEN)


def conflict(request: HttpRequest, form: TicketForm, no: Refused) -> HttpResponse:
    """Theirs and yours: what has happened since, and every word that was sent, ready to be sent again.

    Where nothing was typed there is nothing to keep: a refusal is only said, with the ways on.
    """
    if no.status == HTTPStatus.NOT_FOUND:
        raise Http404
    form.ticket = found(request, str(form.ticket.public_id))
    why = "stale" if isinstance(no, Stale) else "refused"
    if why == "refused" and not form.has_words:
        return _refused(request, form, no)
    return _held(request, form, why=why, reason=str(no.message), status=HTTPStatus.CONFLICT)


def _refused(request: HttpRequest, form: TicketForm, no: Refused) -> HttpResponse:
    context = {
        "ticket": form.ticket,
        "reason": str(no.message),
        "mine": no.code == "already_claimed" and form.ticket.assignee == form.reader,
        "offers_next": form.name == "claim",
        "back": _ticket_of(form),
        "list": _list_of(request, form),
    }
    return render(request, "tickets/refused.html", context, status=HTTPStatus.CONFLICT)


def _ticket_of(form: TicketForm) -> str:
    """The ticket's page as it was reached: with the list it was opened from."""
    here, before = address(form.ticket), form.came_from
    return before if before.startswith(here) else here


def _list_of(request: HttpRequest, form: TicketForm) -> str:
    """The list the person came from: the page itself, or the one the ticket was opened from."""
    home = reverse("tickets:queue" if form.reader.is_agent else "tickets:start")
    before = form.came_from
    page, _mark, state = before.partition("?")
    if page == home:
        return before
    return f"{home}?{state}" if "view" in QueryDict(state) else home


def _unsent(request: HttpRequest, form_class: type[TicketForm], ticket: Ticket) -> HttpResponse:
    """What the person had sent when the session was over already; without that, the ticket."""
    typed = one_time_forms.take_back(request)
    if typed is None:
        return see_other(address(ticket))
    form = form_class(typed, ticket=ticket, reader=me(request))
    form.is_valid()
    return _held(
        request, form, why="unsent", reason=_("You had been signed out. Nothing is lost."), status=200
    )


def _held(request: HttpRequest, form: TicketForm, *, why: str, reason: str, status: int) -> HttpResponse:
    """The page that keeps a form back. `form.ticket` is the ticket as it stands now."""
    ticket = form.ticket
    seen = form.cleaned_data.get("version") or ticket.version
    since = timeline.items(ticket, reader=form.reader, after=seen)
    sent = dict(form.data.items()) | {"version": str(ticket.version)}
    body = (sent.get("body") or "").strip().replace("\r\n", "\n")
    context = {
        "ticket": ticket,
        "why": why,
        "reason": reason,
        "since": since,
        "arrived": bool(body) and any(_is_same(item, body, form.reader) for item in since),
        "form": type(form)(sent, ticket=ticket, reader=form.reader),
        "files_lost": bool(form.files) or one_time_forms.FILES_LOST in sent,
        "form_name": one_time_forms.name_for(form.reader),
        "action": request.path,
        "back": form.came_from or address(ticket),
    }
    return render(request, "tickets/conflict.html", context, status=status)


def _is_same(item: timeline.Item, body: str, reader: User) -> bool:
    return item.author == reader and item.text.replace("\r\n", "\n") == body
