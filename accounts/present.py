"""How people, teams and keys stand now, as the plain values that their events hold: for the proof of the audit."""

from collections.abc import Iterator

from accounts import api_keys, configuration
from accounts.actions import identities_of
from accounts.factors import actions as factors
from accounts.models import ApiKey, Team, User
from audit.trail import Present

FIELDS = ("email", "full_name", "role", "language", "time_zone", "theme", "shortcuts", "is_active")


def users() -> Iterator[Present]:
    people = User.objects.order_by("pk").prefetch_related(
        "memberships__team", "authenticator_set", "socialaccount_set"
    )
    for user in people.iterator(chunk_size=1000):
        teams = [{"id": str(one.team.public_id), "lead": one.is_lead} for one in user.memberships.all()]
        mine = user.authenticator_set.all()
        more = {
            "teams": teams,
            "identities": identities_of(user),
            "factors": factors.told(mine),
            "recovery_codes": factors.count_codes(mine),
        }
        yield Present(user.public_id, {name: getattr(user, name) for name in FIELDS} | more)


def teams() -> Iterator[Present]:
    for team in Team.objects.order_by("pk").iterator(chunk_size=1000):
        yield Present(team.public_id, configuration.values(team))


def keys() -> Iterator[Present]:
    for key in ApiKey.objects.select_related("user").order_by("pk").iterator(chunk_size=1000):
        state = {
            "owner": {"id": str(key.user.public_id)},
            "scopes": key.scopes,
            "expires_at": key.expires_at.isoformat(),
            "state": api_keys.told_state(key),
        }
        yield Present(key.public_id, state)
