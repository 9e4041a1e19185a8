"""Somebody shows a second factor: at a sign-in, or once more before what matters."""

from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import tries
from accounts.acting import Actor, actor_of
from accounts.factors import actions as factors
from accounts.factors import passkeys
from accounts.forms import CodeForm
from accounts.models import User
from audit.models import Door


@dataclass
class Attempt:
    """What a page needs to ask for a factor, and what came of what was sent to it. `wait` is in minutes."""

    form: CodeForm
    has_app: bool
    has_passkey: bool
    codes_left: int
    wait: int = 0
    held: bool = False
    trouble: str = ""


def attempt(request: HttpRequest, user: User) -> Attempt:
    """Look at what was posted, if anything was. One try is counted before it is looked at."""
    mine = factors.of(user)
    asked = Attempt(
        form=CodeForm(request.POST if "code" in request.POST else None),
        has_app=any(one.type == factors.APP for one in mine),
        has_passkey=passkeys.work_here(request) and any(one.type == factors.PASSKEY for one in mine),
        codes_left=factors.codes_left(user),
    )
    if request.method == "POST" and ("credential" in request.POST or asked.form.is_valid()):
        _look(request, user, asked)
    return asked


def _look(request: HttpRequest, user: User, asked: Attempt) -> None:
    by = replace(actor_of(request, Door.WEB), user=user)
    by_passkey = "credential" in request.POST
    asked.wait = tries.minutes_to_wait(request, "factor", user.email)
    # Six digits are found by guessing from many places; a passkey is not, nor is a recovery code.
    if not (asked.wait or by_passkey or factors.is_recovery_code(asked.form.cleaned_data["code"])):
        asked.wait = tries.minutes_elsewhere(request, "factor", user)
    if asked.wait:
        asked.trouble = tries.too_many(asked.wait)
        return
    asked.held = (
        _passkey_holds(request, user, by=by) if by_passkey else _code_holds(request, user, asked, by=by)
    )
    if not asked.held:
        # Nobody has signed in yet: what was sent is a claim, and not this person's deed.
        factors.refused(user, by=actor_of(request, Door.WEB))
        if by_passkey:
            asked.trouble = _("The passkey was not accepted.")
        else:
            asked.form.add_error("code", _("This code is not valid, or was used already."))


def _code_holds(request: HttpRequest, user: User, asked: Attempt, *, by: Actor) -> bool:
    held = factors.show_code(user, code=asked.form.cleaned_data["code"], by=by)
    left = factors.codes_left(user)
    if held and left < asked.codes_left:
        said = ngettext(
            "You have used a recovery code. %(count)d is left.",
            "You have used a recovery code. %(count)d are left.",
            left,
        )
        messages.warning(request, said % {"count": left})
    return held


def _passkey_holds(request: HttpRequest, user: User, *, by: Actor) -> bool:
    try:
        shown = passkeys.shown(request, request.POST["credential"], factors.credentials(user))
    except passkeys.NotTheirs:
        return False
    return factors.show_passkey(user, shown=shown, by=by)
