"""Whether a value can be stored, asked before the database would refuse it."""

import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Field, Model
from django.utils.translation import gettext_lazy as _

from accounts.acting import Invalid


def require_storable(field: str, text: str) -> None:
    """Raise Invalid for what no table and no message can hold: NUL and lone halves of surrogate pairs."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid(field, "invalid_characters", _("This text holds characters that cannot be stored."))


def is_tellable(moment: datetime) -> bool:
    """Whether it is far enough from both ends of the calendar to be told in every zone, by PostgreSQL too."""
    return 2 <= moment.year <= 9998


# Letters and symbols by their category that show nothing: fillers of Hangul, the empty braille cell, a null note.
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: spaces, zero-width characters, marks without a letter below them."""
    return not any(
        unicodedata.category(character)[0] in "LNPS" and character not in _FILLERS for character in text
    )


def validate_visible(text: str) -> None:
    """Refuse what looks empty as if it were (ValidationError)."""
    if is_blank(text):
        raise ValidationError(Field.default_error_messages["blank"], code="blank")


def require_fit(model: type[Model], **values: Any) -> None:
    """Raise Invalid for the first value that its column does not take: too long, not a choice, empty."""
    for name, value in values.items():
        field = model._meta.get_field(name)
        if isinstance(value, str):
            require_storable(name, value)
        if not isinstance(field, Field):
            continue
        try:
            field.clean(value, None)
        except ValidationError as error:
            raise Invalid(name, "invalid", " ".join(error.messages)) from None


def is_id(text: str) -> bool:
    """Whether it reads as the public id of anything."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
