"""Why a provider's word was not taken, for whoever reads the log. Who was turned away is told less."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

WHY: "dict[str, _StrPromise]" = {
    "denied": _("the person said no there"),
    "wrong_state": _("begun elsewhere, or too long ago"),
    "unavailable": _("the provider did not answer"),
    "provider_error": _("the provider reported an error"),
    "code_refused": _("the provider did not take the code"),
    "odd_answer": _("an answer of a shape that no provider should give"),
    "odd_token": _("the ID token cannot be read"),
    "odd_subject": _("the account there has no usable name"),
    "expired": _("the ID token has expired"),
    "unknown_key": _("signed with a key that the provider does not publish"),
    "wrong_algorithm": _("signed in a way that is not allowed"),
    "wrong_audience": _("the ID token is meant for another program"),
    "wrong_issuer": _("the answer is from another provider"),
    "wrong_nonce": _("the answer belongs to another question"),
    "wrong_signature": _("the signature of the ID token does not hold"),
    "wrong_subject": _("the provider named two different accounts"),
    "unsafe_endpoint": _("the provider names an address that is not safe"),
    "no_email": _("no e-mail address came with it"),
    "unverified_email": _("the provider has not verified the e-mail address"),
    "not_known": _("nobody here, and no account is made for that address"),
    "other_identity": _("whoever has this address here has another account there"),
    "inactive": _("the person is deactivated"),
    "somebody_else": _("another person than the one who is signed in"),
    "not_asked_anew": _("the provider has not asked for the password anew"),
    "identity_known": _("another account of this provider is connected"),
    "identity_taken": _("connected to somebody else already"),
}


def in_words(comment: str) -> str:
    """The comment of a refusal, which ends in a code, as people read it. What has no words stays as it is."""
    name, colon, code = comment.rpartition(": ")
    return f"{name}{colon}{WHY[code]}" if code in WHY else comment
