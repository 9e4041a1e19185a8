"""What the desk holds: mixed calls of people and programs at a given rate, as they come, whether it keeps up or not.

First `--rate` a minute for `--minutes`; with `--climb` then a quarter more each time, half a minute long, for as long
as nothing fails and 95 of 100 answers come within half a second. A time is counted from the moment at which a call was
due, so that what waits behind a slow one counts, too. The memory of the server's processes is told at the end.

`benchmarks/fill.py` fills a desk. A run writes tickets: for a desk that is thrown away.
"""

import argparse
import itertools
import queue
import random
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.ratios import Call, asked, calls, request, serving

# Of a hundred calls.
MIXED = {"list": 30, "detail": 35, "queue": 15, "search": 5, "create": 7, "status": 8}
AT_ONCE = 64  # connections, each with a call under way
GOAL = 0.5  # seconds, for 95 of 100


@dataclass
class Found:
    times: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, more: "Found") -> None:
        self.times += more.times
        self.statuses += more.statuses

    @property
    def good(self) -> bool:
        return all(status[0] in "23" for status in self.statuses) and self.share(95) <= GOAL

    def share(self, of_hundred: int) -> float:
        return statistics.quantiles(self.times, n=100)[of_hundred - 1]


def mixed(found: list[Call], chance: random.Random) -> Iterator[bytes]:
    weights = [MIXED[call.name] for call in found]
    turns = {call.name: itertools.count(10) for call in found}
    while True:
        (call,) = chance.choices(found, weights)
        yield request(call, call.path(next(turns[call.name])))


def sent(port: int, requests: Iterator[bytes], *, rate: float, seconds: float) -> Found:
    """So many a second; how long each took, and what it was answered."""
    due: queue.SimpleQueue[tuple[float, bytes] | None] = queue.SimpleQueue()

    def ask() -> Found:
        found = Found()  # each thread's own: no two of them add to one number
        wire: socket.socket | None = None
        while (order := due.get()) is not None:
            moment, call = order
            try:
                if wire is None:
                    wire = socket.create_connection(("127.0.0.1", port), timeout=30)
                    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answer = str(asked(port, call, wire))
            except OSError as error:
                # An idle connection may be closed just as it is used again; what is counted is what a caller sees.
                answer, wire = type(error).__name__, None
            found.times.append(time.monotonic() - moment)
            found.statuses[answer] += 1
        if wire is not None:
            wire.close()
        return found

    with ThreadPoolExecutor(AT_ONCE) as hands:
        asking = [hands.submit(ask) for _each in range(AT_ONCE)]
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            moment = began + number / rate
            time.sleep(max(0.0, moment - time.monotonic()))
            due.put((moment, next(requests)))
        for _each in asking:
            due.put(None)
    together = Found()
    for one in asking:
        together.add(one.result())
    return together


def told(rate: float, seconds: float, found: Found) -> None:
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(found.statuses.items()))
    half, most, nearly_all = (found.share(each) * 1000 for each in (50, 95, 99))
    print(
        f"{rate * 60:7.0f} a minute, {seconds:4.0f} s: {half:5.0f} ms, "
        f"p95 {most:5.0f}, p99 {nearly_all:5.0f}; {answers}",
        flush=True,
    )


def memory(port: int) -> str:
    """Of the processes that listen at this port, in MB: what is theirs alone, and a share of what they share."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"gunicorn" in (process / "cmdline").read_bytes() and f"PORT={port}".encode() in (
                process / "environ"
            ).read_bytes().split(b"\0"):
                rollup = (process / "smaps_rollup").read_text()
                found.append(int(rollup.split("Pss:")[1].split()[0]) // 1024)
        except OSError:
            continue
    return ", ".join(f"{each} MB" for each in sorted(found))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1000, help="calls a minute (1000)")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--climb", action="store_true", help="go on until it no longer keeps up")
    asked_for = parser.parse_args()
    requests = mixed(calls(pool=10_000), random.Random(1))
    rate, seconds = asked_for.rate / 60, asked_for.minutes * 60
    with serving("serviceflow.wsgi") as port:
        sent(port, requests, rate=10, seconds=5)  # the first of everything is slow
        found = sent(port, requests, rate=rate, seconds=seconds)
        told(rate, seconds, found)
        held, good = rate, found.good
        while asked_for.climb and found.good:
            held, rate = rate, rate * 1.25
            found = sent(port, requests, rate=rate, seconds=30)
            told(rate, 30, found)
        if asked_for.climb and good:
            print(f"held: {held * 60:.0f} a minute")
        print(f"memory of the web server's processes: {memory(port)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
