"""What we lean on in django-allauth is there: an upgrade that takes it away is told here, name by name.

See docs/decisions/0016. Seen to fail with a name in allauth_internals that allauth does not have, with an import of
`allauth.….internal` elsewhere, and with a method of an adapter renamed.
"""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from accounts import adapters, allauth_internals, session_list
from accounts.factors import stages
from accounts.providers import oauth

CHECKOUT = Path(__file__).resolve().parents[2]
HOME = Path(allauth_internals.__file__)


def imports_of(path: Path) -> list[tuple[str, str]]:
    return [
        (node.module or "", name.name)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    ]


INTERNALS = [pair for pair in imports_of(HOME) if ".internal" in pair[0]]


@pytest.mark.parametrize(("module", "name"), INTERNALS, ids=[name for _module, name in INTERNALS])
def test_a_name_is_still_there(module: str, name: str) -> None:
    assert hasattr(import_module(module), name), f"allauth has no {module}.{name} any more: see decision 0016"


def test_nobody_else_reaches_inside() -> None:
    apps = ("accounts", "audit", "notifications", "tickets", "serviceflow", "tests")
    sources = [path for app in apps for path in (CHECKOUT / app).rglob("*.py") if path != HOME]
    assert [
        f"{path.relative_to(CHECKOUT)}: {module}"
        for path in sources
        for module, _name in imports_of(path)
        if module.startswith("allauth.") and ".internal" in module
    ] == []


# What is ours alone in classes of allauth's: every other name replaces one of its, which it has to ask for then.
OURS = {"nonce", "issuer", "named", "ask", "claims_of", "BY_PASSKEY"}
CLASSES = [
    each
    for module in (adapters, oauth, stages, session_list)
    for _name, each in inspect.getmembers(module, inspect.isclass)
    if each.__module__ == module.__name__
    and any(base.__module__.startswith("allauth.") for base in each.__mro__)
]
# Private ones of its that we replace or ask.
PRIVATE = {(oauth.Return, "_get_state"), (stages.SecondFactor, "_should_handle")}


@pytest.mark.parametrize("each", CLASSES, ids=[each.__name__ for each in CLASSES])
def test_what_we_replace_is_something_it_asks_for(each: type) -> None:
    theirs = [base for base in each.__mro__ if base.__module__.startswith("allauth.")]
    ours = {name for base in each.__mro__ if base.__module__ == each.__module__ for name in vars(base)}
    for name in ours:
        if not name.startswith("_") and name not in OURS:
            assert any(hasattr(base, name) for base in theirs), f"allauth does not ask for {name} any more"


def test_the_private_ones_are_there() -> None:
    for each, name in PRIVATE:
        theirs = [base for base in each.__mro__ if base.__module__.startswith("allauth.")]
        assert any(name in vars(base) for base in theirs), f"allauth has no {name} any more"


def test_an_upgrade_is_a_step_of_its_own() -> None:
    wanted = (CHECKOUT / "requirements.in").read_text()
    assert re.search(r"^django-allauth\[\S+\]~=\d+\.\d+\.\d+$", wanted, re.MULTILINE)
