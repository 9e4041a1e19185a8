"""A desk whose every text and every file would like to be a program: Chromium shows all of it and runs none.

The texts are put straight into the columns, past every check; and the browser is told to look away from the
Content-Security-Policy, so that nothing is kept from running by that alone.
"""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.apps import apps
from django.db import connection, models
from django.urls import reverse
from playwright.sync_api import Browser, Dialog, Error, Request

from accounts.models import User
from notifications import outbox
from notifications.models import Delivery, Transport
from tests import hostile
from tests.browser import world
from tests.browser.chromium import Window
from tests.browser.inventory import VISITS, Visit, admin_visits
from tests.browser.test_hostile_text import INTRUDERS
from tests.browser.world import World
from tests.served import Desk
from tests.test_hostile_input import corpus
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# --- Texts in every column -------------------------------------------------------------------------

OURS = ("accounts", "audit", "notifications", "tickets")
# Columns whose words the desk itself makes and reads again: what is in them is no text of anybody's.
OWN_WORDS = frozenset(
    {
        "body_sha256",
        "content_type",
        "destination",
        "digest",
        "key",
        "machine",
        "password",
        "password_set",
        "prefix",
        "reason",
        "request",
        "session_salt",
        "sha256",
        "state",
        "subject_type",
        "time_zone",
        "verb",
    }
)
# Addresses are checked, by us and by whoever brings them; what is planted in them still is one.
ADDRESSES = frozenset({"address", "sender"})
EVERYTHING = "\n\n".join([*hostile.MARKUP, *hostile.MARKDOWN])


def texts() -> Iterator[tuple[type[models.Model], Any]]:
    """Every column that holds somebody's words; a new one is among them by itself."""
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.concrete_fields:
                is_text = isinstance(field, models.CharField | models.TextField)
                is_own = field.choices or field.primary_key or field.name in OWN_WORDS
                is_checked = isinstance(field, models.EmailField) or field.name.endswith("_sealed")
                if is_text and not is_own and not is_checked:
                    yield model, field


def hostile_value(field: Any, words: str, key: Any) -> str:
    """What runs wherever it is put unescaped, and then one of the many ways to run that there are."""
    out = hostile.OUT_OF_ANYTHING
    if field.name in ADDRESSES:
        return f"{out.replace(' ', '/')}{key}@example.com"
    if field.name == "url":
        return f"https://hooks.example.com/{out}{words}"[: field.max_length]
    if field.max_length is None:
        return f"{out}\n\n{EVERYTHING}"
    return f"{key}{out}{words}"[: field.max_length]


def plant() -> int:
    """Put such a text into every column of every row; answers into how many."""
    planted, words = 0, cycle(hostile.MARKUP)
    with connection.cursor() as cursor:
        # The audit trail refuses it otherwise, and so do some rules: here they are shown not to be what protects.
        cursor.execute("SET session_replication_role = replica")
        for model, field in texts():
            table, key = model._meta.db_table, model._meta.pk
            assert key is not None
            rows = model._base_manager.order_by(key.name).values_list("pk", flat=True)
            for pk in list(rows):
                cursor.execute(
                    f'UPDATE {table} SET "{field.column}" = %s WHERE "{key.column}" = %s',
                    [hostile_value(field, next(words), pk), pk],
                )
                planted += 1
        cursor.execute("UPDATE tickets_ticket SET tags = %s", [[hostile.OUT_OF_ANYTHING, hostile.MARKUP[2]]])
        cursor.execute(
            "UPDATE audit_event SET changes = changes"
            " || jsonb_build_object(%s::text, jsonb_build_array(%s::text, %s::text))",
            [hostile.OUT_OF_ANYTHING, hostile.MARKUP[2], hostile.OUT_OF_ANYTHING],
        )
        cursor.execute("RESET session_replication_role")
    return planted


# --- A window that looks away from the policy --------------------------------------------------------

# What runs at once has run when two frames have been drawn after the page had loaded.
DRAWN = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))"
# Whatever in the page is no text: what would run when it is touched, and what asks elsewhere. Links may lead there.
MADE = r"""() => {
  const leads = /^(action|background|data|formaction|href|src|xlink:href)$/i;
  const runs = ({ name, value }) => /^(on|srcdoc)/i.test(name) ||
    (leads.test(name) && /^\s*(java|vb)script:/i.test(value));
  const asks = (one) => one.tagName !== "A" &&
    [...one.attributes].some(({ name, value }) => leads.test(name) && value.includes("evil.example"));
  const made = (one) => [...one.attributes].some(runs) || asks(one) ||
    (one.tagName === "SCRIPT" && one.textContent.includes("ran=1"));
  return [...document.querySelectorAll("*")].filter(made).map((one) => one.outerHTML.slice(0, 200));
}"""


class Watched:
    """A window in which whatever runs, asks elsewhere or goes elsewhere is seen."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.elsewhere: list[str] = []
        context = browser.new_context(bypass_csp=True, locale="en-GB", reduced_motion="reduce")
        context.set_default_timeout(15_000)
        context.on("request", self._note)
        context.on("dialog", self._dismiss)
        context.route(lambda asked: urlsplit(asked).netloc != self.host, lambda route: route.abort())
        self.window = Window(context.new_page(), context, url)

    def _dismiss(self, dialog: Dialog) -> None:
        self.elsewhere.append(f"a dialog that says {dialog.message}")
        dialog.dismiss()

    def _note(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != self.host:
            self.elsewhere.append(request.url)

    def close(self) -> None:
        self.window.context.close()

    def faults(self, *, theirs: bool = False) -> Iterator[str]:
        """What has happened, and what could; of a library's own page (`theirs`) only what has."""
        page = self.window.page
        page.evaluate(DRAWN)
        if page.evaluate("typeof ran") != "undefined":
            yield f"{page.evaluate('String(ran)')} ran"
        yield from (f"asked for {asked}" for asked in self.elsewhere)
        self.elsewhere.clear()
        if urlsplit(page.url).netloc != self.host:
            yield f"went to {page.url}"
        if theirs:
            return
        yield from page.evaluate(MADE)
        if not urlsplit(page.url).path.startswith("/admin/"):
            yield from page.locator(INTRUDERS).evaluate_all(
                "(all) => all.map((one) => one.outerHTML.slice(0, 200))"
            )


def seen(watched: dict[str, Watched], visit: Visit, company: World) -> Iterator[str]:
    one = watched[visit.who]
    try:
        status = one.window.open(visit.path(company))
        if status not in visit.statuses:
            yield f"answered {status}"
        if visit.steps is not None:
            visit.steps(one.window, company)
        yield from one.faults(theirs=visit.theirs)
    except Error as error:
        yield f"could not be seen: {error.message[:300]}"


@pytest.fixture
def company(settings: Any) -> World:
    settings.MAIL_HOST = "mail.example.com"  # so that mails are due
    return world.furnish()


@pytest.fixture
def watched(browser: Browser, served: Desk, company: World) -> Iterator[dict[str, Watched]]:
    """A window for each of the company, signed in before its name became what it will be."""
    windows = {"": Watched(browser, served.url)}
    for who in ("employee", "newcomer", "agent", "idler", "lead", "admin"):
        windows[who] = Watched(browser, served.url)
        windows[who].window.sign_in(company.person(who))
    yield windows
    for one in windows.values():
        one.close()


def test_no_text_of_any_column_runs_on_any_page(watched: dict[str, Watched], company: World) -> None:
    """Every page of the inventory, its forms and errors, and all of admin."""
    assert plant() > 200
    visits = [*VISITS, *admin_visits()]
    found = [f"{visit}: {fault}" for visit in visits for fault in seen(watched, visit, company)]
    assert not found, f"{len(found)} findings:\n" + "\n".join(found[:40])


# What an address says of itself comes back on some pages.
REFLECTED = (hostile.OUT_OF_ANYTHING, "javascript:ran=1", "//evil.example/")
PARAMETERS = (
    "cursor",
    "filters",
    "finished",
    "next",
    "ordering",
    "page",
    "q",
    "service",
    "show",
    "status",
    "tag",
    "title",
    "view",
)


def addresses(company: World, text: str) -> Iterator[tuple[str, str]]:
    """Who goes where: with the text in every parameter at once, and in those alone that one wrong one would hide."""
    ticket = reverse("tickets:detail", args=[company.busy.public_id])
    pages = {
        "": [reverse("accounts:sign_in")],
        "employee": [reverse("tickets:start"), reverse("tickets:new"), reverse("notifications:inbox")],
        "agent": [reverse("tickets:queue"), ticket],
        "admin": ["/admin/", "/admin/login/", "/admin/audit/event/", "/admin/accounts/user/"],
    }
    queries = [urlencode(dict.fromkeys(names, text)) for names in (PARAMETERS, ("q", "title"), ("next",))]
    for who, paths in pages.items():
        for path in paths:
            yield from ((who, f"{path}?{query}") for query in queries)
    yield "", f"/{quote(text)}/"
    yield "agent", f"/api/v1/tickets/{quote(text)}"
    yield "agent", f"/api/v1/tickets?{queries[0]}"
    yield "admin", f"/admin/{quote(text)}/"


def test_nothing_of_an_address_runs(watched: dict[str, Watched], company: World) -> None:
    found = []
    for text in REFLECTED:
        for who, address in addresses(company, text):
            one = watched[who]
            if (status := one.window.open(address)) >= 500:
                found.append(f"{address}: {status}")
            found += [f"{who} {address}: {fault}" for fault in one.faults()]
    assert not found, "\n".join(found[:40])


def test_no_answer_of_the_api_is_a_page(watched: dict[str, Watched], company: World) -> None:
    """Opened in the browser itself, with its session."""
    plant()
    ticket = f"/api/v1/tickets/{company.busy.public_id}"
    one = watched["admin"]
    found = []
    for address in (
        ticket,
        f"{ticket}/attachments",
        f"{ticket}/comments",
        f"{ticket}/history",
        f"{ticket}/watchers",
        "/api/v1/auth/providers",
        "/api/v1/services",
        "/api/v1/tags",
        "/api/v1/teams",
        "/api/v1/tickets",
        "/api/v1/users",
        "/api/v1/webhooks",
        f"/api/v1/{quote(hostile.OUT_OF_ANYTHING)}",
    ):
        assert one.window.open(address) in {200, 404}, address
        found += [f"{address}: {fault}" for fault in one.faults()]
    assert not found, "\n".join(found)


READER = "<base href='http://reader.example/'>"  # where an address without a scheme leads elsewhere


def test_no_mail_runs_in_a_reader_that_shows_html(browser: Browser, company: World) -> None:
    """Of every mail that is due, its HTML in a page without any policy."""
    plant()
    mails = list(Delivery.objects.filter(transport=Transport.EMAIL, subject_type="ticket").order_by("pk"))
    composed = map(outbox.composer(mails), mails)
    bodies = {mail.html for mail in composed if mail is not None and mail.html}
    assert len(bodies) > 10
    one, found = Watched(browser, "about:blank"), []
    for html in bodies:
        one.window.page.set_content(f"{READER}{html}")
        found += list(one.faults())
        found += one.window.page.locator(
            "script, iframe, object, embed, svg, img, form, [onerror], [onload], a[href^=javascript]"
        ).evaluate_all("(all) => all.map((one) => one.outerHTML.slice(0, 200))")
    one.close()
    assert not found, "\n".join(found[:40])


# --- Files ------------------------------------------------------------------------------------------

# A page of the desk's own origin does with the addresses whatever makes a browser run or draw something.
EMBED = """async (addresses) => {
  const made = (tag, more, patience) => new Promise((done) => {
    const element = Object.assign(document.createElement(tag), more);
    element.onload = element.onerror = done;
    if (patience) setTimeout(done, patience);
    document.body.append(element);
  });
  const worked = (address) => new Promise((done) => {
    const worker = new Worker(address);
    worker.onmessage = () => { window.ran = "a worker"; done(); };
    worker.onerror = done;
  });
  for (const address of addresses) {
    await Promise.all([
      made("script", { src: address }),
      made("script", { src: address, type: "module" }),
      made("link", { rel: "stylesheet", href: address }),
      made("img", { src: address }),
      worked(address),
    ]);
  }
  // Of a download these two say nothing.
  await Promise.all(addresses.flatMap((address) => [
    made("object", { data: address }, 2000), made("embed", { src: address }, 2000),
  ]));
}"""
# Types that a browser runs or draws as a page.
DANGEROUS = frozenset(
    {
        "application/javascript",
        "application/x-shockwave-flash",
        "application/xhtml+xml",
        "application/xml",
        "image/svg+xml",
        "message/rfc822",
        "text/css",
        "text/html",
        "text/javascript",
        "text/xml",
    }
)


def uploaded(desk: Desk, key: str, ticket: Ticket) -> list[Attachment]:
    """Sent as a program sends them: with any name, any type and any content."""
    program = desk.visitor()
    program.headers["X-API-Key"] = key
    every = [*hostile.FILES, *((name, "text/html", b"<script>ran=1</script>") for name in hostile.NAMES)]
    for start in range(0, len(every), 10):
        files: Any = [
            ("file", (name, content, kind or None)) for name, kind, content in every[start : start + 10]
        ]
        answer = program.post(f"/api/v1/tickets/{ticket.public_id}/attachments", files=files)
        assert answer.status_code == 201, answer.text
    kept = list(Attachment.objects.filter(ticket=ticket).order_by("pk"))
    assert len(kept) == len(every)
    return kept


def test_no_file_is_ever_a_page_a_script_or_a_picture_of_ours(
    browser: Browser, desk: Desk, ticket: Ticket, employee: User, agent: User, key_of: Callable[..., str]
) -> None:
    """Shown on its ticket, opened directly at both doors, and called by every element that would run it."""
    files = uploaded(desk, key_of(employee), ticket)
    Attachment.objects.filter(ticket=ticket).update(state="clean")
    one = Watched(browser, desk.url)
    one.window.sign_in(agent)
    page = one.window.page
    assert one.window.open(reverse("tickets:detail", args=[ticket.public_id])) == 200
    found = [f"ticket: {fault}" for fault in one.faults()]
    pages = [reverse("tickets:file", args=[file.public_id]) for file in files]
    for file, address in zip(files, pages, strict=True):
        for door in (address, f"/api/v1/attachments/{file.public_id}/content"):
            told = one.window.context.request.get(f"{desk.url}{door}").headers
            if not told["content-disposition"].startswith("attachment"):
                found.append(f"{file.name} is shown by {door}")
            if told["x-content-type-options"] != "nosniff":
                found.append(f"{file.name} is guessed at by {door}")
            if not told["content-security-policy"].startswith("sandbox"):
                found.append(f"{file.name} has no sandbox at {door}")
            if told["content-type"].split(";")[0] in DANGEROUS:
                found.append(f"{file.name} is called {told['content-type']} by {door}")
        try:
            with page.expect_download(timeout=5_000) as saved:
                page.evaluate("(address) => { location.href = address }", address)
            if set('/\\"<>\r\n\0') & set(saved.value.suggested_filename):
                found.append(f"{file.name} is saved as {saved.value.suggested_filename}")
        except Error:
            found.append(f"{file.name} was opened instead of saved")
            found += [f"{file.name}: {fault}" for fault in one.faults()]
            one.window.open(reverse("tickets:detail", args=[ticket.public_id]))
    page.evaluate(EMBED, pages)
    found += [f"embedded: {fault}" for fault in one.faults()]
    one.close()
    assert not found, "\n".join(found[:40])


# --- The lists of others -----------------------------------------------------------------------------


def test_no_string_that_broke_other_programs_runs(
    watched: dict[str, Watched], company: World, desk: Desk
) -> None:
    """All of the corpora as titles, descriptions and comments, shown where they are shown together."""
    strings = [
        text.replace("\0", "") for text in corpus() if not any("\ud800" <= one <= "\udfff" for one in text)
    ]
    tickets = list(Ticket.objects.order_by("pk"))
    some = -(-len(strings) // len(tickets))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for place, ticket in enumerate(tickets):
            part = strings[place * some : (place + 1) * some]
            body = "\n\n".join(part)
            cursor.execute(
                "UPDATE tickets_ticket SET title = %s, description = %s WHERE id = %s",
                [part[0][:255] or "x", body, ticket.pk],
            )
            cursor.execute("UPDATE tickets_comment SET body = %s WHERE ticket_id = %s", [body, ticket.pk])
        cursor.execute("RESET session_replication_role")
    one, found = watched["admin"], []
    for ticket in tickets:
        for route in ("tickets:detail", "tickets:history"):
            assert one.window.open(reverse(route, args=[ticket.public_id])) == 200
            found += [f"{route}: {fault}" for fault in one.faults()]
    assert not found, "\n".join(found[:40])


# Each text unescaped in a page of its own; how many of those it ran in.
SUNG = """async (pages) => {
  const frames = await Promise.all(pages.map((srcdoc) => new Promise((done) => {
    const frame = Object.assign(document.createElement("iframe"), { srcdoc });
    frame.onload = () => done(frame);
    document.body.append(frame);
  })));
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const ran = (frame) => { try { return "ran" in frame.contentWindow; } catch { return false; } };
  return frames.filter(ran).length;
}"""


def test_chromium_would_have_run_them(browser: Browser) -> None:
    """So that the canary is known to sing: markup that nobody has escaped, on a page without a policy."""
    one = Watched(browser, "about:blank")
    texts = [hostile.OUT_OF_ANYTHING, *hostile.MARKUP]
    pages = [f"{READER}<p>{text}</p><b title='{text}'>x</b><textarea>{text}</textarea>" for text in texts]
    assert one.window.page.evaluate(SUNG, pages) > 25
    assert len(set(one.elsewhere)) > 3
    one.close()
