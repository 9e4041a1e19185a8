"""Every page of the desk and how to come to it. A page of the URL map that is missing here fails the tests."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts import allowances
from accounts.factors import actions as factors
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.models import Allowance, Purpose
from tests.authenticators import code, with_app
from tests.browser.chromium import Window
from tests.browser.world import World
from tests.factories import UserFactory, web
from tickets import actions
from tickets.models import InboundMail, Ticket

type Path = Callable[[World], str]
type Steps = Callable[[Window, World], None]

# Addresses that only take what a form sends: asked for, they refuse or lead to a page.
ONLY_POSTED = {
    "accounts:sign_out",
    "accounts:sign_out_everywhere",
    "accounts:leave_for",  # and that page only takes one further: see test_providers.py
    "accounts:disconnect",
    "notifications:read_all",
    "admin:logout",
    "accounts:choose_theme",
    "accounts:choose_language",
    "accounts:revoke_key",
    "accounts:rotate_key",
    "accounts:end_session",
    "accounts:end_other_sessions",
    "accounts:renew_codes",
    "accounts:remove_factor",
    "accounts:ask_passkey",
    "accounts:sign_in_by_passkey",
    "tickets:next_one",
    "tickets:claim",
    "tickets:assign",
    "tickets:hand_over",
    "tickets:status",
    "tickets:cancel",
    "tickets:reopen",
    "tickets:edit",
    "tickets:properties",
    "tickets:comment",
    "tickets:watch",
    "tickets:unwatch",
    "tickets:accept_sender",
    "tickets:release_mail",
    "tickets:refuse_mail",
    "tickets:delete",
}
# What admin answers to its own scripts, what it forwards to pages listed here, and pictures.
NO_PAGES = {
    "admin:jsi18n",
    "admin:autocomplete",
    "admin:view_on_site",
    "admin:tickets_inboundmail_source",  # a download
    "tickets:picture",
    # Other names of pages that are listed here: what allauth calls them.
    "account_login",
    "account_reauthenticate",
    "accounts:come_back",  # leads to one
}


@dataclass(frozen=True)
class Visit:
    """How one person comes to one state of a page."""

    name: str
    route: str
    who: str  # of the World; empty for a stranger
    path: Path
    statuses: frozenset[int] = frozenset({200})
    steps: Steps | None = None  # from there to what is to be seen
    theirs: bool = False  # a library's own page: only what the browser complains of is our fault

    def __str__(self) -> str:
        return f"{self.name} ({self.who or 'stranger'})"


def _at(route: str, *arguments: Any, **query: str) -> Path:
    return lambda world: reverse(route, args=arguments) + (f"?{urlencode(query)}" if query else "")


def _of(ticket: str, route: str = "tickets:detail", **query: str) -> Path:
    def path(world: World) -> str:
        public_id = getattr(world, ticket).public_id
        return reverse(route, args=[public_id]) + (f"?{urlencode(query)}" if query else "")

    return path


def _held_file(world: World) -> str:
    return reverse("tickets:file", args=[world.busy.attachments.get(state="held").public_id])


def _link(purpose: Purpose, door: str = "") -> Path:
    """What a mail brings to the employee."""

    def path(world: World) -> str:
        made = link_tokens.make(
            world.employee, purpose, email="anna.new@example.com", former_email=world.employee.email
        )
        return reverse("accounts:arrive", args=[link_tokens.token(made, door)])

    return path


def _too_late_to_stop(world: World) -> str:
    """Somebody else's address has changed before the old mailbox was read."""
    robbed = UserFactory.create(
        email="before@example.com", full_name="Vera Before", language=world.admin.language
    )
    asked = link_actions.ask_for_address(robbed, email="after@example.com", by=web(robbed))
    path = reverse("accounts:arrive", args=[link_tokens.token(asked, link_tokens.STOP)])
    link_actions.take_address(asked, by=web(robbed))
    return path


def _folded_mail(world: World) -> str:
    folded = InboundMail.objects.filter(ticket__isnull=False).exclude(folded="").latest("pk")
    assert folded.ticket is not None
    return reverse("tickets:mail", args=[folded.ticket.public_id, folded.public_id])


def _seen_elsewhere(world: World) -> str:
    """The agent has signed in at two more places."""
    for browser in ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "curl/8"):
        elsewhere = Client(headers={"user-agent": browser})
        elsewhere.force_login(world.agent)
        elsewhere.get(reverse("accounts:profile"))
    return reverse("accounts:sessions")


def _used_up(world: World) -> str:
    """The newcomer has asked so often this minute that he has to wait; and in the next, should it begin just now."""
    ends = (int(time.time()) // allowances.WINDOW + 1) * allowances.WINDOW
    Allowance.objects.update_or_create(
        name=f"person:{world.newcomer.pk}", defaults={"window": ends, "used": 1_000_000}
    )
    return reverse("tickets:start") + "?q=phone"


def _plain(path: str) -> Path:
    return lambda world: path


# --- What has to be done to see some pages --------------------------------------------------------


def _refused_sign_in(window: Window, world: World) -> None:
    window.fill_sign_in("nobody@example.com", "not the password")


def _wrong_code(window: Window, world: World) -> None:
    window.page.locator("main input[name=code]").fill("000000")
    window.press(
        window.page.locator("main form", has=window.page.locator("[name=code]")).locator(".btn-primary")
    )


def _set_up_app(window: Window, world: World) -> None:
    secret = window.page.locator(".sf-key").inner_text()
    window.page.locator("main input[name=code]").fill(code(secret))
    window.press(
        window.page.locator("main form", has=window.page.locator("[name=code]")).locator(".btn-primary")
    )


def _to_second_step(window: Window, world: World) -> None:
    if not factors.has_any(world.idler):
        with_app(world.idler)
    window.fill_sign_in(world.idler.email)


def _refused_second_step(window: Window, world: World) -> None:
    _to_second_step(window, world)
    window.page.locator("main input[name=code]").fill("000000")
    window.press(window.page.locator("main form", has=window.page.locator("[name=code]")).locator("button"))


def _another_key(window: Window, world: World) -> None:
    page = window.page
    page.locator("main input[name=name]").fill("Telephone exchange")
    page.locator("main input[name=scopes]").first.check()
    window.press(page.locator("main form", has=page.locator("input[name=scopes]")).locator("[type=submit]"))


def _empty_form(window: Window, world: World) -> None:
    page = window.page
    window.press(page.locator("main form", has=page.locator("[name=title]")).locator("[type=submit]").last)


def _half_quiet(window: Window, world: World) -> None:
    page = window.page
    page.locator("main input[name=begins]").fill("22:00")
    window.press(page.locator("main form", has=page.locator("[name=begins]")).locator("[type=submit]"))


def _conflict(window: Window, world: World) -> None:
    page = window.page
    page.locator("textarea[name=body]").fill("I have just restarted the server.")
    ticket = Ticket.objects.get(pk=world.contested.pk)
    actions.add_comment(ticket, body="It is slow again.", by=web(world.employee))
    window.press(page.locator(".sf-composer button[type=submit]").first)


def _try_a_call(window: Window, world: World) -> None:
    """Open a call in Swagger and send it."""
    call = window.page.locator("#operations-Sign-in-listSignInProviders")
    call.locator(".opblock-summary-control").click()
    call.locator(".try-out__btn").click()
    call.locator(".execute").click()
    call.locator(".live-responses-table .response-col_status", has_text="200").wait_for()


def _shortcuts(window: Window, world: World) -> None:
    window.page.keyboard.press("?")
    window.page.locator("#shortcuts").wait_for()


def _menu(window: Window, world: World) -> None:
    window.page.locator(".sf-bar details[data-drop] summary").last.click()


def _forbidden(window: Window, world: World) -> None:
    """A follower sends the form of a button that he has not got."""
    _send(window, f"/tickets/{world.busy.public_id}/claim/")


def _out_of_date(window: Window, world: World) -> None:
    """A form whose proof of origin has been lost."""
    window.page.locator("main form [name=csrfmiddlewaretoken]").evaluate_all(
        "(fields) => fields.forEach((field) => (field.value = 'lost'))"
    )
    _send(window, f"/tickets/{world.busy.public_id}/comment/")


def _send(window: Window, to: str) -> None:
    window.page.locator("#composer").evaluate(
        "(form, to) => { form.action = to; form.noValidate = true }", to
    )
    window.press(window.page.locator("#composer button[type=submit]").first)


def _too_late(window: Window, world: World) -> None:
    """Take what somebody has taken already."""
    _send(window, reverse("tickets:claim", args=[world.busy.public_id]))


def _two_as_evidence(window: Window, world: World) -> None:
    """One gets a file; two get words."""
    page = window.page
    for box in page.locator("input[name=_selected_action]").all()[:2]:
        box.check()
    page.locator("select[name=action]").select_option("evidence")
    window.press(page.locator("button[name=index]"))


def _select(window: Window, world: World) -> None:
    """Two that nobody has, and one that the agent has already."""
    for ticket in (*world.picked[:2], world.waiting):
        box = window.page.locator(f"input[name=ticket][value='{ticket.public_id}']")
        # As a person scrolls: not to where the bar of what is selected lies above it.
        box.evaluate("box => box.scrollIntoView({ block: 'center' })")
        box.check(force=True)


def _bulk_form(window: Window, world: World) -> None:
    _select(window, world)
    window.press(window.page.locator("button[name=action][value=priority]"))


def _bulk_preview(window: Window, world: World) -> None:
    """Taking needs no words, so the preview comes at once: two change, one is refused."""
    _select(window, world)
    window.press(window.page.locator("button[name=action][value=claim]"))


def _bulk_results(window: Window, world: World) -> None:
    _bulk_preview(window, world)
    window.press(
        window.page.locator("main form", has=window.page.locator("[value=confirm]")).locator("button")
    )


def _add_passkey_row(window: Window, world: World) -> None:
    """As if he had one: passkeys themselves are tried in test_second_factor.py, at a desk that has a name."""
    Authenticator.objects.create(
        user=world.idler, type=factors.PASSKEY, data={"name": "Синий ключ", "credential": {}, "counter": 0}
    )
    window.page.reload()


_NOT_FOUND, _BAD = frozenset({404}), frozenset({400})
_STANDINGS = {
    "employee": ("fresh", "busy", "waiting", "done", "canceled"),
    "agent": ("fresh", "busy", "waiting", "done", "canceled"),
    "lead": ("fresh", "busy"),
    "admin": ("busy", "done"),
}

VISITS: list[Visit] = [
    # --- Everybody ---
    Visit("sign in", "accounts:sign_in", "", _at("accounts:sign_in")),
    Visit("sign in, refused", "accounts:sign_in", "", _at("accounts:sign_in"), steps=_refused_sign_in),
    Visit("forgot", "accounts:forgot", "", _at("accounts:forgot")),
    Visit("forgot, sent", "accounts:forgot_sent", "", _at("accounts:forgot_sent")),
    Visit("link over", "accounts:arrive", "", _plain("/account/link/over/"), statuses=frozenset({410})),
    Visit("invitation", "accounts:invitation", "", _link(Purpose.INVITATION)),
    Visit("new password", "accounts:new_password", "", _link(Purpose.RESET)),
    Visit("stop e-mail", "accounts:stop_email", "", _link(Purpose.EMAIL, link_tokens.STOP)),
    Visit("stop e-mail, too late", "", "", _too_late_to_stop, statuses=frozenset({410})),
    Visit("link of another account", "", "agent", _link(Purpose.EMAIL), statuses=frozenset({403})),
    Visit("confirm e-mail", "accounts:confirm_email", "employee", _link(Purpose.EMAIL)),
    Visit("e-mail", "accounts:email", "employee", _at("accounts:email")),
    Visit("sessions", "accounts:sessions", "employee", _at("accounts:sessions")),
    Visit("sessions, several", "accounts:sessions", "agent", _seen_elsewhere),
    Visit("profile", "accounts:profile", "employee", _at("accounts:profile")),
    Visit("profile", "accounts:profile", "agent", _at("accounts:profile")),
    Visit("password", "accounts:change_password", "employee", _at("accounts:change_password")),
    Visit("confirm", "accounts:confirm", "employee", _at("accounts:confirm")),
    Visit("no factor", "accounts:second_factors", "employee", _at("accounts:second_factors")),
    Visit("app", "accounts:add_app", "idler", _at("accounts:add_app")),
    Visit("app, refused", "", "idler", _at("accounts:add_app"), steps=_wrong_code),
    Visit("passkey", "accounts:add_passkey", "idler", _at("accounts:add_passkey")),
    Visit("recovery codes", "", "idler", _at("accounts:add_app"), steps=_set_up_app),
    Visit("factors", "", "idler", _at("accounts:second_factors")),
    Visit("factors, a passkey", "", "idler", _at("accounts:second_factors"), steps=_add_passkey_row),
    Visit("confirm by factor", "", "idler", _at("accounts:confirm")),
    Visit("second step", "accounts:show_factor", "", _at("accounts:sign_in"), steps=_to_second_step),
    Visit("second step, refused", "", "", _at("accounts:sign_in"), steps=_refused_second_step),
    Visit("keys", "accounts:api_keys", "agent", _at("accounts:api_keys")),
    Visit("no keys", "accounts:api_keys", "newcomer", _at("accounts:api_keys")),
    Visit("new key", "accounts:api_keys", "newcomer", _at("accounts:api_keys"), steps=_another_key),
    Visit("notices", "notifications:preferences", "employee", _at("notifications:preferences")),
    Visit("notices", "notifications:preferences", "agent", _at("notifications:preferences")),
    Visit("notices, refused", "", "agent", _at("notifications:preferences"), steps=_half_quiet),
    Visit("inbox", "notifications:inbox", "employee", _at("notifications:inbox")),
    Visit("inbox", "notifications:inbox", "agent", _at("notifications:inbox")),
    Visit("inbox, empty", "notifications:inbox", "idler", _at("notifications:inbox")),
    Visit("menu", "", "employee", _at("tickets:start"), steps=_menu),
    # --- Portal ---
    Visit("start", "tickets:start", "employee", _at("tickets:start")),
    Visit("start", "tickets:start", "agent", _at("tickets:start")),
    Visit("empty start", "tickets:start", "newcomer", _at("tickets:start")),
    Visit("new", "tickets:new", "employee", _at("tickets:new")),
    Visit("new", "tickets:new", "agent", _at("tickets:new")),
    Visit("new, refused", "tickets:new", "employee", _at("tickets:new"), steps=_empty_form),
    # --- Ticket ---
    *(
        Visit(f"ticket, {ticket}", "tickets:detail", who, _of(ticket))
        for who, tickets in _STANDINGS.items()
        for ticket in tickets
    ),
    Visit("ticket, followed", "tickets:detail", "newcomer", _of("busy")),
    Visit("taken already", "tickets:claim", "lead", _of("busy"), steps=_too_late),
    Visit("conflict", "tickets:comment", "agent", _of("contested"), steps=_conflict),
    Visit("file, held", "tickets:file", "agent", _held_file, frozenset({409})),
    Visit("history", "tickets:history", "agent", _of("busy", "tickets:history")),
    Visit("history", "tickets:history", "employee", _of("busy", "tickets:history")),
    Visit("history of a mail", "tickets:mail", "agent", _folded_mail),
    # --- Queue ---
    Visit("queue", "tickets:queue", "agent", _at("tickets:queue")),
    Visit("queue, all", "tickets:queue", "lead", _at("tickets:queue", view="all")),
    Visit("queue, empty", "tickets:queue", "idler", _at("tickets:queue", view="mine")),
    Visit("queue, no match", "tickets:queue", "agent", _at("tickets:queue", q="nothing is called so")),
    Visit("queue, filters", "tickets:queue", "agent", _at("tickets:queue", filters="open", priority="HIGH")),
    Visit(
        "queue, wrong filter",
        "tickets:queue",
        "agent",
        _at("tickets:queue", status="ASLEEP"),
        statuses=_BAD,
    ),
    Visit("queue, selected", "", "agent", _at("tickets:queue", view="all"), steps=_select),
    Visit("bulk, what", "tickets:bulk", "agent", _at("tickets:queue", view="all"), steps=_bulk_form),
    Visit("bulk, preview", "tickets:bulk", "agent", _at("tickets:queue", view="all"), steps=_bulk_preview),
    Visit("bulk, results", "tickets:bulk", "agent", _at("tickets:queue", view="all"), steps=_bulk_results),
    Visit("shortcuts", "", "agent", _at("tickets:queue"), steps=_shortcuts),
    # --- Programs ---
    Visit("calls", "docs", "", _at("docs"), steps=_try_a_call, theirs=True),
    Visit("calls", "docs", "admin", _at("docs"), steps=_try_a_call, theirs=True),
    # --- Errors ---
    *(Visit("not found", "", who, _plain("/nowhere"), _NOT_FOUND) for who in ("employee", "agent", "")),
    Visit("hidden", "", "newcomer", _of("fresh"), _NOT_FOUND),
    Visit("forbidden", "", "newcomer", _of("busy"), steps=_forbidden),
    Visit("out of date", "", "agent", _of("busy"), steps=_out_of_date),
    Visit("bad request", "", "agent", _plain("/?q=%00"), statuses=_BAD),
    Visit("not this way", "", "", _at("accounts:choose_theme"), frozenset({405})),
    Visit("too large", "", "", _plain("/trouble/large"), frozenset({413})),
    Visit("too often", "", "newcomer", _used_up, frozenset({429})),
    Visit("unavailable", "", "", _plain("/trouble/operational"), statuses=frozenset({503})),
    Visit("broken", "", "", _plain("/trouble/bug"), statuses=frozenset({500})),
]


def admin_visits() -> Iterator[Visit]:
    """Every page that Django admin makes of the models it knows."""
    yield Visit("admin", "admin:index", "admin", _at("admin:index"))
    yield Visit("admin, how the desk stands", "admin:standing", "admin", _at("admin:standing"))
    yield Visit("admin sign-in", "admin:login", "", _at("admin:login"))
    yield Visit("admin, refused", "", "agent", _at("admin:index"), frozenset({200, 403, 404}))
    yield Visit("admin, password", "admin:password_change", "admin", _at("admin:password_change"))
    yield Visit(
        "admin, new password", "admin:password_change_done", "admin", _at("admin:password_change_done")
    )
    for label in sorted({model._meta.app_label for model in admin.site._registry}):
        yield Visit(f"admin of {label}", "admin:app_list", "admin", _at("admin:app_list", label))
    tickets = "admin:tickets_ticket_changelist"
    yield Visit("admin, evidence of two", tickets, "admin", _at(tickets), steps=_two_as_evidence)
    for model, pages in admin.site._registry.items():
        first = model._default_manager.order_by("pk").values_list("pk", flat=True).first()
        for page in pages.get_urls():
            route = f"admin:{page.name}"
            if page.name and route not in NO_PAGES:
                arguments = [first] * len(page.pattern.converters)
                # What admin offers no page for it refuses.
                yield Visit(page.name, route, "admin", _at(route, *arguments), frozenset({200, 403}))


# --- The URL map ----------------------------------------------------------------------------------


def routes() -> Iterator[str]:
    """The name of every address of the desk that may be a page."""
    yield from _names(get_resolver("serviceflow.urls").url_patterns, "", "")


def _names(patterns: list[Any], space: str, path: str) -> Iterator[str]:
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if here.startswith(("api/", "requests", "health/", "metrics", "static/")) and here != "api/docs":
            continue  # programs call there
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _names(pattern.url_patterns, inner, here)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{space}{pattern.name}"
