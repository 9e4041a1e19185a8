"""Administrators at work on people, teams and keys: every change is a verb."""

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import ApiKey, Membership, Team, User
from audit.models import Event
from tests.factories import PASSWORD, UserFactory, opened, stand, web
from tickets.models import Service, Ticket

type BrowserOf = Callable[[User], Client]
USERS = "/admin/accounts/user/"
KEYS = "/admin/accounts/apikey/"


@pytest.fixture
def desk(admin: User, browser_of: BrowserOf) -> Client:
    """The administrator's browser."""
    return browser_of(admin)


def of(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


def form_of(user: User, teams: dict[Team, bool] | None = None, **changed: Any) -> dict[str, Any]:
    """The form of a person as it is shown, with something changed; `teams` are new memberships."""
    fields = {
        "email": user.email,
        "full_name": user.full_name,
        "language": user.language,
        "time_zone": user.time_zone,
        "role": user.role,
        "is_active": "on",
    } | changed
    present = list(user.memberships.order_by("pk")) if user.pk else []
    rows = [{"id": row.pk, "team": row.team_id, "is_lead": row.is_lead and "on"} for row in present]
    rows += [{"team": team.pk, "is_lead": lead and "on"} for team, lead in (teams or {}).items()]
    fields |= {"memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": len(present)}
    for n, row in enumerate(rows):
        fields |= {f"memberships-{n}-{name}": value for name, value in row.items() if value}
    return {name: value for name, value in fields.items() if value is not None}


# --- The door ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", USERS, "/admin/nothing/here/"])
def test_a_stranger_is_asked_to_sign_in_on_the_desks_own_page(client: Client, db: None, address: str) -> None:
    goal = "/admin/" if address == "/admin/login/" else address
    assert client.get(address)["Location"] == f"/account/sign-in/?next={goal}"


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/login/", USERS, "/admin/audit/event/", "/admin/jsi18n/"]
)
def test_employees_and_agents_are_turned_away(
    employee: User, agent: User, browser_of: BrowserOf, address: str
) -> None:
    assert browser_of(employee).get(address).status_code == 403
    assert browser_of(agent).get(address).status_code == 403


def test_the_admins_own_doors_lead_to_the_desks(desk: Client) -> None:
    assert desk.get("/admin/login/")["Location"] == "/admin/"
    assert desk.get("/admin/password_change/")["Location"] == "/account/password/"
    assert desk.post("/admin/logout/")["Location"] == "/account/sign-in/"
    assert Event.objects.get().verb == "user.signed_out"


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/accounts/",
        USERS,
        f"{USERS}add/",
        "/admin/accounts/team/",
        "/admin/accounts/team/add/",
        KEYS,
    ],
)
def test_every_page_opens_and_groups_are_nowhere(desk: Client, address: str) -> None:
    page = desk.get(address)
    assert page.status_code == 200
    assert "Groups" not in page.content.decode()


# --- People --------------------------------------------------------------------------------------


def test_maria_makes_a_person_with_a_team(desk: Client, admin: User, team: Team) -> None:
    fields = form_of(User(email="new@example.com", full_name="New Person"))
    fields |= {
        "role": "AGENT",
        "password": PASSWORD,
        "memberships-TOTAL_FORMS": 1,
        "memberships-0-team": team.pk,
    }
    answer = desk.post(f"{USERS}add/", fields)
    assert answer.status_code == 302
    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD)
    assert list(user.teams.all()) == [team]
    event = Event.objects.get()
    assert (event.verb, event.door, event.actor_id) == ("user.created", "admin", admin.public_id)
    assert [row["name"] for row in event.changes["teams"][1]] == [team.name]


@pytest.mark.parametrize(
    ("changed", "verb"),
    [
        ({"full_name": "Anna Smirnova"}, "user.profile_changed"),
        ({"email": "smirnova@example.com"}, "user.email_changed"),
        ({"role": "AGENT"}, "user.role_changed"),
        ({"is_active": None}, "user.deactivated"),
        ({"time_zone": "Europe/Moscow"}, "user.profile_changed"),
    ],
)
def test_each_change_is_a_verb_of_its_own(
    desk: Client, admin: User, employee: User, changed: dict[str, Any], verb: str
) -> None:
    assert desk.post(of(employee), form_of(employee, **changed)).status_code == 302
    event = Event.objects.get()
    assert (event.verb, event.door, event.actor_id) == (verb, "admin", admin.public_id)
    assert event.subject_id == employee.public_id
    field = next(iter(changed))
    employee.refresh_from_db()
    assert getattr(employee, field) == (changed[field] if changed[field] is not None else False)


def test_saving_without_a_change_leaves_no_trace(desk: Client, employee: User) -> None:
    assert desk.post(of(employee), form_of(employee)).status_code == 302
    assert not Event.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_demoted_agent_gives_his_tickets_back(desk: Client, agent: User, ticket: Ticket) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    desk.post(of(agent), form_of(agent, role="EMPLOYEE"))
    ticket.refresh_from_db()
    assert (ticket.assignee, ticket.status) == (None, "NEW")


def test_maria_puts_olga_into_another_team_as_its_lead_and_takes_her_out_of_the_first(
    desk: Client, other_agent: User, team: Team, other_team: Team
) -> None:
    fields = form_of(other_agent, teams={other_team: True}) | {"memberships-0-DELETE": "on"}
    assert desk.post(of(other_agent), fields).status_code == 302
    assert list(Membership.objects.values_list("user", "team", "is_lead")) == [
        (other_agent.pk, other_team.pk, True)
    ]
    assert Event.objects.get().verb == "user.teams_changed"


@pytest.mark.parametrize("changed", [{"role": "AGENT"}, {"is_active": None}])
def test_the_last_administrator_stays_and_hears_why(
    desk: Client, admin: User, changed: dict[str, Any]
) -> None:
    answer = desk.post(of(admin), form_of(admin, full_name="Someone Else", **changed))
    assert answer.status_code == 200
    assert "The last active administrator can be neither demoted nor deactivated." in answer.content.decode()
    assert "Someone Else" in answer.content.decode()
    admin.refresh_from_db()
    assert (admin.role, admin.is_active, admin.full_name) == ("ADMIN", True, "Maria Petrova")
    assert not Event.objects.exists()


def test_an_address_that_is_taken_is_said_and_nothing_changes(
    desk: Client, employee: User, colleague: User
) -> None:
    answer = desk.post(of(employee), form_of(employee, email="BORIS@example.com", full_name="Anna Smirnova"))
    assert "There is a user with this e-mail address." in answer.content.decode()
    employee.refresh_from_db()
    assert employee.full_name == "Anna Kuznetsova"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"), ("email", "a" * 300 + "@example.com"), ("full_name", ""), ("full_name", "x" * 5000),
        ("role", "KING"), ("language", "xx"), ("time_zone", "Mars/Olympus"), ("password", "short"),
        ("password", "password1234"), ("memberships-0-team", "99999999999999999999"),
        ("memberships-TOTAL_FORMS", "99999999999999999999"),
    ],
)  # fmt: skip
def test_odd_input_for_a_new_person_is_a_fault_of_the_form(desk: Client, field: str, value: str) -> None:
    fields = (
        form_of(User(email="new@example.com", full_name="New Person"))
        | {"memberships-TOTAL_FORMS": 1}
        | {field: value}
    )
    answer = desk.post(f"{USERS}add/", fields)
    assert answer.status_code in {200, 400}
    assert answer.content.count(b'name="memberships-') < 1000  # not a form for each row that is claimed
    assert User.objects.count() == 1


def test_nobody_is_deleted(desk: Client, employee: User) -> None:
    assert desk.post(f"{USERS}{employee.pk}/delete/", {"post": "yes"}).status_code == 403
    desk.post(USERS, {"action": "delete_selected", "_selected_action": employee.pk, "post": "yes"})
    assert User.objects.filter(pk=employee.pk).exists()
    assert "delete_selected" not in desk.get(USERS).content.decode()


def test_maria_sets_a_password_and_the_person_is_signed_out(
    desk: Client, employee: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(employee)
    new = {"password": "another long password", "repeated": "another long password"}
    assert desk.post(f"{USERS}{employee.pk}/password/", new).status_code == 302
    employee.refresh_from_db()
    assert employee.check_password("another long password")
    assert Event.objects.get().verb == "user.password_changed"
    assert browser.get("/account/").status_code == 302


@pytest.mark.parametrize(
    "new", [("short", "short"), ("another long password", "a different password"), ("", "")]
)
def test_a_weak_or_mistyped_password_is_refused(desk: Client, employee: User, new: tuple[str, str]) -> None:
    answer = desk.post(f"{USERS}{employee.pk}/password/", {"password": new[0], "repeated": new[1]})
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    employee.refresh_from_db()
    assert employee.check_password(PASSWORD)


# --- Teams ---------------------------------------------------------------------------------------


def test_a_team_is_renamed_and_taken_out_of_use_with_old_and_new_on_record(desk: Client, team: Team) -> None:
    desk.post(f"/admin/accounts/team/{team.pk}/change/", {"name": "Support"})
    event = Event.objects.get()
    assert (event.verb, event.changes) == (
        "team.changed",
        {"name": ["IT", "Support"], "is_active": [True, False]},
    )


def test_two_teams_of_one_name_are_a_fault_of_the_form(desk: Client, team: Team) -> None:
    answer = desk.post("/admin/accounts/team/add/", {"name": "it", "is_active": "on"})
    assert "There is a team of this name." in answer.content.decode()
    assert Team.objects.count() == 1


def test_a_team_lists_its_people(desk: Client, team: Team, agent: User, lead: User) -> None:
    page = desk.get(f"/admin/accounts/team/{team.pk}/change/").content.decode()
    assert page.index("Lena Sokolova") < page.index("Igor Orlov")


# --- Keys ----------------------------------------------------------------------------------------


def test_maria_issues_a_key_that_is_shown_once(desk: Client, employee: User) -> None:
    page = desk.get(f"{KEYS}add/")
    fields = {
        "form_name": page.context["form_name"],
        "user": employee.pk,
        "name": "Script",
        "scopes": ["read"],
    }
    answer = desk.post(f"{KEYS}add/", fields | {"days": 30})
    raw = answer.context["issued"][0][1]
    assert raw in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert api_keys.find(raw) is not None
    again = desk.post(f"{KEYS}add/", fields | {"days": 30})
    assert again["Location"] == KEYS
    assert ApiKey.objects.count() == 1
    assert raw not in desk.get(KEYS).content.decode()


def test_a_browser_left_open_gives_nobody_keys_or_passwords(desk: Client, employee: User) -> None:
    key, raw = api_keys.issue(employee, name="Old", scopes=["read"], by=SYSTEM)
    session = desk.session
    session["password_shown_at"] -= 16 * 60
    session.save()
    password = "a new one for somebody else"
    for page, sent in (
        (f"{KEYS}add/", {"user": employee.pk, "name": "Script", "scopes": ["read"], "days": 30}),
        (KEYS, {"action": "rotate", "_selected_action": key.pk}),
        (f"{USERS}{employee.pk}/password/", {"password": password, "repeated": password}),
    ):
        assert desk.post(page, sent)["Location"] == f"/account/confirm/?{urlencode({'next': page})}"
    assert api_keys.find(raw) is not None
    assert ApiKey.objects.count() == 1
    assert not User.objects.get(pk=employee.pk).check_password(password)
    desk.post("/account/confirm/", {"password": PASSWORD})
    assert desk.get(f"{KEYS}add/").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", "everything"),
        ("days", "366"),
        ("days", "9" * 30),
        ("name", ""),
        ("user", "9" * 20),
        ("form_name", "x"),
    ],
)
def test_odd_input_for_a_key_is_a_fault_of_the_form(
    desk: Client, employee: User, field: str, value: str
) -> None:
    fields = {"user": employee.pk, "name": "Script", "scopes": ["read"], "days": 30} | {field: value}
    assert desk.post(f"{KEYS}add/", fields).status_code == 200
    assert not ApiKey.objects.exists()


def test_keys_are_revoked_and_rotated_by_actions(desk: Client, employee: User) -> None:
    key, raw = api_keys.issue(employee, name="Script", scopes=["read"], by=SYSTEM)
    answer = desk.post(KEYS, {"action": "rotate", "_selected_action": key.pk})
    new = answer.context["issued"][0][1]
    assert None not in (api_keys.find(raw), api_keys.find(new))
    again = desk.post(KEYS, {"action": "rotate", "_selected_action": key.pk}, follow=True)
    assert "replaced already" in again.content.decode()
    assert "replaced, works until" in desk.get(f"{KEYS}?state=replaced").content.decode()
    assert desk.get(f"{KEYS}?state=active").context["cl"].result_count == 1
    desk.post(KEYS, {"action": "revoke", "_selected_action": [key.pk for key in ApiKey.objects.all()]})
    assert (api_keys.find(raw), api_keys.find(new)) == (None, None)


def test_a_key_can_be_neither_read_nor_edited(desk: Client, employee: User) -> None:
    key, raw = api_keys.issue(employee, name="Script", scopes=["read"], by=SYSTEM)
    page = desk.get(f"{KEYS}{key.pk}/change/").content.decode()
    assert f"sf_{key.prefix}" in page
    assert key.digest not in page
    assert raw not in page
    assert desk.post(f"{KEYS}{key.pk}/change/", {"name": "Mine"}).status_code == 403


# --- Hostile addresses ---------------------------------------------------------------------------

PAGES = [USERS, "/admin/accounts/team/", KEYS, "/admin/audit/event/", "/admin/tickets/ticket/",
         "/admin/tickets/service/", "/admin/tickets/tag/"]  # fmt: skip
QUERIES = [
    "q=%00", "q=" + "x" * 5000, "q='", "q=%F0%9F%A6%84", "q=SF-99999999999999999999", "p=-1", "p=99999999999999999999",
    "p=x", "o=1.2.3.99", "o=%00", "all=", "e=1", "id__exact=99999999999999999999", "id=x", "_to_field=password",
    "_popup=1", "verb=%27", "actor=x", "actor=99999999999999999999", "door=zzz", "at__year=99999999999999999999",
    "at__year=0&at__month=99", "at__gte=x", "user__id__exact=99999999999999999999", "user__password__startswith=a",
    "role__exact=zzz", "memberships__team__id__exact=99999999999999999999", "is_active__exact=maybe",
    "status__exact=%3Cscript%3E", "team__id__exact=x", "digest__startswith=a", "expires_at__gte=x", "_facets=True",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_no_query_breaks_a_list(desk: Client, ticket: Ticket, page: str) -> None:
    for query in QUERIES:
        status = desk.get(f"{page}?{query}").status_code
        assert status in {200, 302, 400, 403, 404}, query


@pytest.mark.parametrize(
    "address",
    [
        f"{USERS}?password__startswith=argon2", f"{USERS}?session_salt__gt=a", f"{USERS}?email__startswith=a",
        f"{USERS}?memberships__team__tickets__title__startswith=a", f"{USERS}?role__in=ADMIN",
        f"{KEYS}?digest__startswith=a",
        f"{KEYS}?user__password__startswith=a", "/admin/accounts/team/?people__password__startswith=a",
        "/admin/audit/event/?digest__gt=a", "/admin/tickets/ticket/?requester__password__startswith=a",
        "/admin/tickets/ticket/?comments__body__icontains=a", "/admin/tickets/service/?name_en__gt=a",
        "/admin/tickets/tag/?name__gt=a",
    ],
)  # fmt: skip
def test_a_list_is_asked_for_nothing_but_its_filters(
    desk: Client, employee: User, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert desk.get(address).status_code == 400
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "address",
    [
        f"{USERS}?role__exact=ADMIN&is_active__exact=1&memberships__team__id__exact=1&language__exact=ru&o=1&q=a",
        f"{KEYS}?state=active&user__id__exact=1", "/admin/accounts/team/?is_active__exact=0",
        "/admin/audit/event/?verb=ticket.opened&door__exact=web&subject_type=ticket&actor=x&at__year=2026&at__month=11",
        "/admin/tickets/ticket/?status__exact=NEW&priority__exact=LOW&source__exact=web&team__id__exact=1",
        "/admin/tickets/ticket/?team__isnull=True", "/admin/tickets/service/?team__id__exact=1&confidential__exact=1",
    ],
)  # fmt: skip
def test_every_filter_that_a_list_offers_works(desk: Client, employee: User, address: str) -> None:
    assert desk.get(address).status_code == 200


def test_every_link_of_every_filter_works(desk: Client, ticket: Ticket, service: Service) -> None:
    for page in PAGES:
        links = re.findall(r'<li(?: class="selected")?><a href="(\?[^"]*)">', desk.get(page).content.decode())
        assert links or page.endswith("/tag/")
        for link in links:
            assert desk.get(page + html.unescape(link)).status_code == 200, link


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("key", ["99999999999999999999", "-1", "x", "_00", "%2500", "%C3%28"])
def test_no_id_breaks_a_page(desk: Client, page: str, key: str) -> None:
    for tail in ("change/", "history/", "delete/", ""):
        assert desk.get(f"{page}{key}/{tail}").status_code in {302, 400, 403, 404}
    assert desk.get(f"{page}{key}/password/").status_code in {302, 400, 403, 404}


@pytest.mark.parametrize("page", PAGES)
def test_no_selection_breaks_an_action(desk: Client, service: Service, page: str) -> None:
    for action in ("revoke", "rotate", "delete_selected", "x"):
        for selected in ("99999999999999999999", "x", ""):
            answer = desk.post(page, {"action": action, "_selected_action": selected, "select_across": "x"})
            assert answer.status_code in {200, 302, 400, 403, 404}, (action, selected)


def test_the_short_cut_and_the_autocomplete_of_the_admin_do_not_break(desk: Client, ticket: Ticket) -> None:
    for address in (
        "/admin/r/99999999999999999999/1/",
        "/admin/r/1/99999999999999999999/",
        "/admin/autocomplete/?app_label=accounts&model_name=user&field_name=x",
        "/admin/jsi18n/",
    ):
        assert desk.get(address).status_code in {200, 302, 403, 404}, address


def test_names_are_text_and_never_markup(desk: Client) -> None:
    opened(by=UserFactory.create(full_name="<script>alert(1)</script>"), title="<img src=x onerror=alert(1)>")
    for page in (USERS, "/admin/tickets/ticket/", "/admin/audit/event/"):
        text = desk.get(page).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_whoever_is_no_administrator_reads_what_this_place_is(agent: User, browser_of: BrowserOf) -> None:
    answer = browser_of(agent).get("/admin/accounts/user/")
    assert answer.status_code == 403
    assert "This is the administration of the desk." in answer.content.decode()


def test_an_agent_cannot_post_to_the_admin(agent: User, employee: User, browser_of: BrowserOf) -> None:
    browser = browser_of(agent)
    assert browser.post(of(employee), form_of(employee, role="ADMIN")).status_code == 403
    assert browser.post(f"{USERS}{employee.pk}/password/", {"password": PASSWORD}).status_code == 403
    employee.refresh_from_db()
    assert employee.role == "EMPLOYEE"
    assert web(employee).user is not None


@pytest.mark.parametrize(("state", "shown"), [("active", 1), ("expired", 0), ("revoked", 0), ("zzz", 1)])
def test_keys_are_filtered_by_their_state(desk: Client, employee: User, state: str, shown: int) -> None:
    api_keys.issue(employee, name="Script", scopes=["read"], by=SYSTEM)
    assert len(desk.get(KEYS, {"state": state}).context["cl"].result_list) == shown
