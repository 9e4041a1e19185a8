"""How a person is changed within a verb: locked, checked, told to the trail."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts import letters
from accounts.acting import Actor, Invalid
from accounts.checking import require_fit, require_storable
from accounts.links import tokens as link_tokens
from accounts.models import Purpose, User
from audit import trail


def subject(user: User) -> trail.Subject:
    return trail.Subject("user", user.public_id, user.email)


def locked(user: User) -> User:
    """The person as he stands, ours alone to change until the transaction ends."""
    # FOR NO KEY UPDATE: who comments at this moment only points at the person, and must not wait for us while we
    # wait for the ticket he holds.
    locked: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return locked


def change(user: User, verb: str, *, by: Actor, **values: Any) -> User:
    """Give a locked person these values, with the one event of the verb; what is so already is no change."""
    changes = {
        name: (getattr(user, name), value) for name, value in values.items() if getattr(user, name) != value
    }
    if not changes:
        return user
    require_fit(User, **{name: new for name, (_old, new) in changes.items()})
    for name, value in values.items():
        setattr(user, name, value)
    user.save(update_fields=list(changes))
    trail.record(verb, subject(user), by=by, changes=changes)
    return user


def give_address(user: User, email: str, *, by: Actor) -> User:
    """Give a locked person another address to sign in with; both mailboxes hear of it. Raises Invalid if taken."""
    check_email(email)
    former = user.email
    try:
        with transaction.atomic():
            user = change(user, "user.email_changed", by=by, email=email)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") != "user_email_once":
            raise
        raise address_taken() from None
    if email.casefold() != former.casefold():
        told = link_tokens.told(user, Purpose.EMAIL, email=email, former_email=former)
        for kind in ("email_changed", "email_given"):
            letters.post(user, kind, about=told.public_id)
    return user


def check_email(email: str) -> None:
    try:
        User._meta.get_field("email").clean(email, None)
        require_storable("email", email)
    except ValidationError:
        raise Invalid("email", "invalid_email", _("Enter a valid e-mail address.")) from None


def check_password(password: str, user: User | None) -> None:
    """Raises Invalid. Whose it is to be is known to the verb; a form asks before that."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password", "weak_password", " ".join(error.messages)) from None


def address_taken() -> Invalid:
    return Invalid("email", "email_taken", _("There is a user with this e-mail address."))
