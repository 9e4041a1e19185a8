"""How often: each kind of costly call has its limit, and one counter holds for all processes and machines."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import Allowance, User
from tests.edge import CALLER
from tests.factories import PASSWORD
from tests.program import program_of
from tests.security.conftest import Installation, installed
from tickets.models import Service, Ticket

__all__ = ["program_of"]

FEW = 3
TICKETS = "/api/v1/tickets"


class Callers:
    """Somebody at a browser and a program with his key."""

    def __init__(self, person: User, ticket: Ticket, browser: Client, program: Any) -> None:
        self.person, self.ticket, self.browser, self.program = person, ticket, browser, program

    def sign_in(self) -> Any:
        return Client().post(reverse("accounts:sign_in"), {"email": self.person.email, "password": "no"})

    def confirm(self) -> Any:
        return self.browser.post(reverse("accounts:confirm"), {"password": "no"})

    def change_on_a_page(self) -> Any:
        return self.browser.post(reverse("tickets:unwatch", args=[self.ticket.public_id]))

    def search_on_a_page(self) -> Any:
        return self.browser.get(reverse("tickets:start"), {"q": "printer"})

    def search_by_program(self) -> Any:
        return self.program.get(TICKETS, {"q": "printer"})

    def open_on_a_page(self) -> Any:
        return self.browser.post(reverse("tickets:new"), {"title": ""})

    def open_by_program(self) -> Any:
        return self.program.post(TICKETS, {"title": "Chair"})

    def open_by_an_older_program(self) -> Any:
        return self.program.post("/requests/", {"title": "Chair"})

    def upload_on_a_page(self) -> Any:
        file = SimpleUploadedFile("a.txt", b"a", "text/plain")
        return self.browser.post(reverse("tickets:comment", args=[self.ticket.public_id]), {"files": [file]})

    def upload_by_program(self) -> Any:
        file = SimpleUploadedFile("a.txt", b"a", "text/plain")
        return self.program.post(
            f"{TICKETS}/{self.ticket.reference}/attachments", {"files": [file]}, format="multipart"
        )

    def call_with_a_key(self) -> Any:
        return self.program.get("/api/v1/services")

    def call_with_a_wrong_key(self) -> Any:
        return Client().get(TICKETS, headers={"x-api-key": "sf_wrong"})

    def call_from_an_address(self) -> Any:
        return Client().get(TICKETS)


@pytest.fixture
def callers(
    employee: User, ticket: Ticket, browser_of: Callable[[User], Client], program_of: Callable[..., Any]
) -> Callers:
    return Callers(employee, ticket, browser_of(employee), program_of(employee))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "one"),
    [
        ("sign_in", Callers.sign_in),
        ("sign_in", Callers.confirm),
        ("person", Callers.change_on_a_page),
        ("person", Callers.search_on_a_page),
        ("search", Callers.search_on_a_page),
        ("search", Callers.search_by_program),
        ("create", Callers.open_on_a_page),
        ("create", Callers.open_by_program),
        ("create", Callers.open_by_an_older_program),
        ("upload", Callers.upload_on_a_page),
        ("upload", Callers.upload_by_program),
        ("key", Callers.call_with_a_key),
        ("refused", Callers.call_with_a_wrong_key),
        ("address", Callers.call_from_an_address),
    ],
)
def test_one_more_than_the_limit_is_asked_to_wait(
    callers: Callers, kind: str, one: Callable[[Callers], Any], settings: Any
) -> None:
    """Seen to fail, each for its kind: without its line in limits_of, CallerThrottle, fair_use, or tries."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {kind: FEW}
    statuses = [one(callers).status_code for _time in range(FEW)]
    assert 429 not in statuses
    refused = one(callers)
    if refused.status_code != 429:  # a window has ended meanwhile: they are a minute or more
        refused = [one(callers) for _time in range(FEW)][-1]
    assert refused.status_code == 429, (statuses, refused.status_code)
    assert 1 <= int(refused["Retry-After"]) <= 15 * 60 + 60


@pytest.mark.django_db
def test_a_person_is_counted_on_pages_and_by_his_programs_together(
    callers: Callers, program_of: Callable[..., Any], settings: Any
) -> None:
    """Another key of his brings nothing. Seen to fail: with the key's prefix instead of the person in limits_of."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"create": 3}
    another = program_of(callers.person)
    opened = [callers.open_by_program(), callers.open_on_a_page(), another.post(TICKETS, {"title": "Desk"})]
    assert 429 not in [answer.status_code for answer in opened]
    rows = Allowance.objects.filter(name=f"create:{callers.person.pk}").values_list("used", flat=True)
    assert sum(rows) in {1, 2, 3}  # fewer where a minute has just ended
    Allowance.objects.filter(name=f"create:{callers.person.pk}").update(used=3)
    assert callers.open_by_program().status_code == callers.open_on_a_page().status_code == 429


@pytest.mark.django_db
def test_health_is_never_asked_to_wait(settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 1)
    assert [Client().get("/health/live").status_code for _time in range(4)] == 4 * [200]


@pytest.mark.django_db(transaction=True)
def test_two_machines_with_two_processes_each_count_together(
    employee: User, service: Service, tmp_path: Any
) -> None:
    """Seen to fail: with a dictionary of the process in place of the table in allowances.spend."""
    limits = {"RATE_LIMIT_KEY": "20"}
    with installed(tmp_path / "one", **limits) as one, installed(tmp_path / "two", **limits) as two:
        for _again in range(2):
            key = api_keys.issue(employee, name="x", scopes=["read"], by=SYSTEM)[1]
            minute = int(time.time() // 60)
            answers = [
                # A connection of its own each: any of the processes may take it.
                machine.visitor().get("/api/v1/services", headers={"X-API-Key": key}).status_code
                for _call in range(13)
                for machine in (one, two)
            ]
            if int(time.time() // 60) == minute:
                break
        assert (answers.count(200), answers.count(429)) == (20, 6)


@pytest.mark.django_db(transaction=True)
def test_the_caller_is_who_the_proxy_has_seen(
    production: Installation, employee: User, ticket: Ticket
) -> None:
    """In the log and in what is counted: whatever a stranger claims, his guesses add up.

    Seen to fail: with the left-most entry taken in middleware.believe.
    """
    place = production.log.stat().st_size
    page = production.visitor().get(reverse("accounts:sign_in"))
    assert page.status_code == 200
    statuses = []
    for number in range(11):
        stranger = production.visitor()
        claims = {
            "X-Forwarded-For": f"203.0.113.{number}",
            "Forwarded": f"for=203.0.113.{number};proto=http;host=evil.example",
            "X-Real-IP": f"203.0.113.{number}",
            "X-Forwarded-Host": "evil.example",
        }
        stranger.headers.update(claims)
        page = stranger.get(reverse("accounts:sign_in"))
        statuses.append(
            stranger.submit(page, name="password", email=employee.email, password=PASSWORD[::-1]).status_code
        )
    assert 429 in statuses
    told = {line["address"] for line in production.lines_since(place) if line["event"] == "request"}
    assert told == {CALLER}
