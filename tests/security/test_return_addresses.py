"""Every way on which the desk is told where to go on afterwards: whatever is brought, it leads nowhere else.

Wherever the desk takes such an address it asks `accounts.visitors.local`. The code itself says where that is: a caller
without a way of its own here fails, so a new one is not forgotten. All of `corpora/redirect` is brought, shared out
among the ways, and the worst of it on each; EVERYWHERE=1 brings all of it on a way of each caller, and
test_redirects.py asks the guard itself all of it, decoded, too. Chromium looks at all that the answers offer to follow
(Location, Refresh, links, forms, buttons, frames) and at what the session keeps for later.

Each guard was seen to fail, and is at every run: the last test takes it away, one caller at a time, and the same look
at the same way finds the way out.
"""

import ast
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import transaction
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser

from accounts import actions as account_actions
from accounts import one_time_forms
from accounts.acting import SYSTEM
from accounts.models import User
from accounts.providers import issuers
from tests.authenticators import with_app
from tests.factories import PASSWORD, UserFactory, opened, stand, web
from tests.providers import NELLY, DiscordProvider, discord_provider
from tests.security.leading import NAMES, goals_of, leading_away, tried, with_next, worst
from tickets import actions
from tickets.models import Service, Ticket

CHECKOUT = Path(__file__).resolve().parents[2]
STATES_SESSION_KEY = "socialaccount_states"  # as allauth calls it
AWAY = "//evil.example/x"
EVERYWHERE = "EVERYWHERE" in os.environ


# --- The ways ------------------------------------------------------------------------------------


@dataclass
class Scene:
    """Who is there, with what. `fresh` is a browser of somebody new; `of` one in which he has signed in."""

    agent: User
    factored: User
    ticket: Ticket
    taken: Ticket
    discord: DiscordProvider
    of: Callable[[User], Client]
    kept: list[str] = field(default_factory=list)  # what a session keeps for later

    def leave(self, browser: Client, goal: str) -> Any:
        """To the provider. What the session keeps for the way back is noted."""
        answer = posted(browser, "accounts:leave_for", "discord")(goal)
        self.note(browser)
        return answer

    def note(self, browser: Client) -> None:
        self.kept += [
            state.get("next", "") for state, *_more in browser.session.get(STATES_SESSION_KEY, {}).values()
        ]

    def come_back(self, browser: Client, left: Any, **more: str) -> Any:
        """The person says yes there."""
        [address] = {goal for goal in goals_of(left) if goal.startswith(self.discord.url)}
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        path, _mark, query = self.discord.allow(asked).partition("?")
        return browser.get(f"{urlsplit(path).path}?{query}&{urlencode(more)}")


type Brings = Callable[[str], Any]
type Opens = Callable[[Scene], Brings]


@dataclass(frozen=True)
class Way:
    """`guards` are the callers of `local` that alone stand in this way. `brings_all`: else a choice of the worst."""

    name: str
    guards: tuple[str, ...]
    open: Opens
    brings_all: bool


WAYS: list[Way] = []


def guarded_by(
    *guards: str, brings_all: bool = False
) -> Callable[[Callable[[Scene], Brings]], Callable[[Scene], Brings]]:
    def note(way: Callable[[Scene], Brings]) -> Callable[[Scene], Brings]:
        WAYS.append(Way(way.__name__, guards, way, brings_all))
        return way

    return note


def got(browser: Client, route: str, *arguments: Any) -> Brings:
    return lambda goal: browser.get(
        reverse(route, args=arguments), dict.fromkeys(NAMES, goal), headers={"referer": AWAY}
    )


def posted(browser: Client, route: str, *arguments: Any, **fields: Any) -> Brings:
    """By the name we have for it, by those it has elsewhere, and as the page one came from."""
    return lambda goal: browser.post(
        reverse(route, args=arguments), dict.fromkeys(NAMES, goal) | fields, headers={"referer": AWAY}
    )


@guarded_by("accounts.views:_sign_in_page", brings_all=True)
def sign_in_page(scene: Scene) -> Brings:
    return got(Client(), "accounts:sign_in")


@guarded_by("accounts.views:_sign_in_page")
def sign_in_refused(scene: Scene) -> Brings:
    return posted(Client(), "accounts:sign_in", email="nobody@example.com", password="wrong")


@guarded_by("accounts.views:sign_in")
def signed_in_by_password(scene: Scene) -> Brings:
    who = {"email": scene.agent.email, "password": PASSWORD}
    return lambda goal: posted(Client(), "accounts:sign_in", **who)(goal)


@guarded_by("accounts.views:sign_in", brings_all=True)
def signed_in_already(scene: Scene) -> Brings:
    return got(scene.of(scene.agent), "accounts:sign_in")


@guarded_by("accounts.views:sign_out", brings_all=True)
def signed_out(scene: Scene) -> Brings:
    return posted(Client(), "accounts:sign_out")


@guarded_by("accounts.views:_back", brings_all=True)
def theme(scene: Scene) -> Brings:
    return posted(Client(), "accounts:choose_theme", theme="dark")


@guarded_by("accounts.views:_back", brings_all=True)
def language(scene: Scene) -> Brings:
    return posted(Client(), "accounts:choose_language", language="en")


@guarded_by("accounts.views:confirm", brings_all=True)
def asked_for_password(scene: Scene) -> Brings:
    return got(scene.of(scene.agent), "accounts:confirm")


@guarded_by("accounts.views:confirm")
def wrong_password(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "accounts:confirm", password="wrong")


@guarded_by("accounts.views:confirm")
def right_password(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "accounts:confirm", password=PASSWORD)


@guarded_by("accounts.views:confirm")
def asked_for_factor(scene: Scene) -> Brings:
    return got(scene.of(scene.factored), "accounts:confirm")


@guarded_by("accounts.factors.views:_goal")
def factors_page(scene: Scene) -> Brings:
    return got(scene.of(scene.agent), "accounts:second_factors")


@guarded_by("accounts.factors.views:_goal")
def app_page(scene: Scene) -> Brings:
    return got(scene.of(scene.agent), "accounts:add_app")


@guarded_by("accounts.factors.views:_goal")
def app_refused(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "accounts:add_app", code="000000")


@guarded_by("accounts.factors.views:_goal")
def passkey_page(scene: Scene) -> Brings:
    return got(scene.of(scene.agent), "accounts:add_passkey")


@guarded_by("accounts.factors.views:_goal")
def new_codes(scene: Scene) -> Brings:
    return posted(scene.of(scene.factored), "accounts:renew_codes")


@guarded_by("accounts.factors.views:_goal")
def second_step(scene: Scene) -> Brings:
    waiting = Client()
    waiting.post(reverse("accounts:sign_in"), {"email": scene.factored.email, "password": PASSWORD})
    return got(waiting, "accounts:show_factor")


@guarded_by("accounts.factors.views:_goal")
def second_step_refused(scene: Scene) -> Brings:
    waiting = Client()
    waiting.post(reverse("accounts:sign_in"), {"email": scene.factored.email, "password": PASSWORD})
    return posted(waiting, "accounts:show_factor", code="000000")


@guarded_by("accounts.factors.views:_goal", brings_all=True)
def second_step_done_already(scene: Scene) -> Brings:
    return posted(scene.of(scene.factored), "accounts:show_factor")


@guarded_by("accounts.factors.views:_goal")
def by_passkey(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "accounts:sign_in_by_passkey")


@guarded_by("accounts.providers.views:leave", brings_all=True)
def to_the_provider(scene: Scene) -> Brings:
    return lambda goal: scene.leave(Client(), goal)


@guarded_by("accounts.providers.api:SignInLink.post", brings_all=True)
def to_the_provider_by_the_api(scene: Scene) -> Brings:
    def bring(goal: str) -> Any:
        browser = Client()
        path = reverse("api:sign_in_link", args=["discord"])
        answer = browser.post(path, json.dumps({"next": goal}), "application/json")
        scene.note(browser)
        return answer

    return bring


@guarded_by("accounts.providers.social_login:arrive", brings_all=True)
def from_the_provider(scene: Scene) -> Brings:
    """Whatever the session has kept."""
    return lambda goal: _returned(scene, Client(), goal)


@guarded_by("accounts.providers.social_login:arrive")
def from_the_provider_signed_in(scene: Scene) -> Brings:
    """To show that it is still oneself."""

    def bring(goal: str) -> Any:
        return _returned(scene, scene.of(scene.agent), goal)

    return bring


@guarded_by("accounts.adapters:AccountAdapter.is_safe_url", brings_all=True)
def from_the_provider_with_more(scene: Scene) -> Brings:
    """Whatever the address says that the provider sends to: where nothing was kept, allauth looks there itself."""

    def bring(goal: str) -> Any:
        browser = Client()
        return scene.come_back(browser, scene.leave(browser, ""), next=goal)

    return bring


def _returned(scene: Scene, browser: Client, goal: str) -> Any:
    left = scene.leave(browser, "")
    session = browser.session
    for state, *_more in session[STATES_SESSION_KEY].values():
        state["next"] = goal
    session.save()
    return scene.come_back(browser, left)


@guarded_by("tickets.views.queue:back", brings_all=True)
def nothing_to_take(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "tickets:next_one")


@guarded_by("tickets.views.bulk:bulk", brings_all=True)
def nothing_selected(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "tickets:bulk", action="claim")


@guarded_by("tickets.views.bulk:bulk")
def bulk_form(scene: Scene) -> Brings:
    ticket = str(scene.ticket.public_id)
    return posted(scene.of(scene.agent), "tickets:bulk", action="priority", ticket=ticket)


@guarded_by("tickets.views.bulk:bulk")
def bulk_preview(scene: Scene) -> Brings:
    ticket = str(scene.ticket.public_id)
    return posted(scene.of(scene.agent), "tickets:bulk", action="claim", ticket=ticket)


@guarded_by("tickets.views.bulk:bulk")
def bulk_results(scene: Scene) -> Brings:
    browser, ticket = scene.of(scene.agent), f"{scene.taken.public_id}:{scene.taken.version}"

    def bring(goal: str) -> Any:
        answer = posted(browser, "tickets:bulk", action="claim", step="confirm", ticket=ticket)(goal)
        return browser.get(reverse("tickets:bulk")) if answer.status_code == 303 else answer

    return bring


@guarded_by("tickets.forms.ticket:TicketForm.came_from", brings_all=True)
def saved(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "tickets:watch", scene.ticket.public_id, email=scene.agent.email)


@guarded_by()  # and by what it is compared with
def taken_already(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "tickets:claim", scene.taken.public_id)


@guarded_by("tickets.forms.ticket:TicketForm.came_from")
def overtaken(scene: Scene) -> Brings:
    ticket = scene.taken.public_id
    return posted(scene.of(scene.agent), "tickets:comment", ticket, body="Me too.", version="1")


@guarded_by("tickets.forms.ticket:TicketForm.came_from")
def nothing_said(scene: Scene) -> Brings:
    return posted(scene.of(scene.agent), "tickets:comment", scene.taken.public_id, body="")


@guarded_by("tickets.forms.ticket:TicketForm.came_from")
def signed_out_meanwhile(scene: Scene) -> Brings:
    """What was sent is given back once one has signed in again."""
    path = reverse("tickets:comment", args=[scene.ticket.public_id])
    fields = {"body": "Me too.", "form_name": one_time_forms.name_for(scene.agent)}

    def bring(goal: str) -> Any:
        browser = Client()
        browser.post(path, fields | {"next": goal})
        browser.post(reverse("accounts:sign_in"), {"email": scene.agent.email, "password": PASSWORD})
        return browser.get(path)

    return bring


# --- The tests -----------------------------------------------------------------------------------


@pytest.fixture
def scene(
    settings: Any, agent: User, other_agent: User, employee: User, service: Service,
    browser_of: Callable[[User], Client],
) -> Iterator[Scene]:  # fmt: skip
    with_app(UserFactory.create(email="vera@example.com"))
    factored = User.objects.get(email="vera@example.com")
    ticket = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent)
    taken = stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=other_agent)
    actions.add_comment(taken, body="Still?", by=web(employee))
    settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.0/8")]
    settings.PASSKEY_DOMAIN = "localhost"
    with discord_provider(email=agent.email) as discord:
        entry = discord.entry(trusted_domains=["example.com"])
        settings.SIGN_IN_PROVIDERS = issuers.read(json.dumps([entry]), plain=True)
        account_actions.link_identity(agent, issuer=discord.url, uid=str(NELLY["id"]), about={}, by=SYSTEM)
        yield Scene(agent, factored, ticket, taken, discord, browser_of)


def offered(scene: Scene, way: Way, goals: Iterable[str]) -> set[str]:
    """All that the answers of this way offer to follow. Nothing of it stays."""
    found: set[str] = set()
    with transaction.atomic():
        bring = way.open(scene)
        for goal in goals:
            scene.kept = []
            with transaction.atomic():
                answer = bring(goal)
                assert answer.status_code < 500, (way.name, goal)
                # A local address that says `next` is a page of ours, which has a way of its own here.
                further = set(with_next(goal)) - {goal}
                found.update(set(goals_of(answer)) - further, scene.kept)
                transaction.set_rollback(True)
        transaction.set_rollback(True)
    return found


@contextmanager
def unguarded(guard: str) -> Iterator[None]:
    """`local` lets everything through, for this one caller."""
    name, _colon, function = guard.partition(":")
    module = import_module(name)
    guarding = module.local

    def gone(target: str | None, *, otherwise: str = "") -> str:
        if sys._getframe(1).f_code.co_qualname == function:
            return target or (resolve_url(otherwise) if otherwise else "")
        let_through: str = guarding(target, otherwise=otherwise)
        return let_through

    module.local = gone  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.local = guarding  # type: ignore[attr-defined]


def callers() -> Iterator[str]:
    """Each call of `local` in the code, by its module and the function that it is in."""
    for app in ("accounts", "audit", "notifications", "serviceflow", "tickets"):
        for path in (CHECKOUT / app).rglob("*.py"):
            text = path.read_text()
            if "local" in text:
                module = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
                yield from (f"{module}:{where}" for where in _calls(ast.parse(text), ()))


def _calls(node: ast.AST, inside: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"local", "visitors.local"}:
        yield ".".join(inside)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inside = (*inside, node.name)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, inside)


GUARDS = sorted({guard for way in WAYS for guard in way.guards})


def test_every_caller_has_a_way_here_and_asks_once() -> None:
    """Seen to fail: with another redirect(local(…)) in a view."""
    assert sorted(callers()) == GUARDS
    assert {guard for way in WAYS if way.brings_all for guard in way.guards} == set(GUARDS)


def share_of(way: Way) -> list[str]:
    """What is brought on this way beside the worst. The guard is one, and the ways share all there is among them."""
    ways = [each.name for each in WAYS if each.brings_all]
    if not way.brings_all:
        return []
    everything = tried(decoded=False)
    return everything if EVERYWHERE else everything[ways.index(way.name) :: len(ways)]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_nothing_that_is_brought_leads_away(browser: Browser, scene: Scene, way: Way) -> None:
    """How each of them was seen to fail stands in the next test, which does it."""
    usual = offered(scene, way, ["/queue/"])
    found = offered(scene, way, [*share_of(way), *worst()])
    assert leading_away(browser, found - usual, scene.discord.url) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("way", "guard"),
    [(way, guard) for way in WAYS for guard in way.guards],
    ids=lambda value: getattr(value, "name", value),
)
def test_without_its_guard_each_way_leads_away(scene: Scene, way: Way, guard: str) -> None:
    """The guard of this one caller is gone, all others stand: the same look at the same answers sees it."""
    assert AWAY not in offered(scene, way, [AWAY])
    with unguarded(guard):
        assert AWAY in offered(scene, way, [AWAY])
