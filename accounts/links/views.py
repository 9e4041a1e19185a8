"""The pages that links in mails lead to, and those that ask for such mails.

A link is followed to `arrive`, which notes in the session what it opens and sends on to a clean address: no token is in
an address from which anything is fetched or anybody goes on.
"""

from uuid import uuid4

from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import actions, one_time_forms, reauthentication, sessions, tries
from accounts.acting import Actor, Invalid, actor_of
from accounts.allauth_internals import begin_sign_in
from accounts.forms import AddressForm, BeginForm, ForgotForm, NewPasswordForm, focus_first_fault
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.links.tokens import Arrival
from accounts.models import Link, Purpose, User
from accounts.one_time_forms import signed_in
from accounts.tasks import mail_new_password
from accounts.visitors import me
from audit.models import Door

_ARRIVED = "arrived_by_link"
_PAGES = {
    Purpose.INVITATION: "accounts:invitation",
    Purpose.RESET: "accounts:new_password",
    Purpose.EMAIL: "accounts:confirm_email",
    link_tokens.STOP: "accounts:stop_email",
}

# --- Arriving ------------------------------------------------------------------------------------


@never_cache
@sensitive_variables("token")
@require_safe
def arrive(request: HttpRequest, token: str) -> HttpResponse:
    """Changes nothing yet: programs that read mail open links, too."""
    arrival = link_tokens.find(token)
    if arrival is None:
        return over(request, link_tokens.ever(token))
    request.session[_ARRIVED] = [str(arrival.link.public_id), arrival.door]
    # The page may stay open for as long as the link is good.
    request.session[sessions.UNTIL] = int(arrival.link.expires_at.timestamp())
    return redirect(_PAGES[arrival.door])


def _arrived(request: HttpRequest, door: str) -> Arrival | None:
    public_id, through = request.session.get(_ARRIVED) or ("", "")
    return link_tokens.again(public_id, door) if through == door else None


def _followed(request: HttpRequest) -> Arrival | None:
    """What somebody has come by, though it may have died since."""
    public_id, door = request.session.get(_ARRIVED) or ("", "")
    link = Link.objects.select_related("user").filter(public_id=public_id).first() if public_id else None
    return Arrival(link, door) if link is not None else None


def _left(request: HttpRequest) -> None:
    request.session.pop(_ARRIVED, None)
    request.session.pop(sessions.UNTIL, None)


def over(request: HttpRequest, arrival: Arrival | None = None) -> HttpResponse:
    """The same for a link that has died and for one that never was; but who comes too late to stop what somebody else
    has done to him must know what to do now.
    """
    too_late = (
        arrival is not None
        and arrival.door == link_tokens.STOP
        and arrival.link.user.email.casefold() == arrival.link.email.casefold()
    )
    return render(request, "accounts/link_over.html", {"too_late": too_late}, status=410)


def _himself(request: HttpRequest, link: Link) -> Actor:
    """Whoever has come by a link acts as the person whom it was sent to."""
    stranger = actor_of(request, Door.WEB)
    return Actor(link.user, stranger.door, request_id=stranger.request_id, address=stranger.address)


# --- Invitations ---------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters()
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Name, language and password of somebody who begins; then he is signed in."""
    arrival = _arrived(request, Purpose.INVITATION)
    if arrival is None:
        return over(request)
    user = arrival.link.user
    form = BeginForm(
        request.POST or None, initial={"full_name": user.full_name, "language": translation.get_language()}
    )
    if request.method == "POST" and form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in ("full_name", "language", "password")}
        try:
            user = link_actions.accept_invitation(arrival.link, **chosen, by=_himself(request, arrival.link))
        except link_actions.Over:
            return over(request)
        except Invalid as no:
            form.add_error(no.field if no.field in form.fields else None, str(no))
        else:
            _left(request)
            with translation.override(user.language):
                messages.success(request, _("Welcome! Your account is ready."))
            return _signed_in(request, user)
    focus_first_fault(form)
    return render(request, "accounts/invitation.html", {"form": form, "invited": user})


def _signed_in(request: HttpRequest, user: User) -> HttpResponse:
    if request.user.is_authenticated:
        logout(request)
    user.backend = settings.AUTHENTICATION_BACKENDS[0]
    login = Login(user=user, email=user.email, redirect_url=resolve_url(settings.LOGIN_REDIRECT_URL))
    return begin_sign_in(request, login, "password")


# --- A forgotten password ------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def forgot(request: HttpRequest) -> HttpResponse:
    """Asks for the address. What follows is the same, and takes the same time, whether anybody has it or not: all
    that depends on it is done by a job.
    """
    # From the sign-in page, with what was typed there: nothing is sent before the person says so here.
    is_coming = "from_sign_in" in request.POST
    typed = {"email": request.POST.get("email", "")[:254]}
    form = ForgotForm(None if is_coming else request.POST or None, initial=typed)
    wait = 0
    if request.method == "POST" and not is_coming and settings.MAIL_HOST and form.is_valid():
        email = form.cleaned_data["email"]
        wait = tries.minutes_to_wait(request, "reset", email)
        if not wait:
            by = actor_of(request, Door.WEB)
            mail_new_password.defer(
                email=email, name=str(uuid4()), request_id=by.request_id, address=by.address
            )
            return redirect("accounts:forgot_sent")
        form.add_error(None, tries.too_many(wait))
    focus_first_fault(form)
    page = render(request, "accounts/forgot.html", {"form": form, "can_mail": bool(settings.MAIL_HOST)})
    return tries.asked_to_wait(page, wait)


@require_safe
def forgot_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/forgot_sent.html")


@never_cache
@sensitive_post_parameters()
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest) -> HttpResponse:
    """Sets it and nothing more: whoever has it still signs in with it, and with the second factor."""
    arrival = _arrived(request, Purpose.RESET)
    if arrival is None:
        return over(request)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            link_actions.reset_password(
                arrival.link, password=form.cleaned_data["password"], by=_himself(request, arrival.link)
            )
        except link_actions.Over:
            return over(request)
        except Invalid as no:
            form.add_error(no.field, str(no))
        else:
            _left(request)
            messages.success(request, _("Your new password is set. Sign in with it."))
            return redirect("accounts:sign_in")
    focus_first_fault(form)
    context = {"form": form, "email": arrival.link.user.email}
    return render(request, "accounts/new_password.html", context)


# --- Another address -----------------------------------------------------------------------------


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def email(request: HttpRequest) -> HttpResponse:
    """Asks for the new address. It counts when the mail that is sent there has been answered."""
    user = me(request)
    typed = request.POST or one_time_forms.take_back(request)
    form = AddressForm(typed or None)
    wait = 0
    if request.method == "POST" and settings.MAIL_HOST and form.is_valid():
        if not reauthentication.is_fresh(request):
            return reauthentication.ask(request, request.path)
        wait = tries.minutes_to_wait(request, "email", user.email)
        if wait:
            form.add_error(None, tries.too_many(wait))
        elif _asked_for(request, form):
            return redirect("accounts:email")
    focus_first_fault(form)
    waiting = user.links.filter(purpose=Purpose.EMAIL, ended_at=None).order_by("-pk").first()
    context = {
        "form": form,
        "form_name": one_time_forms.name_for(user),
        "can_mail": bool(settings.MAIL_HOST),
        "waiting": waiting if waiting and link_tokens.is_good(waiting, user) else None,
    }
    return tries.asked_to_wait(render(request, "accounts/email.html", context), wait)


def _asked_for(request: HttpRequest, form: AddressForm) -> bool:
    wanted = form.cleaned_data["email"]
    try:
        link_actions.ask_for_address(me(request), email=wanted, by=actor_of(request, Door.WEB))
    except Invalid as no:
        form.add_error(no.field, str(no))
        return False
    said = _("A mail is on its way to %(email)s. Open the link in it, and the address is yours.")
    messages.success(request, said % {"email": wanted})
    return True


@never_cache
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest) -> HttpResponse:
    """The new mailbox has answered. Only the person himself goes on from there."""
    arrival = _arrived(request, Purpose.EMAIL)
    if arrival is None:
        return over(request)
    if arrival.link.user.pk != me(request).pk:
        return _of_another(request, arrival)
    if request.method == "POST":
        try:
            link_actions.take_address(arrival.link, by=actor_of(request, Door.WEB))
        except link_actions.Over:
            return over(request)
        except Invalid as no:
            messages.error(request, str(no))
            return redirect("accounts:email")
        _left(request)
        messages.success(
            request, _("From now on you sign in with %(email)s.") % {"email": arrival.link.email}
        )
        return redirect("accounts:profile")
    return render(request, "accounts/confirm_email.html", {"link": arrival.link})


def _of_another(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    """A good link, followed by somebody who is signed in as another. Whose it is stays untold: the address may have
    been a slip of the pen.
    """
    if request.method == "POST" and "as_another" in request.POST:
        actions.signed_out(me(request), by=actor_of(request, Door.WEB))
        logout(request)
        request.session[_ARRIVED] = [str(arrival.link.public_id), arrival.door]
        return redirect_to_login(request.path)
    return render(request, "accounts/link_of_another.html", status=403)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop_email(request: HttpRequest) -> HttpResponse:
    """The old mailbox says no."""
    arrival = _arrived(request, link_tokens.STOP)
    if arrival is None:
        return over(request, _followed(request))
    if request.method == "POST":
        try:
            link_actions.stop_address(arrival.link, by=_himself(request, arrival.link))
        except link_actions.Over:
            return over(request, _followed(request))
        _left(request)
        messages.success(
            request, _("Nothing has changed. Set a new password now, so that nobody tries again.")
        )
        return redirect("accounts:forgot")
    return render(request, "accounts/stop_email.html", {"link": arrival.link})
