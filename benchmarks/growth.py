"""What the desk costs as it grows: `benchmarks/ratios.py` on desks of several sizes, and one table of them all.

    growth.py postgresql:///desk_of_10k?host=… postgresql:///desk_of_1m?host=…

The databases have been filled by `benchmarks/fill.py`, the smallest comes first.
`share` is that of the floor's rate, `cost` the time of an answer beside that of the smallest desk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RATIOS = Path(__file__).with_name("ratios.py")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("databases", nargs="+")
    parser.add_argument("--rounds", default="5")
    asked = parser.parse_args()
    sizes = [_figures(url, asked.rounds) for url in asked.databases]
    first = sizes[0]["rates"]
    print(f"{'':8}" + "".join(f"{size['tickets']:>12,} tickets" for size in sizes))
    print(f"{'':8}" + "".join(f"{'a second':>9}{'share':>6}{'cost':>5}" for _size in sizes))
    for name in first:
        cells = ""
        for size in sizes:
            desk, floor = size["rates"][name]
            cells += f"{desk:9.0f}{desk / floor:6.2f}{first[name][0] / desk:5.2f}"
        print(f"{name:8}{cells}")


def _figures(url: str, rounds: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder, "figures")
        subprocess.run(
            [sys.executable, RATIOS, "--into", into, "--rounds", rounds],
            env=os.environ | {"DATABASE_URL": url},
            check=False,  # it ends with 1 where a goal is missed
        )
        found: dict[str, Any] = json.loads(into.read_text())
    return found


if __name__ == "__main__":
    main()
