"""Whether pages get slower while the mail server is away: the same visits with it, without it, and with one that hangs.

    MAIL_HOST=127.0.0.1 MAIL_PORT=2525 MAIL_SECURITY=NONE PORT=8100 RATE_LIMIT_PERSON=0 bin/run
    python benchmarks/mail_down.py --base-url http://127.0.0.1:8100 --smtp-port 2525

An employee of the demo desk opens tickets in the browser and looks at them. The rounds of the three conditions take
turns, so that a noisy machine is noisy for all of them. Prints medians, 95th percentiles and their ratios, and how many
mails arrived. Ends with 1 for any answer but the expected ones.
"""

import argparse
import re
import socket
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from aiosmtpd.controller import Controller

PASSWORD = "demo-serviceflow-2026"


class Sink:
    """Takes every mail and counts it."""

    def __init__(self) -> None:
        self.taken = 0

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        self.taken += 1
        return "250 OK"


@contextmanager
def mail_server(condition: str, port: int, sink: Sink) -> Iterator[None]:
    """One that works, none at all, or one that takes the connection and never says a word."""
    if condition == "up":
        controller = Controller(sink, hostname="127.0.0.1", port=port)
        controller.start()
        try:
            yield
        finally:
            controller.stop()
    elif condition == "hangs":
        with socket.create_server(("127.0.0.1", port), backlog=200):
            yield
    else:
        yield


def hidden(page: requests.Response) -> dict[str, str]:
    """The hidden fields of the page, as a browser would send them along."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return dict(found)


def signed_in(base: str) -> requests.Session:
    person = requests.Session()
    person.trust_env = False
    page = person.get(f"{base}/account/sign-in/")
    fields = hidden(page) | {"email": "agent@northwind.example", "password": PASSWORD}
    answer = person.post(page.url, data=fields, headers={"Referer": page.url})
    if "sign-in" in answer.url:
        sys.exit("the demo's agent could not sign in")
    return person


def visit(person: requests.Session, base: str, seconds: dict[str, list[float]], title: str) -> None:
    page = person.get(f"{base}/tickets/new/")
    # For somebody else, who is written to.
    fields = hidden(page) | {"title": title, "requester": "employee@northwind.example"}
    began = time.perf_counter()
    answer = person.post(page.url, data=fields, headers={"Referer": page.url})
    seconds["open"].append(time.perf_counter() - began)
    if answer.status_code != 200 or title not in answer.text:
        sys.exit(f"opening a ticket was answered {answer.status_code}")
    began = time.perf_counter()
    again = person.get(answer.url)
    seconds["look"].append(time.perf_counter() - began)
    if again.status_code != 200:
        sys.exit(f"the ticket's page was answered {again.status_code}")


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--visits", type=int, default=30, help="in a round")
    given = parser.parse_args()
    person = signed_in(given.base_url)
    sink = Sink()
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(given.rounds):
        for condition in ("up", "away", "hangs"):
            with mail_server(condition, given.smtp_port, sink):
                for number in range(given.visits):
                    visit(person, given.base_url, times[condition], f"Benchmark {turn}-{condition}-{number}")
    print(f"{given.rounds * given.visits} visits under each condition, {sink.taken} mails taken")
    for deed in ("open", "look"):
        base = p95(times["up"][deed])
        for condition, seconds in times.items():
            median, high = statistics.median(seconds[deed]), p95(seconds[deed])
            print(
                f"{deed:5} mail server {condition:6} median {median * 1000:6.1f} ms   p95 {high * 1000:6.1f} ms"
                f"   p95 ratio {high / base:.2f}"
            )


if __name__ == "__main__":
    main()
