"""How somebody stands at this moment, and until the transaction ends."""

from dataclasses import replace

from accounts.acting import Actor
from accounts.models import User


def held(user: User) -> User:
    """The person as he stands; nobody changes his role, teams or activity before the transaction ends.

    Many may hold him at once. It is taken after the lock of a ticket and before that of a key.
    """
    person: User = User.objects.raw("SELECT * FROM accounts_user WHERE id = %s FOR SHARE", [user.pk])[0]
    return person


def again(by: Actor) -> Actor:
    """The actor as he stands in this transaction: he may have lost his role or his team since he was let in."""
    return by if by.user is None else replace(by, user=User.objects.with_teams().get(pk=by.user.pk))
