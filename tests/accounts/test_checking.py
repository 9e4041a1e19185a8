"""What counts as empty although it has characters."""

import pytest

from accounts.checking import is_blank


@pytest.mark.parametrize(
    "text",
    ["", " \t\n", "\u200b\u200d\u2060\ufeff", "\u00ad\u202e", "\u3164\uffa0\u2800", "\u0301\ufe0f", "\u00a0"],
)
def test_what_nobody_can_see_is_empty(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["x", " ё ", "\u200bVPN\u200b", "日本", "👩\u200d🚀", "?", "क्षि", "7"])
def test_whatever_can_be_seen_is_not(text: str) -> None:
    assert not is_blank(text)
