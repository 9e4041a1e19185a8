"""Twenty thousand characters cost little to show, whatever they are; links go where they say. Work is counted."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from notifications import markdown

MOST = 20_000  # characters of a comment or a description
# Calls of functions; rendering everything below as Markdown takes up to millions, or few that take seconds each.
MOST_CALLS = 250_000

HOSTILE = {
    "addresses in a row": "www.=",
    "schemes in a row": "http://a",
    "addresses": "www.x.ru ",
    "hosts": "в.рф ",
    "brackets": "[",
    "emphasis in brackets": "*[",
    "emphasis": "*a_ ",
    "lines": "a\n",
    "items": "- a\n",
    "numbers": "1. a\n",
    "numbers in numbers": "1. 1. 1. a\n",
    "items in items": "- - - a\n",
    "quotes in items": "> - ",
    "headings": "# a\n",
    "tables": "|a|b|\n|-|-|\n",
    "entities": "&a;",
    "links": "[a](http://b) ",
    "code": "`a` ",
    "open tags": "<a ",
}
WIDE_TABLE = "|" * 200 + "\n" + "|-" * 200 + "\n"


def calls_to_render(text: str) -> int:
    return calls_to(markdown.render, text)


def calls_to(write: Callable[[str], str], text: str) -> int:
    """How many functions are called, those of C included."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        write(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_takes_little_work(kind: str) -> None:
    text = (HOSTILE[kind] * MOST)[:MOST]
    assert calls_to_render(text) < MOST_CALLS


def test_a_wide_table_of_empty_rows_takes_little_work() -> None:
    text = (WIDE_TABLE + "|\n" * MOST)[:MOST]
    assert calls_to_render(text) < MOST_CALLS
    assert len(markdown.render(text)) < 10 * MOST


@pytest.mark.parametrize("kind", ["addresses in a row", "schemes in a row"])
def test_no_address_is_looked_for_where_that_takes_the_square(kind: str) -> None:
    """Few calls, each of a regular expression that runs to the end of the text."""
    text = (HOSTILE[kind] * MOST)[:MOST]
    assert markdown.render(text) == f"<p>{text}</p>"


def test_what_is_too_much_is_shown_as_it_stands() -> None:
    html = markdown.render("[<b>\n" * 4000)
    assert html.startswith("<p>[&lt;b&gt;<br>[&lt;b&gt;<br>")


@pytest.mark.parametrize(
    "line",
    [
        "Всё сломалось, и принтер тоже; просто беда какая-то, помогите, пожалуйста, как можно скорее.\n\n",
        "2026-11-21 10:00:00,123 [INFO] app.core.views: user=1 path=/a/b/c took 12ms\n",
        '  File "/usr/lib/python3/foo/bar_baz.py", line 12, in do_it\n    return self.x[1]\n',
        "We have **two** printers, see [the plan](https://example.com/plan_b): `lpstat -t` says more, as ever.\n\n",
    ],
)
def test_long_texts_of_people_and_logs_are_not_too_much(line: str) -> None:
    text = (line * MOST)[:MOST]
    assert markdown.work(text) <= markdown.MOST_WORK


@pytest.mark.parametrize(
    "text",
    [
        "[a](//evil.example)",
        "[a](<//evil.example>)",
        "[a]\n\n[a]: //evil.example",
        "//evil.example",
        "[a](javascript:b)",
    ],
)
def test_no_link_leads_elsewhere_without_a_scheme(text: str) -> None:
    assert "<a" not in markdown.render(text)


def test_links_on_the_desk_stay() -> None:
    assert 'href="/tickets/SF-1"' in markdown.render("[a](/tickets/SF-1)")


def test_the_texts_of_one_page_are_paid_from_one_purse() -> None:
    text = "**bold** and [a link](https://example.com)\n" * 50
    budget = markdown.Budget(2 * markdown.work(text))
    rendered = [markdown.render(text, budget) for _comment in range(3)]
    assert ["<strong>" in html for html in rendered] == [True, True, False]
    assert "**bold**" in rendered[2]
    assert "<strong>" in markdown.render("**short**", markdown.Budget())


# --- Words alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Please** try `reboot` and *wait*.", "Please try reboot and wait."),
        ("# Steps\n\n1. unplug\n2. plug in", "Steps\n1. unplug\n2. plug in"),
        ("- one\n- two", "• one\n• two"),
        ("See https://example.com/m.\nThanks", "See https://example.com/m.\nThanks"),
        ("See [the manual](https://example.com/m).", "See the manual (https://example.com/m)."),
        ("```\nls -l\n```", "ls -l"),
        ("> quoted ~~not~~", "quoted not"),
        ("2 * 3 < 7 & <b>x</b>", "2 * 3 < 7 & <b>x</b>"),
        ("", ""),
    ],
)
def test_marks_are_gone_and_no_word_is(text: str, words: str) -> None:
    assert markdown.plain(text) == words


@pytest.mark.parametrize("kind", HOSTILE)
def test_words_alone_take_little_work_too(kind: str) -> None:
    assert calls_to(markdown.plain, (HOSTILE[kind] * MOST)[:MOST]) < MOST_CALLS
