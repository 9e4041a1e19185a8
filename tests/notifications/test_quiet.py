"""Quiet hours and digests: what waits until when, in the reader's own time zone."""

from contextlib import suppress
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from notifications import digest, outbox, preferences, quiet
from notifications.attempts import Later
from notifications.models import Delivery, Quiet, State, Transport
from tests.factories import UserFactory, opened, stand, web
from tests.invariants import check
from tests.mail_server import MailServer
from tickets import actions
from tickets.models import Service, Ticket

pytestmark = pytest.mark.django_db

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


NIGHT = Quiet(begins=time(22), ends=time(7))
NOON = Quiet(begins=time(12), ends=time(13, 30))


@pytest.mark.parametrize(
    ("wish", "now", "until"),
    [
        (NIGHT, "2026-11-21T21:59", None),
        (NIGHT, "2026-11-21T22:00", "2026-11-22T07:00"),
        (NIGHT, "2026-11-22T03:00", "2026-11-22T07:00"),
        (NIGHT, "2026-11-22T07:00", None),
        (NOON, "2026-11-21T12:00", "2026-11-21T13:30"),
        (NOON, "2026-11-21T13:30", None),
        (NOON, "2026-11-21T03:00", None),
        (Quiet(), "2026-11-21T03:00", None),
        # The clocks go forward at two: there is no half past two on that night.
        (Quiet(begins=time(22), ends=time(2, 30)), "2026-03-29T01:30", "2026-03-29T02:30"),
    ],
)
def test_quiet_hours_end_when_his_clock_says_so(wish: Quiet, now: str, until: str | None) -> None:
    ends = quiet.quiet_until(wish, BERLIN, now=at(now))
    assert ends == (at(until) if until else None)
    # What counts is his clock, not ours.
    assert quiet.quiet_until(wish, BERLIN, now=at(now).astimezone(TOKYO)) == ends


@pytest.mark.parametrize(
    ("wish", "now", "due"),
    [
        (Quiet(digest="hourly"), "2026-11-21T10:15", "2026-11-21T11:00"),
        (Quiet(digest="hourly"), "2026-11-21T10:00", "2026-11-21T11:00"),
        (Quiet(digest="hourly", begins=time(22), ends=time(7)), "2026-11-21T21:30", "2026-11-22T07:00"),
        (Quiet(digest="daily"), "2026-11-21T08:00", "2026-11-21T09:00"),
        (Quiet(digest="daily"), "2026-11-21T09:00", "2026-11-22T09:00"),
        (Quiet(digest="daily", begins=time(22), ends=time(7)), "2026-11-21T08:00", "2026-11-22T07:00"),
    ],
)
def test_a_digest_comes_at_the_full_hour_or_in_the_morning(wish: Quiet, now: str, due: str) -> None:
    assert quiet.next_digest(wish, BERLIN, now=at(now)) == at(due)


# --- At sending ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _post_office(mail_host: MailServer) -> None:
    """Mails go out to a real server."""


def always_quiet(user: User, *, digest: str = "") -> Quiet:
    """Quiet hours that this very moment falls into."""
    here = timezone.now().astimezone(ZoneInfo(user.time_zone))
    begins, ends = (here - timedelta(hours=1)).time(), (here + timedelta(hours=2)).time()
    quiet: Quiet = Quiet.objects.create(user=user, begins=begins, ends=ends, digest=digest)
    return quiet


def subjects(server: MailServer, *, to: User | None = None) -> list[str]:
    taken = [one for one in server.taken if to is None or one.to == to.email]
    return [str(received.mail["Subject"]) for received in taken]


def mail_to(user: User) -> Delivery:
    return Delivery.objects.filter(recipient=user, transport=Transport.EMAIL).latest("pk")


@pytest.fixture
def held(ticket: Ticket, agent: User) -> Ticket:
    return stand(ticket, "IN_PROGRESS", assignee=agent)


def test_a_mail_waits_for_the_end_of_quiet_hours(
    held: Ticket, agent: User, employee: User, mail_host: MailServer
) -> None:
    always_quiet(employee)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    waiting = mail_to(employee)
    with pytest.raises(Later) as later:
        outbox.deliver([str(waiting.public_id)])
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts, waiting.due_at) == (State.PENDING, 0, later.value.at)
    assert later.value.at > timezone.now() + timedelta(minutes=100)
    assert subjects(mail_host, to=employee) == []
    # The inbox has it at once.
    assert Delivery.objects.filter(
        recipient=employee, transport=Transport.INBOX, verb="ticket.commented"
    ).exists()
    Quiet.objects.all().delete()
    Delivery.objects.filter(pk=waiting.pk).update(due_at=timezone.now())
    outbox.deliver([str(waiting.public_id)])
    assert subjects(mail_host, to=employee) == [f"[{held.reference}] {held.title}"]


@pytest.mark.parametrize("digest", ["", "daily"])
def test_what_was_held_back_goes_as_soon_as_nothing_holds_it(
    digest: str, held: Ticket, agent: User, employee: User, mail_host: MailServer
) -> None:
    always_quiet(employee, digest=digest)
    actions.add_comment(held, body="Which printer?", by=web(agent))
    [mail] = Delivery.objects.filter(recipient=employee, transport="email", verb="ticket.commented")
    with suppress(Later):
        outbox.deliver([str(mail.public_id)])
    mail.refresh_from_db()
    assert mail.due_at > timezone.now()
    before = ProcrastinateJob.objects.count()
    preferences.choose(employee, wishes={}, contacts={}, quiet=None, digest="", by=web(employee))
    assert ProcrastinateJob.objects.count() == before + 1
    employee = User.objects.get(pk=employee.pk)
    outbox.deliver([str(mail.public_id)])
    mail.refresh_from_db()
    assert mail.state == State.SENT


def test_urgent_work_is_told_at_any_time(
    employee: User, agent: User, lead: User, service: Service, mail_host: MailServer
) -> None:
    always_quiet(agent, digest="daily")
    ticket = opened(by=employee, service=service, priority="URGENT")
    actions.assign(ticket, assignee=agent, by=web(lead))
    outbox.deliver([str(mail_to(agent).public_id)])
    assert [mail.to for mail in mail_host.taken] == [agent.email]
    actions.add_comment(ticket, body="Hurry.", by=web(employee))
    tried(mail_to(agent))
    assert len(mail_host.taken) == 1


def tried(delivery: Delivery) -> Delivery:
    with suppress(Later):
        outbox.deliver([str(delivery.public_id)])
    delivery.refresh_from_db()
    return delivery


def gathered(user: User) -> list[Delivery]:
    return list(Delivery.objects.filter(recipient=user, state=State.GATHERED).order_by("pk"))


def deliver_all() -> None:
    for one in Delivery.objects.filter(state=State.PENDING, transport=Transport.EMAIL):
        outbox.deliver([str(one.public_id)])


def test_one_mail_tells_of_everything_that_has_gathered(
    held: Ticket, agent: User, employee: User, service: Service, mail_host: MailServer
) -> None:
    Quiet.objects.create(user=employee, digest="hourly")
    other = stand(
        opened(by=employee, service=service, title="A second screen"), "IN_PROGRESS", assignee=agent
    )
    deliver_all()
    before = len(mail_host.taken)
    Delivery.objects.filter(recipient=employee).exclude(state=State.SENT).delete()
    for ticket, body in ((held, "Which cable?"), (held, "The white one?"), (other, "It has come.")):
        actions.add_comment(ticket, body=body, by=web(agent))
    deliver_all()
    assert len(gathered(employee)) == 3
    assert len(mail_host.taken) == before
    assert digest.send_due() == 0  # not before the full hour
    Delivery.objects.filter(state=State.GATHERED).update(due_at=timezone.now())
    assert (digest.send_due(), digest.send_due()) == (1, 0)
    sent = mail_to(employee)
    assert set(sent.gathered.values_list("state", flat=True)) == {State.SENT}
    message = outbox.composer([sent])(sent)
    assert message is not None
    for body in ("Which cable?", "The white one?", "It has come.", held.title, "A second screen"):
        assert body in message.text
        assert body in message.html
    outbox.deliver([str(sent.public_id)])
    assert subjects(mail_host)[before:] == ["2 tickets with news"]


def test_a_digest_leaves_out_what_is_no_longer_his_to_read(
    held: Ticket, agent: User, colleague: User, mail_host: MailServer
) -> None:
    Quiet.objects.create(user=colleague, digest="daily")
    actions.watch(held, user=colleague, by=web(agent))
    actions.add_comment(held, body="Which cable?", by=web(agent))
    deliver_all()
    assert gathered(colleague)
    actions.unwatch(held, user=colleague, by=web(agent))
    Delivery.objects.filter(state=State.GATHERED).update(due_at=timezone.now())
    before = len(mail_host.taken)
    digest.send_due()
    outbox.deliver([str(mail_to(colleague).public_id)])
    assert mail_to(colleague).state == State.SKIPPED
    assert len(mail_host.taken) == before


def test_a_digest_knows_internal_notes_for_agents_only(held: Ticket, agent: User, other_agent: User) -> None:
    Quiet.objects.create(user=other_agent, digest="daily")
    actions.watch(held, user=other_agent, by=web(agent))
    actions.add_comment(held, body="He always says that.", internal=True, by=web(agent))
    for one in Delivery.objects.filter(recipient=other_agent, transport=Transport.EMAIL):
        outbox.deliver([str(one.public_id)])
    Delivery.objects.filter(state=State.GATHERED).update(due_at=timezone.now())
    digest.send_due()
    sent = mail_to(other_agent)
    message = outbox.composer([sent])(sent)
    assert message is not None
    assert "He always says that." in message.text
    User.objects.filter(pk=other_agent.pk).update(role="EMPLOYEE")
    again = outbox.composer([sent])(Delivery.objects.get(pk=sent.pk))
    assert again is None or "He always says that." not in again.text + again.html


def test_nobody_gets_what_another_has_gathered(held: Ticket, agent: User, employee: User) -> None:
    Quiet.objects.create(user=employee, digest="daily")
    Quiet.objects.create(user=UserFactory.create(), digest="daily")
    actions.add_comment(held, body="Which cable?", by=web(agent))
    outbox.deliver([str(mail_to(employee).public_id)])
    Delivery.objects.filter(state=State.GATHERED).update(due_at=timezone.now())
    digest.send_due()
    assert set(Delivery.objects.filter(subject_type="digest").values_list("recipient__email", flat=True)) == {
        employee.email
    }
    from django.db import connection

    assert check(connection) == []
