"""Who tells which demo story, and when: pure planning, the same for the same day."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from tickets.demo.catalogue import SERVICES
from tickets.demo.people import PEOPLE, Person
from tickets.demo.shapes import Story, Turn
from tickets.demo.stories import STORIES

DAYS = 90
SEED = "northwind"
# Where the desk is at home: it talks with people while both are at work.
DESK = ZoneInfo("Europe/Berlin")

Do = Literal["open", "claim", "say", "watch", "follow", "set_due"]

_TEAM_OF = {service.key: service.team for service in SERVICES}
_PEOPLE = {person.key: person for person in PEOPLE}
# How many working days back a request that is still open was last heard of; the others spread over all the days.
_LATELY = {
    "new_unassigned": (0, 2),
    "new_claimed": (0, 3),
    "in_progress": (0, 5),
    "waiting_requester": (0, 7),
    "waiting_third_party": (1, 12),
}
_DUE = ("late", "today", "later")
_WITH_DUE_DATE = 7  # every seventh of the open ones
_FOLLOWED = 0.05  # of all, by another agent
_BY_API = 0.12


@dataclass(frozen=True, order=True)
class Step:
    """One verb: `who` and `whom` are keys of people. `say` is a turn of the story, spoken and acted."""

    at: datetime
    request: int
    number: int
    do: Do = field(compare=False)
    who: str = field(compare=False)
    turn: Turn | None = field(compare=False, default=None)
    whom: str = field(compare=False, default="")
    due: datetime | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Request:
    """A story that is told, by whom and through which door."""

    story: Story
    requester: str
    by_api: bool


@dataclass(frozen=True)
class Cast:
    """Keys of the people of one story; `successor` takes over where the story hands over."""

    requester: Person
    agent: Person
    successor: Person
    lead: Person
    colleague: Person


def plan(*, tickets: int, until: datetime) -> tuple[list[Request], list[Step]]:
    """The requests, and all their steps in the order of time, none of them at or after `until` (UTC)."""
    requests: list[Request] = []
    steps: list[Step] = []
    still_open = 0
    for number, (story, variant) in enumerate(chosen(tickets)):
        # A generator for each, so that one more ticket leaves the others as they are.
        rng = Random(f"{SEED} {story.key} {variant}")  # noqa: S311 (no secret)
        cast = cast_for(story, variant, rng)
        requests.append(Request(story.told(variant), cast.requester.key, by_api=rng.random() < _BY_API))
        due = ""
        if story.outcome in _LATELY:
            still_open += 1
            turn, rest = divmod(still_open, _WITH_DUE_DATE)
            due = "" if rest else _DUE[turn % len(_DUE)]
        steps += told_before(until, story.told(variant), cast, number, rng, due=due)
    return requests, sorted(steps)


def chosen(tickets: int) -> Iterator[tuple[Story, int]]:
    """So many variants, each outcome and each story with its share of them."""
    by_outcome = sorted(STORIES, key=lambda story: story.outcome)
    every = [(story, number) for story in by_outcome for number in range(len(story.variants))]
    if not 0 < tickets <= len(every):
        raise ValueError(f"There are stories for 1 to {len(every)} tickets.")
    for place in range(tickets):
        yield every[(2 * place + 1) * len(every) // (2 * tickets)]


def cast_for(story: Story, variant: int, rng: Random) -> Cast:
    """People who speak the story's language as far as the team has them; its lead leads and does no agent's part."""
    team = _TEAM_OF[story.service]
    members = [person for person in PEOPLE if team in person.teams]
    lead = next(person for person in members if team in person.leads)
    if any(turn.who == "lead" for turn in story.turns):
        members.remove(lead)
    agent = _drawn(members, story.language, rng)
    successor = _drawn([person for person in members if person != agent], story.language, rng)
    employees = [
        person for person in PEOPLE if person.role == "EMPLOYEE" and person.language == story.language
    ]
    requester = _requester(story, variant, employees)
    colleague = rng.choice([person for person in employees if person != requester])
    return Cast(requester, agent, successor, lead, colleague)


def told_before(
    until: datetime, story: Story, cast: Cast, number: int, rng: Random, *, due: str = ""
) -> list[Step]:
    """The steps of one request, as late as its outcome asks for and all before `until`."""
    days = _working_days(until)
    back = rng.randint(*_LATELY.get(story.outcome, (4, len(days) - 1)))
    time_of_day = timedelta(minutes=round(rng.triangular(8 * 60 + 30, 17 * 60 + 30, 10 * 60 + 30)))
    while True:
        midnight = datetime.combine(days[-1 - back], time(), ZoneInfo(cast.requester.time_zone))
        opening = _at_work((midnight + time_of_day).astimezone(UTC), cast.requester, rng)
        steps = list(_told_from(opening, story, cast, number, rng, until, due))
        if steps[-1].at < until:
            return steps
        back += 1


def _told_from(
    opening: datetime, story: Story, cast: Cast, number: int, rng: Random, until: datetime, due: str
) -> Iterator[Step]:
    at, agent, claimed, watching = opening, cast.agent, False, False
    place = 0

    def step(
        at: datetime,
        do: Do,
        who: Person,
        turn: Turn | None = None,
        whom: str = "",
        due: datetime | None = None,
    ) -> Step:
        nonlocal place
        place += 1
        return Step(at, number, place, do, who.key, turn, whom, due)

    yield step(at, "open", cast.requester)
    for turn in story.turns:
        who = {"requester": cast.requester, "agent": agent, "lead": cast.lead, "colleague": cast.colleague}[
            turn.who
        ]
        pause = timedelta(minutes=turn.after_minutes, seconds=rng.randint(0, 59))
        before, at = at, _at_work(at + pause, who, rng)
        just_before = at - min((at - before) / 2, timedelta(minutes=rng.randint(2, 9)))
        if turn.who == "agent" and not claimed:
            claimed = True
            yield step(just_before, "claim", agent)
        if turn.who == "colleague" and not watching:
            watching = True
            yield step(just_before, "watch", cast.requester, whom=cast.colleague.key)
        if turn.then == "hand_over":
            yield step(at, "say", who, turn, whom=cast.successor.key)
            agent = cast.successor
        else:
            yield step(at, "say", who, turn)
    responsible = agent if claimed else cast.lead
    if rng.random() < _FOLLOWED:
        at += timedelta(minutes=rng.randint(1, 20))
        yield step(at, "follow", cast.successor if agent is not cast.successor else cast.lead)
    if due:
        at += timedelta(minutes=rng.randint(1, 20))
        yield step(at, "set_due", responsible, due=_evening(due, at, until, responsible, rng))


def _working_days(until: datetime) -> list[datetime]:
    days = [until - timedelta(days=back) for back in range(DAYS, 0, -1)]
    return [day for day in days if day.weekday() < 5]


def _at_work(moment: datetime, person: Person, rng: Random) -> datetime:
    """The moment itself if the desk and the person work then, else soon after both have begun again. In UTC."""
    day = moment.astimezone(DESK).date()
    while day.weekday() >= 5 or moment >= _hours(day, person)[1]:
        day += timedelta(days=1)
    begin, end = _hours(day, person)
    soon = rng.randint(5, min(100, (end - begin) // timedelta(minutes=1) - 1))
    return moment if moment >= begin else begin + timedelta(minutes=soon)


def _hours(day: date, person: Person) -> tuple[datetime, datetime]:
    """From when until when both the desk, nine to six, and the person, eight to seven, are at work. In UTC."""
    zone = ZoneInfo(person.time_zone)
    begin = max(datetime.combine(day, time(9), DESK), datetime.combine(day, time(8), zone))
    end = min(datetime.combine(day, time(18), DESK), datetime.combine(day, time(19), zone))
    return begin.astimezone(UTC), end.astimezone(UTC)


def _evening(due: str, at: datetime, until: datetime, person: Person, rng: Random) -> datetime:
    """When a working day ends: the one of `at`, the one that begins at `until`, or one after it."""
    zone = ZoneInfo(person.time_zone)
    if due == "late":
        evening = at.astimezone(zone).replace(hour=17, minute=0, second=0)
        return evening if at < evening < until else (at + timedelta(minutes=30)).replace(second=0)
    # By the calendar, so that it is the same day everywhere.
    evening = datetime.combine(until.date(), time(17), zone)
    if due == "later":
        evening += timedelta(days=rng.randint(1, 5))
        while evening.weekday() >= 5:
            evening += timedelta(days=1)
    return evening


def _requester(story: Story, variant: int, employees: list[Person]) -> Person:
    """Somebody else for each variant of a story: nobody asks the same thing twice. Shuffled with _drawn's weights."""
    rng = Random(f"{SEED} {story.key}")  # noqa: S311 (no secret)
    order = sorted(employees, key=lambda person: rng.random() ** (1 / _weight(person, story.language)))
    return order[-1 - variant % len(order)]


def _drawn(people: list[Person], language: str, rng: Random) -> Person:
    """One of them: rather those of the language, and rather those whose sign-in is printed."""
    return rng.choices(people, [_weight(person, language) for person in people])[0]


def _weight(person: Person, language: str) -> int:
    return (6 if person.language == language else 1) * (1 + 2 * (person in PEOPLE[:4]))
