"""What no answer may lack, whoever gives it: the application, or the web server in its place."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpResponse
from django.utils.csp import CSP, build_policy

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": ", ".join(
        f"{power}=()"
        for power in (
            "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
            "microphone", "midi", "payment", "serial", "usb",
        )
    ),
}  # fmt: skip


def dressed(response: HttpResponse) -> HttpResponse:
    """The response with all of them, and its length."""
    for name, value in HEADERS.items():
        response.setdefault(name, value)
    if settings.SECURE_HSTS_SECONDS:
        # Probes and refusals never come to SecurityMiddleware, which says the same. Without TLS browsers ignore it.
        response.setdefault("Strict-Transport-Security", hsts())
    # Some errors and redirects may be kept by those who are not told otherwise.
    if (
        response.status_code >= HTTPStatus.MULTIPLE_CHOICES
        and response.status_code != HTTPStatus.NOT_MODIFIED
    ):
        response.setdefault("Cache-Control", "no-store")
    response.setdefault(CSP.HEADER_ENFORCE, build_policy(settings.SECURE_CSP))  # type: ignore[arg-type]
    if not response.streaming:
        response.setdefault("Content-Length", str(len(response.content)))
    return response


def hsts() -> str:
    words = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    words += ["includeSubDomains"] if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else []
    words += ["preload"] if settings.SECURE_HSTS_PRELOAD else []
    return "; ".join(words)
