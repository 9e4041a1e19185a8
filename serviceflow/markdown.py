"""What people write, as safe HTML: a small Markdown, no raw HTML, no pictures from elsewhere."""

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

SCHEMES = {"http", "https", "mailto", "tel"}
TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip

# A line break is a line break, as in mail; addresses become links.
_parser = (
    MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True})
    .enable(["linkify", "table", "strikethrough"])
    .disable("image")
)
_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    url_schemes=SCHEMES,
    link_rel="noopener nofollow",
)


def render(text: str) -> SafeString:
    """The text as HTML of TAGS only, every link with a scheme of SCHEMES and rel="noopener nofollow"."""
    # A page has its own h1 and h2: a heading somebody typed starts below them.
    tokens = _parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    return SafeString(_cleaner.clean(_parser.renderer.render(tokens, _parser.options, {})))
