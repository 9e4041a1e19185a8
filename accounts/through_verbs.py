"""Django admin as one more door: its forms call verbs, and show what a verb refuses beside what was typed."""

from typing import Any, ClassVar

from django import forms
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Invalid, Refused, actor_of
from audit.admin import DeskAdmin
from audit.models import Door


def at_admin(request: HttpRequest) -> Actor:
    return actor_of(request, Door.ADMIN)


class VerbForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that knows what a verb has said to it."""

    refusal: ClassVar[Refused | None] = None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.refusal is not None:
            field = self.refusal.field if isinstance(self.refusal, Invalid) else None
            self.add_error(field if field in self.fields else None, str(self.refusal.message))
        return cleaned


class VerbAdmin(DeskAdmin):
    """Stores nothing by itself: `save_model` of each heir calls the verbs, all in the transaction of the request.

    A refusal undoes the whole of it, and the form is shown once more with the reason. The audit is the log: Django's
    own is not written.
    """

    form = VerbForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", None)  # type: ignore[attr-defined]
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as no:
            request.refusal = no  # type: ignore[attr-defined]
        except IntegrityError:
            # Between the check of the form and the writing somebody else has stored the same.
            request.refusal = Refused("conflict", _("Somebody has just changed this. Look again."))  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        return []

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        return None

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Inlines are the verbs' too."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        key = getattr(row, "public_id", "")
        return redirect(f"{reverse('admin:audit_event_changelist')}?q={key}")
