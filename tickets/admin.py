"""Administrators at work on the catalogue, and tickets to be looked up: admin is no side door around the verbs."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.through_verbs import VerbAdmin, at_admin
from accounts.visitors import me
from audit.admin import ReadOnlyAdmin
from tickets import actions, search
from tickets.models import Service, Tag, Ticket

LONGEST_SEARCH = 200


@admin.register(Service)
class ServiceAdmin(VerbAdmin):
    """Out of use instead of deleted: tickets go on naming their service."""

    list_display = ("name_en", "name_ru", "team", "confidential", "is_active")
    list_filter = ("team", "confidential", "is_active")
    list_select_related = ("team",)
    search_fields = ("name_en", "name_ru", "description_en", "description_ru")
    fieldsets = (
        (None, {"fields": ("team", "confidential", "is_active")}),
        (_("In English"), {"fields": ("name_en", "description_en")}),
        (_("In Russian"), {"fields": ("name_ru", "description_ru")}),
    )

    def save_model(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> None:
        actions.save_service(obj, by=at_admin(request))


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    """They come to be with their first use."""

    list_display = ("name",)
    search_fields = ("name",)


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    list_display = (
        "link",
        "title",
        "status",
        "priority",
        "team",
        "requester",
        "assignee",
        "updated_at",
    )
    list_display_links = None
    list_filter = ("status", "priority", "source", ("team", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("team", "requester", "assignee")
    ordering = ("-number",)
    search_fields = ("title",)
    search_help_text = _("A number (SF-1042), or words of the title, the description or a comment.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        tickets: QuerySet[Ticket] = Ticket.objects.visible_to(me(request)).order_by("-number")
        return tickets

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search.matching(queryset, search_term[:LONGEST_SEARCH], reader=me(request)), False  # type: ignore[arg-type]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        ticket: Ticket | None = self.get_object(request, object_id)
        if ticket is None:
            return redirect("admin:tickets_ticket_changelist")
        return redirect("tickets:detail", ticket.public_id)

    @admin.display(description=_("number"), ordering="number")
    def link(self, ticket: Ticket) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("tickets:detail", args=[ticket.public_id]), ticket.reference
        )
