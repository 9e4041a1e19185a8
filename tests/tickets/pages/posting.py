"""How a test presses a button of the ticket page."""

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from audit.models import Event
from tickets.models import Ticket


def page_of(ticket: Ticket) -> str:
    return reverse("tickets:detail", args=[ticket.public_id])


def see(browser: Client, ticket: Ticket, query: str = "") -> str:
    """The ticket's page, as text."""
    response = browser.get(page_of(ticket) + query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def press(browser: Client, ticket: Ticket, button: str, **fields: Any) -> Any:
    """Post one form of the page as a browser does: with the version it was drawn from, unless `version` is given."""
    now = Ticket.objects.get(pk=ticket.pk)
    return browser.post(
        reverse(f"tickets:{button}", args=[ticket.public_id]), {"version": now.version, **fields}
    )


def again(ticket: Ticket) -> Ticket:
    """The ticket as it stands now."""
    found: Ticket = Ticket.objects.with_people().get(pk=ticket.pk)
    return found


def verbs(ticket: Ticket) -> list[str]:
    """What was done with the ticket, in order."""
    events = Event.objects.filter(subject_id=ticket.public_id).order_by("seq")
    return [verb.removeprefix("ticket.") for verb in events.values_list("verb", flat=True)]


def fields_of(page: str, button: str) -> dict[str, str]:
    """What a browser would send of the page's first form for this button, untouched."""
    forms = _Forms()
    forms.feed(page)
    return next(
        fields for action, fields in forms.found if re.search(rf"/{button.replace('_', '-')}/$", action)
    )


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
        elif (
            self.found
            and tag == "input"
            and "name" in given
            and given.get("type") not in {"radio", "checkbox"}
        ):
            self.found[-1][1][given["name"]] = given.get("value", "")
        elif self.found and tag == "select":
            self.select = given["name"]
        elif self.found and tag == "option" and (self.select not in self.found[-1][1] or "selected" in given):
            self.found[-1][1][self.select] = given.get("value", "")
