"""What load balancers, platforms and Prometheus ask, answered before anybody looks at the host's name."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from serviceflow import figures, health, problems
from serviceflow import metrics as counted

type Respond = Callable[[HttpRequest], HttpResponse]


def answer_probes(get_response: Respond) -> Respond:
    """For a probe the name of the host is the address of a container."""
    probes = {
        "/health/live": health.live,
        "/health/ready": health.ready,
        "/health/jobs": health.jobs,
        "/metrics": metrics,
    }

    def respond(request: HttpRequest) -> HttpResponse:
        probe = probes.get(request.path_info)
        if probe is None:
            return get_response(request)
        request.resolver_match = resolve(request.path_info)  # it is counted and logged by its route
        if request.method in {"GET", "HEAD"}:
            return probe(request)
        response = problems.answer(request, 405)
        response["Allow"] = "GET, HEAD"
        return response

    return respond


def metrics(request: HttpRequest) -> HttpResponse:
    """What is counted and how the desk stands. For whoever has METRICS_KEY; without a key there is no such address."""
    if not health.may_know(request.headers.get("Authorization", "")):
        if not settings.METRICS_KEY:
            return problems.answer(request, 404)
        response: HttpResponse = problems.answer(request, 401, code="unauthorized")
        response["WWW-Authenticate"] = "Bearer"
        return response
    response = HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    response["Cache-Control"] = "no-store"
    return response


def exposition() -> bytes:
    """All that Prometheus is told. Without the database what this server has counted."""
    return counted.exposed() + figures.exposed(figures.ask())
