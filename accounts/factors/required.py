"""Who has to show a second factor, and whether he has: the one rule that every door for browsers asks.

API keys are no browsers: they are asked for nothing, and open no page and nothing of the administration.
"""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts.models import User

SHOWN_BY = "second_factor_shown_by"  # in the session: whose


def is_asked_of(user: User | AnonymousUser) -> bool:
    """Whether this person's role may do nothing here without one."""
    return isinstance(user, User) and user.role in settings.SECOND_FACTOR_FOR


def is_due(request: HttpRequest, user: User | AnonymousUser) -> bool:
    """Whether he has to show one before this session opens anything: sets one up, if he has none."""
    return is_asked_of(user) and not was_shown(request, user)


def was_shown(request: HttpRequest, user: User | AnonymousUser) -> bool:
    """Whether it was, in this session and by this person."""
    return isinstance(user, User) and request.session.get(SHOWN_BY) == str(user.public_id)


def remember(request: HttpRequest, user: User) -> None:
    """He has just shown a factor of his."""
    request.session[SHOWN_BY] = str(user.public_id)


def forget(request: HttpRequest) -> None:
    """A sign-in begins anew."""
    request.session.pop(SHOWN_BY, None)
