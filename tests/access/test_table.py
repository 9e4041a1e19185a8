"""Every address of the desk, by every method, asked by everybody: the answers are those of tests/access/table.py."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from accounts.issuers import Issuer
from accounts.models import User
from tests.access.lines import METHODS, answered, ask, in_words, lines, methods_of
from tests.access.routes import routes
from tests.access.rows import changed, stored
from tests.access.world import PERSONS, PROGRAMS, World, make_world
from tests.matrix import undone

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(browser_of: Callable[[User], Client], settings: Any) -> World:
    settings.API_DOCS_OPEN = False
    # Nobody answers there: what is asked of it is away.
    settings.SIGN_IN_PROVIDERS = (
        Issuer(id="company", name="Company", url="https://127.0.0.1:9", client_id="desk"),
    )
    return make_world(browser_of)


def test_every_address_has_its_line() -> None:
    """A route without a line fails here, and so does a line whose route is gone."""
    assert {line.route for line in lines()} == set(routes())
    assert {name for name in routes() if name.startswith("admin:")} >= {
        f"admin:{model._meta.label_lower.replace('.', '_')}_change" for model in admin.site._registry
    }


@pytest.mark.parametrize("caller", [*PERSONS, *PROGRAMS])
def test_everybody_is_answered_as_the_table_says(world: World, caller: str) -> None:
    """What is refused has changed nothing, either.

    Seen to fail without `visible_to` in reads.find (404 becomes 403 or ok), without @agents_only, without
    `require_admin` in accounts/api.py, without ScopeAllows, and with AdminSite.has_permission letting agents in.
    """
    wrong = []
    before = stored()
    for line in lines():
        expected = line.answers[caller]
        # What is done is undone for the next one; what is refused is looked at in the end.
        with nullcontext() if expected.isdigit() else undone():
            answer = answered(line, world, caller)
        if answer != expected:
            wrong.append(f"{line}: {answer} instead of {expected}")
    assert not wrong, "\n".join(wrong)
    left = changed(before, stored())
    assert set(left) <= LEFT, left
    assert {event["verb"] for event in left.get("+audit_event", [])} <= DENIALS


# What a refusal leaves: that the key was used, and that somebody was kept out.
LEFT = {"accounts_apikey.last_used_at", "+audit_event"}
DENIALS = {"user.denied", "api_key.refused"}


def test_what_no_line_speaks_of_is_not_taken(world: World) -> None:
    """Every other method at every address: 405, or turned away before that, and nothing has changed."""
    before, wrong = stored(), []
    for name, route in routes().items():
        address = world.address(route, SUBJECT.get(name, "own"))
        for method in set(METHODS) - methods_of(name):
            for caller in ("maria", "boss", "write", "stranger"):
                answer = in_words(ask(world.client(caller), method, address, {}, is_call=False))
                allowed = {"405"} if caller == "maria" else {"405", "401", "403", "sign-in"}
                if answer not in allowed:
                    wrong.append(f"{method} {name} by {caller}: {answer}")
    assert not wrong, "\n".join(wrong)
    left = changed(before, stored())
    assert set(left) <= LEFT, left
    assert {event["verb"] for event in left.get("+audit_event", [])} <= DENIALS


# Something there is, of the kind that the address is about.
SUBJECT = {
    **{line.route: line.subject for line in lines() if line.subject != "-"},
}
