"""Keys of the REST API: issued, shown once, found by their visible part, revoked, rotated."""

import hmac
import re
import secrets
import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts import standing
from accounts.acting import Actor, Forbidden, Invalid, Refused
from accounts.checking import require_fit
from accounts.models import ApiKey, Membership, Scope, User
from audit import trail

LONGEST_LIFE = timedelta(days=366)
USUAL_LIFE = timedelta(days=365)
# Writing down every use would turn every read into a write.
LAST_USE_PRECISION = timedelta(minutes=1)
# For how long a replaced key goes on, so that programs can be given the new one without a gap.
USUAL_OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(hours=168)

_FORMAT = re.compile(r"sf_([a-z0-9]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
_VISIBLE = string.ascii_lowercase + string.digits


@transaction.atomic
def issue(
    owner: User,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    public_id: UUID | None = None,
    by: Actor,
) -> tuple[ApiKey, str]:
    """Give somebody a key. Answers its row and the raw key `sf_<8 visible>_<43 secret>`, which is not kept.

    Raises Invalid for no scope, an unknown one, or an expiry that is past or over a year away, and IntegrityError
    for a `public_id` that a key has already: the same form was sent twice.
    """
    by = standing.again(by)
    _require_owner_or_admin(owner, by=by)
    return _issue(owner, name=name, scopes=scopes, expires_at=expires_at, public_id=public_id, by=by)


@transaction.atomic
def revoke(key: ApiKey, *, by: Actor) -> ApiKey:
    """End a key at once. Revoking a revoked key changes nothing."""
    key = _locked(key)
    _require_owner_or_admin(key.user, by=by)
    if key.revoked_at is None:
        before = told_state(key)
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        trail.record("api_key.revoked", _subject(key), by=by, changes={"state": (before, told_state(key))})
    return key


def revoke_all(owner: User, *, by: Actor) -> None:
    """End every key of a person who is being shut out, in the verb's transaction."""
    for key in owner.api_keys.filter(revoked_at=None, expires_at__gt=timezone.now()).order_by("pk"):
        revoke(key, by=by)


@transaction.atomic
def rotate(key: ApiKey, *, overlap: timedelta = USUAL_OVERLAP, by: Actor) -> tuple[ApiKey, str]:
    """Issue a key like this one, in one step; this one goes on for the overlap, but not beyond its own end.

    Without an overlap it is revoked. Raises Refused for a key that is dead or replaced already.
    """
    standing.held(key.user)
    key = _locked(key)
    by = standing.again(by)
    _require_owner_or_admin(key.user, by=by)
    if key.state[0] == "replaced":
        raise Refused("key_not_active", _("This key has been replaced already."))
    if key.state[0] != "active":
        raise Refused("key_not_active", _("This key is no longer active: issue a new one."))
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid("overlap_hours", "invalid_overlap", _("A replaced key works for a week at most."))
    life = key.expires_at - key.created_at
    new, raw = _issue(
        key.user, name=key.name, scopes=key.scopes, expires_at=timezone.now() + min(life, LONGEST_LIFE), by=by
    )
    if overlap:
        _replace(key, until=min(key.expires_at, timezone.now() + overlap), by=by)
    else:
        revoke(key, by=by)
    return new, raw


def find(raw: str, *, now: datetime | None = None) -> ApiKey | None:
    """The usable key with this raw text, its owner and his teams along, or None for every reason there may be."""
    found = _FORMAT.fullmatch(raw)
    if found is None:
        return None
    now = now or timezone.now()
    key = _usable(found[1], now=now)
    # A slow hash is for guessable secrets; this one has 256 random bits.
    if key is None or not hmac.compare_digest(key.digest, sha256(raw.encode()).hexdigest()):
        return None
    if key.last_used_at is None or now - key.last_used_at > LAST_USE_PRECISION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _columns(model: type[Model], table: str) -> str:
    return ", ".join(f"{table}.{field.column}" for field in model._meta.concrete_fields)


# Asked at every call: made of a queryset each time, it would cost more than all else a key does.
_USABLE = f"""
    SELECT {_columns(ApiKey, "k")}, {_columns(User, "u")},
        ARRAY(SELECT m.team_id FROM {Membership._meta.db_table} m WHERE m.user_id = u.id),
        ARRAY(SELECT m.team_id FROM {Membership._meta.db_table} m WHERE m.user_id = u.id AND m.is_lead)
    FROM {ApiKey._meta.db_table} k JOIN {User._meta.db_table} u ON u.id = k.user_id
    WHERE k.prefix = %s AND k.revoked_at IS NULL AND k.expires_at > %s AND u.is_active
"""  # noqa: S608 (names of columns, all of them ours)
_OF_KEY, _OF_USER = ([field.attname for field in model._meta.concrete_fields] for model in (ApiKey, User))


def _usable(prefix: str, *, now: datetime) -> ApiKey | None:
    """The key that opens the door at this time, with its owner and his teams along: one query."""
    with connection.cursor() as cursor:
        cursor.execute(_USABLE, [prefix, now])
        row = cursor.fetchone()
    if row is None:
        return None
    *values, teams, led = row
    key = ApiKey.from_db(connection.alias, _OF_KEY, values[: len(_OF_KEY)])
    key.user = User.from_db(connection.alias, _OF_USER, values[len(_OF_KEY) :])
    key.user.team_pairs = [(team, team in led) for team in teams]  # type: ignore[attr-defined]
    return key


def _issue(
    owner: User,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    public_id: UUID | None = None,
    by: Actor,
) -> tuple[ApiKey, str]:
    # Held, so that nobody is given a key while he is shut out.
    if not standing.held(owner).is_active:
        raise Refused("owner_inactive", _("This person is deactivated."))
    require_fit(ApiKey, name=name)
    now = timezone.now()
    expires_at = expires_at or now + USUAL_LIFE
    if not scopes or not set(scopes) <= set(Scope.values):
        raise Invalid("scopes", "invalid_scope", _("Choose at least one of: read, write, admin."))
    if by.api_key is not None and by.api_key.replaced_at is not None:
        # It goes on so that programs have time to change over, not for who has found it.
        raise Forbidden("key_replaced", _("This key has been replaced: it gives no other keys."))
    if by.api_key is not None and not set(scopes) <= set(by.api_key.scopes):
        raise Forbidden("beyond_own_scopes", _("A key gives no key more scopes than it has itself."))
    if not now < expires_at <= now + LONGEST_LIFE:
        raise Invalid("expires_at", "invalid_expiry", _("A key lasts at most one year."))
    visible = "".join(secrets.choice(_VISIBLE) for _i in range(8))
    raw = f"sf_{visible}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        public_id=public_id or uuid7(),
        user=owner,
        name=name,
        prefix=visible,
        digest=sha256(raw.encode()).hexdigest(),
        scopes=sorted(set(scopes), key=Scope.values.index),
        created_at=now,
        expires_at=expires_at,
    )
    trail.record(
        "api_key.issued",
        _subject(key),
        by=by,
        changes={
            "owner": (None, {"id": str(owner.public_id), "name": owner.full_name}),
            "scopes": (None, key.scopes),
            "expires_at": (None, _told(expires_at)),
        },
    )
    return key, raw


def _replace(key: ApiKey, *, until: datetime, by: Actor) -> None:
    before, ended = told_state(key), key.expires_at
    # The end itself moves: whatever asks for it, a program of before too, need not know of replaced keys.
    key.replaced_at, key.expires_at = timezone.now(), until
    key.save(update_fields=["replaced_at", "expires_at"])
    changes = {"state": (before, told_state(key)), "expires_at": (_told(ended), _told(until))}
    trail.record("api_key.replaced", _subject(key), by=by, changes=changes)


def told_state(key: ApiKey) -> str:
    """What the events of a key say of it: nothing happens when it expires."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.replaced_at is None else "replaced"


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _locked(key: ApiKey) -> ApiKey:
    locked: ApiKey = ApiKey.objects.select_for_update(of=["self"]).select_related("user").get(pk=key.pk)
    return locked


def _subject(key: ApiKey) -> trail.Subject:
    return trail.Subject("api_key", key.public_id, f"{key.name} (sf_{key.prefix})")


def _require_owner_or_admin(owner: User, *, by: Actor) -> None:
    if by.user is not None and not (by.user.is_active and (by.user.pk == owner.pk or by.user.is_admin)):
        raise Forbidden("not_your_key", _("Only the owner or an administrator can do this."))
