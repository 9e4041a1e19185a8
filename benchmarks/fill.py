"""Fill a desk with very many tickets, in minutes: each a copy of one that the demo's verbs have made.

A copy has another time, requester, words and ids, and events whose digests hold: `manage.py verify_audit` accepts the
whole desk afterwards. How things are spread is that of a desk that has worked for years: what is open lies in the last
month, the rest is finished and evenly old; a few people ask for much, most for little, and words likewise. Deliveries
are not copied, for they are forgotten after weeks, nor are tickets with files.

Everything is one transaction: what fails leaves the desk as it was. It needs a superuser of PostgreSQL (a private
database has one), since triggers sleep meanwhile, and indexes are made anew at the end.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serviceflow.settings")
import django

django.setup()
from django.core.management import call_command
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import actions as people
from accounts.acting import SYSTEM
from accounts.models import Role, User
from audit.models import Event
from tickets.models import Attachment, Comment, Ticket, Watch
from tickets.models.ticket import OPEN

TABLES: tuple[Any, ...] = (Ticket, Comment, Watch, Event)
PEOPLE = {"requester_id", "author_id", "finished_by_id", "user_id"}
YEARS = 5
OPEN_FOR = timedelta(days=30)
TOKEN = re.compile("@@([A-Za-z]+[0-9]*)@@")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00")
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

type Values = dict[str, str]
type Pieces = list[str]


# --- What a copy is made of ----------------------------------------------------------------------


def pieces(text: str) -> Pieces:
    """Literal text at the even places, names of values at the odd ones."""
    return TOKEN.split(text)


def filled(parts: Pieces, values: Values) -> str:
    return "".join([values[part] if place & 1 else part for place, part in enumerate(parts)])


class Template:
    """One ticket with its comments, watchers and events, as lines for COPY with names where a copy differs."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.is_open = ticket.status in OPEN
        self.moments: list[datetime] = []
        comments = list(ticket.comments.order_by("id"))
        watches = list(ticket.watches.order_by("id"))
        events = list(Event.objects.filter(subject_type="ticket", subject_id=ticket.public_id).order_by("id"))
        self.comments, self.watches, self.events = len(comments), len(watches), len(events)
        self.said = {str(one.public_id): f"@@c{n}@@" for n, one in enumerate(comments)}
        own = {"public_id": "@@S@@", "title": f"{ticket.title} @@W@@", "number": "@@N@@", "id": "@@I@@"}
        self.line = pieces(self._row(ticket, own))
        self.comment_lines = [
            pieces(self._row(one, {"id": f"@@C{n}@@", "public_id": f"@@c{n}@@", "ticket_id": "@@I@@"}))
            for n, one in enumerate(comments)
        ]
        self.watch_lines = [
            pieces(self._row(one, {"id": f"@@V{n}@@", "ticket_id": "@@I@@"})) for n, one in enumerate(watches)
        ]
        self.event_lines = [self._event(n, event) for n, event in enumerate(events)]
        self.began = min(self.moments)
        self.ended = max(self.moments)

    def _row(self, row: models.Model, instead: dict[str, str]) -> str:
        cells = []
        for field in columns(type(row)):
            value = getattr(row, field.attname)
            if field.attname in instead:
                cells.append(instead[field.attname].translate(ESCAPES))
            elif field.attname in PEOPLE and value == self.ticket.requester_id:
                cells.append("@@R@@")
            else:
                cells.append(self._cell(value))
        return "\t".join(cells) + "\n"

    def _cell(self, value: Any) -> str:
        match value:
            case None:
                return "\\N"
            case bool():
                return "t" if value else "f"
            case datetime():
                return self._moment(value, "i")
            case list():
                quoted = ['"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in value]
                return ("{" + ",".join(quoted) + "}").translate(ESCAPES)
            case _:
                return str(value).translate(ESCAPES)

    def _moment(self, moment: datetime, kind: str) -> str:
        """Two ways to write one: with microseconds always, or as Python does."""
        moment = moment.astimezone(UTC)
        if moment not in self.moments:
            self.moments.append(moment)
        return f"@@{kind}{self.moments.index(moment)}@@"

    def _event(self, number: int, event: Event) -> tuple[Pieces, Pieces]:
        """What is digested, and the line."""
        ticket, asks = self.ticket, event.actor_id == self.ticket.requester.public_id
        changes = {**event.changes}
        if "title" in changes:
            changes["title"] = [old and f"{old} @@W@@" for old in changes["title"]]
        kept = {field.attname: getattr(event, field.attname) for field in columns(Event)}
        kept |= {
            "id": f"@@E{number}@@",
            "at": self._moment(event.at, "i"),
            "subject_id": "@@S@@",
            "subject_name": event.subject_name.replace(str(ticket.number), "@@N@@"),
            "digest": "@@D@@",
        }
        if asks:
            kept |= {"actor_id": "@@RU@@", "actor_name": "@@RN@@"}
        said = self._within(json.dumps(changes, sort_keys=True, ensure_ascii=False))
        digested = {**kept, "changes": json.loads(said)}
        del digested["id"], digested["digest"]
        payload = json.dumps(digested, sort_keys=True, default=str)
        for name in ("W", "RN"):
            payload = payload.replace(f"@@{name}@@", f"@@{name}J@@")
        cells = [said.translate(ESCAPES) if name == "changes" else self._cell(kept[name]) for name in kept]
        line = "\t".join(cells)
        return pieces(payload), pieces(line + "\n")

    def _within(self, changes: str) -> str:
        """In what a change says, too: who asks, and when."""
        requester = self.ticket.requester
        changes = changes.replace(str(requester.public_id), "@@RU@@")
        name = json.dumps(requester.full_name, ensure_ascii=False)
        changes = changes.replace(f'"name": {name}', '"name": "@@RN@@"')
        for public_id, name in self.said.items():
            changes = changes.replace(public_id, name)
        return MOMENT.sub(lambda found: self._moment(datetime.fromisoformat(found[0]), "p"), changes)


def columns(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.generated]


class Copies:
    """Hands out ids, and writes one copy after the other."""

    def __init__(self, people: list[User], seed: int) -> None:
        self.random = random.Random(seed)
        self.people = [(str(one.pk), str(one.public_id), one.full_name) for one in people]
        self.ask = uneven(len(self.people), 0.5)  # who asks most asks for some hundredth of all
        self.words = made_up_words(self.random, 20_000)
        self.say = uneven(len(self.words), 1)  # as words do: Zipf
        self.next = {model: _last(model, "pk") + 1 for model in TABLES}
        self.number = _last(Ticket, "number") + 1
        self.lines: dict[type[models.Model], list[str]] = {model: [] for model in TABLES}

    def make(self, template: Template, ends_at: datetime) -> None:
        shift = ends_at - template.ended
        shift -= timedelta(microseconds=shift.microseconds)
        pk, public_id, name = self.people[self._drawn(self.ask)]
        words = " ".join(self.words[self._drawn(self.say)] for _each in range(3))
        values = {
            "I": str(self._id(Ticket)), "N": str(self.number),
            "R": pk, "RU": public_id, "RN": name, "RNJ": json.dumps(name)[1:-1],
            "W": words, "WJ": json.dumps(words)[1:-1],
        }  # fmt: skip
        self.number += 1
        for n, moment in enumerate(template.moments):
            moved = moment + shift
            values[f"p{n}"], values[f"i{n}"] = moved.isoformat(), moved.isoformat(timespec="microseconds")
        values["S"] = self._uuid(template.began + shift)
        for n in range(template.comments):
            values[f"C{n}"], values[f"c{n}"] = str(self._id(Comment)), self._uuid(template.began + shift)
        for n in range(template.watches):
            values[f"V{n}"] = str(self._id(Watch))
        self.lines[Ticket].append(filled(template.line, values))
        self.lines[Comment] += [filled(line, values) for line in template.comment_lines]
        self.lines[Watch] += [filled(line, values) for line in template.watch_lines]
        for n, (payload, line) in enumerate(template.event_lines):
            values[f"E{n}"] = str(self._id(Event))
            values["D"] = hashlib.sha256(filled(payload, values).encode()).hexdigest()
            self.lines[Event].append(filled(line, values))

    def write(self) -> None:
        for model, lines in self.lines.items():
            names = ", ".join(f'"{field.column}"' for field in columns(model))
            asked = f"COPY {model._meta.db_table} ({names}) FROM STDIN"
            with connection.cursor() as cursor, cursor.copy(asked) as sink:
                sink.write("".join(lines))
            lines.clear()

    def _id(self, model: type[models.Model]) -> int:
        number = self.next[model]
        self.next[model] = number + 1
        return number

    def _drawn(self, weights: list[float]) -> int:
        return self.random.choices(range(len(weights)), cum_weights=weights)[0]

    def _uuid(self, moment: datetime) -> str:
        """A UUIDv7 (RFC 9562) of that time."""
        noise = self.random.getrandbits(74)
        whole = (
            int(moment.timestamp() * 1000) << 80
            | 7 << 76
            | (noise >> 62) << 64
            | 2 << 62
            | noise & (2**62 - 1)
        )
        text = f"{whole:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _last(model: Any, column: str) -> int:
    return model.objects.aggregate(last=models.Max(column))["last"] or 0


def uneven(count: int, steepness: float) -> list[float]:
    """Cumulated weights: the n-th comes 1/n**steepness as often as the first."""
    return list(itertools.accumulate(n**-steepness for n in range(1, count + 1)))


def made_up_words(chance: random.Random, count: int) -> list[str]:
    """In both alphabets, and names of machines: what people put into subjects."""
    syllables = ("ka to ri ne mo sul ber tan vi do pra lem", "ка то ри не мо сул бер тан ви до пра лем")
    found: dict[str, None] = {}
    while len(found) < count:
        parts = chance.choice(syllables).split()
        word = "".join(chance.choice(parts) for _each in range(chance.randint(2, 4)))
        found[f"{word}-{chance.randint(1, 9999)}" if chance.random() < 0.3 else word] = None
    return list(found)


# --- The desk ------------------------------------------------------------------------------------


def furnish(employees: int) -> list[User]:
    """The demo, and as many employees as are wanted besides; those who ask."""
    if not User.objects.exists():
        call_command("seed_demo", tickets=420, verbosity=0)
    known = User.objects.filter(email__startswith="made.up.").count()
    first, last = (
        ["Anna", "Igor", "Мария", "Elena", "Пётр"],
        ["Ivanov", "Smith", "Соколова", "Lee", "Орлов", "Braun"],
    )
    for n in range(known, employees):
        name = f"{first[n % len(first)]} {last[n % len(last)]} {n}"
        people.create_user(email=f"made.up.{n}@northwind.example", full_name=name, by=SYSTEM)
    return list(User.objects.filter(email__startswith="made.up.").order_by("pk"))


def templates() -> tuple[list[Template], list[Template]]:
    """Of what is finished, and of what is open."""
    held = Attachment.objects.values("ticket")
    # The demo's own: a copy of a copy would bring the words of both.
    first = Ticket.objects.exclude(requester__email__startswith="made.up.").exclude(pk__in=held)
    asked = first.filter(deleted_at=None, requester__role=Role.EMPLOYEE).exclude(title="Benchmark")
    found = [Template(ticket) for ticket in asked.select_related("requester")]
    return [one for one in found if not one.is_open], [one for one in found if one.is_open]


def ends(finished: int, still_open: int, chance: random.Random) -> Iterator[tuple[bool, datetime]]:
    """Whether each copy is open, and when it last changed, the oldest first."""
    now = timezone.now() - timedelta(hours=1)
    span = timedelta(days=365 * YEARS)
    for n in range(finished):
        yield False, now - span + span * (n / finished)
    for moment in sorted(now - OPEN_FOR * chance.random() for _each in range(still_open)):
        yield True, moment


def fill(*, tickets: int, still_open: int, employees: int, seed: int, say: Callable[[str], None]) -> None:
    asking = furnish(employees)
    finished, unfinished = templates()
    missing = tickets - Ticket.objects.count()
    if missing <= 0:
        say(f"there are {tickets - missing:,} tickets already")
        return
    new_open = max(min(still_open, missing) - Ticket.objects.filter(status__in=OPEN).count(), 0)
    began = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'; SET LOCAL synchronous_commit = off")
        cursor.execute("SET LOCAL lock_timeout = '30s'; SET LOCAL statement_timeout = 0")
        indexes = without_indexes(cursor)
        copies = Copies(asking, seed)
        for n, (is_open, moment) in enumerate(ends(missing - new_open, new_open, copies.random), start=1):
            copies.make(copies.random.choice(unfinished if is_open else finished), moment)
            if n % 5_000 == 0:
                copies.write()
            if n % 100_000 == 0:
                say(f"{n:>9,} of {missing:,}, {n / (time.monotonic() - began):,.0f} a second")
        copies.write()
        say(f"{missing:,} written; {len(indexes)} indexes are made anew")
        for statement in indexes:
            cursor.execute(statement)
        numbered(cursor, copies)
    say(f"{Ticket.objects.count():,} tickets after {time.monotonic() - began:,.0f} s")


def without_indexes(cursor: Any) -> list[str]:
    """Take away every index that is no constraint; what makes them again is answered."""
    cursor.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        WHERE i.indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
        """,
        [[model._meta.db_table for model in TABLES]],
    )
    found: list[tuple[str, str]] = cursor.fetchall()
    for name, _made in found:
        cursor.execute(f"DROP INDEX {name}")
    return [made for _name, made in found]


def numbered(cursor: Any, copies: Copies) -> None:
    """The sequences go on behind what was copied."""
    for model in TABLES:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)",
            [model._meta.db_table, copies.next[model] - 1],
        )
    cursor.execute("SELECT setval('tickets_ticket_number_seq', %s)", [copies.number - 1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tickets", type=int, default=100_000, help="how many there are to be in all (100000)"
    )
    parser.add_argument("--open", type=int, default=2_000, help="how many of them open (2000)")
    parser.add_argument("--employees", type=int, default=2_000, help="how many people ask (2000)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, line_buffering=True)
    fill(tickets=asked.tickets, still_open=asked.open, employees=asked.employees, seed=asked.seed, say=print)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for model in TABLES:
            cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")


if __name__ == "__main__":
    main()
