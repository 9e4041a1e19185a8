"""Sign-in by e-mail and password."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.db.models import Expression, Func
from django.http import HttpRequest

from accounts.models import User

# What other apps want to come along with whoever opens a page, by its name: {attribute: makes the expression}; filled
# at start-up. It costs no query of its own.
ALONG: dict[str, Callable[[], Expression | Func]] = {}


class EmailBackend(BaseBackend):
    """Finds a person by e-mail, without regard to case, and checks the password."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or not password:
            return None
        user = User.objects.by_email(username).first()
        if user is None:
            # The same work as for a known address, so that the time tells nothing.
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: Any) -> User | None:
        people = User.objects.with_teams().active().annotate(**{name: make() for name, make in ALONG.items()})
        user: User | None = people.filter(pk=user_id).first()
        return user
