"""A small company whose every page has something to show, made by the verbs."""

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from PIL import Image

from accounts import api_keys
from accounts.acting import SYSTEM
from accounts.models import Language, Team, User
from tests.factories import ServiceFactory, TeamFactory, UserFactory, opened, stand, web
from tests.tickets.mail.post import arrives
from tickets import actions, files
from tickets.models import Attachment, Mailbox, Service, Tag, Ticket

LONG = (
    "The laptop of our department loses its connection to the wireless network in the meeting room on the fourth"
    " floor whenever somebody opens the window"
)
MARKDOWN = """Since **Monday** the VPN drops every ten minutes.

1. Connect from home
2. Wait

> Reason 412: remote peer is no longer responding

```
tracert -d averyveryverylonghostnamethatdoesnotbreakanywhereatallbecauseithasnospaces.internal.example.com
```
See <https://example.com/a/very/long/address/that/goes/on/and/on/without/any/place/to/break/it/at/all>.

| office | works |
|---|---|
| Riga | yes |
"""


@dataclass(frozen=True)
class World:
    employee: User
    newcomer: User  # has asked for nothing yet
    agent: User
    idler: User  # an agent without any ticket
    lead: User
    admin: User
    team: Team
    service: Service
    fresh: Ticket  # NEW, held by nobody
    busy: Ticket  # IN_PROGRESS, the agent's, with a long story
    waiting: Ticket
    done: Ticket
    canceled: Ticket
    contested: Ticket  # for conflicts
    picked: list[Ticket]  # for bulk: some of which refuse

    def person(self, name: str) -> User:
        person: User = getattr(self, name)
        return person


def _attach(ticket: Ticket, agent: User, employee: User) -> None:
    """A picture, a file with an endless name, one that is being checked, one that was refused, an internal one."""
    drawn = io.BytesIO()
    Image.new("RGB", (1600, 900), "teal").save(drawn, "PNG")
    some = [
        ("Снимок экрана.png", drawn.getvalue()),
        ("a_very_long_name_without_any_place_to_break_it_" * 4 + ".txt", b"x"),
        ("held.zip", b"PK\x03\x04"),
        ("refused.pdf", b"%PDF-1.7"),
    ]
    actions.add_comment(
        ticket, body="See these.", files=[files.incoming(*each) for each in some], by=web(employee)
    )
    actions.attach(ticket, files=[files.incoming("memo.txt", b"x")], internal=True, by=web(agent))
    for file in ticket.attachments.all():
        actions.look_at(file.public_id)
    Attachment.objects.filter(name="held.zip").update(state="held")
    Attachment.objects.filter(name="refused.pdf").update(state="refused")


def furnish(language: str = "en") -> World:
    """Everybody reads this language. The tickets speak both."""
    speaks = {"language": Language(language)}
    it, hr = TeamFactory.create(name="IT support"), TeamFactory.create(name="Human resources")
    vpn = ServiceFactory.create(name_en="VPN access", name_ru="Доступ по VPN", team=it)
    ServiceFactory.create(name_en="Payroll", name_ru="Зарплата", team=hr, confidential=True)
    Tag.objects.bulk_create([Tag(name="vpn"), Tag(name="printer")])
    employee = UserFactory.create(email="anna@example.com", full_name="Anna Kuznetsova", **speaks)
    newcomer = UserFactory.create(email="noa@example.com", full_name="Noa", **speaks)
    agent = UserFactory.create(
        email="igor@example.com", full_name="Igor Orlov", role="AGENT", in_teams=[it], **speaks
    )
    idler = UserFactory.create(
        email="ida@example.com", full_name="Ида Ильина", role="AGENT", in_teams=[hr], **speaks
    )
    lead = UserFactory.create(
        email="lena@example.com", full_name="Елена Соколова", role="AGENT", leads=[it], **speaks
    )
    admin = UserFactory.create(email="maria@example.com", full_name="Maria Petrova", role="ADMIN", **speaks)
    asks: dict[str, Any] = {"by": employee, "service": vpn}
    fresh = opened(**asks, title=LONG, description=MARKDOWN, priority="URGENT")
    busy = opened(**asks, title="Принтер на третьем этаже жуёт бумагу", description=MARKDOWN, priority="HIGH")
    busy = stand(busy, "IN_PROGRESS", assignee=agent)
    actions.set_tags(busy, tags=["vpn", "printer"], by=web(agent))
    actions.set_due(busy, due_at=timezone.now() - timedelta(hours=3), by=web(agent))
    actions.add_comment(busy, body=MARKDOWN, by=web(agent))
    actions.add_comment(busy, body="Known fault, see `printers.md`.", internal=True, by=web(agent))
    actions.add_comment(busy, body="Спасибо, жду.", by=web(employee))
    _attach(busy, agent, employee)
    actions.watch(busy, user=newcomer, by=web(agent))
    actions.set_priority(busy, priority="NORMAL", by=web(agent))
    actions.set_priority(busy, priority="HIGH", by=web(agent))
    post(vpn, busy)
    waiting = stand(opened(**asks, title="A second screen"), "WAITING", assignee=agent)
    done = stand(opened(**asks, title="Badge for the garage"), "DONE", assignee=agent)
    canceled = stand(opened(**asks, title="A chair"), "CANCELED")
    contested = stand(opened(**asks, title="Mail is slow"), "IN_PROGRESS", assignee=agent)
    picked = [opened(**asks, title=f"New phone {i}", priority="LOW") for i in range(3)]
    api_keys.issue(agent, name="Monitoring", scopes=["read"], by=SYSTEM)
    return World(
        employee, newcomer, agent, idler, lead, admin, it, vpn, fresh,
        busy, waiting, done, canceled, contested, picked,
    )  # fmt: skip


def post(service: Service, ticket: Ticket) -> None:
    """A mailbox, a mail that waits on this ticket, a ticket of somebody unknown, and a mail that came to nothing."""
    unknown = UserFactory.create(email="unknown@example.com", full_name="Unknown sender")
    box = Mailbox(
        name="Desk",
        address="desk@example.com",
        host="imap.example.com",
        username="desk",
        service=service,
        stand_in=unknown,
    )
    box.password = "secret of the mailbox"
    box.save()
    history = "\n\nOn Mon, 3 Mar 2025 at 10:15, Desk <desk@example.com> wrote:\n> Is it still jammed?\n"
    arrives(
        box,
        sender="Анна К <anna@private.example>",
        subject=f"Re: [{ticket.reference}]",
        text=MARKDOWN + history,
    )
    arrives(
        box, sender="somebody@elsewhere.example", subject="No sound", text="Since this morning." + history
    )
    arrives(box, subject="Automatic reply: away", text="Until Monday.")
