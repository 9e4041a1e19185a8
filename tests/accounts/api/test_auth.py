"""Signing in with another account by the API: a program with cookies and a browser beside it."""

import json
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import actions
from accounts.acting import SYSTEM
from accounts.models import User
from accounts.providers import issuers, social_login
from audit.models import Event
from tests.providers import LEADING_AWAY, OpenIDProvider, openid_provider

PROVIDERS = "/api/v1/auth/providers"


@pytest.fixture
def company(settings: Any) -> Iterator[OpenIDProvider]:
    settings.OUTBOUND_ALLOWED = [ip_network("127.0.0.0/8")]
    with openid_provider() as provider:
        entry = provider.entry(trusted_domains=["example.com"])
        settings.SIGN_IN_PROVIDERS = issuers.read(json.dumps([entry]), plain=True)
        yield provider


def call(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"{PROVIDERS}{path}", json.dumps(body), "application/json")


def come_from(provider: OpenIDProvider, link: dict[str, Any]) -> dict[str, str]:
    """The code and the state that the provider sends to redirect_uri."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(link["authorization_url"]).query).items()}
    sent = parse_qs(urlsplit(provider.allow(asked)).query)
    return {name: values[0] for name, values in sent.items()}


def test_a_stranger_learns_which_accounts_will_do_and_no_secret(
    client: Client, db: None, company: OpenIDProvider
) -> None:
    answer = client.get(PROVIDERS)
    assert answer.json() == {
        "results": [
            {
                "id": "company",
                "name": "Company",
                "kind": "openid_connect",
                "authorization": f"{PROVIDERS}/company/authorization",
            }
        ]
    }


def test_annas_program_signs_its_session_in(client: Client, employee: User, company: OpenIDProvider) -> None:
    """Seen to fail: without the question for the CSRF token in BrowserAuthentication."""
    link = call(client, "/company/authorization", next="/tickets/new/").json()
    assert link["redirect_uri"] == "http://127.0.0.1:8000/account/with/company/callback/"
    sent = come_from(company, link)
    assert sent["state"] == link["state"]
    done = call(client, "/company/callback", **sent)
    assert done.status_code == 200, done.content
    told = done.json()
    assert (told["signed_in"], told["user"]["email"], told["continue_at"]) == (
        True,
        "anna@example.com",
        "/tickets/new/",
    )
    assert client.get("/api/v1/users/me").json()["email"] == "anna@example.com"
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == [
        "user.identity_linked",
        "user.signed_in",
    ]
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    key = json.dumps({"name": "Script", "scopes": ["read"]})
    address = "/api/v1/users/me/api-keys"
    assert strict.post(address, key, "application/json").status_code == 403
    assert (
        strict.post(address, key, "application/json", headers={"X-CSRFToken": told["csrf_token"]}).status_code
        == 201
    )


def test_the_answer_is_the_sessions_that_asked_and_good_once(
    client: Client, employee: User, company: OpenIDProvider
) -> None:
    sent = come_from(company, call(client, "/company/authorization").json())
    stolen = call(Client(), "/company/callback", **sent)
    assert (stolen.status_code, stolen.json()["code"]) == (409, "wrong_state")
    assert call(client, "/company/callback", **sent).status_code == 200
    client.logout()
    assert call(client, "/company/callback", **sent).status_code == 409


@pytest.mark.parametrize(("lie", "code"), [({"nonce": "x"}, "wrong_nonce"), ({"aud": "x"}, "wrong_audience")])
def test_what_does_not_fit_is_told_by_its_code(
    client: Client, employee: User, company: OpenIDProvider, lie: dict[str, str], code: str
) -> None:
    """Seen to fail, each: without the look at the nonce, without that at the audience, in providers.oauth."""
    company.lies = lie
    answer = call(
        client, "/company/callback", **come_from(company, call(client, "/company/authorization").json())
    )
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert client.get("/api/v1/users/me").status_code == 401
    assert Event.objects.get().verb == "user.sign_in_refused"


def test_another_site_a_key_and_a_name_nobody_has_get_nowhere(
    client: Client,
    employee: User,
    company: OpenIDProvider,
    api: Callable[..., APIClient],
    key_of: Callable[..., str],
) -> None:
    """Seen to fail without the comparison of Origin in ProviderCall.issuer, and without its question for a key."""
    for path in ("/company/authorization", "/company/callback"):
        foreign = client.post(
            f"{PROVIDERS}{path}", "{}", "application/json", headers={"Origin": "https://evil.example"}
        )
        assert (foreign.status_code, foreign.json()["code"]) == (403, "csrf_failed")
        keyed = api(key_of(employee)).post(f"{PROVIDERS}{path}", {}, format="json")
        assert (keyed.status_code, keyed.json()["code"]) == (403, "people_only")
    assert call(client, "/nobody/authorization").status_code == 404
    assert call(client, "/nobody/callback", code="x", state="y").status_code == 404
    assert not company.server.heard


def test_a_provider_that_is_away_is_said_to_be(
    client: Client, db: None, company: OpenIDProvider, settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED = []
    answer = call(client, "/company/authorization")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_the_whole_dance_ends_at_the_desk_whatever_a_call_says(
    employee: User, company: OpenIDProvider
) -> None:
    """Seen to fail without `local` in SignInLink (what is kept)."""
    for goal in LEADING_AWAY:
        program = Client()
        link = call(program, "/company/authorization", next=goal)
        if link.status_code == 400:  # too long, or no characters
            continue
        assert "evil" not in json.dumps([link.json(), dict(program.session.items())])
        done = call(program, "/company/callback", **come_from(company, link.json()))
        assert re.match(r"/(?![/\\\s])", done.json()["continue_at"]), goal


def test_a_person_shut_out_on_the_way_is_refused(
    client: Client, employee: User, company: OpenIDProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without `turned_away` in AccountAdapter.respond_user_inactive: 404."""
    found = social_login._whose

    def whose(named: Any, *, by: Any) -> User:
        user = found(named, by=by)
        actions.deactivate(user, by=SYSTEM)
        return user

    monkeypatch.setattr(social_login, "_whose", whose)
    link = call(client, "/company/authorization").json()
    refused = call(client, "/company/callback", **come_from(company, link))
    assert (refused.status_code, refused.json()["code"]) == (409, "inactive")
    assert client.get("/api/v1/users/me").status_code == 401
    assert Event.objects.order_by("-id")[0].verb == "user.sign_in_refused"


def test_too_many_have_to_wait(
    client: Client, db: None, company: OpenIDProvider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: without `counted` in SignInLink, in SignInCallback."""
    monkeypatch.setitem(settings.RATE_LIMITS, "provider", 1)
    answers = [call(client, "/company/authorization") for _n in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1]["Retry-After"]) <= 61
    back = call(client, "/company/callback", code="x", state="y")
    assert (back.status_code, 0 < int(back["Retry-After"]) <= 61) == (429, True)
