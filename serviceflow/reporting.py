"""Faults of the desk, told to Sentry where SENTRY_DSN says so.

What is sent is made anew from little: which exception, in which functions and lines, in which release. No message, no
variable, no address, nobody's name: an exception's words repeat what people have typed.
"""

import logging
import sys
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

# Of a place in the program: where it is, not what was in its hands.
OF_A_PLACE = ("module", "function", "filename", "lineno", "in_app")


def begin() -> None:
    """Listen to the log's errors. That the library is there settings have seen to."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=settings.RELEASE or None,
        server_name="",
        default_integrations=False,
        auto_enabling_integrations=False,
        before_send=harmless,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=2,
    )
    logging.getLogger().addHandler(Reporter(level=logging.ERROR))


class Reporter(logging.Handler):
    """Tells of each line of the log that comes with an exception."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.tell(record)
        except Exception:  # noqa: BLE001 (as every handler of the library does: whoever logs goes on)
            self.handleError(record)

    @staticmethod
    def tell(record: logging.LogRecord) -> None:
        import sentry_sdk

        said = record.msg if isinstance(record.msg, dict) else {}
        given = record.exc_info or said.get("exc_info")
        fault = sys.exception() if given is True else given[1] if isinstance(given, tuple) else given
        if isinstance(fault, BaseException) and not record.name.startswith("sentry_sdk"):
            # By these the line of the log is found that says more.
            tags = {name: str(said[name]) for name in ("event", "request_id") if name in said}
            sentry_sdk.capture_exception(fault, tags=tags)


def harmless(event: "Event", _hint: "Hint") -> "Event | None":
    """The report without anybody's data; None for what is no exception, which stands in the log."""
    faults = [_fault(one) for one in (event.get("exception") or {}).get("values") or []]
    if not faults:
        return None
    kept: Event = {
        "event_id": event["event_id"],
        "timestamp": event["timestamp"],
        "platform": "python",
        "level": event.get("level", "error"),
        "logger": event.get("logger", ""),
        "exception": {"values": faults},
        "tags": event.get("tags", {}),
    }
    if release := event.get("release"):
        kept["release"] = release
    return kept


def _fault(exception: dict[str, Any]) -> dict[str, Any]:
    places = (exception.get("stacktrace") or {}).get("frames") or []
    return {
        "type": exception.get("type"),
        "module": exception.get("module"),
        "stacktrace": {"frames": [{name: place.get(name) for name in OF_A_PLACE} for place in places]},
    }
