"""GET /services, /teams and /tags: what a client needs to fill a form."""

from typing import Any

import pytest

from accounts.models import Team, User
from tests.factories import opened
from tickets.models import Service, Ticket


def test_anna_s_client_fills_its_form(
    program_of: Any, employee: User, service: Service, confidential: Service, team: Team
) -> None:
    opened(by=employee, title="Broken chair", tags=["chair", "asap"])
    program = program_of(employee, "read")
    services = program.get("/api/v1/services").json()["results"]
    assert services[1] == {
        "id": str(service.public_id),
        "name": "VPN access",
        "name_en": "VPN access",
        "name_ru": "Доступ по VPN",
        "description": "",
        "team": {"id": str(team.public_id), "name": "IT"},
        "confidential": False,
    }
    assert [each["name"] for each in program.get("/api/v1/teams").json()["results"]] == ["HR", "IT"]
    assert [each["name"] for each in program.get("/api/v1/tags").json()["results"]] == ["asap", "chair"]


def test_what_is_out_of_use_is_not_offered(program_of: Any, employee: User, service: Service) -> None:
    Service.objects.update(is_active=False)
    Team.objects.update(is_active=False)
    program = program_of(employee)
    assert program.get("/api/v1/services").json()["results"] == []
    assert program.get("/api/v1/teams").json()["results"] == []


def test_boris_reads_russian(program_of: Any, colleague: User, service: Service) -> None:
    assert program_of(colleague).get("/api/v1/services").json()["results"][0]["name"] == "Доступ по VPN"


@pytest.mark.parametrize("what", ["services", "teams", "tags"])
def test_they_are_paged_and_take_few_queries(
    program_of: Any,
    employee: User,
    service: Service,
    confidential: Service,
    what: str,
    django_assert_num_queries: Any,
) -> None:
    opened(by=employee, title="Broken chair", tags=["chair", "asap"])
    program = program_of(employee)
    first = program.get(f"/api/v1/{what}?limit=1&count=true").json()
    assert first["count"] == 2
    with django_assert_num_queries(4):
        second = program.get(first["next"]).json()
    assert [len(first["results"]), len(second["results"]), second["next"]] == [1, 1, None]
    assert program.get(f"/api/v1/{what}?is_active=true").status_code == 400


def test_tags_of_confidential_tickets_are_not_told(
    program_of: Any, agent: User, stranger: User, admin: User, ticket: Ticket, confidential: Service
) -> None:
    opened(by=admin, service=confidential, tags=["dismissal"])
    opened(by=admin, tags=["chair"])

    def tags(reader: User) -> list[str]:
        return [each["name"] for each in program_of(reader).get("/api/v1/tags").json()["results"]]

    assert (tags(agent), tags(stranger)) == (["chair"], ["chair", "dismissal"])
