"""Fields that take what they say and nothing that merely looks like it: JSON has types."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db.models import CharField, QuerySet, Value
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import User

ME = "me"


class Shape(serializers.Serializer[Any]):
    """What a body may hold. `elsewhere` says for names that belong to another call which one."""

    elsewhere: dict[str, Any] = {}


class Nothing(Shape):
    """No body, or an empty object."""


class Text(serializers.CharField):
    """A string; numbers are none."""

    # The framework's own messages, here and below, are not all there in every language of ours.
    default_error_messages = {"invalid": _("This must be text.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """One of a few words."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=str(data)[:40])
        return super().to_internal_value(data[:100])


class Flag(serializers.BooleanField):
    """true or false; not "yes", not 1."""

    default_error_messages = {"invalid": _("This must be true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:40])
        return data


class Whole(serializers.IntegerField):
    """A whole number; not "24", not true, not 24.0."""

    default_error_messages = {"invalid": _("This must be a whole number.")}

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Moment(serializers.DateTimeField):
    """ISO 8601; without a zone it is the caller's. Which moments will do the verb says."""

    default_error_messages = {
        "range": _("This date is out of range."),
        "overflow": _("This date is out of range."),
        "make_aware": _("There is no such time in the time zone {timezone}."),
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss][+HH:MM|-HH:MM|Z]")
        try:
            return super().to_internal_value(value[:100]).astimezone(UTC)
        except OverflowError:  # a moment before the first or after the last there is, once it is in UTC
            self.fail("range")


class PublicId(serializers.UUIDField):
    """The id of something, as the API gives it out."""

    default_error_messages = {"invalid": _("This is no id.")}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=str(data)[:40])
        return super().to_internal_value(data[:100])


class Record(PublicId):
    """The row with this public id among those of `rows`."""

    default_error_messages = {"unknown": _("There is nothing with this id.")}

    def __init__(self, rows: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows

    def to_internal_value(self, data: Any) -> Any:
        row = self.rows.filter(public_id=super().to_internal_value(data)).first()
        if row is None:
            self.fail("unknown")
        return row


@extend_schema_field(
    {
        "type": "string",
        "maxLength": 254,
        "description": "A user's id, an e-mail address, or `me`.",
        "examples": ["me"],
    }
)
class Person(Text):
    """A user by public id, e-mail, or `me`."""

    default_error_messages = {"unknown": _("There is no such person.")}

    def to_internal_value(self, data: Any) -> Any:
        # Not max_length: its validator would measure the person.
        reference = super().to_internal_value(data)[:300]
        person = self._people_with(reference).get(reference)
        if person is None:
            self.fail("unknown")
        return person

    def _people_with(self, reference: str) -> dict[str, User | None]:
        """Everybody whom the body names in fields like this one, found together when the first is asked for."""
        people: dict[str, User | None] = cast(dict[str, Any], self.context).setdefault("people", {})
        if reference not in people:
            body = cast(serializers.Serializer[Any], self.parent)
            alike = [
                body.initial_data.get(name)
                for name, field in body.fields.items()
                if isinstance(field, Person)
            ]
            references = {reference, *(other.strip()[:300] for other in alike if isinstance(other, str))}
            people.update(dict.fromkeys(references))
            people.update(people_called(references, me=self.context["request"].user))
        return people


def person_called(reference: str, *, me: User) -> User | None:
    """Who is meant by a public id, an e-mail address, or `me`; his teams come along."""
    return people_called({reference}, me=me).get(reference)


def people_called(references: set[str], *, me: User) -> dict[str, User]:
    """{reference: who is meant} of those who exist, in one query at most; their teams come along."""
    people = dict.fromkeys(references & {ME, me.email, str(me.public_id)}, me)
    others = [_called(reference) for reference in sorted(references - people.keys())]
    if others:
        found = others[0].union(*others[1:], all=True) if others[1:] else others[0]
        people |= {person.called: person for person in found.order_by()}
    return people


def _called(reference: str) -> Any:
    people: Any = User.objects.with_teams().annotate(called=Value(reference, output_field=CharField()))
    if "@" in reference:
        return people.by_email(reference)
    try:
        return people.filter(public_id=UUID(reference))
    except ValueError:
        return people.none()


class Several(serializers.ListField):
    """A list."""

    default_error_messages = {
        "not_a_list": _("This must be a list."),
        "max_length": _("At most {max_length} values."),
    }


class Named(serializers.DictField):
    """An object whose names are not known beforehand."""

    default_error_messages = {"not_a_dict": _("This must be an object.")}


class TextList(Several):
    """Strings."""

    child = Text(max_length=200)
