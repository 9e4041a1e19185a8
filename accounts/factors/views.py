"""The pages about second factors: what one has, adding and removing, and showing one on the way in."""

import base64
from typing import Any

from allauth.account.models import Login
from allauth.mfa.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import actions, letters, reauthentication, tries
from accounts.acting import Invalid, Refused, actor_of
from accounts.allauth_internals import begin_sign_in
from accounts.factors import actions as factors
from accounts.factors import challenge, passkeys, stages
from accounts.factors import required as second_factor
from accounts.forms import CodeForm, PasskeyForm, focus_first_fault
from accounts.models import User
from accounts.one_time_forms import signed_in
from accounts.visitors import local, me
from audit.models import Door

# An app's secret travels in the form that shows it, signed for one person: it is kept once a code has proved it.
_SALT = "accounts.factors.views.app"
_GOOD_FOR = 3600  # seconds


# --- What one has --------------------------------------------------------------------------------


@signed_in
@require_http_methods(["GET", "HEAD"])
def second_factors(request: HttpRequest) -> HttpResponse:
    """One's own factors and how to add one. Who needs one and has none is led here from everywhere."""
    user = me(request)
    mine = factors.of(user)
    if mine and second_factor.is_due(request, user):
        return _to_show(request)
    context = {
        "app": next((one for one in mine if one.type == factors.APP), None),
        "passkeys": [
            {"handle": factors.handle(one), "name": factors.name(one), "row": one}
            for one in mine
            if one.type == factors.PASSKEY
        ],
        "has_any": bool(mine),
        "codes_left": factors.codes_left(user),
        "few": factors.FEW,
        "passkeys_offered": passkeys.work_here(request),
        "needed": second_factor.is_asked_of(user),
        "next": _goal(request, otherwise=""),
    }
    return render(request, "accounts/second_factors.html", context)


@signed_in
@sensitive_post_parameters()
@sensitive_variables("form", "secret", "codes")
@require_http_methods(["GET", "HEAD", "POST"])
def add_app(request: HttpRequest) -> HttpResponse:
    """Shows a secret as picture and text, and takes the code that proves an app has it."""
    if asked := _asked_first(request):
        return asked
    user = me(request)
    form, wait = CodeForm(request.POST or None), 0
    secret = _secret_in(request.POST.get("secret", ""), user) or factors.new_secret()
    if request.method == "POST" and form.is_valid():
        wait = tries.minutes_to_wait(request, "factor", user.email)
        if wait:
            form.add_error(None, tries.too_many(wait))
        else:
            try:
                codes = factors.add_app(
                    user, secret=secret, code=form.cleaned_data["code"], by=actor_of(request, Door.WEB)
                )
            except Invalid as no:
                form.add_error("code", str(no))
            except Refused as no:
                messages.error(request, str(no))
                return redirect("accounts:second_factors")
            else:
                messages.success(request, _("The app is added. You are signed out everywhere else."))
                return _added(request, codes)
    focus_first_fault(form)
    picture = get_adapter().build_totp_svg(get_adapter().build_totp_url(user, secret))
    context = {
        "form": form,
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        "signed_secret": signing.dumps([secret, str(user.public_id)], salt=_SALT),
        "picture": base64.b64encode(picture.encode()).decode(),
        "next": _goal(request, otherwise=""),
    }
    return _unkept(tries.asked_to_wait(render(request, "accounts/add_app.html", context), wait))


@signed_in
@sensitive_variables("codes")
@require_http_methods(["GET", "HEAD", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    if asked := _asked_first(request):
        return asked
    if not passkeys.work_here(request):
        messages.error(
            request, _("Passkeys work only at an address that is a name, such as desk.example.com.")
        )
        goal = _goal(request, otherwise="")
        return redirect(reverse("accounts:second_factors", query={"next": goal} if goal else None))
    form = PasskeyForm(request.POST or None)
    trouble = ""
    if request.method == "POST" and form.is_valid():
        try:
            credential = passkeys.added(request, form.cleaned_data["credential"])
            codes = factors.add_passkey(
                me(request),
                name=form.cleaned_data["name"],
                credential=credential,
                by=actor_of(request, Door.WEB),
            )
        except passkeys.NotTheirs:
            trouble = _("The passkey was not accepted.")
        except Refused as no:
            trouble = str(no)
        else:
            messages.success(request, _("The passkey is added. You are signed out everywhere else."))
            return _added(request, codes)
    focus_first_fault(form)
    context = {"form": form, "trouble": trouble, "next": _goal(request, otherwise="")}
    return render(request, "accounts/add_passkey.html", context)


@require_POST
@signed_in
def remove_factor(request: HttpRequest, which: str) -> HttpResponse:
    if asked := _asked_first(request):
        return asked
    try:
        user = factors.remove(me(request), which=which, by=actor_of(request, Door.WEB))
    except Refused as no:
        messages.error(request, str(no))
    else:
        update_session_auth_hash(request, user)
        messages.success(request, _("The second factor is removed. You are signed out everywhere else."))
    return redirect("accounts:second_factors")


@require_POST
@signed_in
@sensitive_variables("codes")
def renew_codes(request: HttpRequest) -> HttpResponse:
    """The answer is the only page that shows them."""
    if asked := _asked_first(request):
        return asked
    try:
        codes = factors.renew_codes(me(request), by=actor_of(request, Door.WEB))
    except Refused as no:
        messages.error(request, str(no))
        return redirect("accounts:second_factors")
    return _codes_page(request, codes, renewed=True)


def _asked_first(request: HttpRequest) -> HttpResponse | None:
    """Where to go before a factor may be changed: it has to be shown, and shown lately, that it is the owner."""
    user = me(request)
    if second_factor.is_due(request, user) and factors.has_any(user):
        return _to_show(request)
    if reauthentication.is_fresh(request):
        return None
    page = reverse("accounts:second_factors") + _query(request)
    return reauthentication.ask(
        request, request.get_full_path() if request.method != "POST" else page, back=page
    )


@sensitive_variables("codes")
def _added(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """The session goes on as one in which a factor was shown; the first codes are the page to see now."""
    user = User.objects.get(pk=me(request).pk)
    update_session_auth_hash(request, user)
    second_factor.remember(request, user)
    if codes:
        return _codes_page(request, codes)
    return redirect(_goal(request, otherwise="accounts:second_factors"))


def _codes_page(request: HttpRequest, codes: list[str], *, renewed: bool = False) -> HttpResponse:
    request.second_factor_due = False  # type: ignore[attr-defined]  # one was added just now
    lines = "\n".join(codes)
    title = _("Recovery codes of %(email)s for %(desk)s. Each lets in once.") % {
        "email": me(request).email,
        "desk": letters.desk(),
    }
    context = {
        "codes": codes,
        "lines": lines,
        "file": f"{title}\n\n{lines}\n",
        "desk": letters.desk(),
        "renewed": renewed,
        "next": _goal(request, otherwise="accounts:second_factors"),
    }
    return _unkept(render(request, "accounts/recovery_codes.html", context))


def _secret_in(signed: str, user: User) -> str:
    try:
        secret, owner = signing.loads(signed, salt=_SALT, max_age=_GOOD_FOR)
    except signing.BadSignature:
        return ""
    return str(secret) if owner == str(user.public_id) else ""


# --- On the way in -------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def show_factor(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in; and for a session in which none was shown yet, though the role asks for one."""
    waiting = None if request.user.is_authenticated else stages.waiting(request)
    if request.user.is_authenticated:
        user = me(request)
        if second_factor.was_shown(request, user) or not factors.has_any(user):
            return redirect(_goal(request, otherwise=settings.LOGIN_REDIRECT_URL))
    elif waiting is not None:
        user = waiting[1]
    else:
        return redirect("accounts:sign_in")
    asked = challenge.attempt(request, user)
    if not asked.held:
        context = {
            "asked": asked,
            "form": asked.form,
            "next": _goal(request, otherwise=""),
            "stranger": waiting,
        }
        return tries.asked_to_wait(render(request, "accounts/show_factor.html", context), asked.wait)
    second_factor.remember(request, user)
    if waiting is not None:
        answer: HttpResponse = waiting[0].exit()
        return answer
    request.session.cycle_key()
    reauthentication.remember(request)
    return redirect(_goal(request, otherwise=settings.LOGIN_REDIRECT_URL))


@require_POST
@never_cache
def sign_in_by_passkey(request: HttpRequest) -> HttpResponse:
    """A passkey that has asked for a finger, a face or a PIN is both factors at once."""
    goal = _goal(request, otherwise=settings.LOGIN_REDIRECT_URL)
    if request.user.is_authenticated:
        return redirect(goal)
    wait = tries.minutes_from_here(request, "passkey")
    user = None if wait else _owner_of_passkey(request)
    if user is None:
        messages.error(request, tries.too_many(wait) if wait else _("The passkey was not accepted."))
        return redirect("accounts:sign_in")
    second_factor.remember(request, user)
    login = Login(user=user, email=user.email, redirect_url=goal, state={stages.BY_PASSKEY: True})
    return begin_sign_in(request, login, "passkey")


def _owner_of_passkey(request: HttpRequest) -> User | None:
    """Whose passkey has signed; None where it does not hold."""
    answer, by = request.POST.get("credential", ""), actor_of(request, Door.WEB)
    try:
        user = passkeys.owner(answer)
        shown = passkeys.shown(request, answer, factors.credentials(user), sign_in=True)
    except passkeys.NotTheirs:
        actions.sign_in_refused("", by=by)
        return None
    if factors.show_passkey(user, shown=shown, by=by):
        return user
    factors.refused(user, by=by)
    return None


@require_POST
@never_cache
def ask_passkey(request: HttpRequest) -> HttpResponse:
    """What a script hands to the browser, which asks for a passkey: `for` says what it is to be used for."""
    options: dict[str, Any] | None = None
    wait = tries.minutes_from_here(request, "passkey_ask") if request.user.is_anonymous else 0
    if wait:
        return tries.asked_to_wait(JsonResponse({"error": "too_many"}), wait)
    if passkeys.are_offered():
        match request.POST.get("for"):
            case passkeys.ADD if request.user.is_authenticated and not _asked_first(request):
                user = me(request)
                options = passkeys.options_to_add(request, user, factors.credentials(user))
            case passkeys.SHOW if request.user.is_authenticated:
                options = _options_to_show(request, me(request))
            case passkeys.SHOW if (waiting := stages.waiting(request)) is not None:
                options = _options_to_show(request, waiting[1])
            case passkeys.SIGN_IN if request.user.is_anonymous:
                options = passkeys.options_to_show(request, [])
    return JsonResponse(options or {"error": "not_now"}, status=200 if options else 409)


def _options_to_show(request: HttpRequest, user: User) -> dict[str, Any] | None:
    mine = factors.credentials(user)
    return passkeys.options_to_show(request, mine) if mine else None


def _to_show(request: HttpRequest) -> HttpResponse:
    return redirect(f"{reverse('accounts:show_factor')}{_query(request)}")


def _query(request: HttpRequest) -> str:
    query = request.GET.urlencode()
    return f"?{query}" if query else ""


def _goal(request: HttpRequest, *, otherwise: str) -> str:
    return local(request.POST.get("next") or request.GET.get("next"), otherwise=otherwise)


def _unkept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
