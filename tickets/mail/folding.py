"""What somebody wrote, apart from what his mail program put below it: the history and the signature.

Nothing is lost: the three parts together are the whole text. What cannot be told apart stays visible.
"""

import re
from dataclasses import dataclass

# The line of our own mails above which answers are written, in whatever language.
_OURS = re.compile(r"##- .+ -##")

_DAY = (
    r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d{2}-\d{2}|"
    r"\d{1,2}(?:st|nd|rd|th)?\.? [^\W\d_]{3,9}\.?,? \d{4}|[^\W\d_]{3,9}\.? \d{1,2},? \d{4})"
)
_TIME = r"\d{1,2}[:.]\d{2}"
_WROTE = (
    r"(?:wrote|writes|said|sent|пишет|писал(?:а|\(а\))?|написал(?:а|\(а\))?|написал\(-а\)|"
    r"schrieb(?: am.{0,80})?|a écrit|escribió|ha scritto|schreef|skrev|napisał(?:\(a\)|a)?|escreveu)"
)
# "On Tue, 12 Mar 2024 at 10:15, Anna <anna@example.com> wrote:", in as many lines as a client has made of it.
_ATTRIBUTIONS = [
    re.compile(
        rf"^(?:On|Op|Am|Le|El|Il|W dniu|Em|Den|В|Пользователь)?\b.{{0,250}}?{_WROTE}\s*:$", re.IGNORECASE
    ),
    # Gmail in Russian (вт, 12 мар. 2024 г. в 10:15, Anna <anna@example.com>:) and Yandex.
    re.compile(rf"^.{{0,60}}{_TIME}.{{0,120}}<\S+@\S+>\s*:$"),
    # Mail.ru: Вторник, 12 марта 2024, 10:15 +03:00 от Anna <anna@example.com>:
    re.compile(rf"^.{{0,80}}{_TIME}.{{0,40}}\b(?:от|from)\b.{{0,120}}@\S+\s*:?$", re.IGNORECASE),
    re.compile(rf"^[^\s].{{0,120}}@\S+>?,? .{{0,20}}{_DAY}.{{0,20}}:$"),
]
_DATED = re.compile(rf"{_DAY}|{_TIME}|@")
# Nothing is given back: that would take more than linear time.
_RULE = re.compile(r"^\s*+(?:[-_=*]{6,}+|[-_=*]{3,}+\s*+(?P<word>[^-_=*]*+)[-_=*]{3,}+)\s*+$")
_HISTORY = re.compile(
    r"original message|исходное сообщение|original appointment|reply message|ursprüngliche nachricht|message d'origine|"
    r"mensaje original|reply separator|ответ на сообщение|конец переписки",
    re.IGNORECASE,
)
_UNDERLINE = re.compile(r"^\s*_{10,}\s*$")
_HEADER = re.compile(
    r"^[\s>*]*(?P<name>From|Sent|Date|To|Cc|Subject|Reply-To|От|От кого|Отправлено|Отправлен|Дата|Кому|Копия|Тема|Von|"
    r"Gesendet|An|Betreff|De|Envoyé|À|Objet|Enviado|Para|Asunto)\**\s*:",
    re.IGNORECASE,
)
_FROM = {"from", "от", "от кого", "von", "de"}
_QUOTED = re.compile(r"^\s{0,3}(?:>|\|(?=\s))")
_DASHES = re.compile(r"^--\s?$|^—\s?$|^__\s?$")
_SENT_FROM = re.compile(
    r"^\W{0,3}(?:Sent (?:from|with|via|by) |Get Outlook for |Отправлено (?:с|из|от|через) |Отправлено мобильной|"
    r"Скачать Outlook|Получите Outlook|Von meinem .{1,40} gesendet|Envoyé de(?:puis)? mon )",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:(?:с|c) (?:наилучшими пожеланиями|уважением)|всего доброго|(?:best|kind|warm|many)? ?(?:regards|wishes)|"
    r"sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|cheers|mit freundlichen grüßen|cordialement)"
    r"[\s,.!]{0,3}(?:[^\W\d_][\w .-]{0,40})?$",
    re.IGNORECASE,
)
_LONGEST_CLOSING = 10  # lines after "Best regards"
_LONGEST_SIGNATURE = 30


@dataclass(frozen=True)
class Folded:
    """The parts of a text. `signature` stood below `visible`, and `quoted` below or above it."""

    visible: str
    signature: str = ""
    quoted: str = ""


# Nobody writes so much himself.
_LONGEST = 200_000


def fold(text: str) -> Folded:
    if len(text) > _LONGEST:
        return Folded(text)
    lines = text.split("\n")
    at = _history_begins(lines)
    before, after = lines[:at], lines[at:]
    if _written(before):
        inline = _answers_between(after)
        if inline:
            return Folded(text.strip("\n"))
        visible, signature = _signed(before)
        return Folded(_text(visible), _text(signature), _text(after))
    return _below(lines, at)


def _below(lines: list[str], at: int) -> Folded:
    """Somebody who answers below the history, or between its lines; or who wrote nothing himself."""
    end = max((place + 1 for place, line in enumerate(lines) if _QUOTED.match(line)), default=0)
    quotes = [line for line in lines[at:end] if line.strip()]
    plain = [line for line in quotes if not _QUOTED.match(line)]
    # Between the first and the last quoted line only the attribution may stand: otherwise it is an interview.
    if end and _written(lines[end:]) and len(plain) <= _attribution(lines, at):
        visible, signature = _signed(lines[end:])
        return Folded(_text(visible), _text(signature), _text(lines[:end]))
    return Folded(_text(lines))


def _history_begins(lines: list[str]) -> int:
    """The first line that is not the writer's own any more; the number of lines if all are."""
    for place, line in enumerate(lines):
        if _OURS.search(line) or _separates(lines, place) or _attribution(lines, place):
            return place
    last = len(lines)
    while last and (not lines[last - 1].strip() or _QUOTED.match(lines[last - 1])):
        last -= 1
    if any(_QUOTED.match(line) for line in lines[last:]):
        return last
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    return first if lines and first < len(lines) and _QUOTED.match(lines[first]) else len(lines)


def _separates(lines: list[str], place: int) -> bool:
    """Whether Outlook or one of its heirs begins the history here. What is forwarded is news, not history."""
    line = lines[place]
    rule = _RULE.match(line)
    if rule and _HISTORY.search(rule["word"] or ""):
        return True
    if _UNDERLINE.match(line):
        following = next((other for other in range(place + 1, len(lines)) if lines[other].strip()), None)
        return following is not None and _heads(lines, following)
    return _heads(lines, place) and not _is_forwarded(lines, place)


def _heads(lines: list[str], place: int) -> bool:
    """Whether a block "From: … Sent: … To: … Subject: …" begins with this line."""
    first = _HEADER.match(lines[place])
    if first is None or first["name"].lower() not in _FROM or lines[place].lstrip().startswith(">"):
        return False
    names = {found["name"].lower() for line in lines[place : place + 8] if (found := _HEADER.match(line))}
    return len(names) >= 3


def _is_forwarded(lines: list[str], place: int) -> bool:
    above = [line for line in lines[max(place - 3, 0) : place] if line.strip()]
    rule = _RULE.match(above[-1]) if above else None
    text = rule["word"] or "" if rule else above[-1] if above else ""
    return bool(re.search(r"forward|перес(?:ыл|лан)|переадрес|weitergeleitet", text, re.IGNORECASE))


def _attribution(lines: list[str], place: int) -> int:
    """How many lines from here say only who wrote what follows; 0 if these do not."""
    if not lines[place].strip() or _QUOTED.match(lines[place]):
        return 0
    whole = ""
    for count, line in enumerate(lines[place : place + 4], 1):
        if not line.strip():
            return 0
        whole = f"{whole} {line.strip()}".strip()
        if len(whole) > 400:
            return 0
        if whole.endswith(":") or "@" in line:
            said = any(pattern.match(whole) for pattern in _ATTRIBUTIONS)
            if said and _DATED.search(whole) and (count == 1 or _opens(lines[place])):
                return count
    return 0


def _opens(line: str) -> bool:
    """Whether an attribution of several lines may begin so: it names a day or a person at once."""
    return bool(
        re.match(r"^(?:On|Am|Le|El|Il|Op|Em|Den|W dniu|В|Пользователь)\b", line.strip())
        or _DATED.search(line)
    )


def _answers_between(lines: list[str]) -> bool:
    """Whether there are own words after the first quoted line and before the last one, or after it."""
    quoted = [place for place, line in enumerate(lines) if _QUOTED.match(line)]
    if not quoted:
        return False
    inner = [
        line
        for place, line in enumerate(lines[quoted[0] :], quoted[0])
        if line.strip() and not _QUOTED.match(line)
    ]
    own, _signature = _signed(inner)
    return _written(own) and not any(_OURS.search(line) for line in lines[:2])


def _signed(lines: list[str]) -> tuple[list[str], list[str]]:
    """Own words and signature. Whoever wrote nothing but a signature has written that."""
    at = len(lines)
    tail = max(len(lines) - _LONGEST_SIGNATURE, 0)
    for place in range(len(lines) - 1, tail - 1, -1):
        if _DASHES.match(lines[place]) or _SENT_FROM.match(lines[place].strip()):
            at = place
    for place in range(at - 1, max(at - _LONGEST_CLOSING, -1), -1):
        if _CLOSING.match(lines[place].strip()):
            at = place
            break
    return (lines[:at], lines[at:]) if _written(lines[:at]) else (lines, [])


def _written(lines: list[str]) -> bool:
    return any(line.strip() for line in lines)


def _text(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()
