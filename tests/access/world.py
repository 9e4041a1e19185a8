"""A desk with one of everything, the people who look at it, and how each address is called there."""

import io
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import SimpleCookie
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.crypto import get_random_string
from PIL import Image

import accounts.actions
from accounts import api_keys, sessions
from accounts.acting import SYSTEM
from accounts.links import tokens as link_tokens
from accounts.models import ApiKey, Purpose, Team, User
from notifications import webhooks
from notifications.models import Channel, Delivery, Transport, Webhook
from tests.access.routes import Route
from tests.authenticators import with_app
from tests.factories import ServiceFactory, TeamFactory, UserFactory, opened, stand, web
from tickets import actions, files
from tickets.models import Attachment, InboundMail, Mailbox, Service, Ticket
from tickets.models.mail import Outcome, Why

# Who asks. Persons come with a browser, programs with a key of somebody's.
PERSONS = ("stranger", "anna", "boris", "igor", "sam", "lena", "maria")
PROGRAMS = ("read", "write", "admin", "revoked", "boss")
OWNERS = dict.fromkeys(("read", "write", "admin", "revoked"), "igor") | {"boss": "maria"}
PROVIDER = "https://127.0.0.1:9"  # where nobody answers
# The pages that links in mails lead to: whom the mail was sent to, and what for.
BY_LINK = {
    "accounts:arrive": ("anna", Purpose.RESET, ""),
    "accounts:invitation": ("nick", Purpose.INVITATION, ""),
    "accounts:new_password": ("anna", Purpose.RESET, ""),
    "accounts:confirm_email": ("anna", Purpose.EMAIL, ""),
    "accounts:stop_email": ("anna", Purpose.EMAIL, link_tokens.STOP),
}

# Whom a page of admin is about, where it would come to nothing with Boris.
ABOUT = {"admin:accounts_user_invite": "nick", "admin:accounts_user_second_factor": "anna"}


@dataclass
class World:
    """The tickets are Anna's requests to the team of Igor and Lena; those called secret are confidential."""

    people: dict[str, User]
    raw_keys: dict[str, str]  # of programs
    keys: dict[str, ApiKey]  # one more of each person, to be revoked
    team: Team
    other_team: Team
    services: dict[str, Service]
    tickets: dict[str, Ticket]
    files: dict[str, Attachment]
    mails: dict[str, InboundMail]
    webhook: Webhook
    delivery: Delivery
    notices: dict[str, Delivery]  # one in the inbox of each person
    tokens: dict[str, str] = field(default_factory=dict)  # of the links, by the page they lead to
    elsewhere: dict[str, str] = field(
        default_factory=dict
    )  # another session of each person, as pages call it
    clients: dict[str, Client] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def who(self, caller: str) -> str:
        """The person behind a caller; empty for a stranger."""
        return "" if caller == "stranger" else OWNERS.get(caller, caller)

    # --- Addresses ---

    def address(self, route: Route, subject: str = "-", *, caller: str = "maria") -> str:
        """Where this caller finds the route about this subject."""
        if route.name.endswith(("/", "$", ">")) and not route.name.replace("/", "").isalnum():
            return self._unnamed(route)
        if not route.parameters:
            return reverse(route.name)
        values = [self.value(one, route, subject, caller) for one in route.parameters]
        return reverse(route.name, args=values)

    def value(self, parameter: str, route: Route, subject: str, caller: str) -> Any:
        match parameter:
            case "ticket" | "reference":
                return self.tickets[subject.partition("/")[0]].public_id
            case "file" | "attachment":
                return self.files[subject].public_id
            case "size":
                return "large"
            case "user":
                name = subject.partition("/")[2] or subject
                return name if name == "me" else self.people[name].public_id
            case "mail":
                kind = "secret-" if subject.startswith("secret-") else ""
                return self.mails[f"{kind}{'waiting' if subject.endswith('mail') else 'became'}"].public_id
            case "key" | "public_id":
                return self.keys[self.owner(subject, caller)].public_id
            case "token":
                return self.tokens[route.name] if subject == "link" else 64 * "A"
            case "name":  # of a session
                return self.elsewhere[self.owner(subject, caller)]
            case "provider":
                return "company"
            case "webhook":
                return self.webhook.public_id
            case "delivery":
                return self.delivery.public_id
            case "which":
                return "app"
            case "pk" | "object_id":
                return self.row(route)
            case "app_label":
                return "accounts"
            case "content_type_id":
                return 1
        raise AssertionError(f"{route.name}: say in tests/access/world.py what its {parameter} may be")

    def owner(self, subject: str, caller: str) -> str:
        return self.who(caller) or "anna" if subject in {"own", "me"} else subject

    def row(self, route: Route) -> Any:
        """The primary key of what a page of admin is about: Boris, if it is about people."""
        if route.name == "admin:view_on_site":
            return 1
        label, name, _page = route.name.removeprefix("admin:").split("_", 2)
        model = apps.get_model(label, name)
        if model is User:
            return self.people[ABOUT.get(route.name, "boris")].pk
        rows = model._default_manager.order_by("pk")
        return (rows.exclude(transport=Transport.INBOX) if model is Delivery else rows).values_list(
            "pk", flat=True
        )[0]

    def _unnamed(self, route: Route) -> str:
        """What only forwards: a row of admin without the name of a page, and whatever lies below admin."""
        if "<path:object_id>" in route.address:
            return "/" + route.address.replace("<path:object_id>", "1")
        if route.address.endswith("<path:rest>"):
            return "/" + route.address.replace("<path:rest>", "nothing/here")
        if route.address.startswith("admin/(?P<url>"):
            return "/admin/nothing/here/"
        raise AssertionError(f"give {route.address} a name, or say in tests/access/world.py where it lies")

    # --- Callers ---

    def client(self, caller: str) -> Client:
        """Their browser or program with the cookies it came with: what was done before has been undone."""
        client = self.clients[caller]
        client.cookies = SimpleCookie(self.cookies[caller])
        return client

    def visitor(self, caller: str, route: str, subject: str) -> Client:
        """The same, come to the page of this route as the line says."""
        client = self.client(caller)
        if subject == "link" and route != "accounts:arrive":
            client.get(reverse("accounts:arrive", args=[self.tokens[route]]))
        return client


def strict(client: Client) -> Client:
    """The test client looks away from CSRF otherwise. This one has its token."""
    client.handler.enforce_csrf_checks = True
    client.raise_request_exception = False
    token = get_random_string(32)
    client.cookies[settings.CSRF_COOKIE_NAME] = token
    client.defaults["HTTP_X_CSRFTOKEN"] = token
    return client


def program(raw_key: str) -> Client:
    return strict(Client(headers={"x-api-key": raw_key}))


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(drawn, "PNG")
    return drawn.getvalue()


def make_world(browser_of: Any) -> World:
    it, hr = TeamFactory.create(name="IT"), TeamFactory.create(name="HR")
    vpn = ServiceFactory.create(name_en="VPN access", team=it)
    payroll = ServiceFactory.create(name_en="Payroll", team=it, confidential=True)
    staff: dict[str, Any] = {"role": "AGENT"}
    people = {
        "anna": UserFactory.create(email="anna@example.com", full_name="Anna Kuznetsova"),
        "boris": UserFactory.create(email="boris@example.com", full_name="Boris Belov"),
        "vera": UserFactory.create(email="vera@example.com", full_name="Vera Volkova"),  # follows
        "noa": UserFactory.create(email="noa@example.com", full_name="Noa Novak"),  # follows nothing
        "igor": UserFactory.create(email="igor@example.com", full_name="Igor Orlov", in_teams=[it], **staff),
        "olga": UserFactory.create(email="olga@example.com", full_name="Olga Titova", in_teams=[it], **staff),
        "sam": UserFactory.create(email="sam@example.com", full_name="Sam Stone", in_teams=[hr], **staff),
        "lena": UserFactory.create(email="lena@example.com", full_name="Lena Sokolova", leads=[it], **staff),
        "maria": UserFactory.create(email="maria@example.com", full_name="Maria Petrova", role="ADMIN"),
        "nick": UserFactory.create(email="nick@example.com", full_name="Nick", has_password=False),  # invited
    }
    for name in ("anna", "maria"):
        with_app(people[name])
        accounts.actions.link_identity(
            people[name], issuer=PROVIDER, uid=name, about={}, by=web(people[name])
        )
    tickets: dict[str, Ticket] = {}
    attachments: dict[str, Attachment] = {}
    mails: dict[str, InboundMail] = {}
    mailbox = Mailbox(
        name="Desk", address="desk@example.com", host="imap.example.com", username="desk", service=vpn
    )
    mailbox.stand_in, mailbox.password = people["vera"], "secret of the mailbox"
    mailbox.save()
    hook = webhooks.create(name="Monitoring", url="https://hooks.example.com/x", topics=["all"], by=SYSTEM)[0]
    Channel.objects.create(name="Ops", transport=Transport.SLACK, address="C024BE7LH", topics=["all"])
    for kind, service in (("", vpn), ("secret-", payroll)):
        asked: dict[str, Any] = {
            "by": people["anna"],
            "service": service,
            "title": f"VPN drops {kind}".strip(),
        }
        tickets |= {
            f"{kind}new": opened(**asked, tags=["vpn"]),
            f"{kind}held": stand(opened(**asked), "IN_PROGRESS", assignee=people["igor"]),
            f"{kind}done": stand(opened(**asked), "DONE", assignee=people["igor"]),
            f"{kind}mail": opened(**asked),
        }
        held = tickets[f"{kind}held"]
        for name in ("new", "held"):
            actions.watch(tickets[f"{kind}{name}"], user=people["vera"], by=SYSTEM)
        anna, igor = web(people["anna"]), web(people["igor"])
        actions.add_comment(held, body="A public answer", by=anna)
        actions.add_comment(held, body="An internal note", internal=True, by=igor)
        shown = [
            files.incoming("report.txt", b"Reason 412", "text/plain"),
            files.incoming("screen.png", picture()),
        ]
        text, image, unscanned = actions.attach(
            held, files=[*shown, files.incoming("late.txt", b"x")], by=anna
        )
        [note] = actions.attach(held, files=[files.incoming("memo.txt", b"x")], internal=True, by=igor)
        attachments |= {f"{kind}file": text, f"{kind}picture": image, f"{kind}note-file": note}
        attachments[f"{kind}unscanned"] = unscanned
        for file in (text, image, note):
            actions.look_at(file.public_id)
        Attachment.objects.filter(pk=unscanned.pk).update(state="held")
        mails |= _mails(kind, tickets[f"{kind}mail"], tickets[f"{kind}new"], mailbox)
    tickets["deleted"] = actions.delete(
        opened(by=people["anna"]), reason="A doublet.", by=web(people["maria"])
    )
    keys = {
        name: api_keys.issue(one, name="Script", scopes=["admin"], by=SYSTEM)[0]
        for name, one in people.items()
    }
    raw = {
        scope: api_keys.issue(people["igor"], name=scope, scopes=[scope], by=SYSTEM)[1]
        for scope in PROGRAMS[:3]
    }
    raw["boss"] = api_keys.issue(people["maria"], name="boss", scopes=["admin"], by=SYSTEM)[1]
    revoked, raw["revoked"] = api_keys.issue(
        people["igor"], name="old", scopes=["read", "write", "admin"], by=SYSTEM
    )
    api_keys.revoke(revoked, by=SYSTEM)
    told = Delivery.objects.filter(webhook=hook).order_by("pk")[0]
    Delivery.objects.filter(pk=told.pk).update(state="failed", finished_at=told.created_at)
    told.refresh_from_db()
    people = {name: User.objects.get(pk=one.pk) for name, one in people.items()}
    tickets = {name: Ticket.objects.get(pk=one.pk) for name, one in tickets.items()}
    world = World(
        people, raw, keys, it, hr, {"vpn": vpn, "payroll": payroll}, tickets, attachments, mails, hook, told,
        {name: _notice(one) for name, one in people.items()},
    )  # fmt: skip
    world.tokens = {page: _token(people[name], what, door) for page, (name, what, door) in BY_LINK.items()}
    world.elsewhere = {name: _another_session(browser_of(people[name])) for name in PERSONS[1:]}
    world.clients = {"stranger": strict(Client())}
    world.clients |= {name: strict(browser_of(people[name])) for name in PERSONS[1:]}
    world.clients |= {name: program(raw[name]) for name in PROGRAMS}
    world.cookies = {name: _cookies(client) for name, client in world.clients.items()}
    return world


def _token(reader: User, purpose: Purpose, door: str) -> str:
    made = link_tokens.make(reader, purpose, email=f"new.{reader.email}", former_email=reader.email)
    return link_tokens.token(made, door)


def _another_session(client: Client) -> str:
    return sessions.name_of(UserSession.objects.get(session_key=client.session.session_key))


def _cookies(client: Client) -> str:
    return client.cookies.output(attrs=[], header="", sep=";")


def _mails(kind: str, held_on: Ticket, became: Ticket, mailbox: Mailbox) -> dict[str, InboundMail]:
    """One that waits on a ticket, and one of an unknown sender that became a ticket."""
    made = [
        InboundMail.objects.create(
            mailbox=mailbox, uid_validity=1, uid=InboundMail.objects.count(), raw=b"From: x", size=7, text="No sound",
            sha256=sha256(b"x").hexdigest(), sender="boris@example.com", subject="No sound",
        )
        for _each in range(2)
    ]  # fmt: skip
    actions.hold_mail(made[0], held_on, why=Why.UNVOUCHED, by=SYSTEM)
    InboundMail.objects.filter(pk=made[1].pk).update(
        outcome=Outcome.TICKET, ticket=became, folded="> Any news?"
    )
    return {f"{kind}waiting": made[0], f"{kind}became": made[1]}


def _notice(reader: User) -> Delivery:
    return Delivery.objects.filter(recipient=reader, transport=Transport.INBOX).order_by(
        "-pk"
    ).first() or Delivery(public_id=reader.public_id)
