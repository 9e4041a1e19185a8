"""Random companies, and what each of their people is shown: exactly what the specification says, by every door.

Who sees a ticket is said below once more (`sees`), in words of the specification and without a query. Everybody has
been told of every ticket while he was allowed to read it; then teams, roles and followers change, and what had been
told must be gone with the right.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.acting import SYSTEM
from accounts.models import Membership, Team, User
from audit.models import Event
from notifications import digest, outbox
from notifications.models import Channel, Delivery, Quiet, State, Transport, Webhook
from tests.factories import web
from tests.matrix import undone
from tests.tickets.mail.post import fetched
from tickets import actions, correspondence
from tickets.files import incoming
from tickets.models import Attachment, InboundMail, Mailbox, Service, Ticket, Watch
from tickets.models.mail import Why

pytestmark = pytest.mark.django_db

PEOPLE, TEAMS = 6, 2
WORLDS = int(os.environ.get("WORLDS", "2"))  # beside the one below in which each rule matters


@dataclass(frozen=True)
class Person:
    role: str
    teams: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Asked:
    requester: int
    author: int
    watchers: frozenset[int]
    team: int
    service: str  # "", "open" or "confidential"
    deleted: bool = False


def sees(people: list[Person], one: int, ticket: Asked) -> bool:
    """Who sees a ticket: design/domain.md, line by line."""
    person = people[one]
    if ticket.deleted:
        return False
    if person.role == "ADMIN":
        return True
    if person.role == "AGENT":
        if ticket.service != "confidential" or ticket.team in person.teams:
            return True
        return one == ticket.requester or one in ticket.watchers
    return one in {ticket.requester, ticket.author, *ticket.watchers}


def is_staff(person: Person) -> bool:
    return person.role in {"AGENT", "ADMIN"}


somebody = st.integers(0, PEOPLE - 1)
companies = st.lists(
    st.builds(
        Person,
        st.sampled_from(["EMPLOYEE", "AGENT", "AGENT", "ADMIN"]),
        st.frozensets(st.integers(0, TEAMS - 1), max_size=TEAMS),
    ),
    min_size=PEOPLE,
    max_size=PEOPLE,
)
requests = st.lists(
    st.builds(
        Asked,
        requester=somebody,
        author=somebody,
        watchers=st.frozensets(somebody, max_size=2),
        team=st.integers(0, TEAMS - 1),
        service=st.sampled_from(["", "open", "confidential", "confidential"]),
        deleted=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=4,
)
NOBODY: frozenset[int] = frozenset()
# Two employees, an agent of each team, one of none and an administrator; and each way to stand to a ticket.
COMPANY = [
    Person("EMPLOYEE"),
    Person("EMPLOYEE"),
    Person("AGENT", frozenset({0})),
    Person("AGENT", frozenset({1})),
    Person("AGENT"),
    Person("ADMIN"),
]
REQUESTS = [
    Asked(0, 0, NOBODY, 0, "confidential"),
    Asked(0, 1, frozenset({3}), 0, "confidential"),
    Asked(3, 3, frozenset({1}), 0, "confidential"),
    Asked(0, 0, NOBODY, 1, ""),
    Asked(0, 0, frozenset({1}), 1, "open", deleted=True),
]


# --- A world ---------------------------------------------------------------------------------------


def word(number: int, what: str) -> str:
    """Something that stands nowhere else: of the title, the description, a tag, a comment, a note, a file, a mail."""
    return f"zq{'abcdefgh'[number]}{what}"


@dataclass
class World:
    people: list[Person]
    requests: list[Asked]
    users: list[User]
    tickets: list[Ticket]
    files: dict[int, Attachment]
    memos: dict[int, Attachment]

    def shown_in(self, text: str) -> set[int]:
        """Whose titles can be read there."""
        return {number for number in range(len(self.tickets)) if word(number, "title") in text}


def made(people: list[Person], requests: list[Asked]) -> World:
    """By the verbs, with everybody where he can hear of it; then who they are now."""
    teams = Team.objects.bulk_create(Team(name=f"Team {number}") for number in range(TEAMS))
    users = User.objects.bulk_create(
        User(email=f"p{number}@example.com", full_name=f"P {number}", role=person.role, password=f"!{number}")
        for number, person in enumerate(people)
    )
    writer = User.objects.create(email="writer@example.com", full_name="Writer", role="ADMIN")
    Membership.objects.bulk_create(Membership(user=user, team=team) for user in users for team in teams)
    services = {
        (kind, place): Service(
            name_en=f"{kind} {place}", name_ru="x", team=teams[place], confidential=kind == "confidential"
        )
        for kind in ("open", "confidential")
        for place in range(TEAMS)
    }
    Service.objects.bulk_create(services.values())
    Webhook.objects.create(name="All", url="https://hooks.example.com/x", topics=["all"])
    Channel.objects.create(name="All", transport=Transport.SLACK, address="C1", topics=["all"])
    mailbox = Mailbox(name="Desk", address="desk@example.com", host="imap.example.com", username="desk")
    mailbox.stand_in, mailbox.password = writer, "secret of the mailbox"
    mailbox.save()
    tickets, files, memos = [], {}, {}
    for number, one in enumerate(requests):
        ticket = actions.open_ticket(
            title=f"zqcommon {word(number, 'title')}",
            description=word(number, "description"),
            tags=[word(number, "tag")],
            requester=users[one.requester],
            service=services.get((one.service, one.team)),
            team=None if one.service else teams[one.team],
            by=web(writer),
        )
        Watch.objects.bulk_create([Watch(ticket=ticket, user=user) for user in users])
        by = web(writer)
        actions.add_comment(ticket, body=word(number, "said"), by=by)
        actions.add_comment(ticket, body=word(number, "note"), internal=True, by=by)
        [files[number]] = actions.attach(ticket, files=[incoming(f"{word(number, 'file')}.txt", b"x")], by=by)
        [memos[number]] = actions.attach(
            ticket, files=[incoming(f"{word(number, 'memo')}.txt", b"x")], internal=True, by=by
        )
        mail = fetched(mailbox, b"From: x")
        mail.text = word(number, "held")
        actions.hold_mail(mail, ticket, why=Why.UNVOUCHED, by=SYSTEM)
        InboundMail.objects.filter(pk=mail.pk).update(text=mail.text)
        tickets.append(ticket)
    Attachment.objects.update(state="clean")
    # Now.
    for number, one in enumerate(requests):
        Ticket.objects.filter(pk=tickets[number].pk).update(author=users[one.author])
        Watch.objects.filter(ticket=tickets[number]).exclude(
            user__in=[users[w] for w in one.watchers]
        ).delete()
        if one.deleted:
            actions.delete(tickets[number], reason="A doublet.", by=SYSTEM)
    for user, person in zip(users, people, strict=True):
        Membership.objects.filter(user=user).exclude(
            team__in=[teams[place] for place in person.teams]
        ).delete()
    tickets = list(Ticket.objects.order_by("pk"))
    return World(
        people, requests, list(User.objects.exclude(pk=writer.pk).order_by("pk")), tickets, files, memos
    )


# --- Where one looks -------------------------------------------------------------------------------

# The door, what could be read there, and which tickets it speaks of; None where that is not the point.
type Told = tuple[str, str, set[int] | None]


def text_of(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return unescape(body.decode(errors="replace"))


class Reader:
    """One of the people, looking around."""

    def __init__(self, world: World, one: int, browser: Client) -> None:
        self.world, self.one, self.browser = world, one, browser
        self.user = User.objects.with_teams().get(pk=world.users[one].pk)
        self.person = world.people[one]
        self.sees = {n for n, asked in enumerate(world.requests) if sees(world.people, one, asked)}
        self.his = {n for n in self.sees if world.requests[n].requester == one}
        self.notes = self.sees if is_staff(self.person) else set()

    def get(self, address: str, **query: Any) -> str:
        return text_of(self.browser.get(address, query))

    def listed(self, **query: Any) -> set[int]:
        """What the API lists, page by page."""
        numbers = {str(ticket.public_id): number for number, ticket in enumerate(self.world.tickets)}
        found: list[int] = []
        address: str | None = "/api/v1/tickets"
        while address:
            page = self.browser.get(address, query).json()
            found += [numbers[one["id"]] for one in page["results"]]
            address, query = page["next"], {}
        assert len(found) == len(set(found))
        return set(found)

    def everything(self) -> Iterator[Told]:
        yield from self.lists()
        yield from self.tickets()
        yield from self.files()
        yield from self.messages()
        if is_staff(self.person):
            yield from self.queue()
            yield from self.bulk()
        if self.person.role == "ADMIN":
            for query in ({}, {"q": "zqcommon"}):
                page = self.get("/admin/tickets/ticket/", **query)
                yield f"admin {query}", page, self.sees
                self.expects(page, self.sees)

    def expects(self, page: str, expected: set[int]) -> None:
        assert self.world.shown_in(page) == expected

    def lists(self) -> Iterator[Told]:
        assert self.listed(limit=2) == self.sees
        assert self.listed(q="zqcommon") == self.sees
        assert self.browser.get("/api/v1/tickets?count=true").json()["count"] == len(self.sees)
        told = {tag["name"] for tag in self.browser.get("/api/v1/tags").json()["results"]}
        assert told == {word(number, "tag") for number in self.sees}
        for number in range(len(self.world.tickets)):
            only = {number} & self.sees
            assert self.listed(tag=word(number, "tag")) == only
            assert self.listed(q=word(number, "said")) == only
            assert self.listed(q=word(number, "note")) == {number} & self.notes
            assert self.listed(q=f"zqcommon -{word(number, 'note')}") == self.sees - (self.notes & {number})
        own = self.his if is_staff(self.person) else self.sees
        for query in ({"mine": ""}, {"mine": "", "q": "zqcommon"}):
            page = self.get("/", **query)
            yield f"start {query}", page, own
            self.expects(page, own)

    def queue(self) -> Iterator[Told]:
        for query in ({}, {"q": "zqcommon"}, {"ordering": "number"}):
            page = self.get("/queue/", view="all", **query)
            yield f"queue {query}", page, self.sees
            self.expects(page, self.sees)
            [count] = re.findall(r'data-go="a"[^>]*>.*?(?:sf-count[^>]*>(\d+)<|</a>)', page, re.DOTALL)
            assert int(count or 0) == len(self.sees)
        for number, ticket in enumerate(self.world.tickets):
            page = self.get("/queue/", view="all", tag=word(number, "tag"))
            yield "queue, by tag", page, {number} & self.sees
            self.expects(page, {number} & self.sees)
            led_on = self.browser.get("/queue/", {"q": ticket.reference}).status_code == 302
            assert led_on == (number in self.sees)
        waiting = {
            number
            for number in self.sees
            if not self.person.teams or self.world.requests[number].team in self.person.teams
        }
        form = "application/x-www-form-urlencoded"
        for address, kind in (("/queue/next/", form), ("/api/v1/tickets/claim-next", "application/json")):
            with undone():
                self.browser.post(address, {}, content_type=kind)
                taken = set(Ticket.objects.filter(assignee=self.user).values_list("pk", flat=True))
            numbers = {number for number, ticket in enumerate(self.world.tickets) if ticket.pk in taken}
            assert numbers <= waiting
            assert bool(numbers) == bool(waiting)

    def bulk(self) -> Iterator[Told]:
        ids = [str(ticket.public_id) for ticket in self.world.tickets]
        sent = {"ids": ids, "verb": "claim", "dry_run": True}
        answer = self.browser.post("/api/v1/tickets/bulk", sent, content_type="application/json").json()
        assert {n for n, row in enumerate(answer["results"]) if row["status"] != 404} == self.sees
        yield "bulk, API", str(answer), None
        for action in ("claim", "priority"):  # the preview, and the form before it
            page = text_of(self.browser.post("/queue/bulk/", {"action": action, "ticket": ids}))
            yield f"bulk {action}", page, self.sees
            self.expects(page, self.sees)
        with undone():
            versions = [f"{ticket.public_id}:{ticket.version}" for ticket in self.world.tickets]
            self.browser.post("/queue/bulk/", {"action": "claim", "step": "confirm", "ticket": versions})
            page = self.get("/queue/bulk/")
        yield "bulk, results", page, self.sees
        self.expects(page, self.sees)

    def tickets(self) -> Iterator[Told]:
        for number, ticket in enumerate(self.world.tickets):
            expected = 200 if number in self.sees else 404
            beside = (
                {other for other in self.his_requests(number) if other != number}
                if is_staff(self.person)
                else set()
            )
            shown = {number} | beside if number in self.sees else set()
            for reference in (str(ticket.public_id), ticket.reference):
                call = f"/api/v1/tickets/{reference}"
                for address in (
                    call,
                    *(f"{call}/{more}" for more in ("history", "comments", "attachments", "watchers")),
                ):
                    answer = self.browser.get(address)
                    assert answer.status_code == expected, address
                    yield address, text_of(answer), {number} & self.sees
                mails = self.browser.get(f"{call}/mails")
                assert (mails.status_code == 200) == (number in self.notes)
                assert (word(number, "held") in text_of(mails)) == (number in self.notes)
            for address in ("", "history/", "?show=changes", "?view=all", "?view=all&ordering=number"):
                answer = self.browser.get(f"/tickets/{ticket.public_id}/{address}")
                assert answer.status_code == expected, address
                page = text_of(answer)
                yield f"ticket {address}", page, shown
                if not address:
                    self.expects(page, shown)
                    assert (word(number, "said") in page) == (number in self.sees)
                    assert (word(number, "note") in page) == (number in self.notes)
                    assert (word(number, "held") in page) == (number in self.notes)
                around = set(re.findall(r'href="/tickets/([0-9a-f-]{36})/', page))
                assert around <= {str(self.world.tickets[n].public_id) for n in self.sees}
            led_on = self.browser.get("/", {"mine": "", "q": ticket.reference})
            assert (led_on.status_code == 302) == (number in self.sees)

    def his_requests(self, number: int) -> set[int]:
        """What else the requester of a ticket has asked for, of what one may see."""
        requester = self.world.requests[number].requester
        return {other for other in self.sees if self.world.requests[other].requester == requester}

    def files(self) -> Iterator[Told]:
        for files, allowed in ((self.world.files, self.sees), (self.world.memos, self.notes)):
            for number, file in files.items():
                for address in (
                    f"/attachments/{file.public_id}/",
                    f"/api/v1/attachments/{file.public_id}/content",
                ):
                    with undone():
                        answer = self.browser.get(address)
                        assert (answer.status_code == 200) == (number in allowed), address
                        assert answer.status_code in {200, 404}
                        yield address, f"{dict(answer.headers)} {text_of(answer)}", None

    def messages(self) -> Iterator[Told]:
        """The inbox, what mails and chats would say now, the digest of all of it, and whose answers are taken."""
        page = self.get("/inbox/")
        yield "inbox", page, self.sees
        self.expects(page, self.sees)
        mails = list(Delivery.objects.filter(recipient=self.user, transport=Transport.EMAIL).order_by("pk"))
        composed = outbox.composer(mails)
        said = [str(composed(mail)) for mail in mails]
        for text in said:
            yield "mail", text, None
        assert self.world.shown_in(" ".join(said)) == self.sees
        Quiet.objects.update_or_create(user=self.user, defaults={"digest": "daily"})
        Delivery.objects.filter(pk__in=[mail.pk for mail in mails]).update(
            state=State.GATHERED, due_at=timezone.now()
        )
        digest.send_due()
        gathered = Delivery.objects.filter(recipient=self.user, subject_type="digest").order_by("-pk").first()
        page = str(outbox.composer([gathered])(gathered)) if gathered else ""
        yield "digest", page, self.sees
        self.expects(page, self.sees)
        for number, ticket in enumerate(self.world.tickets):
            answers = correspondence.person_of(correspondence.reply_to(ticket, self.user))
            assert (answers is not None) == (number in self.sees)


def told_to_rooms(world: World) -> Iterator[tuple[str, str]]:
    """Channels and webhooks: whatever happened, should they be told now."""
    rooms: dict[str, Any] = {"webhook": Webhook.objects.get(), "channel": Channel.objects.get()}
    for event in Event.objects.filter(subject_type="ticket", subject_id__isnull=False):
        assert event.subject_id is not None
        for kind, room in rooms.items():
            forced = Delivery(
                pk=10**9, verb=event.verb, subject_type="ticket", subject_id=event.subject_id, seq=event.seq or 0,
                reason="subscribed", transport="webhook" if kind == "webhook" else room.transport, subject_name="x",
                **{kind: room},
            )  # fmt: skip
            yield kind, str(outbox.composer([forced])(forced))


# --- The test --------------------------------------------------------------------------------------


INTERNAL: tuple[str, ...] = ("note", "memo", "held")


def leaks(reader: Reader, where: str, text: str) -> Iterator[str]:
    """Words of tickets that he may not see, and of notes that he may not read."""
    for number in range(len(reader.world.tickets)):
        hidden = INTERNAL if number in reader.sees - reader.notes else ()
        if number not in reader.sees:
            hidden = ("title", "description", "tag", "said", "file", *INTERNAL)
        for what in hidden:
            # What he has typed himself, a page repeats.
            if word(number, what) in text and "by tag" not in where:
                yield f"{where} shows p{reader.one} {word(number, what)}"


@settings(max_examples=WORLDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(people=companies, requests=requests)
@example(people=COMPANY, requests=REQUESTS)
def test_everybody_is_shown_what_is_his_to_see_and_nothing_else(
    db: None, browser_of: Callable[[User], Client], people: list[Person], requests: list[Asked]
) -> None:
    """Lists, searches, counts, tags, pages, calls, histories, files, bulk, "next one", inbox, mails, digests, chats,
    webhooks and reply addresses.

    Seen to fail with `Ticket.objects.visible_to(…)` replaced by `Ticket.objects.standing()` in any one place of
    reads.py (tags, find, requests_of, counts), models/files.py, actions/assigning.py, actions/bulk.py,
    views/ticket.py (others), views/bulk.py (both), api/tickets.py, letters.py (lines, and is_visible_to in notice),
    correspondence.py, forms/queue.py (list, search and number), admin.py; without one of the conditions inside
    visible_to and is_visible_to; without readable_by of comments and files, without `internal=False` in
    timeline.readable and in letters.py; and with webhook_facts.is_his or the check of a channel's topics always true.
    """
    with transaction.atomic():
        world = made(people, requests)
        found: list[str] = []
        for one, user in enumerate(world.users):
            reader = Reader(world, one, browser_of(user))
            for where, text, _expected in reader.everything():
                found += leaks(reader, where, text)
        told: dict[str, set[int]] = {"webhook": set(), "channel": set()}
        for kind, text in told_to_rooms(world):
            told[kind] |= world.shown_in(text)
            assert not any(word(number, "note") in text for number in range(len(requests)))
        public = {
            n for n, asked in enumerate(requests) if asked.service != "confidential" and not asked.deleted
        }
        assert told == {"webhook": public, "channel": public}
        assert not found, "\n".join(found)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def ways_out(settings: Any) -> None:
    settings.MAIL_HOST, settings.SLACK_BOT_TOKEN = "mail.example.com", "xoxb-1"
