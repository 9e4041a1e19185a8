"""How long a search takes, by how common its words are: one caller, each search another one, by the API and the page.

The words are the desk's own, by the share of a sample of its tickets that has them. `benchmarks/fill.py` fills a desk.
"""

import argparse
import random
import socket
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote_plus

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from django.db import connection

from benchmarks.ratios import asked, calls, request, serving
from tickets.models import Ticket
from tickets.search import _OTHER_LAYOUT

SAMPLED = 10_000  # tickets, about
_WORDS = """
SELECT word, ndoc::float / (SELECT count(*) FROM tickets_ticket TABLESAMPLE SYSTEM ({share}) REPEATABLE (1))
FROM ts_stat('SELECT search FROM tickets_ticket TABLESAMPLE SYSTEM ({share}) REPEATABLE (1)')
WHERE word ~ '^[a-zа-яё]{{4,}}$' ORDER BY ndoc DESC, word
"""


def words() -> list[tuple[str, float]]:
    """Of the desk's tickets, with the share of them that has each; the most common first."""
    share = min(100.0, 100 * SAMPLED / Ticket.objects.count())
    with connection.cursor() as cursor:
        cursor.execute(_WORDS.format(share=share))
        found: list[tuple[str, float]] = cursor.fetchall()
    return found


def searches(known: list[tuple[str, float]], chance: random.Random) -> dict[str, Callable[[], str]]:
    """What is looked for, by kind."""
    common = [word for word, share in known if share >= 0.01]
    middling = [word for word, share in known if 0.001 <= share < 0.01]
    rare = [word for word, share in known if share < 0.001]
    cyrillic = [word for word in common if not word.isascii()]
    newest = Ticket.objects.latest("number").number
    kinds: dict[str, tuple[list[str], Callable[[], str]]] = {
        "common": (common, lambda: chance.choice(common)),
        "middling": (middling, lambda: chance.choice(middling)),
        "rare": (rare, lambda: chance.choice(rare)),
        "absent": (["x"], lambda: f"zq{chance.randrange(10**9)}xw"),
        "two common": (common[1:], lambda: " ".join(chance.sample(common, 2))),
        "common and rare": (rare and common, lambda: f"{chance.choice(common)} {chance.choice(rare)}"),
        "without": (common[1:], lambda: "{} -{}".format(*chance.sample(common, 2))),
        "other layout": (cyrillic, lambda: chance.choice(cyrillic).translate(_OTHER_LAYOUT)),
        "number": (["x"], lambda: f"SF-{chance.randint(1, newest)}"),
    }
    return {kind: make for kind, (needed, make) in kinds.items() if needed}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=60, help="of each kind (60)")
    wanted = parser.parse_args()
    of_programs, of_people = (
        next(one for one in calls(pool=10) if one.name == name) for name in ("search", "queue")
    )
    ways = {"api": (of_programs, "/api/v1/tickets?q="), "page": (of_people, "/queue/?view=all&q=")}
    known, chance = words(), random.Random(1)
    print(f"{Ticket.objects.count():,} tickets; ms for one search")
    print(f"{'':16} {'':5} {'median':>7} {'p95':>7} {'most':>7}")
    with serving("serviceflow.wsgi") as port:
        for kind, make in searches(known, chance).items():
            for way, (call, path) in ways.items():
                times: list[tuple[float, str]] = []
                with closing(socket.create_connection(("127.0.0.1", port))) as wire:
                    for _each in range(wanted.times + 5):
                        text = make()
                        order = request(call, path + quote_plus(text))
                        began = time.monotonic()
                        assert asked(port, order, wire) < 400  # a number leads to its ticket
                        times.append(((time.monotonic() - began) * 1000, text))
                took = [each for each, _text in times[5:]]  # the first of everything is slow
                p95, (most, slowest) = statistics.quantiles(took, n=20)[-1], max(times[5:])
                print(
                    f"{kind:16} {way:5} {statistics.median(took):7.0f} {p95:7.0f} {most:7.0f}  {slowest}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
