"""What agents write among themselves: planted in every way there is, and looked for wherever an employee can look.

The walk is made from the URL map, the transports and the events of the ticket: what is added to them is walked, too.
That it would find the words is shown by an agent, who takes the same walk.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django.utils.html import escape
from rest_framework.test import APIClient

from accounts.acting import SYSTEM
from accounts.models import User
from audit.models import Event
from notifications import digest, outbox
from notifications.message import Message
from notifications.models import Channel, Contact, Delivery, Quiet, State, Transport, Webhook
from tests.factories import UserFactory, opened, stand, web
from tickets import actions, letters
from tickets.files import incoming
from tickets.models import Attachment, Service, Ticket
from tickets.models.mail import InboundMail, Mailbox, Why

pytestmark = pytest.mark.django_db

# One for each way by which an internal word comes onto a ticket.
NOTE, HANDED_OVER, FILE_NAME, FILE_TEXT, HELD, NOBODY = (
    "zyxwombat", "quorvexling", "grimplestick", "flobberworth", "snarkelbright", "Wilhelmina Ostrovsky-Quill",
)  # fmt: skip
WORDS = (NOTE, HANDED_OVER, FILE_NAME, FILE_TEXT, HELD, NOBODY)


@dataclass(frozen=True)
class World:
    ticket: Ticket
    requester: User
    watcher: User
    agent: User


@pytest.fixture
def world(
    employee: User,
    colleague: User,
    agent: User,
    other_agent: User,
    admin: User,
    service: Service,
    settings: Any,
) -> World:
    """A ticket with everything that a reader may know, and between it what he may not."""
    settings.MAIL_HOST, settings.SLACK_BOT_TOKEN, settings.TELEGRAM_BOT_TOKEN = (
        "mail.example.com",
        "xoxb-1",
        "1:a",
    )
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    for person, chat in itertools.product(
        (employee, colleague, agent), (Transport.SLACK, Transport.TELEGRAM)
    ):
        Contact.objects.create(user=person, transport=chat, address=f"U{person.pk}0000")
    Channel.objects.create(name="Everybody", transport=Transport.SLACK, topics=["all"])
    Webhook.objects.create(name="All", url="https://hooks.example.com/x", topics=["all"])
    # An agent who only ever writes notes: his name is an internal word.
    whisperer = UserFactory.create(full_name=NOBODY, role="AGENT", in_teams=[service.team])
    ticket = opened(by=employee, service=service, description="The public description")
    actions.watch(ticket, user=colleague, by=SYSTEM)
    ticket = stand(ticket, "IN_PROGRESS", assignee=agent)
    actions.add_comment(ticket, body="A public reply", by=web(agent))
    actions.add_comment(
        ticket,
        body=f"A note: {NOTE}",
        internal=True,
        files=[incoming(f"{FILE_NAME}.txt", f"Inside: {FILE_TEXT}".encode(), "text/plain")],
        by=web(whisperer),
    )
    actions.hand_over(ticket, to=other_agent, note=f"Careful: {HANDED_OVER}", by=web(agent))
    actions.add_comment(ticket, body="A public answer", by=web(employee))
    actions.change_status(ticket, status="DONE", comment="A public end", by=web(other_agent))
    actions.add_comment(ticket, body=f"Afterwards: {NOTE}", internal=True, by=web(whisperer))
    mailbox = Mailbox.objects.create(
        name="Desk", address="desk@example.com", host="localhost", username="desk", stand_in=admin
    )
    mail = InboundMail.objects.create(
        mailbox=mailbox, uid_validity=1, uid=1, raw=HELD.encode(), size=1, sha256="0" * 64, text=HELD, subject=HELD,
        sender=f"{HELD}@example.com",
    )  # fmt: skip
    actions.hold_mail(mail, ticket, why=Why.UNVOUCHED, by=SYSTEM)
    ticket.refresh_from_db()
    return World(ticket, employee, colleague, agent)


# --- Where one can look ----------------------------------------------------------------------------


def patterns(found: list[Any], before: str = "") -> Iterator[str]:
    """Every address of the desk, with its parameters as they are written in the URL map."""
    for pattern in found:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here


def addresses(world: World) -> Iterator[str]:
    """The same with every id that there is in the place of a parameter."""
    ids = [
        str(public_id)
        for model in (Ticket, Attachment, InboundMail)
        for public_id in model._default_manager.values_list("public_id", flat=True)
    ]
    known = {
        "uuid": ids,
        "str": [str(world.ticket.public_id), world.ticket.reference, str(world.requester.public_id)],
        "int": ["1", str(world.ticket.pk)],
    }
    for pattern in sorted(set(patterns(get_resolver("serviceflow.urls").url_patterns))):
        if "(?P" in pattern or "^" in pattern:
            continue  # admin forwards what is unknown to it
        if pattern.startswith(("api/", "requests")) and pattern.endswith("/"):
            continue  # the same without a slash is there
        kinds = re.findall(r"<(?:(\w+):)?\w+>", pattern)
        parts = re.split(r"<[^>]+>", pattern)
        for values in itertools.product(*(known.get(kind or "str", ["x"]) for kind in kinds)):
            yield "/" + "".join(itertools.chain(*itertools.zip_longest(parts, values, fillvalue="")))


QUERIES = ("", "show=all", "show=changes", "show=conversation", "view=all", "count=true", "page=1", "mine")


def answered(answer: Any) -> str:
    """Everything of an answer that somebody could read: its headers, too."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{dict(answer.headers)}\n{body.decode(errors='replace')}"


type Told = tuple[str, str]


def pages(whom: User, browser: Client, world: World) -> Iterator[Told]:
    links: set[str] = set()
    for path in addresses(world):
        answer = browser.get(path)
        text = answered(answer)
        links |= {link.replace("&amp;", "&") for link in re.findall(r'(?:href|src)="(/[^"#]*)', text)}
        yield f"page {path}", text
    for query in QUERIES[1:]:
        for path in ("/", "/queue/", f"/tickets/{world.ticket.public_id}/", "/inbox/", "/api/v1/tickets"):
            yield f"page {path}?{query}", answered(browser.get(f"{path}?{query}"))
    # What agents can reach from there are all the tickets of the desk in all orders: the employee's way is the point.
    for link in [] if whom.is_agent else sorted(links):
        if not link.startswith("/static/"):
            yield f"link {link}", answered(browser.get(link))


def forms(browser: Client, world: World) -> Iterator[Told]:
    """What is answered to somebody who was away while the others wrote, and to one who may not do what he tries."""
    page = f"/tickets/{world.ticket.public_id}"
    for verb in (
        "comment",
        "reopen",
        "status",
        "claim",
        "edit",
        "watch",
        "hand-over",
        "delete",
        "assign",
    ):
        for version in range(world.ticket.version):
            sent = {
                "version": str(version),
                "body": "My words",
                "visibility": "public",
                "comment": "x",
                "to": "DONE",
            }
            answer = browser.post(f"{page}/{verb}/", sent | {"email": "nobody"})
            yield f"form {verb} of version {version}", answered(answer)
            if answer.status_code in {303, 403}:
                break


def calls(program: APIClient, world: World) -> Iterator[Told]:
    for path in addresses(world):
        if path.startswith(("/api/", "/requests")):
            for query in QUERIES[:1]:
                yield f"api {path}", answered(program.get(f"{path}?{query}"))
    ticket = f"/api/v1/tickets/{world.ticket.public_id}"
    for version in range(world.ticket.version):
        stale = program.patch(ticket, {"title": "Mine"}, format="json", headers={"If-Match": f'"{version}"'})
        yield f"api stale {version}", answered(stale)


# Those that are told in other words than the rest, and one of these.
REASONS = ("requester", "sender", "team")


def said(message: Message | None) -> str:
    return str(message)


def composed(whom: User, world: World) -> Iterator[Told]:
    """Whatever has been announced to him, and whatever could be: of every event, for every reason, by every way."""
    for delivery in Delivery.objects.filter(recipient=whom).order_by("pk"):
        if delivery.transport in {Transport.EMAIL, Transport.SLACK, Transport.TELEGRAM}:
            yield (
                f"{delivery.transport} announced {delivery.verb}",
                said(outbox.composer([delivery])(delivery)),
            )
    for event in Event.objects.filter(subject_id=world.ticket.public_id):
        for reason, transport in itertools.product(REASONS, (Transport.EMAIL, Transport.SLACK)):
            forced = Delivery(
                pk=10**9, verb=event.verb, subject_type="ticket", subject_id=world.ticket.public_id, seq=event.seq or 0,
                reason=reason, transport=transport, recipient=whom, subject_name=str(world.ticket),
            )  # fmt: skip
            yield f"{transport} forced {event.verb}", said(letters.compose(forced))
            yield f"inbox forced {event.verb}", str(letters.lines([forced], reader=whom))


def gathered(whom: User) -> Iterator[Told]:
    """A digest of everything."""
    Quiet.objects.update_or_create(user=whom, defaults={"digest": "daily"})
    mails = Delivery.objects.filter(recipient=whom, transport=Transport.EMAIL, subject_type="ticket")
    mails.update(state=State.GATHERED, due_at=timezone.now())
    digest.send_due()
    made = Delivery.objects.filter(recipient=whom, subject_type="digest").latest("pk")
    yield "digest", said(outbox.composer([made])(made))


def told_to_rooms(world: World) -> Iterator[Told]:
    """Channels and webhooks: what was announced to them, and every event that there is."""
    for delivery in Delivery.objects.exclude(recipient__isnull=False).order_by("pk"):
        yield f"{delivery.transport} of a room, announced", said(outbox.composer([delivery])(delivery))
    for event, channel in itertools.product(
        Event.objects.filter(subject_id=world.ticket.public_id), Channel.objects.all()
    ):
        forced = Delivery(
            pk=10**9, verb=event.verb, subject_type="ticket", subject_id=world.ticket.public_id, seq=event.seq or 0,
            reason="subscribed", transport=channel.transport, channel=channel, subject_name=str(world.ticket),
        )  # fmt: skip
        yield "channel, forced", said(outbox.composer([forced])(forced))
    for event, webhook in itertools.product(
        Event.objects.filter(subject_id=world.ticket.public_id), Webhook.objects.all()
    ):
        forced = Delivery(
            pk=10**9, verb=event.verb, subject_type="ticket", subject_id=world.ticket.public_id, seq=event.seq or 0,
            reason="subscribed", transport="webhook", webhook=webhook, subject_name=str(world.ticket),
        )  # fmt: skip
        yield "webhook, forced", said(outbox.composer([forced])(forced))


def everything(whom: User, world: World, browser: Client, program: APIClient) -> Iterator[Told]:
    yield from pages(whom, browser, world)
    yield from calls(program, world)
    yield from composed(whom, world)
    yield from gathered(whom)
    yield from forms(browser, world)


def leaks(walk: Iterator[Told]) -> dict[str, set[str]]:
    """{word: where it was found}."""
    found: dict[str, set[str]] = {word: set() for word in WORDS}
    for where, text in walk:
        for word in WORDS:
            if word in text or escape(word) in text:
                found[word].add(where)
    return found


type Opens = Callable[..., Any]


@pytest.mark.parametrize("who", ["requester", "watcher"])
def test_an_employee_finds_no_internal_word_anywhere(
    world: World, who: str, browser_of: Opens, api: Opens, key_of: Opens
) -> None:
    whom = getattr(world, who)
    places = list(everything(whom, world, browser_of(whom), api(key_of(whom))))
    assert len(places) > 300
    # It was the ticket that he has looked at.
    assert sum("A public answer" in text for _where, text in places) > 20
    assert leaks(iter(places)) == {word: set() for word in WORDS}


def test_rooms_and_other_systems_hear_no_internal_word(world: World) -> None:
    places = list(told_to_rooms(world))
    assert sum("A public answer" in text for _where, text in places) >= 2
    assert leaks(iter(places)) == {word: set() for word in WORDS}


def test_an_agent_on_the_same_walk_finds_them_all(
    world: World, browser_of: Opens, api: Opens, key_of: Opens
) -> None:
    found = leaks(everything(world.agent, world, browser_of(world.agent), api(key_of(world.agent))))
    kinds = {word: {where.split()[0] for where in places} for word, places in found.items()}
    assert kinds[NOTE] >= {"page", "api", "email", "slack", "telegram", "inbox", "digest", "form"}
    assert kinds[HANDED_OVER] >= {"page", "api", "email", "inbox"}
    assert kinds[FILE_NAME] >= {"page", "api"}
    assert kinds[FILE_TEXT] >= {"page", "api"}
    assert kinds[HELD] >= {"page"}
    assert kinds[NOBODY] >= {"page", "api", "email", "inbox"}


# --- Search: it must not even say that there is something ------------------------------------------


@pytest.mark.parametrize("word", [NOTE, HANDED_OVER, FILE_NAME, FILE_TEXT, HELD])
def test_a_search_for_an_internal_word_finds_nothing_for_an_employee(
    world: World, browser_of: Opens, api: Opens, key_of: Opens, word: str
) -> None:
    for whom in (world.requester, world.watcher):
        assert api(key_of(whom)).get("/api/v1/tickets", {"q": word}).json()["results"] == []
        answer = browser_of(whom).get("/", {"q": word})
        assert world.ticket.title not in answer.content.decode()
    # A word more or less must not tell either.
    api_answers = [
        api(key_of(world.requester)).get("/api/v1/tickets", {"q": f"VPN -{minus}"}).json()["results"]
        for minus in (word, "neverwritten")
    ]
    assert api_answers[0] == api_answers[1] != []


def test_an_agent_finds_the_ticket_by_a_note(world: World, api: Opens, key_of: Opens) -> None:
    assert len(api(key_of(world.agent)).get("/api/v1/tickets", {"q": NOTE}).json()["results"]) == 1
