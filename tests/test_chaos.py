"""That bin/chaos tells of itself what is so; what it does is run by the build server after the tests."""

import re
from pathlib import Path

from tests.chaos.faults import FAULTS
from tests.chaos.without import SAID

PAGE = Path(__file__).resolve().parent.parent / "docs/development.md"


def rows() -> list[tuple[str, str, str]]:
    """Of the table of guards: faults, the guard that is taken away, what was seen."""
    table = PAGE.read_text().partition("| fault | without | seen to bite |\n")[2].partition("\n\n")[0]
    cells = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[1:])
    return [(faults, guard, seen) for faults, guard, seen in cells]


def test_every_fault_has_a_guard_without_which_it_was_seen_to_bite() -> None:
    """Seen to fail: a row taken out of the table; a fault, or a guard, that the table does not have; an empty cell."""
    assert {fault for faults, _guard, _seen in rows() for fault in faults.split(", ")} == set(FAULTS)
    assert {guard for _faults, guard, _seen in rows()} == set(SAID)
    assert [guard for _faults, guard, seen in rows() if not seen or re.search(r"not (yet )?run", seen)] == []


def test_every_fault_says_what_is_done_and_expected() -> None:
    """Seen to fail: a fault without a docstring."""
    assert [name for name, fault in FAULTS.items() if not fault.do.__doc__] == []
