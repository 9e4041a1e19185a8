"""Administrators at work on channels and webhooks, and whatever was sent, to be looked at and sent again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.through_verbs import VerbAdmin, VerbForm, at_admin
from accounts.visitors import me
from audit import words
from audit.admin import EVERYWHERE, ReadOnlyAdmin
from notifications import answers, outbox, webhooks
from notifications.models import Channel, Delivery, State, Transport, Webhook

LONGEST_SEARCH = 100


def several(label: Any, *, required: bool = False, help_text: Any = "") -> forms.MultipleChoiceField:
    """Ticks; the choices come with the form."""
    return forms.MultipleChoiceField(
        label=label, required=required, help_text=help_text, widget=forms.CheckboxSelectMultiple
    )


def tell_of(request: HttpRequest, tests: list[Delivery]) -> None:
    """Where to see what became of them: they are sent by a worker, like everything."""
    for test in tests:
        link = reverse("admin:notifications_delivery_change", args=[test.pk])
        said = _("A test message is on its way: %(whom)s.") % {"whom": test.whom}
        messages.success(request, format_html('{} <a href="{}">{}</a>', said, link, _("What became of it")))


# --- Channels ------------------------------------------------------------------------------------


class ChannelForm(VerbForm):
    topics = several(gettext_lazy("Tickets of"), required=True)
    kinds = several(gettext_lazy("Events"), help_text=gettext_lazy("None means all of them."))
    token = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Slack: the address of an incoming webhook, or a bot's token. Telegram: the bot's token. "
            "It is kept encrypted and never shown; leave this empty to keep it."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["topics"].choices = webhooks.topics()
        fields["kinds"].choices = [(kind.value, words) for kind, words in webhooks.KINDS.items()]


@admin.register(Channel)
class ChannelAdmin(VerbAdmin):
    """Out of use instead of deleted."""

    form = ChannelForm
    list_display = ("name", "transport", "address", "token_set_at", "is_active")
    list_filter = ("transport", "is_active")
    search_fields = ("name",)
    readonly_fields = ("token_set_at",)
    fieldsets = (
        (
            None,
            {"fields": ("name", "transport", "address", "token", "token_set_at", "language", "is_active")},
        ),
        (gettext_lazy("What it hears of"), {"fields": ("topics", "kinds")}),
    )
    actions = ("send_test",)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        webhooks.save_channel(obj, token=form.cleaned_data["token"].strip(), by=at_admin(request))

    @admin.action(description=gettext_lazy("Send a test message"))
    def send_test(self, request: HttpRequest, channels: QuerySet[Channel]) -> None:
        with transaction.atomic():
            tests = [outbox.send_test(one, by=at_admin(request)) for one in channels.order_by("pk")]
        tell_of(request, tests)

    send_test.locations = EVERYWHERE  # type: ignore[attr-defined]


# --- Webhooks ------------------------------------------------------------------------------------


class WebhookForm(VerbForm):
    topics = several(gettext_lazy("Tickets of"), required=True)
    events = several(gettext_lazy("Events"), help_text=gettext_lazy("None means all of them."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["topics"].choices = webhooks.topics()
        fields["events"].choices = sorted(
            ((event, f"{words.of_verb(event)} ({event})") for event in outbox.EVENTS),
            key=lambda pair: pair[1],
        )


def _counted(deliveries: QuerySet[Delivery]) -> Coalesce:
    counted = deliveries.order_by().values("webhook").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)


@admin.register(Webhook)
class WebhookAdmin(VerbAdmin):
    """Its secret is on the answer page of its making or rotation and nowhere else."""

    form = WebhookForm
    list_display = ("name", "url", "is_active", "waits", "failures")
    list_filter = ("is_active",)
    search_fields = ("name",)
    readonly_fields = ("id_for_programs", "old_secret_until", "waits", "failures")
    fieldsets = (
        (None, {"fields": ("name", "url", "is_active")}),
        (gettext_lazy("What it hears of"), {"fields": ("topics", "events")}),
        (
            gettext_lazy("How it stands"),
            {"fields": ("id_for_programs", "old_secret_until", "waits", "failures")},
        ),
    )
    actions = ("send_test", "rotate", "drop")

    def get_fieldsets(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:2]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        failed = Delivery.objects.filter(webhook=OuterRef("pk"), state__in=[State.FAILED, State.UNKNOWN])
        waiting = Delivery.objects.filter(webhook=OuterRef("pk"), state__in=[State.PENDING, State.SENDING])
        hooks: QuerySet[Webhook] = super().get_queryset(request).filter(deleted_at=None)
        tried = waiting.filter(attempts__gt=0).order_by("-pk").values("said")[:1]
        return hooks.annotate(failed=_counted(failed), waiting=_counted(waiting), trouble=Subquery(tried))

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        by = at_admin(request)
        if change:
            webhooks.change(obj, by=by)
            return
        made, secret = webhooks.create(
            name=obj.name, url=obj.url, topics=obj.topics, events=obj.events, by=by
        )
        obj.__dict__.update(made.__dict__)
        request.fresh_secret = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: Any = None) -> HttpResponse:
        return self._shown_once(request, [(obj, request.fresh_secret)])  # type: ignore[attr-defined]

    def _shown_once(self, request: HttpRequest, issued: list[tuple[Webhook, str]]) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "issued": issued,
            "title": ngettext("The secret of the webhook", "The secrets of the webhooks", len(issued)),
        }
        response = TemplateResponse(request, "admin/notifications/webhook/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=gettext_lazy("Send a test message"))
    def send_test(self, request: HttpRequest, hooks: QuerySet[Webhook]) -> None:
        with transaction.atomic():
            tests = [outbox.send_test(one, by=at_admin(request)) for one in hooks.order_by("pk")]
        tell_of(request, tests)

    @admin.action(description=gettext_lazy("Replace the secret"))
    def rotate(self, request: HttpRequest, hooks: QuerySet[Webhook]) -> HttpResponse:
        with transaction.atomic():
            issued = [webhooks.rotate_secret(one, by=at_admin(request)) for one in hooks.order_by("pk")]
        return self._shown_once(request, issued)

    @admin.action(description=gettext_lazy("Delete: tell it nothing any more"))
    def drop(self, request: HttpRequest, hooks: QuerySet[Webhook]) -> HttpResponse:
        with transaction.atomic():
            gone = [webhooks.delete(one, by=at_admin(request)) for one in hooks.order_by("pk")]
        said = ngettext("%(count)d webhook is deleted.", "%(count)d webhooks are deleted.", len(gone))
        messages.success(request, said % {"count": len(gone)})
        return redirect("admin:notifications_webhook_changelist")

    send_test.locations = rotate.locations = drop.locations = EVERYWHERE  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("ID in the API"))
    def id_for_programs(self, webhook: Webhook) -> str:
        return str(webhook.public_id)

    @admin.display(description=gettext_lazy("waiting"))
    def waits(self, webhook: Webhook) -> SafeString:
        """How many, and what came of the last attempt among them."""
        listed = self._listed(webhook, State.PENDING, webhook.waiting)  # type: ignore[attr-defined]
        trouble = answers.told(webhook.trouble or "")  # type: ignore[attr-defined]
        return format_html("{} · {}", listed, trouble) if trouble else listed

    @admin.display(description=gettext_lazy("not delivered"))
    def failures(self, webhook: Webhook) -> SafeString:
        return self._listed(webhook, State.FAILED, webhook.failed)  # type: ignore[attr-defined]

    def _listed(self, webhook: Webhook, state: State, count: int) -> SafeString:
        """How many there are, as the way to them."""
        address = reverse("admin:notifications_delivery_changelist")
        query = f"webhook__id__exact={webhook.pk}&state__exact={state}"
        return format_html('<a href="{}?{}">{}</a>', address, query, count)


# --- Deliveries ----------------------------------------------------------------------------------


class WayFilter(admin.ChoicesFieldListFilter):
    """Without the inbox, whose deliveries are not listed."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        return (each for each in super().choices(changelist) if each["display"] != Transport.INBOX.label)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Whatever went out or did not. What lies in inboxes is between the desk and its reader."""

    change_list_template = "admin/notifications/delivery/change_list.html"
    list_display = ("created_at", "subject_name", "what", "whom", "transport", "stands", "attempts", "answer")
    list_filter: ClassVar[Any] = ("state", ("transport", WayFilter))
    list_select_related = ("recipient", "channel", "webhook")
    linked_by = ("webhook__id__exact", "channel__id__exact")
    date_hierarchy = "created_at"
    search_fields = ("subject_name",)
    search_help_text = gettext_lazy("The number of a ticket (SF-1042), or a person's e-mail address.")
    fields = (
        "subject", "what", "whom", "transport", "stands", "attempts", "answer", "created_at", "next_at",
        "again_at", "finished_at", "id_outside",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        sent: QuerySet[Delivery] = super().get_queryset(request).exclude(transport=Transport.INBOX)
        return sent

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()[:LONGEST_SEARCH]
        if "@" in term:
            return queryset.filter(recipient__email__iexact=term), False
        return queryset.filter(subject_name__istartswith=term) if term else queryset, False

    def get_urls(self) -> list[URLPattern]:
        test = path("test/", self.admin_site.admin_view(self.test), name="notifications_delivery_test")
        return [test, *super().get_urls()]

    def test(self, request: HttpRequest) -> HttpResponse:
        """A mail to the administrator himself."""
        if request.method == "POST":
            tell_of(request, [outbox.send_test(me(request), by=at_admin(request))])
        return redirect("admin:notifications_delivery_changelist")

    @admin.action(description=gettext_lazy("Send again"))
    def send_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        with transaction.atomic():
            again = [outbox.send_again(one, by=at_admin(request)) for one in deliveries.order_by("pk")]
        said = ngettext(
            "%(count)d message is on its way.", "%(count)d messages are on their way.", len(again)
        )
        messages.success(request, said % {"count": len(again)})

    send_again.locations = EVERYWHERE  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("subject"))
    def subject(self, delivery: Delivery) -> SafeString | str:
        """A way to it, if it is a ticket."""
        if delivery.subject_type != "ticket":
            return delivery.subject_name
        address = reverse("tickets:detail", args=[delivery.subject_id])
        return format_html('<a href="{}">{}</a>', address, delivery.subject_name)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def stands(self, delivery: Delivery) -> SafeString:
        return format_html(
            '<span class="sf-state is-{}">{}</span>', delivery.state, delivery.get_state_display()
        )

    @admin.display(description=gettext_lazy("event"), ordering="verb")
    def what(self, delivery: Delivery) -> str:
        return delivery.what

    @admin.display(description=gettext_lazy("recipient"))
    def whom(self, delivery: Delivery) -> str:
        return delivery.whom

    @admin.display(description=gettext_lazy("what was said"))
    def answer(self, delivery: Delivery) -> str:
        return answers.told(delivery.said) or "—"

    @admin.display(description=gettext_lazy("next attempt"))
    def next_at(self, delivery: Delivery) -> datetime | None:
        return delivery.due_at if delivery.finished_at is None else None

    @admin.display(description=gettext_lazy("ID outside"))
    def id_outside(self, delivery: Delivery) -> str:
        """As it stands in a Message-ID (without the dashes) or a webhook-id."""
        return str(delivery.public_id)
