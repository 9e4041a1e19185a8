"""People in admin: their profile, role, teams, password, factors and links."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import actions, one_time_forms, reauthentication
from accounts.acting import Invalid, Refused
from accounts.factors import actions as factors
from accounts.forms import LONGEST_PASSWORD, NewPasswordForm, focus_first_fault, zone_choices
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.models import Link, Membership, Purpose, Team, User
from accounts.through_verbs import VerbAdmin, VerbForm, at_admin
from accounts.visitors import me

_PROFILE = ("full_name", "language", "time_zone")
MOST_TEAMS = 100  # of one person


class TypedFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """Shows what was typed before, if something is kept."""

    typed: ClassVar[QueryDict | None] = None

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(self.typed if data is None else data, *args, **kwargs)


class MembershipInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Membership
    formset = TypedFormSet
    extra = 1
    verbose_name, verbose_name_plural = gettext_lazy("team"), gettext_lazy("Teams")
    fieldsets = ((None, {"fields": (("team", "is_lead"),)}),)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        # Django would build a form for each of two thousand rows somebody claims to have sent.
        formset = super().get_formset(request, obj, absolute_max=MOST_TEAMS, max_num=MOST_TEAMS, **kwargs)
        formset.typed = typed_before(request)  # type: ignore[attr-defined]
        # Teams have a page of their own; here they are only chosen.
        field: Any = formset.form.base_fields["team"]
        field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = False
        field.queryset = Team.objects.filter(Q(is_active=True) | Q(memberships__user=obj)).distinct()
        return formset


class UserForm(VerbForm):
    """For a new person a password may be set at once; later it has a page of its own."""

    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), initial="UTC")
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Leave it empty and send an invitation: then only the person knows the password. "
            "Otherwise at least 12 characters."
        ),
    )

    typed: ClassVar[QueryDict | None] = None

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(self.typed if data is None else data, *args, **kwargs)
        if "time_zone" in self.fields:
            self.fields["time_zone"].choices = zone_choices(self.instance.time_zone)  # type: ignore[attr-defined]


def typed_before(request: HttpRequest) -> QueryDict | None:
    """What was typed into the form of this page before a proof was asked for; for all its parts, once."""
    if not hasattr(request, "typed_before"):
        request.typed_before = one_time_forms.take_back(request) if request.method == "GET" else None  # type: ignore[attr-defined]
    typed: QueryDict | None = request.typed_before  # type: ignore[attr-defined]
    return typed


def _who_asks(request: HttpRequest, user: User) -> HttpResponse | None:
    """The question who asks, where that was not proved of late; the way back is this person's page."""
    if reauthentication.is_fresh(request):
        return None
    return reauthentication.ask(
        request, request.path, back=reverse("admin:accounts_user_change", args=[user.pk])
    )


@admin.register(User)
class UserAdmin(VerbAdmin):
    form = UserForm
    inlines = (MembershipInline,)
    list_display = ("full_name", "email", "role", "team_names", "is_active", "last_login")
    list_filter = ("role", "is_active", "memberships__team", "language")
    search_fields = ("full_name", "email")
    search_help_text = gettext_lazy("A name or an e-mail address.")
    ordering = ("full_name", "id")
    readonly_fields = ("created_at", "last_login", "second_factors", "keys", "id_for_programs")
    change_form_template = "admin/accounts/user/change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        person = (None, {"fields": ("email", *_PROFILE)})
        if obj is None:
            return (
                person,
                (_("Rights"), {"fields": ("role",)}),
                (_("Signing in"), {"fields": ("password",)}),
            )
        return (
            person,
            (_("Rights"), {"fields": ("role", "is_active")}),
            (_("On record"), {"fields": self.readonly_fields}),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request).prefetch_related("memberships__team")
        return people

    def get_urls(self) -> list[URLPattern]:
        within = self.admin_site.admin_view
        return [
            path("<int:pk>/password/", within(self.set_password), name="accounts_user_password"),
            path("<int:pk>/second-factor/", within(self.reset_factors), name="accounts_user_second_factor"),
            path("<int:pk>/invitation/", within(self.invite), name="accounts_user_invite"),
            *super().get_urls(),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.typed = typed_before(request)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        named = {"form_name": one_time_forms.name_for(me(request))}
        try:
            return super().changeform_view(request, object_id, form_url, named | (extra_context or {}))
        except reauthentication.Needed:
            return reauthentication.ask(request, request.path)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Each changed field by its verb. Letting in comes first and shutting out last, so that all of it counts."""
        changed = set(form.changed_data)
        if not (change and actions.GUARDED.isdisjoint(changed)) and not reauthentication.is_fresh(request):
            raise reauthentication.Needed
        if not change:
            return  # made in save_related, together with the teams: one verb, one event
        by, new = at_admin(request), form.cleaned_data
        # The teams follow in save_related, in the same transaction.
        actions.hold(obj, changing=actions.DEPARTING)
        user = User.objects.get(pk=obj.pk)
        if "is_active" in changed and new["is_active"]:
            actions.activate(user, by=by)
        if "email" in changed:
            actions.change_email(user, email=new["email"], by=by)
        if changed & set(_PROFILE):
            actions.change_profile(user, **{name: new[name] for name in _PROFILE}, by=by)
        if "role" in changed:
            actions.change_role(user, role=new["role"], by=by)
        if "is_active" in changed and not new["is_active"]:
            actions.deactivate(user, by=by)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        by, new = at_admin(request), form.cleaned_data
        rows = [row for formset in formsets for row in formset.cleaned_data if row and not row.get("DELETE")]
        teams = {row["team"]: row["is_lead"] for row in rows}
        if not change:
            made = actions.create_user(
                email=new["email"],
                role=new["role"],
                teams=teams,
                password=new.get("password") or None,
                by=by,
                **{name: new[name] for name in _PROFILE},
            )
            form.instance.__dict__.update(made.__dict__)
        elif any(formset.has_changed() for formset in formsets):
            if not reauthentication.is_fresh(request):
                raise reauthentication.Needed
            actions.set_teams(User.objects.get(pk=form.instance.pk), teams=teams, by=by)

    def set_password(self, request: HttpRequest, pk: int) -> HttpResponse:
        user: User | None = self.get_object(request, str(pk))
        if user is None:
            return redirect("admin:accounts_user_changelist")
        if question := _who_asks(request, user):
            return question
        form = NewPasswordForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                actions.change_password(user, password=form.cleaned_data["password"], by=at_admin(request))
            except Invalid as no:
                form.add_error(no.field, str(no.message))
            else:
                said = _("%(name)s has a new password and is signed out everywhere.") % {
                    "name": user.full_name
                }
                messages.success(request, said)
                return redirect("admin:accounts_user_change", user.pk)
        focus_first_fault(form)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts, "original": user, "form": form, "title": _("Set password"), "subtitle": user.full_name,
        }  # fmt: skip
        return TemplateResponse(request, "admin/accounts/user/password.html", context)

    def reset_factors(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For somebody who has lost all he could show. Asks first, and for a fresh proof of who asks."""
        user: User | None = self.get_object(request, str(pk))
        if user is None:
            return redirect("admin:accounts_user_changelist")
        if question := _who_asks(request, user):
            return question
        if request.method == "POST":
            factors.reset(user, by=at_admin(request))
            said = _("%(name)s has no second factor any more and is signed out everywhere.") % {
                "name": user.full_name
            }
            messages.success(request, said)
            return redirect("admin:accounts_user_change", user.pk)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts, "original": user, "title": _("Reset second factor"), "subtitle": user.full_name,
            "factors": self.second_factors(user), "has_any": factors.has_any(user), "form": forms.Form(),
        }  # fmt: skip
        return TemplateResponse(request, "admin/accounts/user/second_factor.html", context)

    @admin.display(description=gettext_lazy("second factors"))
    def second_factors(self, user: User) -> str:
        return ", ".join(factors.name(one) for one in factors.of(user)) or "—"

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: Any = None) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        if obj.has_usable_password() or "_continue" in request.POST or "_addanother" in request.POST:
            return response
        return redirect("admin:accounts_user_invite", obj.pk)

    def invite(self, request: HttpRequest, pk: int) -> HttpResponse:
        """An invitation by mail; where the desk sends none, its link to be handed over, this once."""
        user: User | None = self.get_object(request, str(pk))
        if user is None:
            return redirect("admin:accounts_user_changelist")
        context = self.admin_site.each_context(request) | {
            "opts": self.opts, "original": user, "title": _("Invitation"), "subtitle": user.full_name,
            "can_mail": bool(settings.MAIL_HOST),
            "latest": user.links.filter(purpose=Purpose.INVITATION, ended_at=None).order_by("-pk").first(),
        }  # fmt: skip
        if request.method == "POST":
            if not reauthentication.is_fresh(request):
                return reauthentication.ask(request, request.path)
            try:
                link = link_actions.invite(user, by=at_admin(request))
            except Refused as no:
                context["refusal"] = str(no)
            else:
                if not settings.MAIL_HOST:
                    return self._link_shown_once(request, link, context)
                messages.success(
                    request, _("An invitation is on its way to %(email)s.") % {"email": user.email}
                )
                return redirect("admin:accounts_user_change", user.pk)
        return TemplateResponse(request, "admin/accounts/user/invite.html", context)

    def _link_shown_once(self, request: HttpRequest, link: Link, context: dict[str, Any]) -> HttpResponse:
        context |= {"link": link, "address": link_tokens.address(link)}
        response = TemplateResponse(request, "admin/accounts/user/invited.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.display(description=gettext_lazy("teams"))
    def team_names(self, user: User) -> str:
        rows = sorted(user.memberships.all(), key=lambda row: row.team.name)
        lead = _("lead")
        return ", ".join(f"{row.team.name} ({lead})" if row.is_lead else row.team.name for row in rows)

    @admin.display(description=gettext_lazy("ID in the API"))
    def id_for_programs(self, user: User) -> str:
        return str(user.public_id)

    @admin.display(description=gettext_lazy("API keys"))
    def keys(self, user: User) -> SafeString:
        address = f"{reverse('admin:accounts_apikey_changelist')}?user__id__exact={user.pk}"
        return format_html('<a href="{}">{}</a>', address, user.api_keys.count())
