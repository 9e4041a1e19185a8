"""What is in an event, in words: verbs, kinds of subject, fields and values, for administrators who read the log.

This app knows nobody: the apps whose subjects they are fill the tables at start-up.
"""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.trail import ADDITION

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

NOTHING = "—"

VERBS: "dict[str, _StrPromise]" = {}
# Of these the verbs that tell who comes in, who was kept out, and who has taken or given what others must not have.
SECURITY: set[str] = set()
_KINDS: dict[str, type[models.Model]] = {}
# How the comment of a verb is read, where it holds a code.
_COMMENTS: dict[str, Callable[[str], str]] = {}
# Of each kind the fields of its events that are no columns of its model.
_FIELDS: "dict[str, Mapping[str, _StrPromise]]" = {}


def teach(
    kind: str,
    model: type[models.Model],
    *,
    verbs: "Mapping[str, _StrPromise]",
    fields: "Mapping[str, _StrPromise] | None" = None,
    security: Collection[str] = (),
    comments: Mapping[str, Callable[[str], str]] | None = None,
) -> None:
    """Say how events of this kind of subject are read; the words for columns and choices are those of its model.

    `security` names the verbs that belong on the page of security events; `comments` reads those that hold codes.
    """
    _COMMENTS.update({f"{kind}.{verb}": read for verb, read in (comments or {}).items()})
    SECURITY.update(f"{kind}.{verb}" for verb in security)
    VERBS.update({f"{kind}.{verb}": words for verb, words in verbs.items()})
    _KINDS[kind] = model
    _FIELDS[kind] = fields or {}


def of_verb(verb: str) -> str:
    return str(VERBS.get(verb, verb))


def of_comment(verb: str, comment: str) -> str:
    return _COMMENTS[verb](comment) if verb in _COMMENTS else comment


def of_kind(kind: str) -> str:
    return str(capfirst(_KINDS[kind]._meta.verbose_name)) if kind in _KINDS else kind


def of_field(kind: str, name: str) -> str:
    if name == ADDITION:
        return _("Message")
    if words := _FIELDS.get(kind, {}).get(name):
        return str(capfirst(words))
    column = _column(kind, name)
    return str(capfirst(column.verbose_name)) if column else name


def of_value(kind: str, name: str, value: Any) -> str:
    """A value as people read it: a choice by its label, a reference by its name, nothing as a dash."""
    if value in (None, "", []):
        return NOTHING
    if name == ADDITION and isinstance(value, dict):
        return str(_INTERNAL if value.get("internal") else _PUBLIC)
    column = _column(kind, name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        if isinstance(column, models.DateTimeField):
            return _moment(value)
        return str(dict(column.flatchoices).get(value, value)) if column and column.choices else value
    return _anything(value)


_INTERNAL, _PUBLIC = gettext_lazy("internal note"), gettext_lazy("for everybody on the ticket")


def _column(kind: str, name: str) -> "models.Field[Any, Any] | None":
    try:
        column = _KINDS[kind]._meta.get_field(name)
    except (KeyError, FieldDoesNotExist):
        return None
    return column if isinstance(column, models.Field) else None


def _moment(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment.tzinfo else value


def _anything(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        name, lead = value["name"], _("lead")
        return f"{name} ({lead})" if value.get("lead") else str(name)
    if isinstance(value, list):
        return ", ".join(_anything(item) for item in value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
