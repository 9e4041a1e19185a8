"""Administrators at work on the catalogue, and tickets to be looked up: admin is no side door around the verbs."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.postgres.forms import SimpleArrayField
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import Refused
from accounts.allowances import spend
from accounts.sealed import Unreadable, seal, unseal
from accounts.through_verbs import VerbAdmin, VerbForm, at_admin
from accounts.visitors import me
from audit.admin import EVERYWHERE, ReadOnlyAdmin
from tickets import actions, inbound_email, serving
from tickets.actions.mail import FOR, take_password
from tickets.models import InboundMail, Mailbox, Service, Tag, Ticket
from tickets.search import Search

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

    actions = ("evidence",)

    def has_evidence_permission(self, request: HttpRequest) -> bool:
        return me(request).is_active and me(request).is_admin

    @admin.action(description=_("Take away as evidence"), permissions=["evidence"])
    def evidence(self, request: HttpRequest, tickets: QuerySet[Ticket]) -> FileResponse | None:
        """One ticket with its proof, as a file. What is among `tickets` the queryset above has let through."""
        chosen = list(tickets[:2])
        if len(chosen) != 1:
            messages.warning(request, gettext("Choose one ticket: each has a file of its own."))
            return None
        [standing] = spend({f"export:{me(request).pk}": settings.RATE_LIMITS["export"]})
        if standing.exceeded:
            messages.error(request, gettext("Too many at once. Try again in a minute."))
            return None
        return serving.evidence_of(chosen[0], by=at_admin(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        tickets: QuerySet[Ticket] = Ticket.objects.visible_to(me(request)).order_by("-number")
        return tickets

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return Search(search_term[:LONGEST_SEARCH], reader=me(request)).matching(queryset), False  # type: ignore[arg-type]

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


# --- Mail ----------------------------------------------------------------------------------------


# What it takes to look into a mailbox.
SERVER = ("host", "port", "security", "username", "password", "folder", "done_folder")


class MailboxForm(VerbForm):
    """The password goes in and never comes out again.

    Between being typed and being saved it waits in the page, encrypted: a form that comes back, tried or refused, must
    not lose it.
    """

    is_tried: ClassVar[bool] = False
    waiting = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)

    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted and never shown. Leave it empty to keep the one that is set."),
    )
    trusted_domains = SimpleArrayField(
        forms.CharField(max_length=253),
        required=False,
        label=_("Domains of our people"),
        help_text=_(
            "With commas between them. Whoever is proven to write from one of these gets an account of an employee "
            "with his first mail."
        ),
    )

    class Meta:
        help_texts: ClassVar[dict[str, Any]] = {
            "address": _("People write to it. Answers come back to it with a token after a +."),
            "folder": _(
                "Everything that lies in it becomes tickets, old mail too: choose one that is empty."
            ),
            "done_folder": _("Fetched mail is moved there. Empty: it is marked as read and stays."),
            "service": _("New tickets are of this service; the team is the service’s."),
            "team": _("For a mailbox without a service."),
            "authserv_id": _(
                "The name with which your own receiving mail server begins its Authentication-Results fields. Only "
                "what it says of DMARC proves a sender. Empty: only answers to our mails do."
            ),
            "stand_in": _(
                "The tickets of unverified senders are this person’s until an agent knows better. An account of its "
                "own serves best."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password" not in self.fields:
            return
        if self.is_bound and (typed := self.data.get("password")):
            waiting = seal(typed.encode(), purpose=self._purpose).decode("ascii")
            self.data = {**self.data.dict(), "waiting": waiting}  # type: ignore[attr-defined]
        password: forms.CharField = self.fields["password"]  # type: ignore[assignment]
        password.required = self.instance.pk is None and not self._waiting
        if self._waiting:
            password.widget.attrs["placeholder"] = _("as you have typed it")

    def clean_password(self) -> str:
        return str(self.cleaned_data["password"] or self._waiting)

    def is_valid(self) -> bool:
        """What is only tried is stored by nobody, and needs no more than the server."""
        valid = super().is_valid()
        if self.is_tried:
            for name in self.errors.keys() - set(SERVER):
                del self.errors[name]
        return valid and not self.is_tried

    @property
    def _purpose(self) -> str:
        """For this server and nobody else: whoever changes that types the password again."""
        return f"tickets.admin.MailboxForm {[self.data.get(name) for name in FOR]}"

    @property
    def _waiting(self) -> str:
        if not self.is_bound:
            return ""
        try:
            return unseal(self.data.get("waiting", "").encode(), purpose=self._purpose).decode()
        except Unreadable:
            return ""


@admin.register(Mailbox)
class MailboxAdmin(VerbAdmin):
    """Where mail comes in. Out of use instead of deleted: its mails go on naming it."""

    form = MailboxForm
    list_display = ("name", "address", "service", "team", "is_active", "visited_at", "state")
    list_filter = ("is_active",)
    list_select_related = ("service", "team")
    search_fields = ("name", "address")
    readonly_fields = ("password_set_on", "visited_at", "state")

    def get_fieldsets(self, request: HttpRequest, obj: Mailbox | None = None) -> Any:
        shown = [
            (None, {"fields": ("name", "address", "service", "team", "is_active")}),
            (_("Server"), {"fields": (*SERVER, "waiting")}),
            (_("Whom we believe"), {"fields": ("authserv_id", "trusted_domains", "unverified", "stand_in")}),
        ]
        return [*shown, (_("On record"), {"fields": self.readonly_fields})] if obj else shown

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        actions.save_mailbox(obj, password=form.cleaned_data.get("password") or "", by=at_admin(request))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.is_tried = "_try" in request.POST
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A form that is to be tried comes back as it was, with a word about how it went."""
        if "_try" in request.POST:
            # Before the transaction of the page: servers take their time.
            self._try_out(request, object_id)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _try_out(self, request: HttpRequest, object_id: str | None) -> None:
        """Sign in as `collect` would, by what stands in the form. Nothing is fetched and nothing stored."""
        before: Mailbox | None = self.get_object(request, object_id) if object_id else None
        may = self.has_change_permission(request, before) if before else self.has_add_permission(request)
        if not may or (object_id and before is None):
            return
        fields = flatten_fieldsets(self.get_fieldsets(request, before))
        shape = self.get_form(request, before, change=before is not None, fields=fields)
        form = shape(request.POST, instance=before)
        form.is_valid()
        if form.errors:
            return
        mailbox: Mailbox = form.instance
        try:
            take_password(mailbox, form.cleaned_data["password"])
            lying = inbound_email.try_out(mailbox)
        except Refused as no:
            request.refusal = no  # type: ignore[attr-defined]
        except inbound_email.Trouble as trouble:
            fault, told = inbound_email.described(trouble)
            failed = _("The connection failed.")
            messages.error(request, f"{failed} {fault.told(told)}")
        else:
            said = ngettext(
                "The connection works: %(count)d mail lies in the folder.",
                "The connection works: %(count)d mails lie in the folder.",
                lying,
            ) % {"count": lying}
            unsaved = _("What you have typed is not saved yet.") if form.has_changed() else ""
            messages.success(request, f"{said} {unsaved}".strip())

    @admin.display(description=_("password set"))
    def password_set_on(self, mailbox: Mailbox) -> str:
        """The column keeps it as the audit tells it."""
        if not mailbox.password_set:
            return "—"
        return date_format(
            timezone.localtime(datetime.fromisoformat(mailbox.password_set)), "DATETIME_FORMAT"
        )

    @admin.display(description=_("state"))
    def state(self, mailbox: Mailbox) -> str:
        return mailbox.fault or (str(_("works")) if mailbox.visited_at else "—")


class WrittenByProgram(admin.SimpleListFilter):
    title = _("written by a program")
    parameter_name = "program"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[InboundMail]) -> QuerySet[InboundMail]:
        match self.value():
            case "yes":
                return queryset.exclude(machine="")
            case "no":
                return queryset.filter(machine="")
        return queryset


@admin.register(InboundMail)
class InboundMailAdmin(ReadOnlyAdmin):
    """What came in and what became of it. Nothing is changed here; what came to nothing can be read once more."""

    list_display = ("fetched_at", "sender", "subject", "mailbox", "outcome", "why")
    list_display_links = ("fetched_at", "subject")
    list_filter = ("outcome", "proof", "mailbox", WrittenByProgram)
    list_select_related = ("mailbox",)
    date_hierarchy = "fetched_at"
    search_fields = ("sender", "subject", "message_id")
    search_help_text = _("A sender, words of the subject or a Message-ID.")
    actions = ("read_again",)
    fields = (
        "mailbox",
        "sender_name",
        "sender",
        "subject",
        "outcome",
        "why",
        "proof",
        "machine",
        "on_ticket",
        "text",
        "folded",
        "message_id",
        "sha256",
        "how_large",
        "fetched_at",
        "received_at",
        "source",
    )
    readonly_fields = ("why", "on_ticket", "how_large", "source")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMail]:
        mails: QuerySet[InboundMail] = super().get_queryset(request).defer("raw").select_related("ticket")
        return mails

    def has_read_again_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.raw)
        return [path("<int:pk>/source/", page, name="tickets_inboundmail_source"), *super().get_urls()]

    @admin.action(description=_("Read again"), permissions=["read_again"])
    def read_again(self, request: HttpRequest, mails: QuerySet[InboundMail]) -> None:
        asked, left = 0, 0
        for mail in mails.order_by("pk"):
            try:
                with transaction.atomic():
                    inbound_email.ask_to_receive(actions.read_again(mail, by=at_admin(request)))
            except Refused:
                left += 1
            else:
                asked += 1
        if asked:
            said = ngettext("%(count)d mail is read again.", "%(count)d mails are read again.", asked)
            messages.success(request, said % {"count": asked})
        if left:
            said = ngettext(
                "%(count)d mail is not read again: something has become of it, or it is being dealt with.",
                "%(count)d mails are not read again: something has become of them, or they are being dealt with.",
                left,
            )
            messages.warning(request, said % {"count": left})

    read_again.locations = EVERYWHERE  # type: ignore[attr-defined]

    def raw(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The source, byte for byte, as a download that no browser takes for a page."""
        mail = InboundMail.objects.filter(pk=pk).first()
        if mail is None:
            return redirect("admin:tickets_inboundmail_changelist")
        actions.note_source_read(mail, by=at_admin(request))
        response = HttpResponse(bytes(mail.raw), content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="mail-{mail.public_id}.eml.txt"'
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return response

    @admin.display(description=_("reason"))
    def why(self, mail: InboundMail) -> str:
        return mail.reason or "—"

    @admin.display(description=_("ticket"))
    def on_ticket(self, mail: InboundMail) -> SafeString | str:
        if mail.ticket is None:
            return "—"
        address = reverse("tickets:detail", args=[mail.ticket.public_id])
        return format_html('<a href="{}">{}</a>', address, mail.ticket)

    @admin.display(description=_("size"))
    def how_large(self, mail: InboundMail) -> str:
        return filesizeformat(mail.size)

    @admin.display(description=_("source"))
    def source(self, mail: InboundMail) -> SafeString | str:
        if not mail.sha256:
            return "—"
        address = reverse("admin:tickets_inboundmail_source", args=[mail.pk])
        return format_html('<a href="{}" download>{}</a>', address, _("Download as it came"))
