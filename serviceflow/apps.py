"""The app that wires the others together."""

from django.apps import AppConfig


class ServiceflowConfig(AppConfig):
    name = "serviceflow"

    def ready(self) -> None:
        from serviceflow import metrics, reporting, tracing

        metrics.register()
        reporting.begin()
        tracing.begin()
