"""HTML of mails as the small Markdown of the desk: paragraphs, lists, links and quotes, and nothing else of it."""

import re
from html.parser import HTMLParser

_BLOCKS = {
    "address", "article", "center", "dd", "div", "dl", "dt", "fieldset", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hr", "main", "ol", "p", "pre", "section", "table", "tbody", "thead", "tr", "ul",
}  # fmt: skip
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre"}
_UNSEEN = {"head", "script", "style", "title", "template", "noscript", "object", "svg", "xml"}
_SPACE = re.compile(r"[ \t\r\n\f\u200b\ufeff\xad]+")
_DEEPEST = 20


class _Reader(HTMLParser):
    """Writes lines while it reads. Nothing is nested in memory, so nothing is nested too deeply."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line = ""
        self.quotes = 0
        self.unseen = ""
        self.link = ""
        self.linked = ""
        self.preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self.unseen = ""  # heads are not always closed
        if self.unseen:
            return
        if tag in _UNSEEN:
            self.unseen = tag
            return
        match tag:
            case "br":
                self.end_line()
            case "blockquote":
                self.end_line()
                self.quotes += 1
            case "li":
                self.end_line()
                self.line = "- "
            case "td" | "th":
                self.line += " " if self.line and not self.line.endswith(" ") else ""
            case "a":
                self.link, self.linked = (dict(attrs).get("href") or "").strip(), ""
            case _ if tag in _BLOCKS:
                self.break_off(tag)
        self.preformatted += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if self.unseen:
            self.unseen = "" if tag == self.unseen else self.unseen
            return
        match tag:
            case "blockquote":
                self.end_line()
                self.quotes = max(self.quotes - 1, 0)
            case "a":
                self.end_link()
            case "li":
                self.end_line()
            case _ if tag in _BLOCKS:
                self.break_off(tag)
        self.preformatted = max(self.preformatted - (tag == "pre"), 0)

    def handle_data(self, data: str) -> None:
        if self.unseen:
            return
        if self.preformatted:
            for place, line in enumerate(data.split("\n")):
                if place:
                    self.end_line()
                self.line += line
            return
        words = _SPACE.sub(" ", data)
        if not self.line or self.line.endswith(" "):
            words = words.lstrip(" ")
        self.line += words
        self.linked += words

    def unknown_decl(self, data: str) -> None:
        """Conditional comments of Outlook say nothing."""

    def end_link(self) -> None:
        shown, link = self.linked.strip(), self.link
        self.link = self.linked = ""
        if not shown or not link.lower().startswith(("http://", "https://", "mailto:")):
            return
        bare = link.partition(":")[2].strip("/")
        if shown.strip("/") in {link.strip("/"), bare} or shown.startswith(("http://", "https://")):
            return
        if self.line.endswith(shown) and not re.search(r"[\s()<>]", link) and "]" not in shown:
            self.line = f"{self.line.removesuffix(shown)}[{shown}]({link})"

    def break_off(self, tag: str) -> None:
        self.end_line()
        if tag in _PARAGRAPHS and self.lines and self.lines[-1].strip("> "):
            self.lines.append(self.quote_mark.rstrip())

    @property
    def quote_mark(self) -> str:
        return "> " * min(self.quotes, _DEEPEST)

    def end_line(self) -> None:
        line = self.line.replace("\xa0", " ").rstrip()
        self.line = ""
        blank_already = not self.lines or not self.lines[-1].strip("> ")
        if line or not blank_already:
            self.lines.append((self.quote_mark + line).rstrip())


def _without_comments(html: str) -> str:
    """The parser would look for the end of each comment anew; one that does not end takes the rest with it."""
    pieces, place = [], 0
    while (begin := html.find("<!--", place)) >= 0:
        pieces.append(html[place:begin])
        end = html.find("-->", begin + 2)  # <!--> is one, too
        if end < 0:
            return "".join(pieces)
        place = end + 3
    return "".join([*pieces, html[place:]])


def as_text(html: str) -> str:
    """The words of a page."""
    html = _without_comments(html)
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except (AssertionError, ValueError):
        # The parser gives up on some broken declarations: what it has read stands, the rest loses its tags.
        reader.line += re.sub(r"<[^<>]*>", " ", html[reader.getpos()[1] :]) if not reader.lines else ""
    reader.end_line()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(reader.lines)).strip("\n")
