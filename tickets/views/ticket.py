"""The ticket page and the posts behind its buttons."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Window
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.acting import Actor, Invalid, Refused
from accounts.forms import focus_first_fault
from accounts.models import Team, User
from accounts.one_time_forms import name_for, signed_in
from accounts.visitors import me
from notifications import inbox
from tickets import actions, files, inbound_email, permissions, timeline
from tickets.files import Incoming
from tickets.forms import ticket as forms
from tickets.forms.queue import Asked
from tickets.models import InboundMail, Ticket
from tickets.models.ticket import Status
from tickets.views import answers

OTHERS = 4
# How far down a list its neighbours are looked for.
FAR = 500


# --- Pages -----------------------------------------------------------------------------------------


@require_safe
@signed_in
def detail(request: HttpRequest, reference: str) -> HttpResponse:
    # The list one comes from, if one does: its neighbours are asked for together with the ticket.
    asked = Asked(request.GET, reader=me(request)) if "view" in request.GET else None
    ticket = answers.found(request, reference, beside=asked.in_order[:FAR] if asked else None)
    if reference != str(ticket.public_id):
        query = request.GET.urlencode()
        return redirect(answers.address(ticket) + (f"?{query}" if query else ""))
    _note_seen(request, ticket)
    return page(request, ticket, asked=asked)


@require_safe
@signed_in
def history(request: HttpRequest, reference: str) -> HttpResponse:
    ticket = answers.found(request, reference)
    events = timeline.items(ticket, reader=me(request))
    return render(request, "tickets/history.html", {"ticket": ticket, "items": events[::-1]})


@require_safe
@signed_in
def mail(request: HttpRequest, reference: str, mail: UUID) -> HttpResponse:
    """What a mail of the ticket had below its words, where that is more than the ticket shows."""
    ticket = answers.found(request, reference)
    found = timeline.unfolded(ticket, mail, reader=me(request))
    if found is None:
        raise Http404
    return render(request, "tickets/mail.html", {"ticket": ticket, "mail": found[0], "folded": found[1]})


def page(
    request: HttpRequest,
    ticket: Ticket,
    faulty: forms.TicketForm | None = None,
    *,
    asked: Asked | None = None,
) -> HttpResponse:
    """The ticket as this reader sees it; with the form in fault, if one was sent, as it was sent."""
    reader = me(request)
    show = request.GET.get("show", timeline.ALL)
    show = show if show in timeline.SHOWN else timeline.ALL
    offers = forms.Offers(ticket, reader)
    watchers = offers.watchers
    context: dict[str, Any] = {
        "ticket": ticket,
        "story": timeline.story(ticket, reader=reader, show=show, services=offers.service_names),
        "show": show,
        "shown": shown(request, show),
        "form_name": name_for(reader),
        "watchers": watchers,
        "recipients": (readers := recipients(ticket, watchers, reader=reader)),
        "first_name": readers[0].full_name.split()[0] if readers else "",
        "forms": drawn(offers, faulty, here=request.get_full_path() if request.GET else ""),
        "thens": thens(ticket, reader),
        "link": settings.BASE_URL + answers.address(ticket),
    }
    if reader.is_agent:
        told = {item.event.verb for run in context["story"] for item in run}
        if show == timeline.CONVERSATION or (show == timeline.ALL and "ticket.mail_held" in told):
            context["held_mails"] = timeline.first_held(ticket, reader=reader)
        began = next((item.mail for run in context["story"] for item in run if item.seq == 1), None)
        if began is not None and not began.is_proven:
            context["claimant"] = actions.named_in(began)
        context["others"] = others(ticket, reader=reader)
        context["place"] = place(asked, ticket) if asked else None
        context["current_view"] = asked.shown_view if asked else ""
    else:
        context["stages"] = timeline.stages(ticket)
        context["standing"] = timeline.where_it_stands(ticket, reader=reader)
    return render(request, "tickets/detail.html", context, status=400 if faulty else 200)


def drawn(offers: forms.Offers, faulty: forms.TicketForm | None, *, here: str) -> dict[str, forms.TicketForm]:
    """A form for every verb, by its name; the one in fault as it came, with the focus on the fault."""
    drawn = {
        form.name: form(ticket=offers.ticket, reader=offers.reader, offers=offers) for form in forms.FORMS
    }
    for form in drawn.values():
        form.initial["next"] = here
    if faulty is not None:
        focus_first_fault(faulty)
        faulty.offers = offers
        drawn[faulty.name] = faulty
    return drawn


def shown(request: HttpRequest, show: str) -> list[tuple[str, Any, bool]]:
    """The filters of the story: address, word, and whether it is the one in use."""
    links = []
    for name, word in timeline.SHOWN.items():
        query = request.GET.copy()
        query["show"] = name
        links.append((f"?{query.urlencode()}#story", word, name == show))
    return links


@dataclass(frozen=True)
class Place:
    """Where the ticket stands in the list its reader came from. `state` is that list, as the address has it."""

    state: str
    number: int
    total: int
    previous: UUID | None
    next: UUID | None


def _note_seen(request: HttpRequest, ticket: Ticket) -> None:
    """The reader's notices of this ticket are read now.

    It is the one thing that showing a page changes, as a "last seen" does: only what he himself is reminded of, for
    nobody else to see, no matter how often. A browser that fetches ahead has shown him nothing.
    """
    reader: Any = me(request)
    ahead = "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    if request.method == "GET" and not ahead and getattr(reader, "unread", None):
        reader.unread -= inbox.see(reader, ticket.public_id, upto=ticket.version)


def place(asked: Asked, ticket: Ticket) -> Place:
    """Number 0 where the ticket is no longer in the list."""
    ids: list[UUID] = ticket.neighbours or []  # type: ignore[attr-defined]
    if ticket.public_id not in ids:
        return Place(asked.state_text, 0, len(ids), None, None)
    at = ids.index(ticket.public_id)
    following = ids[at + 1] if at + 1 < len(ids) else None
    return Place(asked.state_text, at + 1, len(ids), ids[at - 1] if at else None, following)


def recipients(ticket: Ticket, watchers: list[User], *, reader: User) -> list[User]:
    """Whoever reads a reply besides its writer, the requester first."""
    people = [ticket.requester, *watchers, *([ticket.assignee] if ticket.assignee else [])]
    return list({one.pk: one for one in people if one.pk != reader.pk}.values())


def thens(ticket: Ticket, reader: User) -> list[tuple[str, str]]:
    """What can be done in one go with a reply."""
    start = _("Send and go on") if ticket.status == Status.WAITING else _("Send and start")
    words = {"start": start, "wait": _("Send and wait"), "resolve": _("Send and resolve")}
    return [(verb, word) for verb, word in words.items() if permissions.can(reader, verb, ticket)]


def others(ticket: Ticket, *, reader: User) -> list[Ticket]:
    """The requester's latest other tickets that the reader may see; each knows the number of all as `total`."""
    mine = Ticket.objects.visible_to(reader).filter(requester=ticket.requester_id).exclude(pk=ticket.pk)
    counted = mine.annotate(total=Window(Count("pk"))).only("public_id", "number", "title", "status")
    return list(counted.order_by("-number")[:OTHERS])


# --- Verbs -----------------------------------------------------------------------------------------

verb = partial(answers.verb, page=page)


@verb(forms.ClaimForm, "claim")
def claim(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.claim(ticket, by=by)
    return _("The ticket is yours.")


@verb(forms.AssignForm, "assign")
def assign(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.assign(ticket, assignee=sent["assignee"], by=by)
    return _("%(name)s has the ticket now.") % {"name": sent["assignee"]}


@verb(forms.HandOverForm, "hand_over", "hand_over_to_team")
def hand_over(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    to = {"team" if isinstance(sent["to"], Team) else "to": sent["to"]}
    actions.hand_over(ticket, **to, note=sent["note"], by=by)
    return _("Handed over to %(name)s.") % {"name": sent["to"]}


@verb(forms.StatusForm, "start", "wait", "resolve", "cancel")
def status(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    word, _colon, whom = sent["to"].partition(":")
    actions.change_status(ticket, status=word, waiting_for=whom, comment=sent["comment"], by=by)
    return _("The status is now “%(status)s”.") % {"status": Status(word).label}


@verb(forms.CancelForm, "cancel_own", "cancel")
def cancel(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.cancel(ticket, reason=sent["reason"], by=by)
    return _("The ticket is canceled.")


@verb(forms.ReopenForm, "reopen")
def reopen(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.reopen(ticket, comment=sent["comment"], by=by)
    return _("The ticket is open again.")


@verb(forms.EditForm, "edit")
def edit(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.edit(ticket, title=sent["title"], description=sent["description"], by=by)
    return _("Saved.")


@verb(forms.PropertiesForm, "set_priority", "set_service", "set_tags", "set_due")
def properties(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    """Several verbs in one transaction: those whose fields somebody has changed."""
    for field in sent["changed"]:
        match field:
            case "priority":
                actions.set_priority(ticket, priority=sent["priority"], by=by)
            case "service":
                actions.set_service(ticket, service=sent["service"], by=by)
            case "tags":
                actions.set_tags(ticket, tags=sent["tags"].split(","), by=by)
            case "due_at":
                actions.set_due(ticket, due_at=sent["due_at"], by=by)
    return _("Saved.")


@verb(forms.CommentForm, "comment")
def comment(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    """Say something, and perhaps take the next step in the same breath. A note never moves a ticket."""
    next_status = {"start": Status.IN_PROGRESS, "wait": Status.WAITING, "resolve": Status.DONE}.get(
        sent["then"]
    )
    if sent["visibility"] == "internal":
        if next_status:
            raise Invalid("then", "note_moves_nothing", _("An internal note cannot change the status."))
        _say(ticket, sent, internal=True, by=by)
        return _("Saved for the team only.")
    if next_status is None:
        _say(ticket, sent, internal=False, by=by)
        return _("Sent.")
    actions.change_status(ticket, status=next_status, comment=sent["body"], files=sent["files"], by=by)
    return _("Sent. The status is now “%(status)s”.") % {"status": next_status.label}


def _say(ticket: Ticket, sent: dict[str, Any], *, internal: bool, by: Actor) -> None:
    """Words, with or without files; or files alone."""
    if sent["files"] and not sent["body"].strip():
        actions.attach(ticket, files=sent["files"], internal=internal, by=by)
    else:
        actions.add_comment(ticket, body=sent["body"], internal=internal, files=sent["files"], by=by)


@verb(forms.WatchForm, "manage_watchers")
def watch(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.watch(ticket, user=sent["email"], by=by)
    return _("%(name)s follows this ticket.") % {"name": sent["email"]}


@verb(forms.UnwatchForm, "manage_watchers", "unfollow")
def unwatch(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.unwatch(ticket, user=sent["person"], by=by)
    return _("%(name)s no longer follows this ticket.") % {"name": sent["person"]}


def chosen_files(form: forms.TicketForm) -> list[Incoming]:
    """What the mail has brought, of which the agent has ticked what comes along."""
    mail = held_mail(form.ticket, form.cleaned_data["mail"])
    return inbound_email.files_of(mail, chosen=form.cleaned_data["chosen"])


@verb(forms.ReleaseMailForm, "note", brought=chosen_files)
def release_mail(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    try:
        actions.release_mail(held_mail(ticket, sent["mail"]), files=sent["files"], by=by)
    except files.TooLarge as full:
        # The form has no place beside which it could be said.
        raise Refused(full.code, str(full.message)) from None
    return _("The mail is on the ticket now.")


@verb(forms.HeldMailForm, "note")
def accept_sender(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    ticket = actions.accept_sender(held_mail(ticket, sent["mail"]), by=by)
    return _("This is a request of %(name)s now, who reads the answers.") % {"name": ticket.requester}


@verb(forms.HeldMailForm, "note")
def refuse_mail(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.refuse_mail(held_mail(ticket, sent["mail"]), by=by)
    return _("The mail is refused.")


def held_mail(ticket: Ticket, public_id: UUID) -> InboundMail:
    mail: InboundMail | None = ticket.mails.filter(public_id=public_id).defer("raw").first()
    if mail is None:
        raise Refused("not_held", _("Somebody has dealt with this mail already."))
    return mail


@verb(forms.DeleteForm, "delete")
def delete(ticket: Ticket, sent: dict[str, Any], by: Actor) -> str:
    actions.delete(ticket, reason=sent["reason"], by=by)
    return _("%(reference)s is deleted.") % {"reference": ticket.reference}
