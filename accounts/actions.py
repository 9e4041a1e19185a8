"""What is done with people: one verb, one function, one transaction, one event."""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import api_keys, departures, letters, sessions, standing
from accounts.acting import Actor, Forbidden, Refused
from accounts.changing import (
    address_taken,
    change,
    check_email,
    check_password,
    give_address,
    locked,
    subject,
)
from accounts.checking import require_fit
from accounts.models import ApiKey, Installation, Language, Membership, Role, Scope, Team, User
from audit import trail

# The fields whose verbs may take tickets from a person, as the doors call them.
DEPARTING = frozenset({"role", "is_active", "team_ids"})
# Those that decide who comes in and what he may: in a browser they ask for a fresh proof of who sits there.
GUARDED = frozenset({"email", "role", "is_active", "team_ids"})


def require_admin(by: Actor) -> None:
    """Raise Forbidden unless an active administrator acts, or the desk itself: a stranger is neither."""
    if not (by.is_desk or (by.user is not None and by.user.is_staff)):
        raise Forbidden("admins_only", _("Only an administrator can do this."))


def require_admin_still(by: Actor) -> None:
    """The same in the transaction of a verb, of the actor as he stands by now."""
    require_admin(by)
    require_admin(standing.again(by))


def hold(user: User, *, changing: Collection[str]) -> None:
    """Lock a person as the verbs for these fields will, for a door that asks several of them in one transaction."""
    if not DEPARTING.isdisjoint(changing):
        one_departure_at_a_time()
    locked(user)


def one_departure_at_a_time() -> None:
    """Wait until nobody else loses a role, a team or his place here; the first lock of the verbs that take one.

    The order is: this, the person's row, his tickets. A verb of a ticket holds that one and then shares the row of
    the new assignee, so it may wait for one departure, and that one for it only if it takes the ticket from whoever
    leaves; with one departure at a time there is no second to close the circle. The trigger that keeps an
    administrator takes the same lock, which is also why two of them cannot demote each other at once. Whoever asks
    several verbs in one transaction, and one of them is such, takes it before the first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts.last_admin'))")


def bootstrap_key_is(candidate: str) -> bool:
    """Whether this is the key of the settings. False where the settings have none."""
    expected = settings.ADMIN_BOOTSTRAP_KEY
    return bool(expected) and hmac.compare_digest(candidate.encode(errors="surrogatepass"), expected.encode())


@transaction.atomic
def bootstrap_admin(
    *, email: str, full_name: str, language: str = "en", by: Actor
) -> tuple[User, ApiKey, str]:
    """Make the first administrator and a key of his; works once in the life of the installation.

    Answers the user, the key's row and the raw key. Raises Forbidden ever after, even if no administrator is left.
    """
    try:
        with transaction.atomic():
            Installation.objects.create(bootstrapped_at=timezone.now())
    except IntegrityError:
        raise Forbidden("already_bootstrapped", _("The first administrator has already been made.")) from None
    user = _new_user(email=email, full_name=full_name, role=Role.ADMIN, language=language, time_zone="UTC")
    trail.record(
        "user.bootstrapped",
        subject(user),
        by=by,
        changes={"email": (None, user.email), "full_name": (None, user.full_name), "role": (None, user.role)},
    )
    key, raw = api_keys.issue(user, name="bootstrap", scopes=Scope.values, by=replace(by, user=user))
    return user, key, raw


@transaction.atomic
def create_user(
    *,
    email: str,
    full_name: str,
    role: str = Role.EMPLOYEE,
    language: str = Language.ENGLISH,
    time_zone: str = "UTC",
    teams: Mapping[Team, bool] | None = None,
    password: str | None = None,
    by: Actor,
) -> User:
    """Make a person known to the desk. `teams` is {team: leads it}. Raises Invalid for an address already taken."""
    require_admin_still(by)
    user = _new_user(
        email=email, full_name=full_name, role=role, language=language, time_zone=time_zone, password=password
    )
    Membership.objects.bulk_create(
        Membership(user=user, team=team, is_lead=lead) for team, lead in (teams or {}).items()
    )
    trail.record(
        "user.created",
        subject(user),
        by=by,
        changes={
            "email": (None, user.email),
            "full_name": (None, user.full_name),
            "role": (None, user.role),
            "teams": ([], _named(teams or {})),
        },
    )
    return user


@transaction.atomic
def change_profile(
    user: User, *, full_name: str, language: str, time_zone: str, shortcuts: bool | None = None, by: Actor
) -> User:
    """Change what a person decides about himself: name, language, time zone, whether single keys do things."""
    _require_self_or_admin(user, by=by)
    user = locked(user)
    chosen: dict[str, Any] = {"full_name": full_name, "language": language, "time_zone": time_zone}
    if shortcuts is not None:
        chosen["shortcuts"] = shortcuts
    return change(user, "user.profile_changed", by=by, **chosen)


@transaction.atomic
def choose_theme(user: User, *, theme: str, by: Actor) -> User:
    """Light, dark or like the system."""
    _require_self_or_admin(user, by=by)
    return change(locked(user), "user.profile_changed", by=by, theme=theme)


@transaction.atomic
def choose_language(user: User, *, language: str, by: Actor) -> User:
    """The language of pages and messages."""
    _require_self_or_admin(user, by=by)
    return change(locked(user), "user.profile_changed", by=by, language=language)


@transaction.atomic
def change_email(user: User, *, email: str, by: Actor) -> User:
    """Give a person another address to sign in with. Raises Invalid where it is taken."""
    require_admin_still(by)
    return give_address(locked(user), email, by=by)


@transaction.atomic
def change_password(user: User, *, password: str, by: Actor) -> User:
    """Set a password. Every session of the person but the one that asked ends with it."""
    _require_self_or_admin(user, by=by)
    user = locked(user)
    check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    sessions.outdate(user)
    event = trail.record("user.password_changed", subject(user), by=by)
    letters.post(user, "password_changed", event=event)
    return user


@transaction.atomic
def change_role(user: User, *, role: str, by: Actor) -> User:
    """Make somebody an employee, an agent or an administrator.

    Who is no agent any more gives his open tickets back to their teams. Raises Refused for the last administrator.
    """
    one_departure_at_a_time()
    require_admin_still(by)
    user = locked(user)
    if user.role == role:
        return user
    if user.is_admin:
        _require_another_admin(user)
    user = change(user, "user.role_changed", by=by, role=role)
    departures.announce(user, by=by)
    return user


@transaction.atomic
def deactivate(user: User, *, by: Actor) -> User:
    """Shut somebody out for good: keys, sessions and links die at once, open tickets go back to their teams.

    Letting him in again brings neither back.
    """
    one_departure_at_a_time()
    require_admin_still(by)
    user = locked(user)
    if not user.is_active:
        return user
    if user.is_admin:
        _require_another_admin(user)
    sessions.drop_all(user)
    sessions.outdate(user)
    user = change(user, "user.deactivated", by=by, is_active=False)
    api_keys.revoke_all(user, by=by)
    departures.announce(user, by=by)
    return user


@transaction.atomic
def activate(user: User, *, by: Actor) -> User:
    """Let somebody in again. He signs in anew and issues new keys."""
    require_admin_still(by)
    user = locked(user)
    if user.is_active:
        return user
    return change(user, "user.activated", by=by, is_active=True)


@transaction.atomic
def set_teams(user: User, *, teams: Mapping[Team, bool], by: Actor) -> User:
    """Put somebody into exactly these teams, {team: leads it}."""
    one_departure_at_a_time()
    require_admin_still(by)
    user = locked(user)
    before = {membership.team: membership.is_lead for membership in user.memberships.select_related("team")}
    if before == dict(teams):
        return user
    user.memberships.exclude(team__in=teams).delete()
    for team, lead in teams.items():
        Membership.objects.update_or_create(user=user, team=team, defaults={"is_lead": lead})
    user.__dict__.pop("team_leads", None)
    user.__dict__.pop("team_pairs", None)
    trail.record(
        "user.teams_changed", subject(user), by=by, changes={"teams": (_named(before), _named(teams))}
    )
    departures.announce(user, by=by)
    return user


@transaction.atomic
def link_identity(user: User, *, issuer: str, uid: str, about: Mapping[str, str], by: Actor) -> SocialAccount:
    """Let somebody in by what this provider calls him from now on. One identity of each provider is his.

    Raises Refused where he has one of it already, or where it is somebody else's.
    """
    _require_self_or_admin(user, by=by)
    user = locked(user)
    before = identities_of(user)
    if SocialAccount.objects.filter(provider=issuer, user=user).exists():
        raise Refused("identity_known", _("You have connected an account of this provider already."))
    try:
        with transaction.atomic():
            identity = SocialAccount.objects.create(
                provider=issuer, uid=uid, user=user, extra_data=dict(about)
            )
    except IntegrityError:
        raise Refused("identity_taken", _("This account is connected to somebody else here.")) from None
    _tell_identities(user, "user.identity_linked", before, by=by)
    return identity


@transaction.atomic
def unlink_identity(user: User, *, issuer: str, by: Actor) -> None:
    """Let somebody in by this provider no more. Raises Refused where he would have no way in left."""
    _require_self_or_admin(user, by=by)
    user = locked(user)
    before = identities_of(user)
    identity = SocialAccount.objects.filter(user=user, provider=issuer).first()
    if identity is None:
        return
    if not user.has_usable_password() and len(before) == 1:
        raise Refused("last_way_in", _("This is the only way to sign in that is left. Set a password first."))
    identity.delete()
    _tell_identities(user, "user.identity_unlinked", before, by=by)


@transaction.atomic
def sign_out_everywhere(user: User, *, by: Actor) -> User:
    """End every session of a person, the one that asks included. API keys are revoked one by one."""
    _require_self_or_admin(user, by=by)
    user = locked(user)
    sessions.outdate(user)
    trail.record("user.signed_out_everywhere", subject(user), by=by)
    return user


def identities_of(user: User) -> list[str]:
    """What providers call the person: issuer and subject."""
    return sorted(f"{each.provider} {each.uid}" for each in SocialAccount.objects.filter(user=user))


def signed_in(user: User, *, by: Actor, way: str = "") -> None:
    """Leave a trace of a sign-in, and of the provider that has vouched for the person."""
    trail.record("user.signed_in", subject(user), by=by, comment=way)


def signed_out(user: User, *, by: Actor) -> None:
    """Leave a trace of a sign-out."""
    trail.record("user.signed_out", subject(user), by=by)


def sign_in_refused(email: str, *, by: Actor, why: str = "") -> None:
    """Leave a trace of a failed sign-in: the address that was tried, never the password."""
    tried = email.encode(errors="replace").decode().replace("\x00", "?")
    trail.record("user.sign_in_refused", trail.Subject("user", None, tried), by=by, comment=why)


def _tell_identities(user: User, verb: str, before: list[str], *, by: Actor) -> None:
    trail.record(verb, subject(user), by=by, changes={"identities": (before, identities_of(user))})


def _new_user(
    *, email: str, full_name: str, role: str, language: str, time_zone: str, password: str | None = None
) -> User:
    check_email(email)
    require_fit(User, full_name=full_name, role=role, language=language, time_zone=time_zone)
    user = User(
        email=email,
        full_name=full_name,
        role=role,
        language=language,
        time_zone=time_zone,
        created_at=timezone.now(),
    )
    if password is None:
        user.set_unusable_password()
    else:
        check_password(password, user)
        user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") != "user_email_once":
            raise
        raise address_taken() from None
    return user


def _require_self_or_admin(user: User, *, by: Actor) -> None:
    if by.user is None or by.user.pk != user.pk:
        require_admin_still(by)


def _require_another_admin(user: User) -> None:
    if not User.objects.active().filter(role=Role.ADMIN).exclude(pk=user.pk).exists():
        raise Refused(
            "last_admin", _("The last active administrator can be neither demoted nor deactivated.")
        )


def _named(teams: Mapping[Team, bool]) -> list[dict[str, Any]]:
    rows = [{"id": str(team.public_id), "name": team.name, "lead": lead} for team, lead in teams.items()]
    return sorted(rows, key=lambda row: str(row["name"]))
