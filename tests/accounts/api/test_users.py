"""/users: administrators manage people; everybody manages himself."""

from typing import Any

import pytest

from accounts.models import ApiKey, Team, User
from audit.models import Event
from tests.factories import UserFactory, stand
from tickets.models import Ticket

USERS = "/api/v1/users"


def address(user: User) -> str:
    return f"{USERS}/{user.public_id}"


def test_maria_makes_somebody_known(program_of: Any, admin: User, team: Team) -> None:
    response = program_of(admin).post(
        USERS,
        {
            "email": "new@example.com",
            "full_name": "Nina Keller",
            "role": "AGENT",
            "language": "ru",
            "time_zone": "Europe/Berlin",
            "team_ids": [str(team.public_id)],
        },
    )
    assert response.status_code == 201
    told = response.json()
    user = User.objects.get(email="new@example.com")
    assert response["Location"] == address(user)
    assert told | {"created_at": ""} == {
        "id": str(user.public_id),
        "email": "new@example.com",
        "full_name": "Nina Keller",
        "role": "AGENT",
        "is_active": True,
        "language": "ru",
        "time_zone": "Europe/Berlin",
        "teams": [{"id": str(team.public_id), "name": "IT", "is_lead": False}],
        "created_at": "",
    }
    assert not user.has_usable_password()


def test_with_a_key_that_works_and_is_shown_this_once(program_of: Any, admin: User) -> None:
    program = program_of(admin)
    told = program.post(USERS, {"email": "n@example.com", "full_name": "N", "issue_api_key": True}).json()
    assert program_of().get(f"{USERS}/me", headers={"x-api-key": told["api_key"]}).json()["id"] == told["id"]
    assert "api_key" not in program.get(f"{USERS}/{told['id']}").json()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", ""),
        ("email", "x" * 250 + "@example.com"),
        ("email", "MARIA@example.com"),
        ("full_name", "  "),
        ("full_name", "x" * 151),
        ("role", "ROOT"),
        ("language", "de"),
        ("time_zone", "Mars/Base"),
        ("team_ids", ["0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1"]),
        ("team_ids", "IT"),
        ("issue_api_key", "true"),
        ("password", "a long enough password"),
        ("is_staff", True),
        ("is_superuser", True),
        ("is_active", False),
        ("id", 1),
        ("public_id", "0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1"),
        ("theme", "dark"),
        ("created_at", "2020-01-01T00:00:00Z"),
    ],
)
def test_what_is_wrong_is_named_and_nobody_is_made(
    program_of: Any, admin: User, field: str, value: object
) -> None:
    body = {"email": "new@example.com", "full_name": "Nina Keller", field: value}
    response = program_of(admin).post(USERS, body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert User.objects.count() == 1


def test_nobody_else_may(program_of: Any, employee: User, agent: User, admin: User) -> None:
    for person in (employee, agent):
        program = program_of(person)
        assert program.get(USERS).status_code == 403
        assert program.post(USERS, {"email": "n@example.com", "full_name": "N"}).status_code == 403
        for other in (address(admin), f"{USERS}/0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1", f"{USERS}/x"):
            assert program.get(other).status_code == 403
            assert program.patch(other, {"full_name": "Mallory"}).status_code == 403
            assert program.get(f"{other}/api-keys").status_code == 403


def test_the_list_is_filtered_and_paged(
    program_of: Any, admin: User, employee: User, colleague: User
) -> None:
    program = program_of(admin)
    names = lambda query: [each["full_name"] for each in program.get(f"{USERS}?{query}").json()["results"]]  # noqa: E731
    assert names("") == ["Anna Kuznetsova", "Maria Petrova", "Борис Белов"]
    assert names("q=boris") == ["Борис Белов"]
    assert names("q=БОРИС") == ["Борис Белов"]
    assert names("role=ADMIN&role=AGENT") == ["Maria Petrova"]
    assert names("is_active=false") == []
    first = program.get(f"{USERS}?limit=2&count=true").json()
    assert first["count"] == 3
    assert len(program.get(first["next"]).json()["results"]) == 1


@pytest.mark.parametrize(
    "query", ["role=BOSS", "is_active=yes", "email=x", "is_active=true&is_active=false", "q=" + 201 * "x"]
)
def test_an_unknown_parameter_or_value_is_named(program_of: Any, admin: User, query: str) -> None:
    response = program_of(admin).get(f"{USERS}?{query}")
    assert (response.status_code, list(response.json()["errors"])) == (400, [query.split("=", maxsplit=1)[0]])


@pytest.mark.parametrize("rows", [3, 30])
def test_three_users_and_thirty_take_the_same_queries(
    program_of: Any, admin: User, team: Team, rows: int, django_assert_num_queries: Any
) -> None:
    UserFactory.create_batch(rows, in_teams=[team])
    program = program_of(admin)
    program.get(USERS)
    with django_assert_num_queries(4):
        program.get(USERS)


def test_a_field_is_a_verb(program_of: Any, admin: User, agent: User, team: Team, other_team: Team) -> None:
    program = program_of(admin)
    response = program.patch(
        address(agent),
        {
            "full_name": "Igor Orlow",
            "email": "orlow@example.com",
            "role": "ADMIN",
            "team_ids": [str(other_team.public_id)],
            "is_active": False,
        },
    )
    assert response.status_code == 200
    told = response.json()
    assert (told["full_name"], told["role"], told["is_active"]) == ("Igor Orlow", "ADMIN", False)
    assert [place["name"] for place in told["teams"]] == ["HR"]
    verbs = set(Event.objects.filter(subject_id=agent.public_id).values_list("verb", flat=True))
    assert verbs >= {
        "user.profile_changed",
        "user.email_changed",
        "user.role_changed",
        "user.teams_changed",
        "user.deactivated",
    }
    assert program.patch(address(agent), {"is_active": True}).json()["is_active"] is True


def test_a_lead_stays_one(program_of: Any, admin: User, lead: User, team: Team, other_team: Team) -> None:
    wanted = {"team_ids": [str(team.public_id), str(other_team.public_id)]}
    told = program_of(admin).patch(address(lead), wanted).json()
    assert {place["name"]: place["is_lead"] for place in told["teams"]} == {"IT": True, "HR": False}


def test_who_is_demoted_lets_go(program_of: Any, admin: User, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    program_of(admin).patch(address(agent), {"role": "EMPLOYEE"})
    ticket.refresh_from_db()
    assert (ticket.assignee, ticket.status) == (None, "NEW")


@pytest.mark.parametrize("change", [{"role": "AGENT"}, {"is_active": False}])
def test_the_last_administrator_stays(program_of: Any, admin: User, change: dict[str, Any]) -> None:
    response = program_of(admin).patch(address(admin), {"full_name": "Nobody"} | change)
    assert (response.status_code, response.json()["code"]) == (409, "last_admin")
    admin.refresh_from_db()
    assert (admin.full_name, admin.role, admin.is_active) == ("Maria Petrova", "ADMIN", True)


def test_everybody_changes_himself_within_bounds(program_of: Any, employee: User) -> None:
    program = program_of(employee)
    told = program.patch(f"{USERS}/me", {"language": "ru", "time_zone": "Europe/Moscow"}).json()
    assert (told["language"], told["time_zone"], told["full_name"]) == (
        "ru",
        "Europe/Moscow",
        "Anna Kuznetsova",
    )
    changes: list[dict[str, Any]] = [
        {"role": "ADMIN"},
        {"is_active": True},
        {"email": "x@example.com"},
        {"team_ids": []},
    ]
    for change in changes:
        response = program.patch(f"{USERS}/me", change)
        assert (response.status_code, response.json()["code"]) == (403, "admins_only")
    employee.refresh_from_db()
    assert employee.role == "EMPLOYEE"


@pytest.mark.parametrize(
    "field", ["password", "is_staff", "is_superuser", "theme", "id", "last_login", "api_key"]
)
def test_nothing_else_can_be_set(program_of: Any, admin: User, field: str) -> None:
    response = program_of(admin).patch(f"{USERS}/me", {field: "x"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_field")


def test_a_stale_change_is_refused(program_of: Any, admin: User, employee: User) -> None:
    program = program_of(admin)
    tag = program.get(address(employee))["ETag"]
    assert program.get(address(employee), headers={"if-none-match": tag}).status_code == 304
    changed = program.patch(address(employee), {"language": "ru"}, headers={"if-match": tag})
    assert changed.status_code == 200
    response = program.patch(address(employee), {"language": "en"}, headers={"if-match": tag})
    assert (response.status_code, response.json()["code"]) == (412, "stale_version")
    again = program.patch(address(employee), {"language": "en"}, headers={"if-match": changed["ETag"]})
    assert again.status_code == 200


def test_an_unknown_user_is_not_there_for_maria(program_of: Any, admin: User) -> None:
    for reference in ("0198f1a2-9b3e-7f41-b0aa-6c0de3d7f5a1", "x", "maria@example.com"):
        assert program_of(admin).get(f"{USERS}/{reference}").status_code == 404


def test_a_user_made_twice_by_accident_is_made_once(program_of: Any, admin: User) -> None:
    program = program_of(admin)
    body = {"email": "n@example.com", "full_name": "N", "issue_api_key": True}
    first, second = (program.post(USERS, body, headers={"idempotency-key": "k"}) for _turn in range(2))
    assert first.json() == second.json()
    assert ApiKey.objects.filter(user__email="n@example.com").count() == 1
