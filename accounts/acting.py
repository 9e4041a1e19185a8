"""Who acts, and how a rule says no."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest

from audit.models import Door

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.utils.functional import _StrPromise

    from accounts.models import ApiKey, User


@dataclass(frozen=True)
class Actor:
    """Who acts, through which door. `user` is None for a stranger, who may nothing that asks who he is, and for the
    desk itself (clock, upkeep, what a provider or a mail brings about), which has to be said: `desk`."""

    user: "User | None"
    door: str
    api_key: "ApiKey | None" = None
    request_id: str = ""
    address: str | None = None
    desk: bool = False

    @property
    def is_desk(self) -> bool:
        """Whether nobody acts but the desk itself, which may everything."""
        return self.desk and self.user is None

    @property
    def id(self) -> UUID | None:
        return self.user.public_id if self.user else None

    @property
    def name(self) -> str:
        return self.user.full_name if self.user else "ServiceFlow"

    @property
    def key_prefix(self) -> str:
        return self.api_key.prefix if self.api_key else ""

    @property
    def person(self) -> "User":
        """The user who acts. Only people may do what asks for this."""
        if self.user is None:
            raise Forbidden("people_only", "Only a person can do this.")
        return self.user


def actor_of(request: HttpRequest, door: str) -> Actor:
    """Who acts by this request. The user is whoever the door has let in; an anonymous one is None."""
    # The API leaves None where nobody has come in, the browser an AnonymousUser.
    person: User | AnonymousUser | None = request.user
    user = None if person is None or person.is_anonymous else person
    return Actor(
        user=user,
        door=door,
        api_key=getattr(request, "api_key", None),
        request_id=getattr(request, "request_id", ""),
        address=getattr(request, "client_address", None),
    )


def the_desk(by: Actor) -> Actor:
    """The desk itself, through the same door and for the same request: for what nobody there has asked for."""
    return replace(by, user=None, api_key=None, desk=True)


SYSTEM = the_desk(Actor(user=None, door=Door.SYSTEM))


@dataclass(eq=False)
class Refused(Exception):
    """Well-formed, but the rules say no: 409. `code` is stable and for machines, `message` is for the reader.

    `details` are plain values that go into the answer beside them.
    """

    code: str
    message: "str | _StrPromise"
    details: dict[str, Any] = field(default_factory=dict)
    status: int = 409

    def __str__(self) -> str:
        return str(self.message)


class Forbidden(Refused):
    """The actor sees it and may not do it: 403."""

    def __init__(
        self, code: str, message: "str | _StrPromise", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(code, message, details or {}, status=403)


class Invalid(Refused):
    """The input names something that does not exist or is not of the shape asked for: 400.

    `field` is the name of the input in fault.
    """

    def __init__(self, field: str, code: str, message: "str | _StrPromise") -> None:
        super().__init__(code, message, {"field": field}, status=400)
        self.field = field


class Stale(Refused):
    """The actor saw an older version than the one that stands: 412 in the API, the conflict page in the browser."""

    def __init__(self, message: "str | _StrPromise", *, seen: int, now: int) -> None:
        super().__init__("stale_version", message, {"seen": seen, "version": now}, status=412)
