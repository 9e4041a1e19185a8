"""Signing in with another account, as it goes in a browser: to a provider on loopback, and back to the desk."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, expect

from accounts.models import User
from audit.models import Event
from tests.browser import chromium
from tests.browser.chromium import NARROW, WIDE, Window
from tests.factories import UserFactory
from tests.http_server import Reply
from tests.providers import ANNA, NELLY, DiscordProvider, OpenIDProvider, discord_provider, openid_provider
from tests.served import Desk, running

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass
class Town:
    """A desk, and the providers it believes."""

    desk: Desk
    company: OpenIDProvider
    partner: OpenIDProvider
    discord: DiscordProvider


@pytest.fixture(scope="module")
def _town(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with openid_provider() as company, openid_provider() as partner, discord_provider() as discord:
        domains = {"trusted_domains": ["example.com"], "account_domains": ["example.com"]}
        entries = [
            company.entry(**domains, agent_groups=["desk"]),
            partner.entry(id="partner", name="Partner"),
            discord.entry(**domains),
        ]
        surroundings = {"SIGN_IN_PROVIDERS": json.dumps(entries), "OUTBOUND_ALLOWED": "127.0.0.0/8"}
        name = connections["default"].settings_dict["NAME"]
        with running(name, tmp_path_factory.mktemp("providers"), **surroundings) as desk:
            yield Town(desk, company, partner, discord)


@pytest.fixture
def town(_town: Town) -> Iterator[Town]:
    """Every test begins with honest providers, and ends without a fault of the desk's."""
    place = _town.desk.log.stat().st_size
    for provider in (_town.company, _town.partner, _town.discord):
        provider.person = dict(NELLY if provider is _town.discord else ANNA)
        provider.lies, provider.answers = {}, {}
        provider.signing, provider.header, provider.discovery = "its own", {}, {}
    yield _town
    faults = [
        line
        for line in _town.desk.lines_since(place)
        if line["level"] == "error" or line.get("status", 0) >= 500
    ]
    assert not faults, faults[0]


@pytest.fixture
def window(browser: Browser, town: Town) -> Iterator[Callable[..., Window]]:
    opened: list[Window] = []

    def opens(**looks: Any) -> Window:
        opened.append(chromium.window(browser, town.desk.url, **looks))
        return opened[-1]

    yield opens
    faults = [fault for one in opened for fault in one.faults]
    for one in opened:
        one.context.close()
    assert not faults, "\n".join(faults)


def at_provider(window: Window, name: str = "Company", path: str = "/account/sign-in/") -> Window:
    """At the provider's own page, where the person is asked."""
    window.open(path)
    window.page.get_by_role("button", name=re.compile(rf"\b{name}$")).click()
    expect(window.page.locator("#allow")).to_be_visible()
    return window


def dance(window: Window, name: str = "Company", path: str = "/account/sign-in/") -> Window:
    at_provider(window, name, path).page.click("#allow")
    window.page.wait_for_url(f"{window.url}/**")
    return window


def refused(window: Window, words: str) -> None:
    expect(window.page).to_have_url(f"{window.url}/account/sign-in/")
    expect(window.page.get_by_role("alert")).to_contain_text(words)
    window.open("/account/")
    expect(window.page).to_have_url(re.compile("/account/sign-in/"))


@pytest.mark.parametrize(
    ("scripts", "language", "theme", "width"),
    [(True, "en", "light", WIDE), (False, "ru", "dark", NARROW)],
)
def test_anna_comes_in_by_the_company(
    window: Callable[..., Window], town: Town, scripts: bool, language: str, theme: str, width: int
) -> None:
    """With and without scripts: nothing on the way is refused by our policy of content, its form-action least."""
    anna = dance(
        window(scripts=scripts, language=language, theme=theme, width=width),
        path="/account/sign-in/?next=/account/",
    )
    expect(anna.page).to_have_url(f"{anna.url}/account/")
    made = User.objects.get()
    assert (made.email, made.role, made.language) == ("anna@example.com", "EMPLOYEE", language)
    assert anna.overflow() == 0
    # And again: the same person.
    again = dance(window(language=language))
    expect(again.page).to_have_url(f"{again.url}/")
    assert User.objects.count() == 1


def test_nelly_comes_in_by_discord(window: Callable[..., Window], town: Town) -> None:
    nelly = dance(window(), "Discord")
    expect(nelly.page).to_have_url(f"{nelly.url}/")
    assert list(User.objects.values_list("email", "full_name")) == [("nelly@example.com", "Nelly Ivanova")]
    assert {query["code_challenge_method"] for query in town.discord.asked} == {"S256"}


@pytest.mark.parametrize("name", ["Company", "Discord"])
def test_anna_says_no(window: Callable[..., Window], town: Town, name: str) -> None:
    anna = at_provider(window(), name)
    anna.page.click("#deny")
    refused(anna, f"Signing in with {name} was cancelled.")
    assert not User.objects.exists()


def test_a_link_of_another_browser_signs_nobody_in(window: Callable[..., Window], town: Town) -> None:
    """Wrong state. Seen to fail with `_get_state` answering an empty state."""
    mallory = at_provider(window())
    link = mallory.page.get_attribute("#allow", "href")
    anna = window()
    anna.page.goto(link or "")
    refused(anna, "begun in another window")
    assert not User.objects.exists()


@pytest.mark.parametrize("name", ["Company", "Discord"])
def test_a_code_opens_once(window: Callable[..., Window], town: Town, name: str) -> None:
    anna = at_provider(window(), name)
    used = anna.page.get_attribute("#allow", "href") or ""
    anna.page.click("#allow")
    anna.page.wait_for_url(f"{anna.url}/")
    anna.page.goto(used)  # both are used: the state, for which nobody is signed out
    other = at_provider(window(), name)
    fresh = other.page.get_attribute("#allow", "href") or ""
    code = re.compile(r"code=[^&]+")
    other.page.goto(code.sub(code.findall(used)[0], fresh))
    refused(other, "cannot be trusted")


LIES: dict[str, dict[str, Any]] = {
    "wrong nonce": {"nonce": "of another dance"},
    "wrong audience": {"aud": "another-client"},
    "wrong issuer": {"iss": "https://id.example.net"},
    "expired token": {"exp": 1_700_000_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_fit_opens_nothing(window: Callable[..., Window], town: Town, lie: str) -> None:
    """Each seen to fail without its line in `claims_of`."""
    town.company.lies = LIES[lie]
    refused(dance(window()), "cannot be trusted")
    assert not User.objects.exists()
    assert Event.objects.get().comment == f"Company: {lie.replace(' token', '').replace(' ', '_')}"


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("Company", {"email_verified": False}),
        ("Company", {"email": None}),
        ("Discord", {"verified": False}),
        ("Discord", {"email": None}),
    ],
)
def test_without_a_verified_address_anna_stays_outside_and_hers_stays_free(
    window: Callable[..., Window], town: Town, name: str, claims: dict[str, Any]
) -> None:
    """Seen to fail without the lines that raise no_email and unverified_email in accounts.providers.social_login."""
    UserFactory.create(email="anna@example.com")
    provider = town.discord if name == "Discord" else town.company
    provider.person |= {"email": "anna@example.com"} | claims
    refused(dance(window(), name), "has not confirmed your e-mail address")
    town.company.person = dict(ANNA)
    owner = dance(window())
    expect(owner.page).to_have_url(f"{owner.url}/")
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["Company", "Discord"])
def test_a_changed_address_leads_to_the_same_anna(
    window: Callable[..., Window], town: Town, name: str
) -> None:
    provider = town.discord if name == "Discord" else town.company
    dance(window(), name)
    UserFactory.create(email="boris@example.com")
    provider.person["email"] = "boris@example.com"
    again = dance(window(), name, path="/account/sign-in/?next=/account/")
    hers = "nelly@example.com" if name == "Discord" else "anna@example.com"
    expect(again.page.locator("main .sf-head p")).to_contain_text(hers)
    assert User.objects.count() == 2


def test_another_providers_word_counts_for_nothing(window: Callable[..., Window], town: Town) -> None:
    """The partner is trusted with no domain: the same subject and the same verified address lead to nobody."""
    dance(window())
    refused(dance(window(), "Partner"), "does not know your account at Partner")


def test_a_provider_that_is_down_is_said_to_be(window: Callable[..., Window], town: Town) -> None:
    for answers in ({"/token": Reply(hang_up=True)}, {"/userinfo": Reply(503, b"down")}):
        town.company.answers = answers
        refused(dance(window()), "does not answer at the moment")


def test_annas_groups_give_and_take_a_role(window: Callable[..., Window], town: Town) -> None:
    town.company.person["groups"] = ["desk"]
    dance(window())
    assert User.objects.get().role == "AGENT"
    town.company.person["groups"] = []
    dance(window())
    assert User.objects.get().role == "EMPLOYEE"


def test_anna_connects_her_discord_shows_by_it_who_she_is_and_signs_out_everywhere(
    window: Callable[..., Window], town: Town
) -> None:
    anna, elsewhere = dance(window()), dance(window())
    town.discord.person |= {"verified": False}  # it is she who says so
    dance(anna, "Discord", path="/account/")
    expect(anna.page.get_by_text("Discord is connected: you can sign in with it now.")).to_be_visible()
    dance(anna, "Discord", path="/account/confirm/?next=/account/keys/")
    expect(anna.page).to_have_url(f"{anna.url}/account/keys/")
    anna.open("/account/")
    anna.press(anna.page.get_by_role("button", name="Sign out everywhere"))
    expect(anna.page.get_by_text("You are signed out everywhere.")).to_be_visible()
    elsewhere.open("/account/")
    expect(elsewhere.page).to_have_url(re.compile("/account/sign-in/"))
    expect(dance(elsewhere, "Discord").page).to_have_url(f"{elsewhere.url}/")
