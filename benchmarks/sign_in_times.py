"""Whether the time of a refused sign-in tells something of the address: somebody's, nobody's, and one shut out.

    PORT=8100 RATE_LIMIT_SIGN_IN=0 bin/run
    DEBUG=1 python benchmarks/sign_in_times.py --base-url http://127.0.0.1:8100

Wrong passwords for the three kinds of address, and the right one of who is shut out, take turns, so that a noisy
machine is noisy for all of them. Prints medians and ends with 1 if any two differ by more than a tenth, or one answer
is another than a refusal.
"""

import argparse
import os
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
GONE = "shut-out@northwind.example"
TRIED = {
    "existing": ("employee@northwind.example", WRONG),
    "missing": ("nobody-at-all@northwind.example", WRONG),
    "disabled": (GONE, WRONG),
    "disabled, right password": (GONE, PASSWORD),
}


def shut_somebody_out() -> None:
    from accounts import actions
    from accounts.acting import SYSTEM
    from accounts.models import User

    user = User.objects.by_email(GONE).first() or actions.create_user(
        email=GONE, full_name="Shut Out", password=PASSWORD, by=SYSTEM
    )
    actions.deactivate(user, by=SYSTEM)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--tries", type=int, default=150, help="of each kind")
    asked = parser.parse_args()
    django.setup()
    shut_somebody_out()
    page = f"{asked.base_url}/account/sign-in/"
    browser = requests.Session()
    [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(page).text)[:1]
    took: dict[str, list[float]] = defaultdict(list)
    for number in range(asked.tries + 5):
        for kind, (email, password) in TRIED.items():
            fields = {"email": email, "password": password, "csrfmiddlewaretoken": token}
            began = time.perf_counter()
            answer = browser.post(page, fields, allow_redirects=False)
            if number >= 5:  # the first ones warm up
                took[kind].append((time.perf_counter() - began) * 1000)
            if answer.status_code != 200:
                print(f"{kind}: {answer.status_code} instead of a refusal", file=sys.stderr)
                return 1
    medians = {kind: statistics.median(times) for kind, times in took.items()}
    for kind, median in medians.items():
        print(f"{kind:26} {median:7.1f} ms")
    worst = max(abs(one - other) / min(one, other) for one, other in combinations(medians.values(), 2))
    print(f"largest difference of two  {worst:7.1%}")
    return 0 if worst <= 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
