"""One verb for many tickets: say what, see what it would do, do it, read what became of each.

What became of them is kept in the session until the next time, so that reading it again never does it again.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import one_time_forms
from accounts.acting import Invalid, actor_of
from accounts.visitors import local, me
from audit.models import Door
from tickets import actions
from tickets.actions.bulk import MOST, Outcome
from tickets.forms.bulk import ACTIONS, Action, TakeForm, picks
from tickets.forms.queue import Asked
from tickets.models import Ticket
from tickets.views.answers import see_other
from tickets.views.queue import agents_only

type Picked = dict[UUID, int | None]

# Where the session keeps the last report: plain values, and of at most MOST tickets.
KEPT = "bulk_report"


@dataclass(frozen=True)
class Report:
    """What became, or would become, of each ticket."""

    outcomes: list[Outcome]

    @property
    def changed(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.ok and one.changed]

    @property
    def same(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.ok and not one.changed]

    @property
    def refused(self) -> list[Outcome]:
        return [one for one in self.outcomes if not one.ok]


@require_http_methods(["GET", "HEAD", "POST"])
@agents_only
def bulk(request: HttpRequest) -> HttpResponse:
    """All steps post to this one address; `step` says which: nothing yet, preview, or confirm.

    What was typed when the session ended comes back by GET, and gets no further than the preview.
    """
    sent = request.POST if request.method == "POST" else one_time_forms.take_back(request)
    back = local(sent.get("next", "") if sent else "") or reverse("tickets:queue")
    if not sent:
        return _results_page(request)
    action = ACTIONS.get(sent.get("action", ""))
    if action is None:
        raise BadRequest("There is no such action.")
    picked = _picked(request, sent)
    if not picked:
        messages.warning(request, _("Select tickets first."))
        return see_other(back)
    step = sent.get("step", "")
    asks = bool(action.form.base_fields)
    form = action.form(sent if step or not asks else None)
    page = {
        "action": action,
        "form": form,
        "back": back,
        "ids": list(picked),
        "name": one_time_forms.name_for(me(request)),
    }
    if not form.is_bound or not form.is_valid():
        return _form_page(request, page, picked)
    # Only what has been seen in a preview, as it stood there, is changed.
    if step == "confirm" and request.method == "POST" and None not in picked.values():
        _keep(request, action, _run(request, action, form, picked, dry_run=False), back=back)
        return see_other(reverse("tickets:bulk"))
    return _preview_page(request, page, _run(request, action, form, picked, dry_run=True))


def _form_page(request: HttpRequest, page: dict[str, Any], picked: Picked) -> HttpResponse:
    seen = Ticket.objects.visible_to(me(request)).filter(public_id__in=picked)
    tickets = list(seen.only("public_id", "number", "title").order_by("number"))
    faulty = bool(page["form"].errors)
    return render(
        request,
        "tickets/bulk.html",
        page | {"tickets": tickets, "count": len(tickets)},
        status=400 if faulty else 200,
    )


def _preview_page(request: HttpRequest, page: dict[str, Any], report: Report) -> HttpResponse:
    said = page["action"].sentence(page["form"], count=len(report.changed))
    context = page | {"report": report, "count": len(report.outcomes), "sentence": said}
    return render(request, "tickets/bulk.html", context)


def _keep(request: HttpRequest, action: Action, report: Report, *, back: str) -> None:
    rows = [[str(one.id), one.status, one.changed, one.detail] for one in report.outcomes]
    request.session[KEPT] = {"action": action.name, "back": back, "rows": rows}


def _results_page(request: HttpRequest) -> HttpResponse:
    """The last report, with the tickets as they stand and as far as the reader still sees them."""
    kept = request.session.get(KEPT)
    if kept is None:
        return see_other(reverse("tickets:queue"))
    seen = Ticket.objects.visible_to(me(request)).filter(public_id__in=[row[0] for row in kept["rows"]])
    tickets = {str(one.public_id): one for one in seen.only("public_id", "number", "title")}
    outcomes = [
        Outcome(UUID(key), tickets.get(key), status, detail=detail, changed=changed)
        for key, status, changed, detail in kept["rows"]
    ]
    page = {
        "action": ACTIONS[kept["action"]],
        "report": Report(outcomes),
        "back": kept["back"],
        "name": one_time_forms.name_for(me(request)),
    }
    return render(request, "tickets/bulk_results.html", page)


def _run(request: HttpRequest, action: Action, form: TakeForm, picked: Picked, *, dry_run: bool) -> Report:
    versions = {one: version for one, version in picked.items() if version is not None}
    try:
        outcomes = actions.in_bulk(
            list(picked),
            action.verb,
            form.arguments(),
            versions={} if dry_run else versions,
            dry_run=dry_run,
            by=actor_of(request, Door.WEB),
        )
    except Invalid as invalid:
        raise BadRequest(str(invalid)) from invalid
    return Report(outcomes)


def _picked(request: HttpRequest, sent: QueryDict) -> Picked:
    """The tickets selected, or all that fit the list the bar stood under, up to MOST."""
    if sent.get("all"):
        asked = Asked(QueryDict(sent.get("list", "")), reader=me(request))
        ids = asked.everything.values_list("public_id", flat=True)[:MOST]
        return dict.fromkeys(ids)
    try:
        return picks(sent.getlist("ticket"))
    except Invalid as invalid:
        raise BadRequest(str(invalid)) from invalid
