"""Keyset paging: a page is what comes after (or before) the last row one has seen, whatever was added meanwhile."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import GeneratedField, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _

from accounts.acting import Invalid
from accounts.checking import is_tellable, require_storable


@dataclass(frozen=True)
class Page[Row: Model]:
    """Rows in order, and the cursors of the neighbours ("" where there is none)."""

    rows: list[Row]
    next: str
    previous: str


def page[Row: Model](
    rows: QuerySet[Row], *, order: tuple[str, ...], cursor: str = "", limit: int = 50
) -> Page[Row]:
    """One page of at most `limit` rows, in one query.

    `order` names columns that are never NULL, the last of them unique, all with or all without a leading "-".
    Raises Invalid for a cursor that is none of ours.
    """
    falling = order[0].startswith("-")
    names = tuple(name.removeprefix("-") for name in order)
    backward, values = _decode(cursor, rows, names) if cursor else (False, None)
    if values is not None:
        comparison = TupleLessThan if falling != backward else TupleGreaterThan
        rows = rows.filter(comparison(Tuple(*names), tuple(values)))
    opposite = tuple(name if falling else f"-{name}" for name in names)
    found = list(rows.order_by(*(opposite if backward else order))[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backward:
        found.reverse()
    has_next = bool(found) and (more or backward)
    has_previous = bool(found) and (more if backward else bool(cursor))
    return Page(
        found,
        next=_encode(found[-1], names, backward=False) if has_next else "",
        previous=_encode(found[0], names, backward=True) if has_previous else "",
    )


def _encode(row: Model, names: tuple[str, ...], *, backward: bool) -> str:
    values = [getattr(row, name) for name in names]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    text = json.dumps([int(backward), *plain], default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, rows: QuerySet[Any], names: tuple[str, ...]) -> tuple[bool, list[Any]]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        backward, *plain = json.loads(text)
        if (
            backward not in (0, 1)
            or len(plain) != len(names)
            or any(isinstance(v, (list, dict)) for v in plain)
        ):
            raise ValueError
        values = []
        for name, value in zip(names, plain, strict=True):
            annotation = rows.query.annotations.get(name)
            field: Any = (
                annotation.output_field if annotation is not None else rows.model._meta.get_field(name)
            )
            field = field.output_field if isinstance(field, GeneratedField) else field
            cleaned = field.to_python(value)
            if cleaned is None:
                raise ValueError
            if isinstance(cleaned, datetime) and (is_naive(cleaned) or not is_tellable(cleaned)):
                raise ValueError
            if isinstance(cleaned, str):
                require_storable("cursor", cleaned)
            field.run_validators(cleaned)
            values.append(cleaned)
    except (Invalid, ValueError, TypeError, RecursionError, binascii.Error, ValidationError, OverflowError):
        raise Invalid("cursor", "invalid_cursor", _("This cursor is not one of ours.")) from None
    return bool(backward), values
