"""Events in words: every verb has some, and a value is what people call it."""

import re
from pathlib import Path

import pytest
from django.utils import timezone, translation

from audit import words

HERE = Path(__file__).resolve().parent.parent.parent
VERB = re.compile(r'"((?:user|team|api_key|service|ticket)\.[a-z_]+)"')


def test_every_verb_of_the_sources_has_words() -> None:
    sources = (path.read_text() for app in ("accounts", "tickets") for path in (HERE / app).rglob("*.py"))
    verbs = {verb for source in sources for verb in VERB.findall(source)}
    assert {"ticket.claimed", "user.signed_in", "api_key.issued"} <= verbs
    assert verbs <= set(words.VERBS)


@pytest.mark.parametrize(
    ("kind", "name", "value", "said"),
    [
        ("ticket", "status", "IN_PROGRESS", "In progress"),
        ("ticket", "due_at", "2026-11-21T14:05:00+00:00", "21 Nov 2026, 14:05"),
        ("ticket", "due_at", "some day", "some day"),
        ("ticket", "title", "IN_PROGRESS", "IN_PROGRESS"),
        ("ticket", "comment", {"id": "x", "internal": True, "sha256": "y"}, "internal note"),
        ("ticket", "assignee", {"id": "x", "name": "Igor & Co"}, "Igor & Co"),
        ("ticket", "tags", ["a", "b"], "a, b"),
        ("user", "role", "ADMIN", "Administrator"),
        ("user", "is_active", False, "no"),
        ("user", "teams", [{"id": "x", "name": "IT", "lead": True}], "IT (lead)"),
        ("user", "theme", "", words.NOTHING),
        ("nothing known", "status", "NEW", "NEW"),
        ("nothing known", "deep", {"a": [1]}, '{"a": [1]}'),
    ],
)
def test_a_value_is_what_people_call_it(kind: str, name: str, value: object, said: str) -> None:
    with timezone.override("UTC"):
        assert words.of_value(kind, name, value) == said


def test_fields_and_kinds_have_the_words_of_their_models() -> None:
    assert words.of_field("ticket", "due_at") == "Due"
    assert words.of_field("user", "teams") == "Teams"
    assert words.of_field("ticket", "of no column") == "of no column"
    assert words.of_kind("api_key") == "API key"


@pytest.mark.parametrize(("language", "said"), [("en", "21 Nov 2026, 14:05"), ("ru", "21 ноя 2026, 14:05")])
def test_a_moment_is_written_alike_everywhere(language: str, said: str) -> None:
    with translation.override(language), timezone.override("UTC"):
        assert words.of_value("ticket", "due_at", "2026-11-21T14:05:00+00:00") == said
