"""Logs: one JSON object per line on standard output, with secrets taken out on the way."""

import json
import logging
import logging.config
import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

# Keys whose values are never for the log, whoever writes them.
SECRET_KEY = re.compile(
    r"passw|secret|token|authorization|cookie|session_?key|api_?key$|bootstrap|credential|private_?key|otp|csrf|code_verifier|nonce",
    re.IGNORECASE,
)
# The public part of a key may be told: eight characters that find it in the list of keys.
TOLD_KEY = re.compile(r"prefix$|_id$", re.IGNORECASE)

# Every repetition is bounded: what strangers make us log must not cost more than its length.
SECRET_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # Our own keys keep their public part.
    (re.compile(r"\b(sf_[A-Za-z0-9-]{4,12})_[A-Za-z0-9_-]{8,}"), rf"\1_{HIDDEN}"),
    # Headers, as they stand in a dump of a request. A cookie header ends with its line.
    (re.compile(r"(?i)\b((?:proxy-)?authorization['\"]?\s{0,8}[:=]\s{0,8}['\"]?)(?:(?:bearer|basic|token)\s{1,8})?[^\s'\",}]+"),
     rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b((?:set-)?cookie['\"]?\s{0,8}[:=]\s{0,8})[^\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(x-(?:api|bootstrap)-key['\"]?\s{0,8}[:=]\s{0,8}['\"]?)[^\s'\",}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s{1,8})[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    # Parameters of an address, fields of a form, keys of a JSON body.
    (re.compile(
        r"(?i)((?:passw(?:or)?d|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|otp)[\w-]{0,40}"
        r"['\"]?\s{0,8}[:=]\s{0,8}['\"]?)(?!\[hidden\])[^\s'\"&,;}]+"),
     rf"\1{HIDDEN}"),
    # What travels while somebody signs in with another account, as it stands in an address, a form or a body; and the
    # word of a provider about a person, wherever it stands.
    (re.compile(
        r"(?i)((?<![\w-])(?:code|state|nonce|code_verifier|assertion)(?:['\"]\s{0,8}:\s{0,8}['\"]|=['\"]?))"
        r"(?!\[hidden\])[^\s'\"&,;}]+"),
     rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{2,}\.[\w-]*"), HIDDEN),
    # Addresses that are secrets themselves: links in mails, bots, incoming hooks, passwords in front of a host.
    (re.compile(r"(?i)(/account/link/)[^\s'\"/?#<>]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(/bot)\d+:[\w-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(hooks\.slack\.com/)\S+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,200}:)[^\s@/]{1,200}(?=@)"), rf"\1{HIDDEN}"),
)  # fmt: skip

# Libraries whose messages repeat the addresses they call.
TALKATIVE = (
    "procrastinate",
    "procrastinate.blueprints",
    "procrastinate.periodic",
    "urllib3",
    "httpx",
    "httpcore",
    "requests",
    "asyncio",
    "PIL",
)

# What strangers can make Django complain about as often as they like; the line of the request says enough.
CLUMSY = (
    "csrf",  # it tells the path, which may hold a token; we say so ourselves
    "DisallowedHost",
    "DisallowedModelAdminLookup",
    "RequestDataTooBig",
    "TooManyFieldsSent",
    "TooManyFilesSent",
)


def configure(level: str = "INFO") -> None:
    """Lead structlog and the standard library into one stream of JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        without_secrets,
                        structlog.processors.JSONRenderer(serializer=one_line),
                    ],
                }
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "json",
                }
            },
            "root": {"handlers": ["stdout"], "level": level.upper()},
            "loggers": {
                **{name: {"level": "WARNING"} for name in TALKATIVE},
                # Every request has its line, and every failure its trace from serviceflow.errors.
                "django.request": {"level": "CRITICAL"},
                "django.server": {"level": "ERROR"},
                # A trace for every scanner that passes by.
                **{f"django.security.{name}": {"level": "CRITICAL"} for name in CLUMSY},
            },
        }
    )


# JSON escapes the control characters of ASCII; these end a line for some readers, or steer a terminal.
MORE_CONTROL = {code: f"\\u{code:04x}" for code in [*range(0x7F, 0xA0), 0x2028, 0x2029]}


def one_line(event: EventDict, **options: Any) -> str:
    """JSON on exactly one line, whatever somebody has typed into a field: nobody forges a second one."""
    return json.dumps(event, ensure_ascii=False, **options).translate(MORE_CONTROL)


def without_secrets(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
    """The redaction filter: the last thing that happens to a record before it is written."""
    return {key: _clean(value, key) for key, value in event.items()}


def _clean(value: Any, key: object = "") -> Any:
    if isinstance(key, str) and SECRET_KEY.search(key) and not TOLD_KEY.search(key):
        return HIDDEN if value else value
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, bytes):
        return _clean_text(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {str(name): _clean(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _clean_text(str(value))


def _clean_text(text: str) -> str:
    for pattern, replacement in SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text
