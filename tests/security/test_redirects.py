"""Where the desk sends people: never away, whatever a link, a form or a header says.

The addresses of `corpora/redirect` are what others have tried elsewhere; they lie beside the checkout and are no part
of it. Chromium itself says where each answer would lead. What the desk asks for itself, `next`, is tried on each of its
ways in test_return_addresses.py.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser

from accounts.models import User
from accounts.visitors import local
from tests.security.conftest import Installation
from tests.security.leading import NAMES, goals_of, leading_away, tried
from tests.security.url_map import addresses
from tickets.models import Ticket

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.browser
def test_the_one_gate_lets_nobody_out(browser: Browser) -> None:
    """Seen to fail: with any one of the four conditions of accounts.visitors.local taken away but the length."""
    goals = tried()
    let_through = {goal for goal in goals if local(goal)}
    assert leading_away(browser, let_through) == []
    assert leading_away(browser, set(goals)), "nothing tried would lead away: this shows nothing"
    assert local("/queue/?q=%2F%2Fevil.example#x") == "/queue/?q=%2F%2Fevil.example#x"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_no_address_of_the_desk_sends_anybody_away(
    browser: Browser, admin: User, ticket: Ticket, browser_of: Callable[[User], Client]
) -> None:
    """Whatever such a parameter may be called, of every GET of the URL map, Django's admin and libraries included.

    Three addresses here: everything is tried where one is asked for, in test_return_addresses.py. Seen to fail with
    redirect(request.GET["url"]) in the page of a ticket's history.
    """
    goals: dict[str, str] = {}  # and which address has offered it
    person = browser_of(admin)
    known = {"reference": ticket.reference, "ticket": ticket.reference, "object_id": "1"}
    by_id = dict.fromkeys(known, str(ticket.public_id))
    for path in sorted({*addresses(known), *addresses(by_id)}):
        for payload in ("//evil.example", "/\\evil.example", "https://evil.example"):
            for caller in (Client(), person):
                answer = caller.get(path, dict.fromkeys(NAMES, payload))
                assert answer.status_code != 500, path
                # The same question at its right address is that page's to answer, which is asked here, too.
                asked_anew = (answer.get("Location") or "").partition("?")[
                    2
                ] == answer.wsgi_request.GET.urlencode()
                found = [answer["Location"]] if asked_anew else goals_of(answer)
                goals |= dict.fromkeys(found, path)
        # A path that looks like another host: slashes that are added must not make it one.
        goals |= dict.fromkeys(goals_of(Client().get("//evil.example" + path.rstrip("/"))), path)
    assert len(goals) > 20
    assert [(goal, goals[goal]) for goal in leading_away(browser, set(goals))] == []


HOSTS = [
    "evil.example", "evil.example:443", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "127.0.0.1, evil.example",
    "127.0.0.1:evil", "127.0.0.1/evil", "[::1]", ".127.0.0.1", "localhost",
]  # fmt: skip
CLAIMS = [
    "X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "X-HTTP-Host-Override", "X-Original-Host", "X-Original-URL",
    "X-Rewrite-URL", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Script-Name", "Forwarded", "Origin", "Referer",
]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_hostile_host_gets_nothing_and_claims_about_it_count_for_nothing(
    production: Installation, admin: User, ticket: Ticket
) -> None:
    """Through the proxy, which passes on what callers say. Seen to fail: with USE_X_FORWARDED_HOST = True; with
    ALLOWED_HOSTS = ["*"].
    """
    paths = [
        "/",
        "/account/sign-in/",
        "/queue/",
        "/admin/",
        "/api/v1/tickets",
        "/api/schema",
        "/nowhere",
        "/queue",
    ]
    stranger, person = production.visitor(), production.visitor().sign_in(admin.email)
    for path in paths:
        for host in HOSTS:
            answer = stranger.get(path, headers={"Host": host}, allow_redirects=False)
            assert answer.status_code == 400, (path, host, answer.status_code)
            assert "evil" not in answer.text
    for caller, some in ((stranger, paths), (person, paths[:5])):
        for path in some:
            usual = caller.get(path, allow_redirects=False)
            for claim in CLAIMS:
                value = "host=evil.example;proto=http" if claim == "Forwarded" else "evil.example"
                answer = caller.get(path, headers={claim: value}, allow_redirects=False)
                assert answer.status_code == usual.status_code, (path, claim)
                assert answer.headers.get("Location") == usual.headers.get("Location")
                assert "evil.example" not in answer.text + str(answer.headers), (path, claim)


def test_nothing_of_ours_asks_a_request_for_the_name_of_the_desk() -> None:
    """Links are made of BASE_URL.

    Reviewed: the next page of a list, for whoever has asked at one of ALLOWED_HOSTS; the desk's own name, which the
    origin of a call of sign-in is compared with; whether a browser has passkeys under the name it has asked for.
    """
    asked = re.compile(r"build_absolute_uri|get_host\(|HTTP_HOST|get_current_site|X_FORWARDED_HOST\"\]")
    found = [
        f"{path.relative_to(CHECKOUT)}: {line.strip()}"
        for app in ("accounts", "audit", "notifications", "serviceflow", "tickets")
        for path in (CHECKOUT / app).rglob("*.py")
        for line in path.read_text().splitlines()
        if asked.search(line)
    ]
    reviewed = (
        "accounts/rest/lists.py: address: str",
        "accounts/providers/api.py: own = ",
        "accounts/factors/passkeys.py: host = ",
    )
    assert [line for line in found if not line.startswith(reviewed)] == []
