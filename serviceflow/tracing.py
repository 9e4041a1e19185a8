"""How long what took, told to a collector of OpenTelemetry where OTEL_EXPORTER_OTLP_ENDPOINT names one.

A span for each request, each job, and each query of theirs. It holds words of the program alone: the pattern of the
route, a status, the name of a job, a query as it is written, without its values; never an address, a person, an
argument, or what an exception says. Nobody's trace is joined to ours, for strangers send such headers, too; by the
request's number the lines of the log are found.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse

from serviceflow import metrics

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer
    from procrastinate.jobs import Job

type Respond = Callable[[HttpRequest], HttpResponse]

TIMEOUT = 5.0  # seconds for a collector to take what it is sent: as long an end of a process may wait for it
LONGEST = 2000  # characters of a query
_MAKING = threading.Lock()


def begin() -> None:
    """Watch queries from now on. That the libraries are there settings have seen to."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        connection_created.connect(_watch, dispatch_uid="serviceflow.tracing")


def _tracer() -> "Tracer":
    """Made at the first span, in the process that has it; once, for the first threads come at the same time."""
    with _MAKING:
        return _made()


@cache
def _made() -> "Tracer":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    told = {"service.name": "serviceflow"}
    if settings.RELEASE:
        told["service.version"] = settings.RELEASE
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces",
        headers=settings.OTEL_EXPORTER_OTLP_HEADERS,
        timeout=TIMEOUT,
    )
    provider = TracerProvider(
        sampler=_with_its_parent(TraceIdRatioBased(settings.OTEL_TRACES_SAMPLER_ARG)),
        resource=Resource.create(told),
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("serviceflow")


def _with_its_parent(sampler: Any) -> Any:
    from opentelemetry.sdk.trace.sampling import ParentBased

    return ParentBased(sampler)


@contextmanager
def _span(name: str, kind: str) -> Iterator["Span"]:
    from opentelemetry.trace import SpanKind, Status, StatusCode

    with _tracer().start_as_current_span(
        name, kind=SpanKind[kind], record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as trouble:
            span.set_attribute("error.type", type(trouble).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def traced(get_response: Respond) -> Respond:
    """Around everything else, where there is a collector."""

    def respond(request: HttpRequest) -> HttpResponse:
        with _span("request", "SERVER") as span:
            response = get_response(request)
            route, method = metrics.route_of(request), metrics.method_of(request)
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                    "serviceflow.request_id": request.request_id,  # type: ignore[attr-defined]
                }
            )
            if response.status_code >= 500:
                span.set_attribute("error.type", str(response.status_code))
        return response

    return respond


def of_jobs() -> list[Any]:
    """What procrastinate is to wrap around each job: in its thread, or in the loop, as the job goes."""
    return [_job, _job_of_the_loop] if settings.OTEL_EXPORTER_OTLP_ENDPOINT else []


def _job(go_on: Callable[[], Any], context: Any, _worker: Any) -> Any:
    with _of(context.job):
        return go_on()


async def _job_of_the_loop(go_on: Callable[[], Awaitable[Any]], context: Any, _worker: Any) -> Any:
    with _of(context.job):
        return await go_on()


@contextmanager
def _of(job: "Job") -> Iterator[None]:
    with _span(job.task_name, "CONSUMER") as span:
        span.set_attribute("messaging.destination.name", job.queue)
        yield


def _watch(connection: Any, **_more: Any) -> None:
    if _query not in connection.execute_wrappers:
        connection.execute_wrappers.append(_query)


def _query(go_on: Callable[..., Any], sql: Any, values: Any, many: bool, context: dict[str, Any]) -> Any:
    """Queries of requests and jobs alone: a command of the shell may hold a password of the database."""
    from opentelemetry.trace import get_current_span

    if not get_current_span().is_recording():
        return go_on(sql, values, many, context)
    written = str(sql).strip()
    with _span(written.partition(" ")[0].upper()[:20] or "QUERY", "CLIENT") as span:
        span.set_attributes({"db.system.name": "postgresql", "db.query.text": written[:LONGEST]})
        return go_on(sql, values, many, context)
