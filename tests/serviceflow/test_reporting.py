"""Faults told to Sentry, where somebody has set it up: enough to find them, and nothing of anybody's."""

import gzip
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from serviceflow import reporting
from tests.http_server import http_server
from tests.programs import last_line
from tests.served import CHECKOUT, running
from tests.working import until


def events_in(heard: list[Any]) -> list[dict[str, Any]]:
    """The events of the envelopes that were sent: a line for each part's kind, and one for the part."""
    found = []
    for one in heard:
        body = gzip.decompress(one.body) if one.headers.get("content-encoding") == "gzip" else one.body
        lines = [json.loads(line) for line in body.splitlines() if line]
        found += [
            part for kind, part in zip(lines[1::2], lines[2::2], strict=True) if kind["type"] == "event"
        ]
    return found


@pytest.mark.django_db(transaction=True)
def test_a_fault_is_told_with_its_place_and_without_anybodys_data(employee: User, tmp_path: Path) -> None:
    """Seen to fail without before_send: the event of Sentry's own then brings the words of the log line.

    And with SANE_REQUEST_ID letting everything through: whatever a caller names his request is then told.
    """
    name = connections["default"].settings_dict["NAME"]
    with http_server() as sentry:
        dsn = f"http://public@127.0.0.1:{sentry.port}/7"
        with running(name, tmp_path, SENTRY_DSN=dsn, RELEASE="2026.3", WEB_CONCURRENCY="1") as desk:
            anna = desk.visitor().sign_in(employee.email)
            answer = anna.get(
                "/trouble/bug?token=hidden-in-the-address",
                headers={"X-Request-ID": "the-number", "Authorization": "Bearer hidden-in-a-header"},
            )
            assert answer.status_code == 500
            anna.get("/trouble/bug", headers={"X-Request-ID": "hidden-in a name " + 300 * "x"})
            until(lambda: len(events_in(sentry.heard)) == 2, "Sentry heard too little")
            event, other = events_in(sentry.heard)
            sent = json.dumps([event, other])
    [fault] = event["exception"]["values"]
    assert fault["type"] == "RuntimeError"
    assert fault["stacktrace"]["frames"][-1]["function"] == "trouble"
    assert event["release"] == "2026.3"
    assert event["tags"] == {"event": "internal_error", "request_id": "the-number"}
    assert re.fullmatch("[0-9a-f]{32}", other["tags"]["request_id"])
    for secret in (
        "the shelf is empty", "hidden-in", employee.email, employee.full_name, str(employee.public_id), "127.0.0.1",
        "trouble/bug", anna.cookies["session"], os.uname().nodename,
    ):  # fmt: skip
        assert secret not in sent, secret
    assert {one.path for one in sentry.heard} == {"/api/7/envelope/"}


def test_what_cannot_be_reported_stops_nobody_who_logs(capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail without the `try` of Reporter.emit."""

    class Odd:
        def __str__(self) -> str:
            raise ValueError("no words")

    fault = RuntimeError("of somebody else")
    line = logging.LogRecord("x", logging.ERROR, "x.py", 1, {"event": Odd()}, (), (RuntimeError, fault, None))
    reporting.Reporter().handle(line)
    assert "no words" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "value", "module", "library"),
    [
        ("SENTRY_DSN", "https://public@sentry.example.com/7", "sentry_sdk", "sentry-sdk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://x.example.com", "opentelemetry.sdk", "opentelemetry-sdk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://x.example.com", "opentelemetry.exporter.otlp.proto.http",
         "opentelemetry-exporter-otlp-proto-http"),
    ],
)  # fmt: skip
def test_without_the_library_the_start_says_so_in_one_line(
    tmp_path: Path, setting: str, value: str, module: str, library: str
) -> None:
    """Seen to fail without the look at find_spec in the settings."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nreal = u.find_spec\n"
        f"u.find_spec = lambda name, *more: None if name == {module!r} else real(name, *more)\n"
    )
    surroundings = os.environ | {
        "PYTHONPATH": str(tmp_path),
        setting: value,
        "SECRET_KEY": "a-key-of-the-test-run-only-" + 40 * "0",
        "DJANGO_SETTINGS_MODULE": "serviceflow.settings",
    }
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "python:serviceflow.gunicorn", "--check-config",
         "serviceflow.wsgi"],
        cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    [said] = [line for line in done.stderr.splitlines() if library in line]
    assert said.startswith(f"error: {setting} needs the library {library}, which is not installed")
    assert "Traceback" not in done.stderr


def test_where_nobody_is_told_no_such_library_is_loaded(tmp_path: Path) -> None:
    """By a web server, and by a worker. Seen to fail with the import at the head of serviceflow.tracing."""
    program = (
        "import sys, serviceflow.wsgi\nfrom serviceflow import jobs, tracing\n"
        "assert not jobs.tracing.of_jobs()\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'sentry_sdk'))])"
    )
    assert last_line(program, DJANGO_SETTINGS_MODULE="serviceflow.settings", DEBUG="1") == "[]"
