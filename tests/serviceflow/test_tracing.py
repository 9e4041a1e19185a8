"""What a collector of OpenTelemetry is told, where there is one: how long what took, and nothing of anybody's."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from procrastinate.contrib.django import app

from accounts.models import User
from tests.http_server import Heard, http_server
from tests.mail_server import mail_server
from tests.programs import last_line
from tests.served import forms, running
from tests.working import until, working
from tickets.models import Service

pytestmark = pytest.mark.django_db(transaction=True)


def spans_in(heard: list[Heard]) -> list[Span]:
    return [
        span
        for one in list(heard)
        for resource in ExportTraceServiceRequest.FromString(one.body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def resources_in(heard: list[Heard]) -> set[str]:
    return {
        one.key
        for each in heard
        for resource in ExportTraceServiceRequest.FromString(each.body).resource_spans
        for one in resource.resource.attributes
    }


def told_of(span: Span) -> dict[str, str | int]:
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in span.attributes
    }


def test_a_collector_is_told_how_long_what_took_and_nothing_of_anybodys(
    employee: User, agent: User, service: Service, key_of: Callable[..., str], tmp_path: Path
) -> None:
    """Requests, jobs and queries, by a web server and a worker.

    Seen to fail with the path in place of the pattern, with the values added to the query, with record_exception, and
    with queries told outside of requests and jobs; with SANE_REQUEST_ID letting everything through.
    """
    name = connections["default"].settings_dict["NAME"]
    with http_server() as collector, mail_server() as host:
        surroundings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc",
            "OTEL_BSP_SCHEDULE_DELAY": "100", "RELEASE": "2026.3", "MAIL_HOST": "127.0.0.1", "MAIL_SECURITY": "NONE",
            "MAIL_PORT": str(host.port),
        }  # fmt: skip
        with (
            running(name, tmp_path / "web", **surroundings) as desk,
            working(name, tmp_path / "jobs", **surroundings),
        ):
            anna = desk.visitor().sign_in(employee.email)
            fields = {
                "title": "Planted-title",
                "service": str(service.public_id),
                "description": "Planted-words",
            }
            program = desk.visitor()
            program.headers["X-API-Key"] = key_of(employee)
            ticket = program.post("/api/v1/tickets/", json=fields).json()
            anna.get("/tickets/?q=planted-search")
            page = anna.get(f"/tickets/{ticket['number']}/")
            assert forms(page.text), page.status_code
            igor = desk.visitor()
            igor.headers["X-API-Key"] = key_of(agent)
            comment = igor.post(f"/api/v1/tickets/{ticket['id']}/comments/", json={"body": "Planted-comment"})
            assert comment.status_code == 201, comment.text
            igor.get("/trouble/bug?token=planted-in-the-address", headers={"X-Request-ID": "the-number"})
            igor.get("/trouble/bug", headers={"X-Request-ID": "planted in a number"})
            anna.get("/planted-path/")
            app.configure_task("notifications.forget_jobs", queue="upkeep").defer(timestamp=0)
            app.configure_task("tests.fail", queue="upkeep").defer()
            until(lambda: host.taken, "the mail did not come")
            wanted = {
                "POST api/v1/tickets/",
                "GET trouble/<str:kind>",
                "GET unknown",
                "notifications.deliver",
                "notifications.forget_jobs",  # goes in the loop, not in a thread
                "tests.fail",
                "SELECT",
            }
            until(lambda: wanted <= {span.name for span in spans_in(collector.heard)}, "spans are missing")
    spans = spans_in(collector.heard)
    [made] = [span for span in spans if span.name == "POST api/v1/tickets/"]
    assert told_of(made)["http.response.status_code"] == 201
    assert made.end_time_unix_nano > made.start_time_unix_nano
    inside = [span for span in spans if span.parent_span_id == made.span_id]
    assert any(str(told_of(span)["db.query.text"]).startswith("INSERT INTO") for span in inside)
    [broken] = [span for span in spans if told_of(span).get("serviceflow.request_id") == "the-number"]
    assert told_of(broken)["error.type"] == "500"
    ids = {span.span_id for span in spans}
    assert all(span.parent_span_id in ids for span in spans if told_of(span).get("db.query.text"))
    assert {one.path for one in collector.heard} == {"/v1/traces"}
    assert {one.headers["authorization"] for one in collector.heard} == {"Bearer abc"}
    assert resources_in(collector.heard) == {
        "service.name", "service.version", "service.instance.id",  # a random number
        "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version",
    }  # fmt: skip
    sent = b"".join(one.body for one in collector.heard).lower()
    assert b"2026.3" in sent
    for secret in (
        "planted", "the shelf is empty", "a job that fails", employee.email, employee.full_name, agent.email,
        "127.0.0.1", "python-requests", str(employee.public_id), ticket["id"], ticket["number"],
        anna.cookies["session"], str(program.headers["X-API-Key"])[:12],
    ):  # fmt: skip
        assert str(secret).lower().encode() not in sent, secret


def test_first_threads_that_come_together_get_one_tracer() -> None:
    """Seen to fail without the lock of tracing._tracer: each then made a provider of its own, and a thread of it."""
    program = """if True:
        import os, threading
        from concurrent.futures import ThreadPoolExecutor
        import serviceflow.wsgi
        from serviceflow import tracing
        together = threading.Barrier(8)
        def first(number):
            together.wait()
            return tracing._tracer()
        with ThreadPoolExecutor(8) as hands:
            made = list(hands.map(first, range(8)))
        print(len({id(one) for one in made}), flush=True)
        os._exit(0)
    """
    told = last_line(
        program,
        DJANGO_SETTINGS_MODULE="serviceflow.settings_test",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )
    assert told == "1"
