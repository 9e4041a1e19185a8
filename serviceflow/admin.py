"""Django admin as the desk has it: for administrators, behind the desk's own sign-in, and with its own words.

Django loads this module before there are models: what needs them is imported where it is used.
"""

from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

ORDER = (
    "User",
    "Team",
    "ApiKey",
    "Service",
    "Ticket",
    "Tag",
    "Mailbox",
    "InboundMail",
    "Channel",
    "Webhook",
    "Delivery",
    "Event",
    "SecurityEvent",
)


class DeskAdminConfig(AdminConfig):
    default_site = "serviceflow.admin.DeskAdmin"

    def ready(self) -> None:
        super().ready()
        from django.contrib.admin import site
        from django.contrib.auth.models import Group
        from procrastinate.contrib.django.models import ProcrastinateJob

        # Role, activity and teams are the whole of the rights here.
        site.unregister(Group)
        # What a job does is seen at what it is about: a delivery, a mail.
        site.unregister(ProcrastinateJob)
        # What allauth keeps holds secrets, and nobody edits it; what there is to see of it is shown with the person.
        site.unregister([model for model in list(site._registry) if model.__module__.startswith("allauth.")])


class DeskAdmin(AdminSite):
    site_header = _("ServiceFlow administration")
    site_title = "ServiceFlow"
    index_title = _("Configuration")
    enable_nav_sidebar = True
    empty_value_display = "—"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """In the order in which a desk is set up, in every language."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: ORDER.index(model["object_name"]))
        return sorted(apps, key=lambda app: ORDER.index(app["models"][0]["object_name"]))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With a word about what somebody has to look at: messages that did not arrive, settings that weaken it."""
        from notifications.upkeep import failures

        said = {"troubles": failures(), "weakened": settings.WEAKENED}
        return super().index(request, said | (extra_context or {}))

    def get_urls(self) -> list[Any]:
        return [path("standing/", self.admin_view(self.standing), name="standing"), *super().get_urls()]

    @method_decorator(require_safe)
    def standing(self, request: HttpRequest) -> HttpResponse:
        """What somebody without Prometheus looks at."""
        from serviceflow import standing

        return standing.page(request, more=self.each_context(request))

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.is_staff)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Strangers are asked to sign in on the desk's own page; whoever is no administrator is told so.

        What a verb refuses is said on the page that asked for it.
        """
        from accounts.acting import Refused

        behind = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request):
                return self._turned_away(request)
            try:
                return behind(request, *args, **kwargs)
            except Refused as no:
                messages.error(request, str(no))
            return redirect(request.get_full_path() if request.method == "POST" else "admin:index")

        return update_wrapper(guarded, view)

    # The site's own doors lead to the desk's: those are audited, limited and the same for everybody.

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:index") if self.has_permission(request) else self._turned_away(request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from accounts.views import sign_out

        return sign_out(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("accounts:change_password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("accounts:profile")

    def _turned_away(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            raise PermissionDenied
        from django.contrib.auth.views import redirect_to_login

        at_login = request.path == reverse("admin:login")
        return redirect_to_login(reverse("admin:index") if at_login else request.get_full_path())


# Sentences of Django's own that our catalogue says anew: in Russian its fit neither the case nor the gender of a name
# that is put into them.
SAID_ANEW = (
    gettext_noop("Add %s"),
    gettext_noop("Add %(name)s"),
    gettext_noop("Add another %(verbose_name)s"),
    gettext_noop("Change %s"),
    gettext_noop("View %s"),
    gettext_noop("Search %(name)s"),
    gettext_noop("Filter by %(field_name)s"),
    gettext_noop("- Select an option -"),
    gettext_noop("Select this object for an action - {}"),
    gettext_noop("The {name} “{obj}” was added successfully."),
    gettext_noop("The {name} “{obj}” was added successfully. You may add another {name} below."),
    gettext_noop("The {name} “{obj}” was changed successfully."),
    gettext_noop("The {name} “{obj}” was changed successfully. You may edit it again below."),
    gettext_noop("The {name} “{obj}” was changed successfully. You may add another {name} below."),
    gettext_noop("%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?"),
)
