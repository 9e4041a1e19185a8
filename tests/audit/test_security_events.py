"""What touches the safety of the desk: written down, bounded, and read by administrators on one page."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

import accounts
from accounts import actions as people
from accounts import api_keys, denials, reasons
from accounts.acting import SYSTEM
from accounts.models import Allowance, User
from accounts.providers import social_login
from audit import words
from audit.models import Event
from tests.factories import PASSWORD, web
from tests.program import Program, program_of
from tickets import actions, files
from tickets.models import Service, Ticket

__all__ = ["program_of"]

type BrowserOf = Callable[[User], Client]
PAGE = "/admin/audit/securityevent/"
EVENTS = "/admin/audit/event/"


@pytest.fixture
def desk(admin: User, browser_of: BrowserOf) -> Client:
    """The administrator's browser."""
    return browser_of(admin)


def rows(desk: Client, **query: str) -> list[Event]:
    answer = desk.get(PAGE, query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def of(verb: str) -> list[Event]:
    return list(Event.objects.filter(verb=verb).order_by("id"))


# --- What is written down ------------------------------------------------------------------------


def test_who_is_turned_away_is_remembered_with_the_route_and_never_with_the_address_he_asked(
    employee: User, browser_of: BrowserOf
) -> None:
    """Seen to fail: without `denied` in remember_denials; with the path in place of the route."""
    answer = browser_of(employee).get("/admin/accounts/user/1/change/?token=top-secret")
    assert answer.status_code == 403
    [event] = of("user.denied")
    assert (event.actor_id, event.door, event.address) == (employee.public_id, "admin", "127.0.0.1")
    assert event.comment.startswith("GET /admin/")
    assert "top-secret" not in event.comment
    assert event.request_id == answer["X-Request-ID"]


def test_a_verb_that_is_not_his_a_form_from_elsewhere_and_a_scope_that_lacks(
    employee: User, ticket: Ticket, browser_of: BrowserOf, program_of: Any
) -> None:
    """Seen to fail: without `denied` in remember_denials."""
    claim = reverse("tickets:claim", args=[ticket.public_id])
    assert browser_of(employee).post(claim).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(employee)
    assert strict.post(claim).status_code == 403
    assert program_of(employee, "read").post("/api/v1/tickets", {"title": "x"}).status_code == 403
    told = [(event.door, event.comment.split()[0], bool(event.api_key_prefix)) for event in of("user.denied")]
    assert told == [("web", "POST", False), ("web", "POST", False), ("api", "POST", True)]


@pytest.mark.django_db
def test_a_stranger_leaves_no_denial_and_no_name(client: Client) -> None:
    """Seen to fail: with strangers written down by remember_denials, too."""
    assert client.get("/admin/").status_code == 302
    assert Client(enforce_csrf_checks=True).post("/account/theme/").status_code == 403
    assert not Event.objects.exists()


def test_a_key_that_is_refused_is_remembered_by_what_everybody_may_see_of_it(employee: User) -> None:
    """Seen to fail: without `key_refused` in KeyAuthentication; with all that was shown for its name."""
    key, raw = api_keys.issue(employee, name="x", scopes=["read"], by=SYSTEM)
    api_keys.revoke(key, by=SYSTEM)
    for shown in (raw, "sf_nonsense", "<script>" * 100):
        assert Program(HTTP_X_API_KEY=shown).get("/api/v1/tickets").status_code == 401
    refusals = of("api_key.refused")
    assert [event.subject_name for event in refusals] == [key.prefix, denials.AND_MORE, denials.AND_MORE]
    assert {event.actor_id for event in refusals} == {None}
    assert raw not in "".join(map(str, Event.objects.values()))


def test_nobody_fills_the_trail_by_knocking(
    employee: User, colleague: User, browser_of: BrowserOf, settings: Any
) -> None:
    """The last event an hour says that more was not written.

    Seen to fail: in denials, without "if any exceeded" or with `return ""`; without the limit of an address, or that of
    all; with one counter for all people.
    """
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"refused": 0}
    browser = browser_of(employee)
    for _time in range(2 * denials.OF_A_PERSON + 5):
        assert browser.get("/admin/").status_code == 403
    for _time in range(2 * denials.OF_AN_ADDRESS + 5):
        assert Program(HTTP_X_API_KEY="sf_wrong").get("/api/v1/tickets").status_code == 401
    Allowance.objects.filter(name="key_refused").update(used=denials.OF_ALL_ADDRESSES)
    elsewhere = Program(HTTP_X_API_KEY="sf_wrong", REMOTE_ADDR="203.0.113.9")
    assert elsewhere.get("/api/v1/tickets").status_code == 401
    assert not Event.objects.filter(address="203.0.113.9").exists()  # all addresses together are bounded, too
    for verb, most in (("user.denied", denials.OF_A_PERSON), ("api_key.refused", denials.OF_AN_ADDRESS)):
        written = of(verb)
        assert len(written) <= 2 * most  # an hour may have ended meanwhile
        assert len(written) >= most
        assert any(event.comment.endswith(denials.AND_MORE) for event in written)
    assert browser_of(colleague).get("/admin/").status_code == 403
    assert of("user.denied")[-1].actor_id == colleague.public_id


# --- The page ------------------------------------------------------------------------------------


@pytest.fixture
def a_day(
    employee: User, agent: User, admin: User, service: Service, ticket: Ticket, browser_of: BrowserOf
) -> None:
    """Something of every kind, through the doors."""
    stranger = Client()
    stranger.post("/account/sign-in/", {"email": employee.email, "password": "not this one"})
    stranger.post("/account/sign-in/", {"email": employee.email, "password": PASSWORD})
    stranger.post("/account/sign-out/")
    browser_of(employee).get("/admin/")
    people.change_role(agent, role="EMPLOYEE", by=SYSTEM)
    key, _raw = api_keys.issue(employee, name="x", scopes=["read"], by=SYSTEM)
    api_keys.revoke(key, by=SYSTEM)
    actions.attach(ticket, files=[files.incoming("memo.txt", b"x")], by=web(employee))
    file = ticket.attachments.get()
    actions.look_at(file.public_id)
    taken: Any = browser_of(employee).get(reverse("tickets:file", args=[file.public_id]))
    assert b"".join(taken.streaming_content) == b"x"
    people.choose_theme(employee, theme="dark", by=SYSTEM)


@pytest.mark.usefixtures("a_day")
def test_the_page_has_what_concerns_safety_and_nothing_else(desk: Client) -> None:
    """Seen to fail: with all events in SecurityEventAdmin.told."""
    told = {event.verb for event in rows(desk)}
    assert told >= {
        "user.sign_in_refused", "user.signed_in", "user.signed_out", "user.denied", "user.role_changed",
        "api_key.issued", "api_key.revoked", "attachment.downloaded",
    }  # fmt: skip
    assert not {verb for verb in told if verb.startswith("ticket.")} | (told & {"user.profile_changed"})


@pytest.mark.usefixtures("a_day")
def test_it_is_filtered_by_outcome_kind_person_door_and_address(desk: Client, employee: User) -> None:
    assert {event.verb for event in rows(desk, outcome="refused")} == {"user.sign_in_refused", "user.denied"}
    assert "user.signed_in" in {event.verb for event in rows(desk, outcome="allowed")}
    assert not {"user.denied"} & {event.verb for event in rows(desk, outcome="allowed")}
    assert {event.verb for event in rows(desk, verb="user.denied")} == {"user.denied"}
    assert {event.actor_id for event in rows(desk, actor=str(employee.public_id))} == {employee.public_id}
    assert {event.door for event in rows(desk, door__exact="admin")} == {"admin"}
    assert len(rows(desk, q="127.0.0.1")) >= 4
    assert rows(desk, q="203.0.113.9") == []
    assert rows(desk, q=employee.email)


@pytest.mark.usefixtures("a_day")
def test_it_says_from_where_and_what_in_the_reader_s_language(
    desk: Client, admin: User, browser_of: BrowserOf
) -> None:
    page = desk.get(PAGE).content.decode()
    assert "Access denied" in page
    assert "127.0.0.1" in page
    assert "GET /admin/" in page
    [event] = of("user.denied")
    one = desk.get(reverse("admin:audit_securityevent_change", args=[event.pk]))
    assert one.status_code == 200
    assert "127.0.0.1" in one.content.decode()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "the answer belongs to another question"), ("ru", "Example Inc.: ")]
)
def test_why_a_provider_was_not_believed_is_said_in_words(
    desk: Client, admin: User, language: str, said: str
) -> None:
    """Seen to fail with the comment of the event as it stands: "Example Inc.: wrong_nonce"."""
    User.objects.filter(pk=admin.pk).update(language=language)
    people.sign_in_refused("https://id.example.com", by=SYSTEM, why="Example Inc.: wrong_nonce")
    people.sign_in_refused("https://id.example.com", by=SYSTEM, why="Example Inc.: made_up_tomorrow")
    page = desk.get(PAGE).content.decode()
    assert said in page
    assert "wrong_nonce" not in page
    assert "Example Inc.: made_up_tomorrow" in page, "better a code than nothing"
    [event, *_more] = of("user.sign_in_refused")
    one = desk.get(reverse("admin:audit_securityevent_change", args=[event.pk])).content.decode()
    assert said in one


def test_every_reason_to_turn_somebody_away_has_words() -> None:
    """Seen to fail with a reason of the sources taken out of the table."""
    sources = "".join(path.read_text() for path in Path(accounts.__file__).parent.rglob("*.py"))
    raised = set(re.findall(r'(?:Untrue|TurnedAway)\("(\w+)"', sources)) | set(social_login.TEXTS)
    assert len(raised) > 20
    assert raised - set(reasons.WHY) == set()


@pytest.mark.usefixtures("a_day")
def test_its_links_stay_on_it_and_keep_what_it_is_filtered_by(desk: Client, employee: User) -> None:
    """Seen to fail with the links of the whole log."""
    page = desk.get(PAGE, {"outcome": "refused", "p": "1"}).content.decode()
    links = {unescape(each) for each in re.findall(r'class="field-(?:about|who)"><a href="([^"]+)"', page)}
    assert f"{PAGE}?outcome=refused&actor={employee.public_id}" in links
    assert all(each.startswith(f"{PAGE}?outcome=refused&") for each in links)
    [event] = of("user.denied")
    one = desk.get(reverse("admin:audit_securityevent_change", args=[event.pk])).content.decode()
    assert f'href="{PAGE}?actor={employee.public_id}"' in one


@pytest.mark.usefixtures("a_day")
def test_nobody_else_reads_it_and_nobody_writes(desk: Client, agent: User, browser_of: BrowserOf) -> None:
    """Seen to fail: with everybody for `is_staff`; with True in each has_…_permission of audit/admin.py, where what is
    left is the trigger of the database.
    """
    assert browser_of(agent).get(PAGE).status_code == 403
    assert desk.get(f"{PAGE}add/").status_code == 403
    [event] = of("user.denied")[:1]
    assert (
        desk.post(reverse("admin:audit_securityevent_change", args=[event.pk]), {"comment": "x"}).status_code
        == 403
    )
    desk.post(PAGE, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    assert Event.objects.filter(pk=event.pk).exists()


def test_every_verb_of_people_and_keys_is_on_it_unless_it_is_everyday() -> None:
    """A verb that is added tomorrow is on the page by itself."""
    missing = {
        verb
        for verb in words.VERBS
        if verb.partition(".")[0] in {"user", "api_key", "webhook", "channel", "mailbox"}
    } - words.SECURITY
    assert missing == {"user.profile_changed"}
