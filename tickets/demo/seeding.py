"""The demo desk, made by the verbs themselves under a clock that moves through its last ninety days."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import actions as people_actions
from accounts import api_keys, configuration
from accounts.acting import SYSTEM, Actor
from accounts.models import ApiKey, Team, User
from audit.models import Door
from notifications.models import Delivery, Transport
from tickets import actions
from tickets.demo.catalogue import SERVICES, TEAMS
from tickets.demo.people import PEOPLE
from tickets.demo.planning import DAYS, Request, Step, plan
from tickets.demo.shapes import Turn
from tickets.models import Service, Ticket

PASSWORD = "demo-serviceflow-2026"  # noqa: S105 (printed, and refused outside a developer's machine)
# Whose key the form on the intranet uses to open requests for people.
INTEGRATOR = "vlasov"


class Clock:
    """What the verbs read instead of the real time."""

    def __init__(self, start: datetime) -> None:
        self._time = start

    def __call__(self) -> datetime:
        return self._time

    def move_to(self, moment: datetime) -> None:
        """Go on to a moment. Time never runs backwards."""
        if moment < self._time:
            raise ValueError("Time never runs backwards.")
        self._time = moment


@contextmanager
def clock_from(start: datetime) -> Iterator[Clock]:
    """Let everything that asks `timezone.now()` read another clock. For a process that does nothing else."""
    clock, real = Clock(start), timezone.now
    timezone.now = clock
    try:
        yield clock
    finally:
        timezone.now = real


@dataclass(frozen=True)
class Desk:
    """Who and what there is, by the keys of the demo's tables."""

    people: dict[str, User]
    services: dict[str, Service]
    key: ApiKey


@transaction.atomic
def seed(*, tickets: int, progress: Callable[[int], None]) -> None:
    """Fill an empty desk, all or nothing. `progress` hears how many tickets there are.

    Everything lies before the day (UTC) that has just begun, so the same day always gives the same desk.
    """
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    requests, steps = plan(tickets=tickets, until=today)
    opened: dict[int, Ticket] = {}
    with clock_from(today - timedelta(days=DAYS + 4)) as clock:
        desk = _set_up()
        for step in steps:
            clock.move_to(step.at)
            if step.do == "open":
                opened[step.request] = _open(requests[step.request], desk)
                progress(len(opened))
            else:
                _act(step, opened[step.request], desk)
    _leave_in_peace(today)


def _leave_in_peace(today: datetime) -> None:
    """Nobody gets mail of what never was, and everybody has read what is older than a day."""
    Delivery.objects.exclude(transport=Transport.INBOX).delete()
    Delivery.objects.filter(created_at__lt=today - timedelta(days=1)).update(read_at=F("created_at"))


def _set_up() -> Desk:
    first = PEOPLE[0]
    admin, bootstrap, _raw = people_actions.bootstrap_admin(
        email=first.email, full_name=first.full_name, language=first.language, by=SYSTEM
    )
    by = Actor(admin, Door.ADMIN)
    api_keys.revoke(bootstrap, by=by)
    people_actions.change_profile(
        admin, full_name=first.full_name, language=first.language, time_zone=first.time_zone, by=by
    )
    teams = {team.key: configuration.save(Team(name=team.name), by=by) for team in TEAMS}
    services = {
        service.key: actions.save_service(
            Service(
                name_en=service.name_en,
                name_ru=service.name_ru,
                description_en=service.description_en,
                description_ru=service.description_ru,
                team=teams[service.team],
                confidential=service.confidential,
            ),
            by=by,
        )
        for service in SERVICES
    }
    for person in PEOPLE[1:]:
        people_actions.create_user(
            email=person.email,
            full_name=person.full_name,
            role=person.role,
            language=person.language,
            time_zone=person.time_zone,
            teams={teams[key]: key in person.leads for key in person.teams},
            by=by,
        )
    # A password is made to be slow: one for all of them, before anybody has signed in.
    User.objects.update(password=make_password(PASSWORD))
    users = {user.email: user for user in User.objects.with_teams()}
    people = {person.key: users[person.email] for person in PEOPLE}
    key, _raw = api_keys.issue(
        people[INTEGRATOR],
        name="Intranet form",
        scopes=["read", "write"],
        by=Actor(people[INTEGRATOR], Door.WEB),
    )
    return Desk(people, services, key)


def _open(request: Request, desk: Desk) -> Ticket:
    story, requester = request.story, desk.people[request.requester]
    if request.by_api:
        by = Actor(desk.key.user, Door.API, api_key=desk.key)
    else:
        by = Actor(requester, Door.WEB)
    return actions.open_ticket(
        title=story.title,
        description=story.description,
        service=desk.services[story.service],
        priority=story.priority,
        requester=requester,
        tags=story.tags,
        by=by,
    )


def _act(step: Step, ticket: Ticket, desk: Desk) -> None:
    by = Actor(desk.people[step.who], Door.WEB)
    if step.turn:
        _say(step.turn, ticket, to=desk.people.get(step.whom), by=by)
    match step.do:
        case "claim":
            actions.claim(ticket, by=by)
        case "watch":
            actions.watch(ticket, user=desk.people[step.whom], by=by)
        case "follow":
            actions.watch(ticket, user=by.person, by=by)
        case "set_due":
            actions.set_due(ticket, due_at=step.due, by=by)


def _say(turn: Turn, ticket: Ticket, *, to: User | None, by: Actor) -> None:
    """A turn of the story: its text goes with the verb that it names, or stands alone."""
    match turn.then:
        case "":
            actions.add_comment(ticket, body=turn.text, internal=turn.internal, by=by)
        case "start" | "resume":
            actions.change_status(ticket, status="IN_PROGRESS", comment=turn.text, by=by)
        case "wait_requester":
            actions.change_status(ticket, status="WAITING", waiting_for="REQUESTER", comment=turn.text, by=by)
        case "wait_third_party":
            actions.change_status(
                ticket, status="WAITING", waiting_for="THIRD_PARTY", comment=turn.text, by=by
            )
        case "resolve":
            actions.change_status(ticket, status="DONE", comment=turn.text, by=by)
        case "cancel":
            actions.cancel(ticket, reason=turn.text, by=by)
        case "reopen":
            actions.reopen(ticket, comment=turn.text, by=by)
        case "hand_over":
            actions.hand_over(ticket, to=to, note=turn.text, by=by)
