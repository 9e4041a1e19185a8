"""The pages of one's own notices: the inbox, and what one wants to hear of."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.acting import Invalid, actor_of
from accounts.forms import focus_first_fault
from accounts.one_time_forms import signed_in
from accounts.visitors import me
from audit.models import Door
from notifications import inbox as notices
from notifications import preferences as wishes
from notifications.forms import PreferencesForm

FARTHEST = 500  # pages; beyond them nobody reads


@require_safe
@signed_in
def inbox(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    page = notices.page(me(request), number=min(max(number, 1), FARTHEST))
    return render(request, "notifications/inbox.html", {"page": page})


@require_POST
@signed_in
def read_all(request: HttpRequest) -> HttpResponse:
    """Everything that the page has shown, and what lies below it."""
    try:
        upto = UUID(request.POST.get("upto", ""))
    except ValueError:
        return redirect("notifications:inbox")
    if notices.read_all(me(request), upto=upto):
        messages.success(request, _("Everything is marked as read."))
    return redirect("notifications:inbox")


@signed_in
def preferences(request: HttpRequest) -> HttpResponse:
    user = me(request)
    form = PreferencesForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            wishes.choose(user, **form.chosen, by=actor_of(request, Door.WEB))
        except Invalid as fault:
            form.add_error(fault.field, str(fault.message))
        else:
            messages.success(request, _("Saved."))
            return redirect("notifications:preferences")
    focus_first_fault(form)
    return render(request, "notifications/preferences.html", {"form": form})
