"""Teams in admin, and who leads them."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import configuration
from accounts.models import Team
from accounts.through_verbs import VerbAdmin, at_admin


@admin.register(Team)
class TeamAdmin(VerbAdmin):
    list_display = ("name", "people", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name",)
    readonly_fields = ("members",)
    fields = ("name", "is_active", "members")

    def get_fields(self, request: HttpRequest, obj: Team | None = None) -> Any:
        return self.fields if obj else ("name", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        teams: QuerySet[Team] = super().get_queryset(request).annotate(size=Count("memberships"))
        return teams

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        configuration.save(obj, by=at_admin(request))

    @admin.display(description=gettext_lazy("people"), ordering="size")
    def people(self, team: Any) -> int:
        return int(team.size)

    @admin.display(description=gettext_lazy("members"))
    def members(self, team: Team) -> SafeString | str:
        """To be changed on the page of each person."""
        rows = team.memberships.select_related("user").order_by("-is_lead", "user__full_name")
        lead = _("lead")
        listed = format_html_join(
            "",
            '<li><a href="{}">{}</a>{}</li>',
            (
                (
                    reverse("admin:accounts_user_change", args=[row.user_id]),
                    row.user.full_name,
                    f" ({lead})" if row.is_lead else "",
                )
                for row in rows
            ),
        )
        return format_html("<ul>{}</ul>", listed) if listed else "—"
