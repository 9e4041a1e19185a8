"""Every address of the desk, by every method, asked by everybody: the answers are those of tests/access/table.py."""

from contextlib import nullcontext
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.sessions.models import Session

from tests.access.lines import METHODS, answered, ask, in_words, lines, methods_of
from tests.access.routes import routes
from tests.access.rows import done, stored
from tests.access.world import PERSONS, PROGRAMS, World
from tests.matrix import undone

pytestmark = pytest.mark.django_db


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
            held = everything() if expected == "same" else None
            answer = answered(line, world, caller)
            if held and answer == "ok" and held == everything():
                answer = "same"
        if answer != expected:
            wrong.append(f"{line}: {answer} instead of {expected}")
    assert not wrong, "\n".join(wrong)
    left = done(before, stored())
    assert set(left) <= LEFT, left


def everything() -> tuple[Any, ...]:
    """All that is stored, and who is signed in where."""
    return stored(), set(Session.objects.values_list("session_key", flat=True))


LEFT = {"accounts_apikey.last_used_at"}  # also of those that are refused


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
    left = done(before, stored())
    assert set(left) <= LEFT, left


# Something there is, of the kind that the address is about.
SUBJECT = {
    **{line.route: line.subject for line in lines() if line.subject != "-"},
}
