"""What administrators configure as rows (teams, services): stored together with the event that says so."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction

from accounts.acting import Actor, Invalid
from accounts.actions import require_admin_still
from accounts.checking import require_storable
from audit import trail


@transaction.atomic
def save[Row: models.Model](row: Row, *, by: Actor) -> Row:
    """Store a new or changed row of configuration and record old and new values. Saving no change records nothing.

    Raises Invalid for what the row's columns and constraints do not take.
    """
    require_admin_still(by)
    rows = type(row)._default_manager
    before = rows.select_for_update().filter(pk=row.pk).first() if row.pk else None
    new = values(row)
    old = values(before) if before else dict.fromkeys(new)
    changes = {name: (old[name], value) for name, value in new.items() if old[name] != value}
    if not changes:
        return row
    _check(row)
    row.save()
    kind = row._meta.model_name or ""
    public_id: UUID | None = getattr(row, "public_id", None)
    verb = f"{kind}.changed" if before else f"{kind}.created"
    trail.record(verb, trail.Subject(kind, public_id, str(row)), by=by, changes=changes)
    return row


def values(row: models.Model) -> dict[str, Any]:
    """The editable columns as plain values; a reference by its public id.

    A model may have a `<column>_told` for what is better not told in full.
    """
    plain: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if not field.editable or field.primary_key:
            continue
        value = getattr(row, f"{field.name}_told", getattr(row, field.name))
        if isinstance(value, models.Model):
            value = {"id": str(getattr(value, "public_id", value.pk)), "name": str(value)}
        plain[field.name] = value
    return plain


def _check(row: models.Model) -> None:
    for name, value in values(row).items():
        if isinstance(value, str):
            require_storable(name, value)
    try:
        row.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(field, "invalid", " ".join(messages)) from None
