"""Who may do what, written down a second time: every person, relation, state and verb with the answer to expect.

The oracle is the literal tables below: who sees a ticket, who may do what, and the workflow. They are not computed from
tickets/permissions.py, which docs/workflow.md is drawn from, so that a slip in one of the two shows. The answers are
200 done, 403 not his to do, 404 not his to see, 409 not now. Verbs, API and pages run the same cases.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.acting import Actor, Refused
from accounts.models import Team, User
from tests.factories import ServiceFactory, TeamFactory, UserFactory, stand, web
from tickets import actions, reads
from tickets.models import Service, Ticket

# --- People --------------------------------------------------------------------------------------

EMPLOYEES = ("requester", "author", "watcher", "outsider")
AGENTS = (
    "assignee",
    "of the team",
    "of another team",
    "agent who asked",
    "agent who wrote",
    "agent who watches",
)
LEADS = ("lead", "lead of another team")
ADMINS = ("admin",)
RELATIONS = (*EMPLOYEES, *AGENTS, *LEADS, *ADMINS)
STAFF = {*AGENTS, *LEADS, *ADMINS}

# --- Tickets -------------------------------------------------------------------------------------

STATES = (
    "NEW",
    "NEW, held",
    "IN_PROGRESS, held",
    "WAITING",
    "WAITING, held",
    "DONE",
    "DONE, held",
    "DONE long ago, held",
    "DONE and closed, held",
    "CANCELED",
    "CANCELED, held",
)
OPEN = {"NEW", "NEW, held", "IN_PROGRESS, held", "WAITING", "WAITING, held"}
CLOSED = {"DONE and closed, held"}
EVER = set(STATES)
NOT_CLOSED = EVER - CLOSED
UNHELD = {"NEW", "WAITING", "DONE", "CANCELED"}

# A ticket of the team's service, of no service and team, of a confidential service of the team.
KINDS = ("ordinary", "nobody's", "confidential")
STATES_OF = {
    "ordinary": STATES,
    "nobody's": ("NEW", "IN_PROGRESS, held", "DONE"),
    "confidential": ("NEW", "IN_PROGRESS, held", "DONE, held"),
}

# --- Who sees a ticket: the first table ----------------------------------------------------------

SEES = {
    "ordinary": set(RELATIONS) - {"outsider"},
    "nobody's": set(RELATIONS) - {"outsider"},
    "confidential": {
        *("requester", "author", "watcher"),
        *("assignee", "of the team", "lead"),  # agents of its team
        *("agent who asked", "agent who watches"),
        "admin",
    },
}

# --- Who may do what: the second table -----------------------------------------------------------
# verb → {column: [(who of them, in which states)]}; a column has what stands to its left, too.
# "his team's" has no one where the ticket is of no team; "queue" is what nobody holds, of his team or of no team.

Cell = list[tuple[str, set[str]]]
_OWN_OR_QUEUE: Cell = [("own", NOT_CLOSED), ("queue", NOT_CLOSED)]

MAY: dict[str, dict[str, Cell]] = {
    "claim": {"agent": [("any", {"NEW", "WAITING"})]},
    "assign": {"lead": [("any", OPEN)], "admin": [("any", OPEN)]},
    "start": {
        column: [(who, {"NEW, held", "WAITING, held"})]
        for column, who in (("agent", "own"), ("lead", "any"), ("admin", "any"))
    },
    "wait": {
        column: [(who, {"IN_PROGRESS, held"})]
        for column, who in (("agent", "own"), ("lead", "any"), ("admin", "any"))
    },
    "resolve": {
        column: [(who, {"IN_PROGRESS, held", "WAITING", "WAITING, held"})]
        for column, who in (("agent", "own"), ("lead", "any"), ("admin", "any"))
    },
    "cancel": {
        column: [(who, OPEN)] for column, who in (("agent", "own"), ("lead", "any"), ("admin", "any"))
    },
    "hand over": {"agent": [("own", OPEN)], "lead": [("any", OPEN)], "admin": [("any", OPEN)]},
    "hand over to a team": {
        "agent": [("own", OPEN), ("queue", OPEN)],
        "lead": [("any", OPEN)],
        "admin": [("any", OPEN)],
    },
    "cancel own": {
        "employee": [("requester", {"NEW"})],
        # The same button is staff's cancelling for those who have that right.
        "agent": [("own", OPEN)],
        "lead": [("any", OPEN)],
        "admin": [("any", OPEN)],
    },
    "reopen": {
        "employee": [("requester", {"DONE", "DONE, held"})],
        "agent": [("own", {"DONE, held", "DONE long ago, held"})],
        "lead": [("any", {"DONE", "DONE, held", "DONE long ago, held"})],
        "admin": [("any", {"DONE", "DONE, held", "DONE long ago, held"})],
    },
    "edit": {
        "employee": [("requester", {"NEW", "NEW, held"})],
        "agent": [("own", NOT_CLOSED)],
        "lead": [("any", NOT_CLOSED)],
        "admin": [("any", NOT_CLOSED)],
    },
    **{
        verb: {"agent": _OWN_OR_QUEUE, "lead": [("any", NOT_CLOSED)], "admin": [("any", NOT_CLOSED)]}
        for verb in ("set priority", "set service", "set tags", "set due date")
    },
    "comment": {
        "employee": [("requester", NOT_CLOSED), ("watcher", NOT_CLOSED)],
        "agent": [("any", NOT_CLOSED)],
    },
    "note": {"agent": [("any", EVER)]},
    "add a watcher": {"employee": [("requester", NOT_CLOSED)], "agent": [("any", NOT_CLOSED)]},
    "remove a watcher": {"employee": [("requester", NOT_CLOSED)], "agent": [("any", NOT_CLOSED)]},
    "unfollow": {"employee": [("watcher", EVER)], "agent": [("any", EVER)]},
    "delete": {"admin": [("any", EVER)]},
}


def expected(relation: str, kind: str, state: str, verb: str) -> int:
    """What the two tables say."""
    if relation not in SEES[kind]:
        return 404
    columns = {"employee"}
    if relation in STAFF:
        columns.add("agent")
    if relation == "lead" and kind != "nobody's":
        columns.add("lead")
    if relation == "admin":
        columns.add("admin")
    his = [
        when
        for column, cell in MAY[verb].items()
        if column in columns
        for who, when in cell
        if _is(who, relation, kind, state)
    ]
    if not his:
        return 403
    return 200 if any(state in when for when in his) else 409


def _is(who: str, relation: str, kind: str, state: str) -> bool:
    match who:
        case "any":
            return True
        case "own":
            return relation == "assignee"
        case "queue":
            return state in UNHELD and (kind == "nobody's" or relation in {"of the team", "lead"})
        case "requester":
            return relation in {"requester", "agent who asked"}
        case "watcher":
            return relation in {"watcher", "agent who watches"}
    raise AssertionError(who)


# --- The cases -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """One state of one kind of ticket, with everybody who stands to it somehow."""

    people: dict[str, User]
    team: Team
    other_team: Team
    service: Service
    other_service: Service
    helper: User  # an agent of the team whom nobody asks anything
    bystander: User  # an employee who follows neither ticket
    follower: User  # an employee who follows both
    tickets: dict[str, Ticket]  # by who asked for it: "employee", "agent"
    _found: dict[str, Ticket | None] = field(default_factory=dict)

    def ticket(self, relation: str) -> Ticket:
        """The ticket somebody stands so to."""
        return self.tickets["agent" if relation in {"agent who asked", "agent who wrote"} else "employee"]

    def actor(self, relation: str) -> Actor:
        return Actor(self.people[relation], "web")

    def found_by(self, relation: str) -> Ticket | None:
        """The ticket as somebody finds it by its address; None if he may not see it. Looked up once."""
        if relation not in self._found:
            try:
                ticket = reads.find(str(self.ticket(relation).public_id), reader=self.people[relation])
            except Ticket.DoesNotExist:
                ticket = None
            self._found[relation] = ticket
        return self._found[relation]


@dataclass(frozen=True)
class Deed:
    """A verb with arguments that are right in themselves. `row` is its line in permissions.TABLE."""

    row: str
    action: str
    arguments: Callable[[World, User], dict[str, Any]]


DUE = datetime(2031, 5, 4, 9, 30, tzinfo=UTC)

DEEDS: dict[str, Deed] = {
    "claim": Deed("claim", "claim", lambda world, me: {}),
    "assign": Deed("assign", "assign", lambda world, me: {"assignee": world.helper}),
    "start": Deed("start", "change_status", lambda world, me: {"status": "IN_PROGRESS"}),
    "wait": Deed("wait", "change_status", lambda world, me: {"status": "WAITING"}),
    "resolve": Deed("resolve", "change_status", lambda world, me: {"status": "DONE"}),
    "cancel": Deed(
        "cancel", "change_status", lambda world, me: {"status": "CANCELED", "comment": "Not needed."}
    ),
    "hand over": Deed("hand_over", "hand_over", lambda world, me: {"to": world.helper}),
    "hand over to a team": Deed(
        "hand_over_to_team", "hand_over", lambda world, me: {"team": world.other_team}
    ),
    "cancel own": Deed("cancel_own", "cancel", lambda world, me: {"reason": "Not needed."}),
    "reopen": Deed("reopen", "reopen", lambda world, me: {"comment": "It is back."}),
    "edit": Deed("edit", "edit", lambda world, me: {"title": "VPN drops every hour"}),
    "set priority": Deed("set_priority", "set_priority", lambda world, me: {"priority": "HIGH"}),
    "set service": Deed("set_service", "set_service", lambda world, me: {"service": world.other_service}),
    "set tags": Deed("set_tags", "set_tags", lambda world, me: {"tags": ["vpn", "office"]}),
    "set due date": Deed("set_due", "set_due", lambda world, me: {"due_at": DUE}),
    "comment": Deed("comment", "add_comment", lambda world, me: {"body": "Any news?"}),
    "note": Deed("note", "add_comment", lambda world, me: {"body": "Known fault.", "internal": True}),
    "add a watcher": Deed("manage_watchers", "watch", lambda world, me: {"user": world.bystander}),
    "remove a watcher": Deed("manage_watchers", "unwatch", lambda world, me: {"user": world.follower}),
    "unfollow": Deed("unfollow", "unwatch", lambda world, me: {"user": me}),
    "delete": Deed("delete", "delete", lambda world, me: {"reason": "A doublet."}),
}


@dataclass(frozen=True)
class Case:
    """One person who tries one verb on one ticket."""

    kind: str
    state: str
    relation: str
    verb: str
    expected: int

    @property
    def person(self) -> str:
        return "employee" if self.relation in EMPLOYEES else "admin" if self.relation == "admin" else "agent"

    @property
    def deed(self) -> Deed:
        return DEEDS[self.verb]

    def arguments(self, world: World) -> dict[str, Any]:
        return self.deed.arguments(world, world.people[self.relation])

    def __str__(self) -> str:
        return f"{self.relation}: {self.verb} ({self.kind}, {self.state}) → {self.expected}"


WORLDS = [(kind, state) for kind in KINDS for state in STATES_OF[kind]]
CASES = [
    Case(kind, state, relation, verb, expected(relation, kind, state, verb))
    for kind, state in WORLDS
    for relation in RELATIONS
    if relation != "assignee" or state not in UNHELD
    for verb in DEEDS
]


def cases_of(kind: str, state: str) -> list[Case]:
    return [case for case in CASES if (case.kind, case.state) == (kind, state)]


def make_world(kind: str, state: str) -> World:
    """Everybody, and the tickets brought to this state by the verbs (what only time does, by the clock's columns)."""
    team, other_team = TeamFactory.create(name="Network"), TeamFactory.create(name="Payroll")
    confidential = kind == "confidential"
    service = ServiceFactory.create(name_en="VPN", team=team, confidential=confidential)
    people = {
        relation: UserFactory.create(full_name=relation.capitalize(), **_standing(relation, team, other_team))
        for relation in RELATIONS
    }
    world = World(
        people={relation: web(person).person for relation, person in people.items()},
        team=team,
        other_team=other_team,
        service=service,
        other_service=ServiceFactory.create(name_en="Wi-Fi", team=team),
        helper=UserFactory.create(full_name="Helper", role="AGENT", in_teams=[team]),
        bystander=UserFactory.create(full_name="Bystander"),
        follower=UserFactory.create(full_name="Follower"),
        tickets={},
    )
    for by, requester, author in (
        ("employee", "requester", "author"),
        ("agent", "agent who asked", "agent who wrote"),
    ):
        ticket = actions.open_ticket(
            title="VPN drops every ten minutes",
            service=None if kind == "nobody's" else service,
            requester=people[requester],
            by=world.actor(author),
        )
        for person in (people["watcher"], people["agent who watches"], world.follower):
            ticket = actions.watch(ticket, user=person, by=world.actor("admin"))
        world.tickets[by] = _brought_to(state, ticket, world)
    return world


def _standing(relation: str, team: Team, other_team: Team) -> dict[str, Any]:
    if relation in EMPLOYEES:
        return {}
    if relation == "admin":
        return {"role": "ADMIN"}
    place = "leads" if relation in LEADS else "in_teams"
    return {"role": "AGENT", place: [team if relation in {"assignee", "of the team", "lead"} else other_team]}


def _brought_to(state: str, ticket: Ticket, world: World) -> Ticket:
    status = state.replace(",", "").split()[0]
    held = state.endswith("held")
    assignee = world.people["assignee"] if held or status in {"WAITING", "DONE"} else None
    if status == "DONE" and not held:
        ticket = stand(ticket, "WAITING", assignee=assignee)
    else:
        ticket = stand(ticket, status, assignee=assignee)
    if not held and assignee is not None:
        ticket = _let_go(ticket, world)
    if status == "DONE" and not held:
        ticket = actions.change_status(ticket, status="DONE", by=world.actor("admin"))
    now = timezone.now()
    if state.startswith("DONE long ago"):
        Ticket.objects.filter(pk=ticket.pk).update(resolved_at=now - timedelta(days=14, minutes=1))
    if state.startswith("DONE and closed"):
        Ticket.objects.filter(pk=ticket.pk).update(closed_at=now)
    return ticket


def _let_go(ticket: Ticket, world: World) -> Ticket:
    if ticket.team is None:  # a ticket of no team can be let go to no queue but by its assignee's leaving
        ticket = actions.assign(ticket, assignee=world.helper, by=world.actor("admin"))
        Ticket.objects.filter(pk=ticket.pk).update(assignee=None)
        return ticket
    return actions.hand_over(ticket, team=ticket.team, by=world.actor("admin"))


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside never happened."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def answer_of_verb(case: Case, world: World) -> int:
    """What the verb itself answers, called as a door calls it: find what the person sees, then do it."""
    ticket = world.found_by(case.relation)
    if ticket is None:
        return 404
    try:
        getattr(actions, case.deed.action)(ticket, **case.arguments(world), by=world.actor(case.relation))
    except Refused as refused:
        return refused.status
    return 200


# --- The same cases through the other doors --------------------------------------------------------

# verb → method, path below the ticket's own in /api/v1/tickets/, body
Call = tuple[str, str, dict[str, Any]]
BY_API: dict[str, Callable[[World], Call]] = {
    "claim": lambda world: ("post", "/claim", {}),
    "start": lambda world: ("patch", "/status", {"status": "IN_PROGRESS"}),
    "wait": lambda world: ("patch", "/status", {"status": "WAITING"}),
    "resolve": lambda world: ("patch", "/status", {"status": "DONE"}),
    "cancel": lambda world: ("patch", "/status", {"status": "CANCELED", "comment": "Not needed."}),
    "hand over": lambda world: ("post", "/hand-over", {"assignee": str(world.helper.public_id)}),
    "hand over to a team": lambda world: ("post", "/hand-over", {"team": str(world.other_team.public_id)}),
    "cancel own": lambda world: ("post", "/cancel", {"reason": "Not needed."}),
    "reopen": lambda world: ("post", "/reopen", {"comment": "It is back."}),
    "edit": lambda world: ("patch", "", {"title": "VPN drops every hour"}),
    "set priority": lambda world: ("patch", "", {"priority": "HIGH"}),
    "set service": lambda world: ("patch", "", {"service": str(world.other_service.public_id)}),
    "set tags": lambda world: ("patch", "", {"tags": ["vpn", "office"]}),
    "set due date": lambda world: ("patch", "", {"due_at": DUE.isoformat()}),
    "comment": lambda world: ("post", "/comments", {"body": "Any news?"}),
    "note": lambda world: ("post", "/comments", {"body": "Known fault.", "internal": True}),
    "add a watcher": lambda world: ("put", f"/watchers/{world.bystander.public_id}", {}),
    "remove a watcher": lambda world: ("delete", f"/watchers/{world.follower.public_id}", {}),
    "unfollow": lambda world: ("delete", "/watchers/me", {}),
    "delete": lambda world: ("delete", "", {"reason": "A doublet."}),
}
# The API gives a ticket to somebody by hand-over and PATCH …/status; it has no call for "assign".
NOT_BY_API = {"assign"}

# verb → name of the address among tickets/urls.py, what the form sends
BY_BROWSER: dict[str, Callable[[World, User], tuple[str, dict[str, Any]]]] = {
    "claim": lambda world, me: ("claim", {}),
    "assign": lambda world, me: ("assign", {"assignee": world.helper.public_id}),
    "start": lambda world, me: ("status", {"to": "IN_PROGRESS"}),
    "wait": lambda world, me: ("status", {"to": "WAITING:REQUESTER"}),
    "resolve": lambda world, me: ("status", {"to": "DONE"}),
    "cancel": lambda world, me: ("status", {"to": "CANCELED", "comment": "Not needed."}),
    "hand over": lambda world, me: ("hand_over", {"to": f"agent:{world.helper.public_id}"}),
    "hand over to a team": lambda world, me: ("hand_over", {"to": f"team:{world.other_team.public_id}"}),
    "cancel own": lambda world, me: ("cancel", {"reason": "Not needed."}),
    "reopen": lambda world, me: ("reopen", {"comment": "It is back."}),
    "edit": lambda world, me: ("edit", {"title": "VPN drops every hour"}),
    "set priority": lambda world, me: ("properties", {"priority": "HIGH", "initial-priority": "NORMAL"}),
    "set service": lambda world, me: ("properties", {"service": world.other_service.public_id}),
    "set tags": lambda world, me: ("properties", {"tags": "vpn, office"}),
    "set due date": lambda world, me: ("properties", {"due_at": "2031-05-04T09:30"}),
    "comment": lambda world, me: ("comment", {"body": "Any news?", "visibility": "public"}),
    "note": lambda world, me: ("comment", {"body": "Known fault.", "visibility": "internal"}),
    "add a watcher": lambda world, me: ("watch", {"email": world.bystander.email}),
    "remove a watcher": lambda world, me: ("unwatch", {"person": world.follower.public_id}),
    "unfollow": lambda world, me: ("unwatch", {"person": me.public_id}),
    "delete": lambda world, me: ("delete", {"reason": "A doublet."}),
}


def answer_of_api(case: Case, world: World, client: Any) -> int:
    """What the API answers this person; every success is 200. `client` is an APIClient with the person's key."""
    method, path, body = BY_API[case.verb](world)
    address = f"/api/v1/tickets/{world.ticket(case.relation).public_id}{path}"
    status: int = getattr(client, method)(address, body, format="json").status_code
    return 200 if status in {200, 201, 204} else status


def answer_of_browser(case: Case, world: World, client: Any) -> int:
    """What the page's button answers this person; being led on is 200. `client` has the person signed in."""
    name, sent = BY_BROWSER[case.verb](world, world.people[case.relation])
    address = reverse(f"tickets:{name}", args=[world.ticket(case.relation).public_id])
    status: int = client.post(address, sent).status_code
    return 200 if status == 303 else status


# --- Opening: there is no ticket yet to stand to -------------------------------------------------


@dataclass(frozen=True)
class Opening:
    """Somebody opens a ticket with these arguments."""

    relation: str
    how: str
    expected: int


OPENING: dict[str, Callable[[World, User], dict[str, Any]]] = {
    "for himself": lambda world, me: {},
    "for a colleague": lambda world, me: {"requester": world.bystander},
    "held by himself": lambda world, me: {"assignee": me},
    "held by an agent of the team": lambda world, me: {"assignee": world.helper},
    "held by an agent of another team": lambda world, me: {"assignee": world.people["of another team"]},
    "held by an employee": lambda world, me: {"assignee": world.bystander},
    "in the queue of another team": lambda world, me: {"team": world.other_team},
    "with a due date": lambda world, me: {"due_at": DUE},
}
MAY_OPEN: dict[str, dict[str, int]] = {
    "outsider": {"for himself": 200, "for a colleague": 200},
    "of the team": {
        **dict.fromkeys(("for himself", "for a colleague", "held by himself"), 200),
        **dict.fromkeys(("in the queue of another team", "with a due date"), 200),
    },
    "lead": {
        **dict.fromkeys(("for himself", "for a colleague", "held by himself"), 200),
        **dict.fromkeys(("in the queue of another team", "with a due date"), 200),
        "held by an agent of the team": 200,
    },
    "admin": {
        **dict.fromkeys(OPENING, 200),
        "held by an employee": 409,
    },
}
OPENINGS = [
    Opening(relation, how, answers.get(how, 403)) for relation, answers in MAY_OPEN.items() for how in OPENING
]
