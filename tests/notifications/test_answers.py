"""What came of an attempt is told in the reader's language, whatever a worker notes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications import answers

WORKERS = Path(answers.__file__).parent
SAYING = {"Passing", "Permanent", "Ambiguous", "NotSetUp", "HungUp", "skipped"}
# Words of the other side, behind its name.
THEIRS = ("HTTP ", "Slack: ")


def noted() -> Iterator[tuple[str, str]]:
    """Every sentence that stands in the sources as one of these notes, with where it stands."""
    for path in sorted(WORKERS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            values: list[ast.expr] = []
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAYING
            ):
                values += node.args[:1]
            if isinstance(node, ast.Call):
                values += [keyword.value for keyword in node.keywords if keyword.arg == "said"]
            for value in values:
                if text := _text(value):
                    yield f"{path.name}:{value.lineno}", text


def _text(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    parts = value.values if isinstance(value, ast.JoinedStr) else []
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)


def test_every_note_of_a_worker_has_words_for_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_", lambda sentence: f"«{sentence}»")
    found = list(noted())
    assert len(found) > 20
    unknown = [
        (where, text) for where, text in found if not text.startswith(THEIRS) and answers.told(text) == text
    ]
    assert not unknown


@pytest.mark.parametrize(
    ("noted", "told"),
    [
        ("No connection: refused.", "«No connection: «refused».»"),
        (
            "No answer after the message: it took too long",
            "«No answer after the message: «it took too long».»",
        ),
        ("The server hung up: SMTPServerDisconnected", "«The server hung up: «it broke off».»"),
        ("The message is refused: 451 4.3.0", "«The message is refused: 451 4.3.0.»"),
        ("The server refuses us: 535", "«The server refuses us: 535.»"),
        ("in a digest", "«in a digest»"),
        ("HTTP 503: no_service", "HTTP 503: no_service"),
        ("250 2.0.0", "250 2.0.0"),
        ("", ""),
    ],
)
def test_a_note_is_told_with_what_the_other_side_has_said(
    monkeypatch: pytest.MonkeyPatch, noted: str, told: str
) -> None:
    monkeypatch.setattr(answers, "_", lambda sentence: f"«{sentence}»")
    assert answers.told(noted) == told
