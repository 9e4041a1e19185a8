"""People, teams and keys as the API takes and gives them."""

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers

from accounts.api_keys import LONGEST_OVERLAP, USUAL_OVERLAP
from accounts.models import ApiKey, Language, Role, Scope, Team, User, validate_time_zone
from accounts.rest.inputs import Choice, Flag, Moment, PublicId, Several, Shape, Text, Whole

# --- What goes out: plain functions, since they make most of the bytes of every answer ------------


def moment_out(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def person_out(user: User) -> dict[str, Any]:
    """Somebody who is named in an answer about something else."""
    return {"id": str(user.public_id), "full_name": user.full_name, "email": user.email}


def team_out(team: Team) -> dict[str, Any]:
    return {"id": str(team.public_id), "name": team.name}


def user_out(user: User) -> dict[str, Any]:
    """A user as administrators and the person himself see him. Bring `memberships__team` along for a list."""
    places = sorted(user.memberships.all(), key=lambda place: place.team.name)
    return person_out(user) | {
        "role": str(user.role),
        "is_active": user.is_active,
        "language": str(user.language),
        "time_zone": user.time_zone,
        "teams": [team_out(place.team) | {"is_lead": place.is_lead} for place in places],
        "created_at": moment_out(user.created_at),
    }


def key_out(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.public_id),
        "name": key.name,
        "prefix": f"sf_{key.prefix}",
        "scopes": list(key.scopes),
        "state": key.state[0].upper(),
        "created_at": moment_out(key.created_at),
        "expires_at": moment_out(key.expires_at),
        "last_used_at": moment_out(key.last_used_at),
        "revoked_at": moment_out(key.revoked_at),
        "replaced_at": moment_out(key.replaced_at),
    }


# --- The same, declared for the schema ------------------------------------------------------------

KEY_STATES = ["ACTIVE", "REPLACED", "EXPIRED", "REVOKED"]


class PersonShape(serializers.Serializer[Any]):
    """Somebody, in short."""

    id = serializers.UUIDField()
    full_name = serializers.CharField()
    email = serializers.EmailField()


class TeamShape(serializers.Serializer[Any]):
    """A team, in short."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class PlaceShape(TeamShape):
    """Somebody's place in a team."""

    is_lead = serializers.BooleanField()


class UserShape(PersonShape):
    """A user."""

    role = serializers.ChoiceField(choices=Role.choices)
    is_active = serializers.BooleanField()
    language = serializers.ChoiceField(choices=Language.choices)
    time_zone = serializers.CharField()
    teams = PlaceShape(many=True)
    created_at = serializers.DateTimeField()


class NewUserShape(UserShape):
    """A user just made, with the raw key if one was asked for: it is shown this once."""

    api_key = serializers.CharField(required=False)


class InvitationShape(serializers.Serializer[Any]):
    """An invitation. Where the desk sends no mail, `link` is to be handed over: it is shown this once."""

    sent_to = serializers.EmailField()
    expires_at = serializers.DateTimeField()
    link = serializers.CharField(allow_null=True)


class KeyShape(serializers.Serializer[Any]):
    """An API key, without the key."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    state = serializers.ChoiceField(choices=KEY_STATES)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    replaced_at = serializers.DateTimeField(
        allow_null=True, help_text="Another key is there in its place; this one works until `expires_at`."
    )


class NewKeyShape(KeyShape):
    """An API key just issued, with the raw key: it is shown this once."""

    api_key = serializers.CharField()


# --- What comes in --------------------------------------------------------------------------------


class UserInput(Shape):
    """Whom to make."""

    email = Text(max_length=254)
    full_name = Text(max_length=150)
    role = Choice(choices=Role.choices, required=False)
    language = Choice(choices=Language.choices, required=False)
    time_zone = Text(max_length=64, required=False, validators=[validate_time_zone])
    team_ids = Several(child=PublicId(), required=False, max_length=100)
    issue_api_key = Flag(default=False, help_text="Whether to answer with a key of his, shown this once.")


class UserChangeInput(Shape):
    """What of a user to change; the rest stays."""

    email = Text(max_length=254, required=False)
    full_name = Text(max_length=150, required=False)
    role = Choice(choices=Role.choices, required=False)
    language = Choice(choices=Language.choices, required=False)
    time_zone = Text(max_length=64, required=False, validators=[validate_time_zone])
    is_active = Flag(required=False)
    team_ids = Several(
        child=PublicId(),
        required=False,
        max_length=100,
        help_text="All teams he is to be in. Whoever leads one of them goes on leading it.",
    )


class KeyInput(Shape):
    """Which key to issue."""

    name = Text(max_length=100)
    scopes = Several(child=Choice(choices=Scope.choices), allow_empty=False, max_length=10)
    expires_at = Moment(required=False, help_text="A year from now if omitted, which is also the latest.")


class RotationInput(Shape):
    """How the old key ends."""

    overlap_hours = Whole(
        min_value=0,
        max_value=LONGEST_OVERLAP // timedelta(hours=1),
        default=USUAL_OVERLAP // timedelta(hours=1),
        help_text="For how long the old key goes on beside the new one, but not beyond its own end; 0 ends it at once.",
    )
