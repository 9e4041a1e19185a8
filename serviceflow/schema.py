"""The OpenAPI description of the API and the page that shows it."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

V1 = "/api/v1/"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "serviceflow.api.KeyAuthentication"
    name = ["ApiKey", "BearerKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of yours: sf_…"},
            {"type": "http", "scheme": "bearer", "description": "The same key as a bearer token."},
        ]


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "serviceflow.api.BrowserAuthentication"
    name = "Session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        from django.conf import settings

        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of a browser; changes need the CSRF token, too.",
        }


def only_v1(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Each address once, without the slash at its end; older integrations' addresses are not offered to new ones."""
    return [
        endpoint for endpoint in endpoints if endpoint[0].startswith(V1) and not endpoint[0].endswith("/")
    ]


def finish(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Say what the generator does not, and nothing that only we need to know."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Input"):
            schema["additionalProperties"] = False
    for operations in result["paths"].values():
        for operation in operations.values():
            # The doc string of the view, which is for those who read the code; the summary says it.
            operation.pop("description", None)
    result["paths"][f"{V1}users"]["post"]["security"].append({})
    return result


class Schema(SpectacularAPIView):
    """OpenAPI 3.1, as YAML or JSON."""


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files."""

    template_name = "serviceflow/api_docs.html"
    url_name = "schema"

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response
