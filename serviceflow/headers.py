"""What no answer may lack, whoever gives it: the application, or the web server in its place."""

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
    response.setdefault(CSP.HEADER_ENFORCE, build_policy(settings.SECURE_CSP))  # type: ignore[arg-type]
    if not response.streaming:
        response.setdefault("Content-Length", str(len(response.content)))
    return response
