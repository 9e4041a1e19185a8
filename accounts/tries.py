"""How often somebody may try to be let in: passwords and codes are counted before they are looked at."""

import unicodedata
from hashlib import sha256
from math import ceil

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import ngettext

from accounts import allowances, sessions
from accounts.models import User

# Seconds in which somebody may try so many times the limit: whoever goes on guessing waits for longer.
TRIES = ((15 * 60, 1), (4 * 3600, 4))
# Behind one address a whole office may come to work at nine.
PEOPLE_AT_AN_ADDRESS = 10
# Times the limit, for the codes of one person from all addresses together that are new to him.
GUESSES_A_DAY = 20


def minutes_to_wait(request: HttpRequest, what: str, whom: str) -> int:
    """Count one try at somebody's password from this address; 0 while it is within the limits.

    Counted for a person and an address together, so nobody can shut out another from elsewhere; and for the person
    who is found by what was typed, since there is more than one way to spell him.
    """
    limit = settings.RATE_LIMITS["sign_in"]
    place = allowances.place(getattr(request, "client_address", ""))
    user = User.objects.by_email(whom).first()
    spelling = str(user.pk) if user else unicodedata.normalize("NFKC", whom).casefold()
    person = sha256(spelling.encode(errors="replace")).hexdigest()[:32]
    for window, times in TRIES:
        # What is refused counts neither for the person nor towards the longer wait.
        for name, most in (
            (f"{what}:{window}:{place}", limit * times * PEOPLE_AT_AN_ADDRESS),
            (f"{what}:{window}:{place}:{person}", limit * times),
        ):
            if wait := _minutes(name, most, window):
                return wait
    return 0


def asked_to_wait(response: HttpResponse, minutes: int) -> HttpResponse:
    """The page as it is, or the refusal to somebody who has to wait for so long."""
    if minutes:
        response.status_code = 429
        response["Retry-After"] = str(minutes * 60)
    return response


def too_many(minutes: int) -> str:
    return ngettext(
        "Too many tries. Please wait %(minutes)d minute.",
        "Too many tries. Please wait %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}


def minutes_elsewhere(request: HttpRequest, what: str, user: User) -> int:
    """Count one guess at a code of somebody's, from all places together in which he was never signed in; 0 while it
    is within what a day has room for.

    A code has six digits, and who guesses at it knows the password already: he must not go on from another address.
    Nor may he shut out the owner. Where that one has been of late only the limit of that place holds, and with a new
    password, of which the guesser knows nothing, all counting begins anew.
    """
    if sessions.was_here(user, getattr(request, "client_address", "")):
        return 0
    person = f"{user.pk}:{user.get_session_auth_hash()[:16]}"
    return _minutes(f"{what}:day:{person}", settings.RATE_LIMITS["sign_in"] * GUESSES_A_DAY, 24 * 3600)


def minutes_from_here(request: HttpRequest, what: str) -> int:
    """Count one try from this address at what nobody can guess: only so that it does not keep the desk busy."""
    most = settings.RATE_LIMITS["sign_in"] * PEOPLE_AT_AN_ADDRESS * 2
    window = TRIES[0][0]
    place = allowances.place(getattr(request, "client_address", ""))
    return _minutes(f"{what}:{window}:{place}", most, window)


def _minutes(name: str, most: int, window: int) -> int:
    """Count one use; how long to wait if that was one too many."""
    standings = allowances.spend({name: most}, window=window)
    return max((ceil(standing.reset / 60) for standing in standings if standing.exceeded), default=0)
