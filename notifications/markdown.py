"""What people write, as safe HTML: a small Markdown, no raw HTML, no pictures from elsewhere."""

import re
from collections.abc import Iterator, Sequence

import nh3
from django.utils.html import linebreaks
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

SCHEMES = {"http", "https", "mailto", "tel"}
TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


class Parser(MarkdownIt):
    """Leaves an address without a scheme of its own only where it stays on this desk: //elsewhere does not."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 (its name in the library)
        return super().validateLink(url) and not url.startswith("//")


# A line break is a line break, as in mail; addresses become links.
_parser = (
    Parser("commonmark", {"html": False, "linkify": True, "breaks": True})
    .enable(["linkify", "table", "strikethrough"])
    .disable("image")
)
_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    url_schemes=SCHEMES,
    link_rel="noopener nofollow",
)


# What rendering costs at most, in microseconds as measured: twenty thousand characters of nothing but markup take
# seconds, some of it the square of its length. Nobody writes such, so it is shown as it stands.
MOST_WORK = 50_000
COST = {"\n": 25, "[": 20, "*": 9, "_": 9, ">": 8, "&": 8, "<": 6, "`": 5, "~": 5}
COST |= dict.fromkeys("!$%+-:=@\\]^{}#", 3)
COST_OF_A_LINK = 50
COST_OF_A_CELL = 17
COST_OF_AN_ITEM = 15
_LINK = re.compile(r"(?<=\S)[.@][^\W\d_]|//|www", re.IGNORECASE)
_BEGINNING = re.compile(r"//|www|mailto|@", re.IGNORECASE)
_DELIMITERS = re.compile(r"^[ >|:\t-]+$", re.MULTILINE)
_MARKERS = re.compile(r"^[ \t>]*((?:(?:[-+*]|\d{1,9}[.)])[ \t>]+)+)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def work(text: str) -> int:
    """About how long it takes to render this, at worst; linear in the text itself."""
    plain = sum(text.count(character) * cost for character, cost in COST.items())
    links = len(_LINK.findall(text)) * COST_OF_A_LINK
    items = sum(len(markers.split()) for markers in _MARKERS.findall(text)) * COST_OF_AN_ITEM
    # The search for an address may start anew at each character and run to the next white space, and once more from
    # whatever looks like the beginning of one.
    runs = [len(run) for run in text.split()]
    again = sum(run * run for run in runs) // 1000
    again += len(_BEGINNING.findall(text)) * max(runs, default=0) // 40
    return plain + links + items + again + sum(map(_cells, _BLANK_LINE.split(text))) * COST_OF_A_CELL


def _cells(block: str) -> int:
    """Every row of a table is as wide as its head, however little it holds."""
    columns = max((row.count("|") + 1 for row in _DELIMITERS.findall(block) if "|" in row), default=0)
    return columns * (block.count("\n") + 1)


class Budget:
    """What the texts of one page may cost together, in the microseconds of `work`."""

    def __init__(self, left: int = 20 * MOST_WORK) -> None:
        self.left = left

    def spend(self, cost: int) -> bool:
        """Whether there is so much left. What is refused costs nothing."""
        if cost > min(self.left, MOST_WORK):
            return False
        self.left -= cost
        return True


def render(text: str, budget: Budget | None = None) -> SafeString:
    """The text as HTML of TAGS only; links stay on the desk or have one of SCHEMES, and rel="noopener nofollow".

    What would cost too much, by itself or beside the rest of its page, is shown as it was typed.
    """
    if not (budget or Budget()).spend(work(text)):
        return SafeString(linebreaks(text, autoescape=True))
    # A page has its own h1 and h2: a heading somebody typed starts below them.
    tokens = _parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    return SafeString(_cleaner.clean(_parser.renderer.render(tokens, _parser.options, {})))


_ADDRESS = r"<[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+>"
_MARKS = re.compile(
    rf"{_ADDRESS}|[\\`*_\[\]<>&~|]|(?<=\S)[.:@](?=\S)|/(?=/)|^[!-/:-@^{{}}]|(?<![^\d])[.)](?=\s|$)"
)


def literal(text: str) -> str:
    """A line that reads as it stands wherever Markdown is shown. Of it all only an address in <> becomes a link."""
    line = " ".join(text.split())
    return _MARKS.sub(lambda mark: mark[0] if len(mark[0]) > 1 else f"\\{mark[0]}", line)


def plain(text: str) -> str:
    """The words without the marks, for where nothing can be bold: the inbox, chats. What would cost too much stays."""
    if work(text) > MOST_WORK:
        return text
    blocks, item = [], ""
    for token in _parser.parse(text):
        if token.type == "list_item_open":
            item = f"{token.info}{token.markup} " if token.info else "• "
        elif token.type in {"fence", "code_block"}:
            blocks.append(item + token.content.strip("\n"))
            item = ""
        elif token.type == "inline":
            blocks.append(item + "".join(_inline(token.children or ())))
            item = ""
    return "\n".join(blocks)


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    behind = ""
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            yield "\n"
        elif token.type == "link_open":
            # What is written behind other words; an address that stands there itself is enough.
            behind = "" if token.info == "auto" else f" ({token.attrGet('href')})"
        elif token.type == "link_close":
            yield behind
        else:
            yield token.content
