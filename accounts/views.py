"""The pages about oneself: signing in and out, profile, password, API keys, language and theme."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, logout, update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.db import IntegrityError
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import actions, one_time_forms, reauthentication, sessions, tries
from accounts import api_keys as keys
from accounts.acting import Invalid, Refused, actor_of
from accounts.allauth_internals import begin_sign_in
from accounts.factors import actions as factors
from accounts.factors import challenge, passkeys
from accounts.factors import required as second_factor
from accounts.forms import (
    ApiKeyForm,
    ConfirmForm,
    LanguageForm,
    NewPasswordForm,
    PasswordForm,
    ProfileForm,
    ReplaceKeyForm,
    SignInForm,
    ThemeForm,
    focus_first_fault,
)
from accounts.models import ApiKey, User
from accounts.one_time_forms import signed_in
from accounts.providers.social_login import note_for, ways_of
from accounts.visitors import local, me
from audit.models import Door

A_YEAR = 365 * 24 * 3600


# --- Signing in and out --------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """By e-mail and password. The answer is the same for an unknown address, a wrong password and a person shut out."""
    goal = local(request.POST.get("next") or request.GET.get("next"), otherwise=settings.LOGIN_REDIRECT_URL)
    if request.user.is_authenticated:
        return redirect(goal)
    form = SignInForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _sign_in_page(request, form)
    email = form.cleaned_data["email"]
    wait = tries.minutes_to_wait(request, "sign_in", email)
    if wait:
        form.add_error(None, tries.too_many(wait))
        return tries.asked_to_wait(_sign_in_page(request, form), wait)
    user = authenticate(request, username=email, password=form.cleaned_data["password"])
    if user is None:
        actions.sign_in_refused(email, by=actor_of(request, Door.WEB))
        form.add_error(None, _("E-mail and password do not match. Check both and try again."))
        return _sign_in_page(request, form)
    # A second factor may stand between this and the session, which begins in accounts.adapters.
    return begin_sign_in(request, Login(user=user, email=email, redirect_url=goal), "password")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        actions.signed_out(request.user, by=actor_of(request, Door.WEB))
    logout(request)
    goal = local(request.POST.get("next"), otherwise="")
    return redirect_to_login(goal) if goal else redirect(settings.LOGOUT_REDIRECT_URL)


@require_POST
@signed_in
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    actions.sign_out_everywhere(me(request), by=actor_of(request, Door.WEB))
    logout(request)
    messages.success(request, _("You are signed out everywhere."))
    return redirect(settings.LOGOUT_REDIRECT_URL)


def _sign_in_page(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    if form.is_bound:
        first = next((name for name in form.fields if name in form.errors), "password")
        form.fields["email"].widget.attrs.pop("autofocus", None)
        form.fields[first].widget.attrs["autofocus"] = True
    goal = local(request.POST.get("next") or request.GET.get("next"), otherwise="")
    context = {
        "form": form,
        "next": goal,
        "kept": one_time_forms.holds(request),
        "passkeys_offered": passkeys.work_here(request),
        "providers": settings.SIGN_IN_PROVIDERS,
        "note": note_for(request),
    }
    return render(request, "accounts/sign_in.html", context, status=status)


# --- Language and theme, for strangers too -------------------------------------------------------


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    theme = _chosen(ThemeForm(request.POST), "theme")
    if request.user.is_authenticated:
        stored = "" if theme == "system" else theme
        actions.choose_theme(request.user, theme=stored, by=actor_of(request, Door.WEB))
    return _remembering(_back(request), "theme", theme)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    language = _chosen(LanguageForm(request.POST), "language")
    if request.user.is_authenticated:
        actions.choose_language(request.user, language=language, by=actor_of(request, Door.WEB))
    return _remembering(_back(request), settings.LANGUAGE_COOKIE_NAME, language)


def _chosen(form: ThemeForm | LanguageForm, name: str) -> str:
    if not form.is_valid():
        raise BadRequest(f"no such {name}")
    return str(form.cleaned_data[name])


def _back(request: HttpRequest) -> HttpResponse:
    return redirect(local(request.POST.get("next"), otherwise=settings.LOGIN_REDIRECT_URL))


def _remembering(response: HttpResponse, name: str, value: str) -> HttpResponse:
    response.set_cookie(
        name, value, max_age=A_YEAR, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
    return response


# --- Profile and password ------------------------------------------------------------------------


@signed_in
def profile(request: HttpRequest) -> HttpResponse:
    user = me(request)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        actions.change_profile(user, **chosen, by=actor_of(request, Door.WEB))
        with translation.override(chosen["language"]):
            messages.success(request, _("Your profile is saved."))
        return _remembering(redirect("accounts:profile"), settings.LANGUAGE_COOKIE_NAME, chosen["language"])
    focus_first_fault(form)
    context = {
        "form": form,
        "ways": ways_of(user),
        "factors": [
            _("Authenticator app") if one.type == factors.APP else factors.name(one)
            for one in factors.of(user)
        ],
        "places": len(sessions.places(user, here=request.session.session_key)),
        "keys": user.api_keys.filter(revoked_at=None, expires_at__gt=timezone.now()).count(),
    }
    return render(request, "accounts/profile.html", context)


@signed_in
@sensitive_post_parameters()
@sensitive_variables("form")
def change_password(request: HttpRequest) -> HttpResponse:
    """Asks for the current password, or whoever has none who it is. Every other session of the person ends."""
    user = me(request)
    has_one = user.has_usable_password()
    if not has_one and not reauthentication.is_fresh(request):
        return reauthentication.ask(request, request.path, back=reverse("accounts:profile"))
    form = (PasswordForm if has_one else NewPasswordForm)(request.POST or None)
    wait = 0
    if request.method == "POST" and form.is_valid():
        wait = tries.minutes_to_wait(request, "password", user.email) if has_one else 0
        if wait:
            form.add_error(None, tries.too_many(wait))
        elif has_one and not user.check_password(form.cleaned_data["current_password"]):
            form.add_error("current_password", _("This is not your current password."))
        elif _changed_password(request, user, form):
            changed = _("Your password is changed. You are signed out everywhere else.")
            first = _("Your password is set. You are signed out everywhere else.")
            messages.success(request, changed if has_one else first)
            return redirect("accounts:profile")
    focus_first_fault(form)
    return tries.asked_to_wait(render(request, "accounts/change_password.html", {"form": form}), wait)


@sensitive_variables("form")
def _changed_password(request: HttpRequest, user: User, form: NewPasswordForm) -> bool:
    try:
        user = actions.change_password(
            user, password=form.cleaned_data["password"], by=actor_of(request, Door.WEB)
        )
    except Invalid as refusal:
        form.add_error(refusal.field, str(refusal))
        return False
    update_session_auth_hash(request, user)
    return True


# --- Who it is once more -------------------------------------------------------------------------


@signed_in
@sensitive_post_parameters("password", "code")
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Asks who it is before a key is issued or replaced, a factor changed, or somebody gets a new password."""
    user = me(request)
    goal = local(request.POST.get("next") or request.GET.get("next"), otherwise="accounts:profile")
    way_out = reauthentication.way_out(request, goal)
    if factors.has_any(user):
        asked = challenge.attempt(request, user)
        if asked.held:
            second_factor.remember(request, user)
            reauthentication.remember(request)
            return redirect(goal)
        context = {"asked": asked, "form": asked.form, "next": goal, "way_out": way_out}
        return tries.asked_to_wait(render(request, "accounts/confirm_by_factor.html", context), asked.wait)
    # Before a second factor is set up no session goes anywhere: there it is signing in again.
    is_on_the_way = getattr(request, "second_factor_due", False)
    ways = [] if is_on_the_way else [way for way in ways_of(user) if way.identity]
    if not (ways or user.has_usable_password()):
        return render(request, "accounts/confirm_by_sign_in.html", {"next": goal, "way_out": way_out})
    form = ConfirmForm(request.POST or None)
    wait = 0
    if request.method == "POST" and form.is_valid():
        wait = tries.minutes_to_wait(request, "password", user.email)
        if wait:
            form.add_error(None, tries.too_many(wait))
        elif user.check_password(form.cleaned_data["password"]):
            reauthentication.remember(request)
            return redirect(goal)
        else:
            form.add_error("password", _("This is not your current password."))
    context = {
        "form": form if user.has_usable_password() else None,
        "next": goal,
        "way_out": way_out,
        "ways": ways,
        "note": note_for(request),
    }
    return tries.asked_to_wait(render(request, "accounts/confirm.html", context), wait)


# --- API keys ------------------------------------------------------------------------------------


@signed_in
def api_keys(request: HttpRequest) -> HttpResponse:
    """One's own keys, and a form for another. The answer to the form is the only page that shows the raw key."""
    user = me(request)
    form = ApiKeyForm(request.POST or one_time_forms.take_back(request), owner=user)
    if request.method == "POST" and form.is_valid():
        if not reauthentication.is_fresh(request):
            return reauthentication.ask(request, reverse("accounts:api_keys"))
        try:
            public_id = one_time_forms.public_id_of(request.POST.get(one_time_forms.FIELD, ""), sent_by=user)
        except one_time_forms.NotYours:
            form.add_error(None, _("This form was open for too long. Please send it once more."))
        else:
            return _issued(request, form.cleaned_data, public_id)
    focus_first_fault(form)
    context = {
        "form": form,
        "form_name": one_time_forms.name_for(user),
        "keys": ApiKey.objects.filter(user=user).order_by(F("revoked_at").desc(nulls_first=True), "-id")[
            :200
        ],
        "replacing": ReplaceKeyForm(auto_id=False),
        "now": timezone.now(),
    }
    return render(request, "accounts/api_keys.html", context)


def _issued(request: HttpRequest, wanted: dict[str, Any], public_id: UUID) -> HttpResponse:
    try:
        key, raw = keys.issue(
            me(request),
            name=wanted["name"],
            scopes=wanted["scopes"],
            expires_at=timezone.now() + timedelta(days=wanted["days"]),
            public_id=public_id,
            by=actor_of(request, Door.WEB),
        )
    except IntegrityError:
        return _shown_already(request)
    return _raw_key_page(request, key, raw)


@require_POST
@signed_in
def revoke_key(request: HttpRequest, public_id: UUID) -> HttpResponse:
    key = keys.revoke(_my_key(request, public_id), by=actor_of(request, Door.WEB))
    messages.success(request, _("“%(name)s” is revoked. It no longer opens anything.") % {"name": key.name})
    return redirect("accounts:api_keys")


@require_POST
@signed_in
def rotate_key(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A new key in the place of this one. Sent again it finds a replaced key and changes nothing."""
    key = _my_key(request, public_id)
    form = ReplaceKeyForm(request.POST)
    if not form.is_valid():
        raise BadRequest("There is no such choice.")
    if not reauthentication.is_fresh(request):
        return reauthentication.ask(request, reverse("accounts:api_keys"))
    try:
        new, raw = keys.rotate(key, overlap=form.cleaned_data["overlap"], by=actor_of(request, Door.WEB))
    except Refused:
        return _shown_already(request)
    key.refresh_from_db()
    return _raw_key_page(request, new, raw, replaced=key)


def _my_key(request: HttpRequest, public_id: UUID) -> ApiKey:
    key: ApiKey = get_object_or_404(ApiKey, user=me(request), public_id=public_id)
    return key


def _raw_key_page(
    request: HttpRequest, key: ApiKey, raw: str, *, replaced: ApiKey | None = None
) -> HttpResponse:
    response = render(request, "accounts/new_key.html", {"key": key, "raw": raw, "replaced": replaced})
    response["Cache-Control"] = "no-store"
    return response


def _shown_already(request: HttpRequest) -> HttpResponse:
    messages.warning(
        request,
        _("This has been done already. A key is shown only once: if you have not kept it, issue another."),
    )
    return redirect("accounts:api_keys")
