"""The door of programs to people and their keys."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

from accounts import actions, api_keys, reauthentication, standing
from accounts.acting import Forbidden, Invalid
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.models import ApiKey, Membership, Role, Scope, Team, User
from accounts.rest import conditional, lists
from accounts.rest.calls import SAFE, Call, answer, nothing, routes
from accounts.rest.inputs import ME, Nothing
from accounts.rest.operations import PAGING, operation, page_example, page_of
from accounts.serializers import (
    InvitationShape,
    KeyInput,
    KeyShape,
    NewKeyShape,
    NewUserShape,
    RotationInput,
    UserChangeInput,
    UserInput,
    UserShape,
    key_out,
    moment_out,
    user_out,
)

USER = {
    "id": "0198f1a2-7c4e-7b0a-9d52-3f6d1c0e8b11",
    "full_name": "Anna Kuznetsova",
    "email": "anna@example.com",
    "role": "EMPLOYEE",
    "is_active": True,
    "language": "en",
    "time_zone": "Europe/Berlin",
    "teams": [],
    "created_at": "2026-03-02T08:15:00Z",
}
KEY = {
    "id": "0198f1a2-8d10-7c55-8e0b-51b7a2c9d404",
    "name": "Monitoring",
    "prefix": "sf_k3v9x0qa",
    "scopes": ["read", "write"],
    "state": "ACTIVE",
    "created_at": "2026-03-02T08:15:00Z",
    "expires_at": "2027-03-02T08:15:00Z",
    "last_used_at": None,
    "revoked_at": None,
    "replaced_at": None,
}
RAW_KEY = "sf_k3v9x0qa_" + 43 * "…"

_USER_IN_PATH = OpenApiParameter("user", str, OpenApiParameter.PATH, description="A user's id, or `me`.")
_KEY_IN_PATH = OpenApiParameter("key", OpenApiTypes.UUID, OpenApiParameter.PATH, description="A key's id.")


class PeopleCall(Call):
    """A call about users or keys. What is not about oneself is for administrators."""

    writing = Scope.ADMIN
    reading = Scope.ADMIN

    def found(self, reference: str) -> User:
        """The user of this id, or `me`. Whoever is no administrator hears nothing about others: Forbidden."""
        me = self.by.person
        if reference == ME or reference == str(me.public_id):
            return me
        actions.require_admin(self.by)
        try:
            public_id = UUID(reference)
        except ValueError:
            raise Http404 from None
        found: User = User.objects.with_teams().get(public_id=public_id)
        return found

    def require_proof(self) -> None:
        """A browser that was left open gives nobody a key or a right, by this door either.

        Who calls by an API key has no session that could be left open: having the key is the proof.
        """
        if self.by.api_key is None and not reauthentication.is_fresh(self.request):
            raise Forbidden(
                "password_required", _("Type your password once more first, at /account/confirm/.")
            )


def people() -> QuerySet[User]:
    """Users with everything that `user_out` shows."""
    places = Membership.objects.select_related("team")
    users: QuerySet[User] = User.objects.prefetch_related(Prefetch("memberships", places))
    return users


def tag_of(user: User) -> str:
    return conditional.tag_of(user_out(user))


class Users(PeopleCall):
    parameters = {"GET": lists.PARAMETERS | {"q", "role", "is_active"}}
    repeatable = ("role",)

    def scope_for(self, request: Request) -> str | None:
        bootstrap_key = request.headers.get("X-Bootstrap-Key")
        if request.method != "POST" or bootstrap_key is None:
            return super().scope_for(request)
        # Asked here, before an answer kept for somebody's Idempotency-Key could be given again.
        if not actions.bootstrap_key_is(bootstrap_key):
            raise exceptions.AuthenticationFailed
        return None

    @operation(
        "listUsers",
        "List users",
        gives=page_of(UserShape, "UserPage"),
        parameters=[
            OpenApiParameter("q", str, description="Part of a name or an e-mail address."),
            OpenApiParameter("role", {"type": "array", "items": {"type": "string", "enum": Role.values}}),
            OpenApiParameter("is_active", bool),
            *PAGING,
        ],
        received=page_example(USER),
        tags=["Users"],
    )
    def get(self, request: Request) -> HttpResponse:
        actions.require_admin(self.by)
        return lists.listed(
            request, filtered(request, people()), order=("full_name", "public_id"), show=user_out
        )

    @operation(
        "createUser",
        "Make a user known; with X-Bootstrap-Key the first administrator",
        takes=UserInput,
        gives=NewUserShape,
        status=201,
        changes=True,
        resends=True,
        parameters=[
            OpenApiParameter(
                "X-Bootstrap-Key",
                str,
                OpenApiParameter.HEADER,
                description="Makes the first administrator, once in the life of an installation.",
            )
        ],
        headers={"Location": "The address of the user."},
        sent={"email": "anna@example.com", "full_name": "Anna Kuznetsova", "issue_api_key": True},
        received=USER | {"api_key": RAW_KEY},
        tags=["Users"],
    )
    def post(self, request: Request) -> HttpResponse:
        wanted = self.input(UserInput)
        bootstraps = request.headers.get("X-Bootstrap-Key") is not None
        user, raw = self._bootstrap(wanted) if bootstraps else self._create(wanted)
        shown = user_out(user) | ({"api_key": raw} if raw else {})
        return answer(shown, 201, headers={"Location": reverse("api:user", args=[user.public_id])})

    def _bootstrap(self, wanted: dict[str, Any]) -> tuple[User, str]:
        user, _key, raw = actions.bootstrap_admin(
            email=wanted["email"],
            full_name=wanted["full_name"],
            language=wanted.get("language", "en"),
            by=self.by,
        )
        return user, raw

    def _create(self, wanted: dict[str, Any]) -> tuple[User, str]:
        actions.require_admin(self.by)
        self.require_proof()
        teams = dict.fromkeys(named_teams(wanted.pop("team_ids", [])), False)
        wants_key = wanted.pop("issue_api_key")
        user = actions.create_user(**wanted, teams=teams, by=self.by)
        if not wants_key:
            return user, ""
        useful = Scope.values if user.is_admin else [Scope.READ, Scope.WRITE]
        own = self.by.api_key.scopes if self.by.api_key else useful
        scopes = [scope for scope in useful if scope in own] or useful  # of those none: the verb refuses
        return user, api_keys.issue(user, name=_("First key"), scopes=scopes, by=self.by)[1]


class OneUser(PeopleCall):
    def scope_for(self, request: Request) -> str | None:
        about_me = self.kwargs["user"] == ME and request.method in SAFE
        return Scope.READ if about_me else super().scope_for(request)

    @operation(
        "getUser",
        "Show a user; `me` is open to everybody",
        gives=UserShape,
        finds=True,
        parameters=[_USER_IN_PATH],
        headers={"ETag": "Of this state."},
        received=USER,
        tags=["Users"],
    )
    def get(self, request: Request, user: str) -> HttpResponse:
        shown = user_out(people().get(pk=self.found(user).pk))
        tag = conditional.tag_of(shown)
        return conditional.not_modified(request, tag) or answer(shown, headers={"ETag": tag})

    @operation(
        "updateUser",
        "Change a user; name, language and time zone also one's own",
        takes=UserChangeInput,
        gives=UserShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_USER_IN_PATH],
        headers={"ETag": "Of the new state."},
        sent={"role": "AGENT", "team_ids": ["0198f1a2-6a01-7d3c-a1b4-2a90cf7be6d2"]},
        received=USER | {"role": "AGENT"},
        tags=["Users"],
    )
    def patch(self, request: Request, user: str) -> HttpResponse:
        found = self.found(user)
        wanted = self.input(UserChangeInput)
        if not actions.GUARDED.isdisjoint(wanted):
            self.require_proof()
        actions.hold(found, changing=wanted.keys())
        locked = people().get(pk=found.pk)
        self.expect(tag_of(locked))
        change_user(locked, wanted, call=self)
        shown = user_out(people().get(pk=found.pk))
        return answer(shown, headers={"ETag": conditional.tag_of(shown)})


def change_user(user: User, wanted: dict[str, Any], *, call: Call) -> None:
    """A field is a verb; name, language and time zone are one together."""
    by = call.by
    profile = {name: wanted.get(name, getattr(user, name)) for name in ("full_name", "language", "time_zone")}
    if profile.keys() & wanted.keys():
        actions.change_profile(user, **profile, by=by)
    if "email" in wanted:
        actions.change_email(user, email=wanted["email"], by=by)
    if "role" in wanted:
        actions.change_role(user, role=wanted["role"], by=by)
    if "team_ids" in wanted:
        leads = {place.team_id: place.is_lead for place in user.memberships.all()}
        teams = {team: leads.get(team.pk, False) for team in named_teams(wanted["team_ids"])}
        actions.set_teams(user, teams=teams, by=by)
    if "is_active" in wanted:
        (actions.activate if wanted["is_active"] else actions.deactivate)(user, by=by)


def named_teams(ids: Sequence[UUID]) -> list[Team]:
    """The teams in use with these ids. Raises Invalid if one is none."""
    teams = list(Team.objects.filter(public_id__in=ids, is_active=True))
    if len(teams) != len(set(ids)):
        raise Invalid("team_ids", "unknown", _("There is no such team."))
    return teams


def filtered(request: Request, users: QuerySet[User]) -> QuerySet[User]:
    """Those whom the query asks for. Raises Invalid for a value there is not."""
    words = request.query_params.get("q", "")
    if len(words) > 200:
        raise Invalid("q", "too_long", _("At most 200 characters."))
    if words:
        users = users.filter(Q(full_name__icontains=words) | Q(email__icontains=words))
    roles = request.query_params.getlist("role")
    if not set(roles) <= set(Role.values):
        raise Invalid(
            "role", "invalid_choice", _("Choose one of: %(all)s.") % {"all": ", ".join(Role.values)}
        )
    if roles:
        users = users.filter(role__in=roles)
    active = request.query_params.get("is_active")
    if active not in {None, "true", "false"}:
        raise Invalid("is_active", "invalid_choice", _("This parameter is true or false."))
    return users if active is None else users.filter(is_active=active == "true")


class KeysCall(PeopleCall):
    def found_key(self, user: str, key: UUID) -> ApiKey:
        """The key, if it is that user's. Locked, so that If-Match holds until the verb is done."""
        # The person before the key, as the verbs have it.
        owner = standing.held(self.found(user))
        keys = ApiKey.objects.filter(user=owner).select_for_update(of=("self",))
        found: ApiKey = keys.get(public_id=key)
        self.expect(conditional.tag_of(key_out(found)))
        return found


class Keys(KeysCall):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listApiKeys",
        "List the keys of a user",
        gives=page_of(KeyShape, "ApiKeyPage"),
        finds=True,
        parameters=[_USER_IN_PATH, *PAGING],
        received=page_example(KEY),
        tags=["API keys"],
    )
    def get(self, request: Request, user: str) -> HttpResponse:
        keys = ApiKey.objects.filter(user=self.found(user))
        return lists.listed(request, keys, order=("-created_at", "-public_id"), show=key_out)

    @operation(
        "issueApiKey",
        "Issue a key; the raw key is in this answer only",
        takes=KeyInput,
        gives=NewKeyShape,
        status=201,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_USER_IN_PATH],
        sent={"name": "Monitoring", "scopes": ["read", "write"]},
        received=KEY | {"api_key": RAW_KEY},
        tags=["API keys"],
    )
    def post(self, request: Request, user: str) -> HttpResponse:
        owner = self.found(user)
        self.require_proof()
        key, raw = api_keys.issue(owner, **self.input(KeyInput), by=self.by)
        return answer(key_out(key) | {"api_key": raw}, 201)


class OneKey(KeysCall):
    @operation(
        "revokeApiKey",
        "Revoke a key at once",
        status=204,
        changes=True,
        finds=True,
        parameters=[_USER_IN_PATH, _KEY_IN_PATH],
        tags=["API keys"],
    )
    def delete(self, request: Request, user: str, key: UUID) -> HttpResponse:
        api_keys.revoke(self.found_key(user, key), by=self.by)
        return nothing()


class Rotation(KeysCall):
    @operation(
        "rotateApiKey",
        "Issue a key like this one, in one step; this one goes on for a while",
        takes=RotationInput,
        gives=NewKeyShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_USER_IN_PATH, _KEY_IN_PATH],
        sent={"overlap_hours": 24},
        received=KEY | {"api_key": RAW_KEY},
        tags=["API keys"],
    )
    def post(self, request: Request, user: str, key: UUID) -> HttpResponse:
        overlap = timedelta(hours=self.input(RotationInput)["overlap_hours"])
        self.require_proof()
        new, raw = api_keys.rotate(self.found_key(user, key), overlap=overlap, by=self.by)
        return answer(key_out(new) | {"api_key": raw})


class Invitation(PeopleCall):
    @operation(
        "inviteUser",
        "Send an invitation; an earlier one dies",
        gives=InvitationShape,
        changes=True,
        resends=True,
        finds=True,
        parameters=[_USER_IN_PATH],
        received={"sent_to": "anna@example.com", "expires_at": "2026-03-05T08:15:00Z", "link": None},
        tags=["Users"],
    )
    def post(self, request: Request, user: str) -> HttpResponse:
        self.input(Nothing)
        actions.require_admin(self.by)
        self.require_proof()
        found = people().get(pk=self.found(user).pk)
        actions.hold(found, changing=())
        self.expect(tag_of(found))
        link = link_actions.invite(found, by=self.by)
        # Where the desk sends no mail, whoever calls brings it.
        told = None if settings.MAIL_HOST else link_tokens.address(link)
        return answer({"sent_to": link.email, "expires_at": moment_out(link.expires_at), "link": told})


urlpatterns: list[URLPattern] = [
    *routes("users", Users.as_view(), "users"),
    *routes("users/<str:user>", OneUser.as_view(), "user"),
    *routes("users/<str:user>/invitation", Invitation.as_view(), "invitation"),
    *routes("users/<str:user>/api-keys", Keys.as_view(), "api_keys"),
    *routes("users/<str:user>/api-keys/<uuid:key>", OneKey.as_view(), "api_key"),
    *routes("users/<str:user>/api-keys/<uuid:key>/rotate", Rotation.as_view(), "rotate_api_key"),
]
