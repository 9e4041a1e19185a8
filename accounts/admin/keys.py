"""API keys in admin: issued for others, replaced and revoked."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import api_keys, one_time_forms, reauthentication
from accounts.acting import Invalid, Refused
from accounts.forms import ApiKeyForm, focus_first_fault
from accounts.models import ApiKey, User
from accounts.through_verbs import VerbForm, at_admin
from accounts.visitors import me
from audit.admin import EVERYWHERE, ReadOnlyAdmin


class IssueForm(VerbForm):
    """A key for somebody. The raw key is on the answer page and nowhere else."""

    name = ApiKeyForm.base_fields["name"]
    scopes = ApiKeyForm.base_fields["scopes"]
    days = ApiKeyForm.base_fields["days"]

    class Meta:
        model = ApiKey
        fields: ClassVar[list[str]] = ["user", "name"]

    def _post_clean(self) -> None:
        """The row is made by the verb: there is no instance to fill and check."""


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("active", _("active")),
            ("replaced", _("replaced")),
            ("expired", _("expired")),
            ("revoked", _("revoked")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        now = timezone.now()
        match self.value():
            case "active":
                return queryset.filter(revoked_at=None, replaced_at=None, expires_at__gt=now)
            case "replaced":
                return queryset.filter(revoked_at=None, replaced_at__isnull=False, expires_at__gt=now)
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=now)
            case "revoked":
                return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are issued, revoked and rotated; nobody reads or edits them. What was rotated can be revoked at once."""

    list_display = ("name", "visible", "user", "scope_names", "expires_at", "last_used_at", "standing")
    list_filter = (StateFilter,)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__full_name", "user__email")
    search_help_text = gettext_lazy("A name, the visible part, or the owner.")
    fields = (
        "user", "name", "visible", "scope_names", "created_at", "expires_at", "last_used_at", "revoked_at",
        "replaced_at", "standing",
    )  # fmt: skip
    actions = ("revoke", "rotate")
    linked_by = ("user__id__exact",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        if not reauthentication.is_fresh(request):
            return reauthentication.ask(
                request, request.path, back=reverse("admin:accounts_apikey_changelist")
            )
        form = IssueForm(
            request.POST or one_time_forms.take_back(request),
            initial={"user": request.GET.get("user", "")[:18]},
        )
        owner: Any = form.fields["user"]
        owner.queryset = User.objects.active()
        owner.label_from_instance = "{0.full_name} ({0.email})".format
        if request.method == "POST" and form.is_valid():
            try:
                return self._issued(request, form.cleaned_data)
            except one_time_forms.NotYours:
                form.add_error(None, _("This form was open for too long. Please send it once more."))
            except Refused as no:
                form.add_error(
                    no.field if isinstance(no, Invalid) and no.field in form.fields else None, str(no)
                )
        focus_first_fault(form)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "form": form,
            "form_name": one_time_forms.name_for(me(request)),
            "title": _("Issue an API key"),
        }
        return TemplateResponse(request, "admin/accounts/apikey/issue.html", context)

    def _issued(self, request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse:
        public_id = one_time_forms.public_id_of(
            request.POST.get(one_time_forms.FIELD, ""), sent_by=me(request)
        )
        try:
            key, raw = api_keys.issue(
                wanted["user"],
                name=wanted["name"],
                scopes=wanted["scopes"],
                expires_at=timezone.now() + timedelta(days=wanted["days"]),
                public_id=public_id,
                by=at_admin(request),
            )
        except IntegrityError:
            messages.warning(
                request,
                _(
                    "This has been done already. A key is shown only once: if you have not kept it, issue another."
                ),
            )
            return redirect("admin:accounts_apikey_changelist")
        return self._shown_once(request, [(key, raw)])

    def _shown_once(self, request: HttpRequest, issued: list[tuple[ApiKey, str]]) -> HttpResponse:
        title = ngettext("The new API key", "The new API keys", len(issued))
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "issued": issued,
            "title": title,
        }
        response = TemplateResponse(request, "admin/accounts/apikey/issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=gettext_lazy("Revoke"))
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        revoked = [key for key in keys.order_by("pk") if key.revoked_at is None]
        with transaction.atomic():
            for key in revoked:
                api_keys.revoke(key, by=at_admin(request))
        said = ngettext("%(count)d key is revoked.", "%(count)d keys are revoked.", len(revoked))
        messages.success(request, said % {"count": len(revoked)})

    @admin.action(description=gettext_lazy("Rotate: issue another; this one works for a day more"))
    def rotate(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> HttpResponse:
        if not reauthentication.is_fresh(request):
            return reauthentication.ask(request, request.get_full_path())
        with transaction.atomic():
            issued = [api_keys.rotate(key, by=at_admin(request)) for key in keys.order_by("pk")]
        return self._shown_once(request, issued)

    revoke.locations = rotate.locations = EVERYWHERE  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("visible part"), ordering="prefix")
    def visible(self, key: ApiKey) -> SafeString:
        return format_html("<code>sf_{}…</code>", key.prefix)

    @admin.display(description=gettext_lazy("scopes"))
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, key: ApiKey) -> str:
        state, word = key.state
        if state != "replaced":
            return str(word)
        return _("replaced, works until %(moment)s") % {
            "moment": formats.date_format(timezone.localtime(key.expires_at), "DATETIME_FORMAT")
        }
