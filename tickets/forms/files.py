"""The field of a form that takes in files."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tickets import files
from tickets.files import Incoming

LOST = _("Choose the files again: the page could not keep them.")


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each looked at already; none is an empty list."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Files"),
            required=False,
            widget=FilesInput({"multiple": True, "class": "form-control", "data-files": True}),
        )

    def clean(self, data: Any, initial: Any = None) -> Any:
        sent = data or []
        if len(sent) > settings.MOST_FILES:
            raise ValidationError(str(files.too_many()), code="too_many_files")
        arrived: list[Incoming] = []
        faults = []
        for each in sent:
            try:
                arrived.append(files.incoming(each.name, each, each.content_type or ""))
            except files.TooLarge as fault:
                faults.append(ValidationError(str(fault), code=fault.code))
        if faults:
            raise ValidationError(faults)
        return arrived


def say_they_are_lost(form: forms.Form) -> None:
    """A browser does not keep what was chosen: whoever has to send a form again has to choose again."""
    if form.files and "files" in form.fields:
        form.add_error("files", LOST)
