"""Second factors: an app that shows codes, passkeys, and recovery codes for the day when neither is at hand.

The rows are allauth's. An app's secret lies encrypted, of recovery codes only hashes do, of a passkey nothing need be
hidden. What is shown is taken under a lock, so that a code is good once, whoever sends it how often at the same time.
"""

import base64
import hmac
import secrets
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt
from django.contrib.auth.hashers import check_password
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from fido2.webauthn import AttestedCredentialData

from accounts import letters, sessions
from accounts.acting import Actor, Forbidden, Invalid, Refused
from accounts.actions import require_admin_still
from accounts.allauth_internals import TOTP, compare_user_code, format_hotp_value, hotp_value
from accounts.changing import locked, subject
from accounts.factors import passkeys
from accounts.factors import required as second_factor
from accounts.models import User
from accounts.sealed import Unreadable
from audit import trail

APP, PASSKEY, CODES = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES
MOST_PASSKEYS = 10
LONGEST_NAME = 60

PERIOD = 30  # seconds

# No vowels and nothing that looks like another: no words come about, and none is misread.
LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"
# 115 bits: from 112 on (NIST 800-63B, ASVS 6.5.2) nobody finds one from its SHA-256, as with an API key, and nothing
# slow has to be computed. Those that were made before have 52, a slow hash, and its name as their first letter.
CODE_LENGTH = 24
FORMER_LENGTH = 12
CODES_MADE = 10
FEW = 3


# --- What somebody has ---------------------------------------------------------------------------


def of(user: User) -> list[Authenticator]:
    """What he can show without using it up, the app first."""
    return list(Authenticator.objects.filter(user=user, type__in=[APP, PASSKEY]).order_by("type", "pk"))


def has_any(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=[APP, PASSKEY]).exists())


def codes_left(user: User) -> int:
    return count_codes(Authenticator.objects.filter(user=user, type=CODES))


def count_codes(factors: Iterable[Authenticator]) -> int:
    return sum(len(one.data["codes"]) for one in factors if one.type == CODES)


def handle(factor: Authenticator) -> str:
    """What a factor is called in addresses and in the audit."""
    if factor.type == APP:
        return "app"
    return sha256(str(factor.data["credential"]["rawId"]).encode()).hexdigest()[:16]


def name(factor: Authenticator) -> str:
    return "TOTP" if factor.type == APP else str(factor.data["name"])


def told(factors: Iterable[Authenticator]) -> list[dict[str, str]]:
    """For the audit."""
    rows = [{"id": handle(one), "name": name(one)} for one in factors if one.type != CODES]
    return sorted(rows, key=lambda row: row["id"])


def credentials(user: User) -> list[AttestedCredentialData]:
    """What his passkeys are known by."""
    rows = Authenticator.objects.filter(user=user, type=PASSKEY).order_by("pk")
    return [passkeys.data_of(row.data["credential"]) for row in rows]


def new_secret() -> str:
    """For an app: 160 bits, as RFC 4226 asks for."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


# --- Verbs ---------------------------------------------------------------------------------------


@transaction.atomic
def add_app(user: User, *, secret: str, code: str, by: Actor) -> list[str]:
    """Have codes of an app asked for, now that it has shown one. Answers recovery codes, if these are his first.

    Every other session of the person ends. Raises Invalid for a wrong code.
    """
    user = _own(user, by=by)
    before = told(of(user))
    if Authenticator.objects.filter(user=user, type=APP).exists():
        raise Refused("app_there_already", _("You have an authenticator app already. Remove it first."))
    step = _step_of(secret, code, after=0)
    if step is None:
        raise Invalid("code", "wrong_code", _WRONG)
    app = TOTP.activate(user, secret).instance
    app.data["last_step"] = step
    app.save(update_fields=["data"])
    return _added(user, before, by=by)


@transaction.atomic
def add_passkey(user: User, *, name: str, credential: dict[str, Any], by: Actor) -> list[str]:
    """Take a passkey of his, whose answer `passkeys.added` has looked at. As `add_app` otherwise."""
    user = _own(user, by=by)
    before = of(user)
    new = passkeys.data_of(credential).credential_id
    if any(known.credential_id == new for known in credentials(user)):
        raise Refused("passkey_there_already", _("This passkey is among yours already."))
    if len(before) >= MOST_PASSKEYS:
        raise Refused("too_many_passkeys", _("You have ten of them. Remove one first."))
    Authenticator.objects.create(
        user=user, type=PASSKEY, data={"name": name, "credential": credential, "counter": 0}
    )
    return _added(user, told(before), by=by)


@transaction.atomic
def remove(user: User, *, which: str, by: Actor) -> User:
    """Have one asked for no more; with the last of them the recovery codes go. Every other session ends."""
    user = _own(user, by=by)
    before = of(user)
    gone = [one for one in before if handle(one) == which]
    if not gone:
        return user
    left = [one for one in before if one not in gone]
    if not left and second_factor.is_asked_of(user):
        raise Refused("factor_needed", _("Your role needs a second factor. Add another one first."))
    changes: dict[str, Any] = {"factors": (told(before), told(left))}
    if not left:
        changes |= _without_codes(user)
    Authenticator.objects.filter(pk__in=[one.pk for one in gone]).delete()
    return _changed(user, "user.factor_removed", changes, by=by)


@transaction.atomic
def renew_codes(user: User, *, by: Actor) -> list[str]:
    """Recovery codes in the place of all former ones. They are told this once."""
    codes, kept = _new_codes()
    user = _own(user, by=by)
    if not has_any(user):
        raise Refused("no_factor", _("Recovery codes stand in for a second factor. Add one first."))
    before = codes_left(user)
    Authenticator.objects.update_or_create(user=user, type=CODES, defaults={"data": {"codes": kept}})
    changes = {"recovery_codes": (before, len(codes))}
    event = trail.record("user.recovery_codes_made", subject(user), by=by, changes=changes)
    letters.post(user, "recovery_codes_made", event=event)
    return codes


@transaction.atomic
def reset(user: User, *, by: Actor) -> User:
    """Take all factors from somebody who has lost them: he signs in anew, and sets up others where his role asks so."""
    require_admin_still(by)
    user = locked(user)
    before = of(user)
    if not before:
        return user
    changes = {"factors": (told(before), [])} | _without_codes(user)
    Authenticator.objects.filter(user=user).delete()
    return _changed(user, "user.factors_reset", changes, by=by)


def show_code(user: User, *, code: str, by: Actor) -> bool:
    """Take a code of his app, or a recovery code of his, which is good no more. False where it is neither."""
    if is_recovery_code(code):
        return _show_recovery_code(user, code=code, by=by)
    return _show_code_of_app(user, code=code, by=by)


def is_recovery_code(typed: str) -> bool:
    """Whether it reads as one: so long that nobody finds one by trying."""
    return len(_letters_of(typed)) in {CODE_LENGTH, FORMER_LENGTH}


@transaction.atomic
def _show_code_of_app(user: User, *, code: str, by: Actor) -> bool:
    for app in Authenticator.objects.filter(user=user, type=APP).select_for_update():
        step = _step_of(_secret_of(app), code, after=app.data["last_step"])
        if step is not None:
            _use(app, last_step=step)
            trail.record("user.factor_shown", subject(user), by=by, comment=name(app))
            return True
    return False


def _show_recovery_code(user: User, *, code: str, by: Actor) -> bool:
    """Looks at the code first, which may be slow, and under the lock only whether it is still there."""
    mine = Authenticator.objects.filter(user=user, type=CODES)
    looked_at = mine.first()
    which = _code_of(looked_at.data["codes"], code) if looked_at else None
    if looked_at is None or which is None:
        return False
    with transaction.atomic():
        factor = mine.select_for_update().filter(pk=looked_at.pk).first()
        if factor is None or factor.data["codes"].get(which) != looked_at.data["codes"][which]:
            return False
        left = {key: value for key, value in factor.data["codes"].items() if key != which}
        changes = {"recovery_codes": (len(factor.data["codes"]), len(left))}
        _use(factor, codes=left)
        event = trail.record("user.recovery_code_used", subject(user), by=by, changes=changes)
        letters.post(user, "recovery_code_used", event=event)
    return True


@transaction.atomic
def show_passkey(user: User, *, shown: passkeys.Shown, by: Actor) -> bool:
    """Take what `passkeys.shown` has found to hold. False where the passkey is gone, or counts as a copy would."""
    for factor in Authenticator.objects.filter(user=user, type=PASSKEY).select_for_update().order_by("pk"):
        if passkeys.data_of(factor.data["credential"]).credential_id != shown.credential_id:
            continue
        # Those that count never say the same number twice; many always say 0.
        if (shown.counter or factor.data["counter"]) and shown.counter <= factor.data["counter"]:
            return False
        _use(factor, counter=shown.counter)
        trail.record("user.factor_shown", subject(user), by=by, comment=name(factor))
        return True
    return False


def refused(user: User, *, by: Actor) -> None:
    """Leave a trace of a factor that did not hold."""
    trail.record("user.factor_refused", subject(user), by=by)


# --- How it goes ---------------------------------------------------------------------------------

_WRONG = _(
    "This code does not match. Type the one that the app shows now; if that fails too, check the clock of your device."
)


def _own(user: User, *, by: Actor) -> User:
    if by.user is None or by.user.pk != user.pk:
        raise Forbidden("not_permitted", _("Everybody decides this for himself."))
    return locked(user)


def _added(user: User, before: list[dict[str, str]], *, by: Actor) -> list[str]:
    changes: dict[str, Any] = {"factors": (before, told(of(user)))}
    codes: list[str] = []
    if not Authenticator.objects.filter(user=user, type=CODES).exists():
        codes, kept = _new_codes()
        Authenticator.objects.create(user=user, type=CODES, data={"codes": kept})
        changes["recovery_codes"] = (0, len(codes))
    _changed(user, "user.factor_added", changes, by=by)
    return codes


def _without_codes(user: User) -> dict[str, Any]:
    left = codes_left(user)
    Authenticator.objects.filter(user=user, type=CODES).delete()
    return {"recovery_codes": (left, 0)} if left else {}


def _changed(user: User, verb: str, changes: dict[str, Any], *, by: Actor) -> User:
    sessions.outdate(user)
    event = trail.record(verb, subject(user), by=by, changes=changes)
    letters.post(user, verb.partition(".")[2], event=event)
    return user


def _use(factor: Authenticator, **values: Any) -> None:
    factor.data |= values
    factor.last_used_at = timezone.now()
    factor.save(update_fields=["data", "last_used_at"])


def _secret_of(app: Authenticator) -> str:
    """Empty where the key is gone that it was encrypted with: the app no longer holds, recovery codes do."""
    try:
        return str(decrypt(app.data["secret"]))
    except Unreadable:
        return ""


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    """The time step of RFC 6238 whose code this is: that of now or one beside it, and none up to `after` any more."""
    now = int(time.time()) // PERIOD
    for step in (now, now - 1, now + 1) if secret else ():
        expected = format_hotp_value(hotp_value(secret, step))
        if step > after and compare_user_code(actual=code, expected=expected):
            return step
    return None


def _new_codes() -> tuple[list[str], dict[str, str]]:
    """Ten of them as they are told, and what is kept of each."""
    codes, kept = [], {}
    for number in range(CODES_MADE):
        code = "".join(secrets.choice(LETTERS) for _letter in range(CODE_LENGTH))
        codes.append("-".join(code[i : i + 4] for i in range(0, CODE_LENGTH, 4)))
        kept[str(number)] = _kept_of(code)
    return codes, kept


def _kept_of(code: str) -> str:
    return "sha256$" + sha256(code.encode()).hexdigest()


def _letters_of(typed: str) -> str:
    return "".join(letter for letter in typed.upper() if letter in LETTERS)


def _code_of(kept: dict[str, str], typed: str) -> str | None:
    """The name under which this code is kept."""
    code = _letters_of(typed)
    if len(code) == CODE_LENGTH:
        mine = _kept_of(code)
        return next((which for which, held in kept.items() if hmac.compare_digest(held, mine)), None)
    if len(code) == FORMER_LENGTH and code[0] in kept and check_password(code, kept[code[0]]):
        return code[0]
    return None
