"""Who works here: users with one role each, teams, memberships and API keys."""

import zoneinfo
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import JSONArray, Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from uuid_utils.compat import uuid7

from accounts.checking import validate_visible

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Role(models.TextChoices):
    """One per user. An agent is also an employee, an administrator also an agent."""

    EMPLOYEE = "EMPLOYEE", _("Employee")
    AGENT = "AGENT", _("Agent")
    ADMIN = "ADMIN", _("Administrator")


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    RUSSIAN = "ru", "Русский"


class Theme(models.TextChoices):
    SYSTEM = "", _("Like the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


def validate_time_zone(name: str) -> None:
    """Refuse what is not an IANA zone of this machine (ValidationError)."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is not a time zone."), code="unknown_time_zone", params={"name": name}
        )


class Team(models.Model):
    """Agents who share a queue."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("name"),
                name="team_name_once",
                violation_error_message=_("There is a team of this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


AGENTS = models.Q(is_active=True, role__in=[Role.AGENT, Role.ADMIN])  # who may be responsible for a ticket


class UserQuerySet(models.QuerySet["User"]):
    def with_teams(self) -> "UserQuerySet":
        """Bring [team id, is lead] pairs along, so that asking for rights needs no further query."""
        mine = Membership.objects.filter(user=models.OuterRef("pk"))
        return self.annotate(team_pairs=ArraySubquery(mine.values_list(JSONArray("team_id", "is_lead"))))

    def by_email(self, email: str) -> "UserQuerySet":
        """Whoever has this address, without regard to case."""
        return self.alias(folded=Lower("email")).filter(folded=Lower(models.Value(email)))

    def active(self) -> "UserQuerySet":
        return self.filter(is_active=True)

    def agents(self) -> "UserQuerySet":
        """Everybody who may be responsible for a ticket."""
        return self.filter(AGENTS)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_by_natural_key(self, username: str | None) -> "User":
        user: User = self.by_email(username or "").get()
        return user


class User(AbstractBaseUser):
    """A person. Signs in by e-mail, which is compared without regard to case."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    email = models.EmailField(_("e-mail"), max_length=254)
    full_name = models.CharField(_("full name"), max_length=150, validators=[validate_visible])
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.EMPLOYEE)
    language = models.CharField(_("language"), max_length=5, choices=Language, default=Language.ENGLISH)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    theme = models.CharField(_("theme"), max_length=5, choices=Theme, default=Theme.SYSTEM, blank=True)
    # Single keys do things on an agent's pages; whoever speaks to the computer may need them silent (WCAG 2.1.4).
    shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True, db_default=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    # Changed when the person is shut out: no session of before is his afterwards.
    session_salt = models.CharField(max_length=32, default="", blank=True, editable=False)
    teams = models.ManyToManyField(Team, through="Membership", related_name="people")

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering: ClassVar[list[str]] = ["full_name", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_once",
                violation_error_message=_("There is a user with this e-mail address."),
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def is_agent(self) -> bool:
        return self.role in {Role.AGENT, Role.ADMIN}

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @cached_property
    def team_leads(self) -> dict[int, bool]:
        """{team id: leads it} of the person's teams."""
        pairs = getattr(self, "team_pairs", None)
        if pairs is None:
            pairs = self.memberships.values_list("team_id", "is_lead")
        return {int(team): bool(lead) for team, lead in pairs}

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        # Django's own, with the salt beside the password; without one the two are the same.
        key_salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
        return salted_hmac(
            key_salt, self.password + self.session_salt, secret=secret, algorithm="sha256"
        ).hexdigest()

    # Django admin asks these three. Its door opens for administrators only.
    @property
    def is_staff(self) -> bool:
        return self.is_active and self.is_admin

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Membership(models.Model):
    """Somebody's place in a team. A lead decides over the team's tickets."""

    # Its index would be the beginning of membership_once again.
    user = models.ForeignKey(
        User, models.CASCADE, related_name="memberships", verbose_name=_("user"), db_index=False
    )
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships", verbose_name=_("team"))
    is_lead = models.BooleanField(_("lead"), default=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "team"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.team}"


class Scope(models.TextChoices):
    """What a key may be used for. The owner's role still decides; a scope only narrows."""

    READ = "read", pgettext_lazy("scope", "read")
    WRITE = "write", _("write tickets and comments")
    ADMIN = "admin", _("manage users and keys")


class ApiKey(models.Model):
    """A key of the REST API. The raw key is shown once and never kept: only SHA-256 of it is."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("visible part"), max_length=16, unique=True, editable=False)
    digest = models.CharField("SHA-256", max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope), verbose_name=_("scopes"))
    created_at = models.DateTimeField(_("issued"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    # Since then another key is there in its place; this one goes on until it expires, which is soon.
    replaced_at = models.DateTimeField(_("replaced"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def state(self) -> "tuple[str, _StrPromise]":
        """One of active, replaced, expired, revoked, with the word for it. Active and replaced ones work."""
        if self.revoked_at is not None:
            return "revoked", _("revoked")
        if self.expires_at <= timezone.now():
            return "expired", _("expired")
        if self.replaced_at is not None:
            return "replaced", _("replaced")
        return "active", _("active")


class Purpose(models.TextChoices):
    """What a link in a mail is for."""

    INVITATION = "invitation", _("invitation")
    RESET = "reset", _("new password")
    EMAIL = "email", _("new e-mail address")


class Link(models.Model):
    """A link that a mail brings to a person: see accounts.links.tokens, which also says how its token comes about.

    Nothing here opens anything: the token is made of this row with the key of the desk, whenever it is needed.
    """

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=12, choices=Purpose)
    email = models.EmailField(max_length=254)  # where it is sent
    former_email = models.EmailField(max_length=254, blank=True, default="")  # that of a person who moves
    asked_from = models.GenericIPAddressField(null=True)
    state = models.CharField(max_length=64)  # of the person, as of then
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(purpose__in=Purpose.values), name="link_purpose_known"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.user_id}"

    if TYPE_CHECKING:
        user_id: int


class Installation(models.Model):
    """The one row that says when the first administrator was made. While it stands, nobody makes another."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    bootstrapped_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_installation"),
        ]

    def __str__(self) -> str:
        return f"bootstrapped {self.bootstrapped_at:%F}"


class Backup(models.Model):
    """The one row that says when bin/backup has last made a whole backup. It writes it by itself, as the owner."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_backup"),
        ]

    def __str__(self) -> str:
        return f"backed up {self.made_at:%F}"


class Allowance(models.Model):
    """How much of a rate limit one caller has used in the current window; see accounts.allowances."""

    name = models.CharField(max_length=120, primary_key=True)
    window = models.BigIntegerField()
    used = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.used}"


class StoredAnswer(models.Model):
    """The first answer to an Idempotency-Key, kept for 24 hours for the same caller.

    `key` is SHA-256 of the caller's key; `request` is SHA-256 of method, path and body; `body` is encrypted, since
    an answer may hold a raw API key that no table may show. `user` is empty for the call that makes the first
    administrator.
    """

    user = models.ForeignKey(
        User, models.CASCADE, null=True, related_name="+", db_index=False
    )  # see answer_once
    key = models.CharField(max_length=64)
    request = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "key"], name="answer_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.status} for {self.key[:8]}"
