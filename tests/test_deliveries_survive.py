"""Whatever dies on the way, every notice arrives, and twice only where nobody could know that it had.

The long run: `DELIVERIES=1000 KILLS=100 bin/test -n 0 -s tests/test_deliveries_survive.py`.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.models import User
from audit.models import Event
from notifications.models import Delivery, State
from tests import mail_server as does
from tests.factories import UserFactory, opened, web
from tests.invariants import check
from tests.mail_server import MailServer, Received, mail_server
from tests.working import Workshop
from tickets import actions
from tickets.models import Comment, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

DELIVERIES, KILLS = int(os.environ.get("DELIVERIES", "60")), int(os.environ.get("KILLS", "4"))
READERS = 10
PATIENCE = 120 + DELIVERIES  # seconds
# Of ten mails three meet one of these.
FAULTS = (does.CUT_BEFORE, does.CUT_AFTER, does.BUSY, does.SILENT, does.SILENT_AFTER, does.REFUSE_SENDER)
# After these the server has had the mail, and nobody but itself knows.
UNTOLD = {does.CUT_AFTER, does.SILENT_AFTER}


@pytest.fixture
def ticket(employee: User, agent: User) -> Ticket:
    """A ticket that ten people hear of."""
    ticket = opened(by=employee)
    for _number in range(READERS - 1):
        ticket = actions.watch(ticket, user=UserFactory.create(), by=web(agent))
    return ticket


def test_every_notice_arrives_though_workers_are_killed_and_the_server_fails(
    ticket: Ticket, agent: User, tmp_path: Path, settings: LazySettings
) -> None:
    Delivery.objects.all().delete()
    dice = random.Random(7)
    with mail_server() as server:
        server.behave = lambda _number: dice.choice(FAULTS) if dice.random() < 0.3 else does.TAKE
        settings.MAIL_HOST = "127.0.0.1"
        announce(ticket, by=agent)
        before = database_effects()
        shop = Workshop(
            connection.settings_dict["NAME"],
            tmp_path,
            MAIL_HOST="127.0.0.1",
            MAIL_PORT=str(server.port),
            MAIL_SECURITY="NONE",
            HURRIED="1",
        )
        killed_at = kill_again_and_again(shop, server, dice)
        finish(shop)
        prove(server, killed_at)
        assert database_effects() == before
    assert check(connection) == []


def announce(ticket: Ticket, *, by: User) -> None:
    """So many mails by verbs of which each second one is undone: of those nobody may ever hear."""
    for number in range(DELIVERIES // READERS):
        actions.add_comment(ticket, body=f"News {number}", by=web(by))
        with transaction.atomic():
            actions.add_comment(ticket, body="UNSAID", by=web(by))
            transaction.set_rollback(True)
    assert mails().count() == DELIVERIES


def mails() -> QuerySet[Delivery]:
    return Delivery.objects.filter(transport="email")


def database_effects() -> tuple[object, ...]:
    return (
        list(Event.objects.order_by("pk").values_list("pk", "digest")),
        list(Comment.objects.order_by("pk").values_list("pk", "body")),
        list(Ticket.objects.values_list("pk", "version")),
        sorted(Delivery.objects.values_list("public_id", "recipient", "seq", "transport")),
    )


def kill_again_and_again(shop: Workshop, server: MailServer, dice: random.Random) -> list[float]:
    """Start a worker, let it begin some mails, kill it. Answers when."""
    killed_at = []
    for _number in range(KILLS):
        shop.start()
        goal = server.begun + dice.randint(1, 2 * max(1, DELIVERIES // (KILLS + 1)))
        wait(partial(has_begun, server, goal), shop, seconds=15)
        shop.kill()
        killed_at.append(time.monotonic())
        declare_dead()
    return killed_at


def has_begun(server: MailServer, goal: int) -> bool:
    return server.begun >= goal or not is_waiting()


def declare_dead() -> None:
    """Half a minute of silence, without waiting for it."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")


def is_waiting() -> bool:
    unfinished: bool = mails().filter(state__in=[State.PENDING, State.SENDING]).exists()
    return unfinished


def finish(shop: Workshop) -> None:
    shop.start()
    wait(lambda: not is_waiting(), shop, seconds=PATIENCE)
    assert not is_waiting(), list(mails().exclude(finished_at=None).values("state", "said", "attempts"))[:5]
    assert shop.stop() == 0


def wait(come_true: Callable[[], bool], shop: Workshop, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not come_true() and time.monotonic() < end:
        assert shop.process is not None
        assert shop.process.poll() is None, shop.log.read_text()[-3000:]
        time.sleep(0.02)


def prove(server: MailServer, killed_at: list[float]) -> None:
    arrived: dict[str, list[Received]] = defaultdict(list)
    for one in server.received:
        assert b"UNSAID" not in one.raw
        arrived[one.mail["Message-ID"]].append(one)
    states = {f"{one.public_id.hex}": one for one in mails().select_related("recipient")}
    assert {key.strip("<>").partition("@")[0] for key in arrived} == set(states)
    assert {one.state for one in states.values()} <= {State.SENT, State.UNKNOWN}
    repeated = 0
    for key, copies in arrived.items():
        delivery = states[key.strip("<>").partition("@")[0]]
        assert {one.to for one in copies} == {delivery.recipient.email if delivery.recipient else None}
        if delivery.state == State.SENT:
            assert does.TAKE in {one.behaviour for one in copies}
        *earlier, _last = copies
        repeated += len(earlier)
        # Whoever sent it again had not been told that it had arrived.
        assert [one for one in earlier if not is_untold(one, killed_at)] == []
    print(  # noqa: T201 (the figures of the long run)
        f"\n{len(states)} notices, {len(killed_at)} workers killed, {server.begun} mails begun, "
        f"{len(server.received)} arrived, {repeated} of them again after a cut nobody could see through, "
        f"{sum(one.state == State.UNKNOWN for one in states.values())} unknown"
    )


def is_untold(one: Received, killed_at: list[float]) -> bool:
    died_with_it = one.left_at is not None and any(abs(one.left_at - at) < 2 for at in killed_at)
    return one.behaviour in UNTOLD or died_with_it
