"""The tickets app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TicketsConfig(AppConfig):
    name = "tickets"
    verbose_name = _("Tickets")

    def ready(self) -> None:
        from accounts import departures
        from audit import trail
        from tickets import actions, reads

        departures.listen(actions.release_what_is_lost)
        trail.KEPT["ticket"] = reads.present_tickets
        trail.CHECKS[:] = [reads.comment_faults]
