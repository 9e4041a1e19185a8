"""How somebody stands at this moment, and until the transaction ends."""

from accounts.models import User


def held(user: User) -> User:
    """The person as he stands; nobody changes his role, teams or activity before the transaction ends.

    Many may hold him at once. It is taken after the lock of a ticket and before that of a key.
    """
    person: User = User.objects.raw("SELECT * FROM accounts_user WHERE id = %s FOR SHARE", [user.pk])[0]
    return person
