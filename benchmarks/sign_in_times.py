"""Whether the time of an answer tells something of an address: somebody's, nobody's, one shut out, and others.

    PORT=8100 RATE_LIMIT_SIGN_IN=0 MAIL_HOST=127.0.0.1 MAIL_PORT=2525 MAIL_SECURITY=NONE bin/run
    DEBUG=1 python benchmarks/sign_in_times.py --base-url http://127.0.0.1:8100

Wrong passwords for each kind of address (and the right one of who is shut out), and the form for a forgotten password,
take turns in an order that is drawn anew for each round, so that a noisy machine is noisy for all of them and nothing
follows the same thing twice. Prints medians and ends with 1 if any two of the same form differ by more than a tenth, or
one answer is another than all of them get.
"""

import argparse
import os
import random
import re
import statistics
import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import django
import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings")

PASSWORD, WRONG = "demo-serviceflow-2026", "a wrong guess at it"
THERE, NOBODY = "employee@northwind.example", "nobody-at-all@northwind.example"
GONE, BARE, CAREFUL = (f"{name}@northwind.example" for name in ("shut-out", "no-password", "two-factors"))
WARMING_UP = 5  # rounds
KINDS = {
    "existing": THERE,
    "missing": NOBODY,
    "disabled": GONE,
    "without password": BARE,
    "second factor": CAREFUL,
}
# Form, kind, what is sent.
TRIED = [("sign-in", kind, {"email": email, "password": WRONG}) for kind, email in KINDS.items()]
TRIED.append(("sign-in", "disabled, right password", {"email": GONE, "password": PASSWORD}))
TRIED += [("forgot", kind, {"email": email}) for kind, email in KINDS.items()]
PAGES = {
    "sign-in": ("/account/sign-in/", 200),
    "forgot": ("/account/forgot/", 302),
}  # and what everybody is answered


def furnish() -> None:
    from accounts import actions
    from accounts.acting import SYSTEM
    from accounts.factors import actions as factors
    from accounts.models import User
    from tests.authenticators import with_app

    def person(email: str, password: str | None) -> User:
        known = User.objects.by_email(email).first()
        return known or actions.create_user(email=email, full_name="Somebody", password=password, by=SYSTEM)

    actions.deactivate(person(GONE, PASSWORD), by=SYSTEM)
    person(BARE, None)
    careful = person(CAREFUL, PASSWORD)
    if not factors.has_any(careful):
        with_app(careful)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--tries", type=int, default=150, help="of each kind")
    parser.add_argument("--form", choices=PAGES, help="only this one")
    asked = parser.parse_args()
    tried = [one for one in TRIED if asked.form in {None, one[0]}]
    django.setup()
    furnish()
    browser = requests.Session()
    page = browser.get(asked.base_url + PAGES["sign-in"][0]).text
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[:1]
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(asked.tries + WARMING_UP):
        for form, kind, fields in random.sample(tried, len(tried)):
            path, expected = PAGES[form]
            sent = {**fields, "csrfmiddlewaretoken": token}
            began = time.perf_counter()
            answer = browser.post(asked.base_url + path, sent, allow_redirects=False)
            if number >= WARMING_UP:
                took[form, kind].append((time.perf_counter() - began) * 1000)
            if answer.status_code != expected:
                print(f"{form}, {kind}: {answer.status_code} instead of {expected}", file=sys.stderr)
                return 1
    worst = 0.0
    for form in dict.fromkeys(form for form, _kind, _sent in tried):
        medians = {kind: statistics.median(times) for (of, kind), times in sorted(took.items()) if of == form}
        for kind, median in medians.items():
            print(f"{form:8} {kind:26} {median:7.1f} ms")
        widest = max(abs(one - other) / min(one, other) for one, other in combinations(medians.values(), 2))
        print(f"{form:8} largest difference of two  {widest:7.1%}")
        worst = max(worst, widest)
    return 0 if worst <= 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
