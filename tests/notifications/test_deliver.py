"""What becomes of a delivery: sent once, tried again, given up, left alone."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.acting import SYSTEM, Forbidden
from accounts.models import User
from audit.models import Event
from notifications import attempts, outbox, rests, upkeep
from notifications.attempts import ABANDONED_AFTER, GIVE_UP_AFTER, Attempt, Later
from notifications.models import Channel, Delivery, Rest, State, Webhook
from notifications.transports import email, smtp
from tests import mail_server as does
from tests.factories import web
from tests.http_server import Listener, Reply
from tests.mail_server import MailServer
from tests.racing import at_once
from tickets import actions
from tickets.models import Ticket

type Make = Callable[..., Delivery]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """`clock(timedelta(hours=1))` turns the clock of the desk forward."""
    shift = timedelta()
    real = timezone.now

    def forward(by: timedelta) -> None:
        nonlocal shift
        shift += by

    monkeypatch.setattr(timezone, "now", lambda: real() + shift)
    return forward


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "WHOLE", 1.0)


def tried(delivery: Delivery) -> Delivery:
    """The delivery after one attempt, whatever came of it."""
    with suppress(Later):
        outbox.deliver([str(delivery.public_id)])
    delivery.refresh_from_db()
    return delivery


def taken(*deliveries: Delivery) -> list[Attempt]:
    return attempts.take([one.public_id for one in deliveries])[0]


def when_due(delivery: Delivery, clock: Callable[[timedelta], None]) -> Delivery:
    clock(delivery.due_at - timezone.now() + timedelta(seconds=1))
    rest = Rest.objects.filter(until__gt=timezone.now()).first()
    if rest is not None:
        clock(rest.until - timezone.now() + timedelta(seconds=1))
    return tried(delivery)


def test_a_delivery_is_sent_and_says_so(mail_host: MailServer, employee: User, delivery_to: Make) -> None:
    done = tried(delivery_to(employee))
    assert (done.state, done.attempts, done.said) == (State.SENT, 1, "250 2.0.0")
    assert done.finished_at is not None
    assert tried(done).attempts == 1
    assert len(mail_host.taken) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_it_once(mail_host: MailServer, employee: User, delivery_to: Make) -> None:
    delivery = delivery_to(employee)

    def worker() -> None:
        try:
            outbox.deliver([str(delivery.public_id)])
        finally:
            email.close()

    results = at_once(*[worker] * 4)
    assert len(mail_host.received) == 1
    assert {type(result) for result in results} <= {type(None), Later}


def test_a_passing_trouble_is_tried_again_with_growing_pauses(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    mail_host.behave = lambda _number: does.BUSY
    delivery = tried(delivery_to(employee))
    pauses = []
    while delivery.state == State.PENDING:
        pauses.append((delivery.due_at - timezone.now()).total_seconds())
        delivery = when_due(delivery, clock)
    assert delivery.state == State.FAILED
    assert "450" in delivery.said
    assert timezone.now() >= delivery.created_at + GIVE_UP_AFTER
    assert pauses[0] < 15
    assert max(pauses) < 6 * 3600 * 1.2 + 1
    assert sorted(pauses[:8]) == pauses[:8]
    ids = {one.mail["Message-ID"] for one in mail_host.received}
    assert ids == set()  # it was refused before its words
    assert 15 < delivery.attempts < 40


def test_pauses_are_not_the_same_for_everybody() -> None:
    assert len({attempts.pause_after(3) for _time in range(20)}) > 10


def test_a_permanent_no_ends_it_at_once_and_is_logged(
    mail_host: MailServer, employee: User, delivery_to: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    mail_host.behave = lambda _number: does.REFUSE
    delivery = tried(delivery_to(employee))
    assert (delivery.state, delivery.attempts) == (State.FAILED, 1)
    assert "550" in delivery.said


def test_what_may_have_arrived_is_repeated_three_times_at_most_with_the_same_id(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    mail_host.behave = lambda _number: does.CUT_AFTER
    delivery = tried(delivery_to(employee))
    while delivery.state == State.PENDING:
        delivery = when_due(delivery, clock)
    assert (delivery.state, delivery.attempts) == (State.UNKNOWN, 3)
    assert len(mail_host.received) == 3
    assert len({one.mail["Message-ID"] for one in mail_host.received}) == 1


def test_an_attempt_whose_worker_was_killed_is_taken_up_again(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    delivery = delivery_to(employee)
    assert taken(delivery)  # and then the worker is gone
    with pytest.raises(Later) as later:
        outbox.deliver([str(delivery.public_id)])
    assert mail_host.received == []
    clock(later.value.at - timezone.now() + timedelta(seconds=1))
    assert tried(delivery).state == State.SENT
    assert delivery.attempts == 1  # most of what he had taken was not tried


def test_whoever_was_taken_for_dead_changes_nothing_any_more(
    employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    delivery = delivery_to(employee)
    [slow] = taken(delivery)
    clock(ABANDONED_AFTER + timedelta(seconds=1))
    [quick] = taken(delivery)
    slow.skipped("Too late.")
    delivery.refresh_from_db()
    assert delivery.state == State.SENDING
    quick.succeeded("ok")
    delivery.refresh_from_db()
    assert delivery.said == "ok"


def test_before_its_time_nothing_is_sent(mail_host: MailServer, employee: User, delivery_to: Make) -> None:
    at = timezone.now() + timedelta(hours=1)
    delivery = delivery_to(employee, due_at=at)
    with pytest.raises(Later) as later:
        outbox.deliver([str(delivery.public_id)])
    assert later.value.at == at
    assert mail_host.connections == 0


def test_without_a_mail_server_it_waits_and_in_the_end_is_left(
    settings: LazySettings, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    settings.MAIL_HOST = ""
    delivery = tried(delivery_to(employee))
    assert (delivery.state, delivery.attempts) == (State.PENDING, 0)
    assert "MAIL_HOST" in delivery.said
    clock(GIVE_UP_AFTER - attempts.UNTIL_SET_UP)
    assert tried(delivery).state == State.SKIPPED


def test_nothing_goes_to_those_who_have_left(
    mail_host: MailServer, employee: User, delivery_to: Make
) -> None:
    delivery = delivery_to(employee)
    User.objects.filter(pk=employee.pk).update(is_active=False)
    assert tried(delivery).state == State.SKIPPED
    assert mail_host.connections == 0


def test_nothing_goes_to_those_who_may_not_read_it_any_more(
    mail_host: MailServer, employee: User, delivery_to: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(outbox.COMPOSERS, "test", lambda _deliveries: lambda _delivery: None)
    assert tried(delivery_to(employee)).state == State.SKIPPED


def test_a_fault_of_ours_is_tried_again_and_seen(
    mail_host: MailServer, employee: User, delivery_to: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_deliveries: Sequence[Delivery]) -> outbox.Compose:
        raise KeyError("oops")

    monkeypatch.setitem(outbox.COMPOSERS, "test", broken)
    delivery = tried(delivery_to(employee))
    assert (delivery.state, delivery.said) == (State.PENDING, "A fault of the desk: see the log.")


# --- A dead destination --------------------------------------------------------------------------


def test_a_mail_server_that_is_down_is_left_alone(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    mail_host.behave = lambda _number: does.CUT_BEFORE
    deliveries = [delivery_to(employee) for _number in range(10)]
    for delivery in deliveries:
        tried(delivery)
    assert mail_host.connections == rests.PATIENCE
    assert [delivery.attempts for delivery in deliveries] == [1] * 3 + [0] * 7
    # After the rest one of them tries. It fails, and the rest is longer.
    [first] = Rest.objects.all()
    clock(first.until - timezone.now() + timedelta(seconds=1))
    for delivery in deliveries[3:]:
        tried(delivery)
    assert mail_host.connections == rests.PATIENCE + 1
    [second] = Rest.objects.all()
    assert second.failures == rests.PATIENCE + 1
    assert second.until > first.until + timedelta(seconds=5)
    # Then it is well again: the one that tries opens the way for all.
    mail_host.behave = lambda _number: does.TAKE
    clock(timedelta(hours=1))
    for delivery in deliveries:
        assert tried(delivery).state == State.SENT
    assert not Rest.objects.exists()


def test_while_one_is_on_trial_the_others_wait(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    Rest.objects.create(destination="email", failures=5, until=timezone.now())
    one, other = delivery_to(employee), delivery_to(employee)
    [trial] = taken(one, other)
    assert trial.on_trial
    assert taken(other) == []
    # And if the one on trial dies, another one tries before long.
    clock(rests.TRIAL + timedelta(seconds=1))
    assert tried(other).state == State.SENT


def test_one_dead_webhook_delays_no_other(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    listener.reply = lambda heard: Reply(503 if heard.path == "/dead" else 200)
    dead, well = webhook_to(f"{listener.url}/dead"), webhook_to(f"{listener.url}/well")
    for _number in range(6):
        tried(delivery_to(dead))
        assert tried(delivery_to(well)).state == State.SENT
    assert [heard.path for heard in listener.heard].count("/dead") == rests.PATIENCE


def test_retry_after_is_heeded_by_all(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    listener.reply = lambda _heard: Reply(429, headers={"Retry-After": "600"})
    webhook = webhook_to(listener.url)
    one, other = tried(delivery_to(webhook)), tried(delivery_to(webhook))
    assert one.due_at > timezone.now() + timedelta(seconds=590)
    assert other.attempts == 0
    assert len(listener.heard) == 1


def test_a_no_to_one_message_lets_the_others_go(
    mail_host: MailServer, employee: User, delivery_to: Make
) -> None:
    mail_host.behave = lambda number: does.BUSY if number < 5 else does.TAKE
    for _number in range(5):
        assert tried(delivery_to(employee)).state == State.PENDING
    assert tried(delivery_to(employee)).state == State.SENT


def test_no_webhook_takes_all_the_threads(settings: LazySettings, known: Callable[..., None]) -> None:
    settings.JOB_THREADS = 8
    # Nobody knows yet how long this one takes.
    with rests.place_at("webhook:1"), pytest.raises(rests.Crowded), rests.place_at("webhook:1"):
        pass
    known(quick=["webhook:1", "webhook:2"])
    with rests.place_at("webhook:1"), rests.place_at("webhook:1"):
        with pytest.raises(rests.Crowded) as turned_away, rests.place_at("webhook:1"):
            pass
        assert turned_away.value.at > timezone.now()
        with rests.place_at("webhook:2"):
            pass
        assert rests.was_asked_for("webhook:1")
        assert not rests.was_asked_for("webhook:1")
    with rests.place_at("webhook:1"):
        pass


def test_slow_webhooks_leave_half_of_the_threads_to_the_others(
    settings: LazySettings, known: Callable[..., None]
) -> None:
    settings.JOB_THREADS = 8
    slow = [f"webhook:{number}" for number in range(3)]
    known(slow=slow, quick=["webhook:9"])
    with ExitStack() as taken:
        for one in slow[:2] * 2:
            taken.enter_context(rests.place_at(one))
        with pytest.raises(rests.Crowded), rests.place_at(slow[2]):
            pass
        with rests.place_at("webhook:9"), rests.place_at("webhook:9"):
            pass


def test_those_who_find_no_place_come_back_one_after_the_other(
    settings: LazySettings, known: Callable[..., None]
) -> None:
    settings.JOB_THREADS = 4
    known(slow=["webhook:1"])
    times = []
    with rests.place_at("webhook:1"):
        for _number in range(50):
            with pytest.raises(rests.Crowded) as turned_away, rests.place_at("webhook:1"):
                pass
            times.append(turned_away.value.at)
    assert times == sorted(times)
    assert times[-1] - times[0] > timedelta(seconds=rests.APART * 48)


def test_how_long_a_message_took_is_remembered(
    listener: Listener,
    delivery_to: Make,
    webhook_to: Callable[..., Webhook],
    monkeypatch: pytest.MonkeyPatch,
    known: Callable[..., None],
) -> None:
    webhook = webhook_to(listener.url)
    tried(delivery_to(webhook))
    assert rests._is_slow[f"webhook:{webhook.pk}"] is False
    monkeypatch.setattr(rests, "SLOW", 0.0)
    tried(delivery_to(webhook))
    assert rests._is_slow[f"webhook:{webhook.pk}"] is True


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`known(slow=[…], quick=[…])` is what this process remembers of destinations."""
    monkeypatch.setattr(rests, "WAIT", 0.01)
    monkeypatch.setattr(rests, "_is_slow", {})
    monkeypatch.setattr(rests, "_come_back", {})

    def remember(*, slow: Sequence[str] = (), quick: Sequence[str] = ()) -> None:
        for one in slow:
            rests.took(one, rests.SLOW + 1)
        for one in quick:
            rests.took(one, 0.0)

    return remember


# --- Several at once -----------------------------------------------------------------------------


def reread(deliveries: Sequence[Delivery]) -> list[Delivery]:
    return list(Delivery.objects.filter(pk__in=[one.pk for one in deliveries]).order_by("pk"))


def tried_together(deliveries: list[Delivery]) -> list[Delivery]:
    """As one job does that has them all."""
    with suppress(Later):
        outbox.deliver([str(one.public_id) for one in deliveries])
    return reread(deliveries)


def test_one_that_is_refused_and_one_that_waits_hold_up_no_other(
    mail_host: MailServer, employee: User, delivery_to: Make
) -> None:
    mail_host.behave = lambda number: (does.TAKE, does.REFUSE, does.BUSY, does.TAKE)[number]
    done = tried_together([delivery_to(employee) for _number in range(4)])
    assert [one.state for one in done] == [State.SENT, State.FAILED, State.PENDING, State.SENT]
    # The job comes back for the one that waits, and for no other.
    with pytest.raises(Later) as later:
        outbox.deliver([str(one.public_id) for one in done])
    assert later.value.at == done[2].due_at
    assert mail_host.begun == 4


def test_behind_a_server_that_hangs_up_the_others_are_given_back_untried(
    mail_host: MailServer, employee: User, delivery_to: Make
) -> None:
    mail_host.behave = lambda number: does.CUT_BEFORE if number == 1 else does.TAKE
    deliveries = [delivery_to(employee) for _number in range(4)]
    done = tried_together(deliveries)
    assert [one.state for one in done] == [State.SENT, *[State.PENDING] * 3]
    assert [one.attempts for one in done] == [1, 1, 0, 0]
    assert [one.state for one in tried_together(deliveries)] == [
        State.SENT,
        State.PENDING,
        State.SENT,
        State.SENT,
    ]


def test_what_has_waited_for_long_behind_others_is_given_back(
    mail_host: MailServer, employee: User, delivery_to: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SPAN", 0.0)
    done = tried_together([delivery_to(employee) for _number in range(3)])
    assert {(one.state, one.attempts) for one in done} == {(State.PENDING, 0)}
    monkeypatch.undo()
    assert {one.state for one in tried_together(done)} == {State.SENT}


def test_after_a_rest_one_of_several_tries(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    mail_host.behave = lambda _number: does.CUT_BEFORE
    Rest.objects.create(destination="email", failures=5, until=timezone.now())
    done = tried_together([delivery_to(employee) for _number in range(4)])
    assert sorted(one.attempts for one in done) == [0, 0, 0, 1]
    assert mail_host.begun == 1


def test_a_mail_takes_along_what_waits_and_nothing_else(
    mail_host: MailServer,
    employee: User,
    agent: User,
    delivery_to: Make,
    listener: Listener,
    webhook_to: Callable[..., Webhook],
) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    waits = [delivery_to(agent) for _number in range(attempts.TOGETHER)]
    not_yet = delivery_to(agent, due_at=soon)
    under_way = delivery_to(agent, state=State.SENDING, started_at=timezone.now())
    elsewhere = delivery_to(webhook_to(listener.url))
    assert tried(delivery_to(employee)).state == State.SENT
    assert {one.state for one in reread(waits[:-1])} == {State.SENT}
    assert [one.attempts for one in reread([waits[-1], not_yet, under_way, elsewhere])] == [0, 0, 0, 0]
    # What goes to a webhook takes no mail along.
    tried(elsewhere)
    assert reread([waits[-1]])[0].state == State.PENDING
    # Their own jobs find them done.
    assert tried(waits[0]).attempts == 1


def test_what_was_taken_along_and_left_by_a_killed_worker_is_sent_by_its_own_job(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    one, other = delivery_to(employee), delivery_to(employee)
    assert len(taken(one)) == 2  # and then the worker is gone
    with pytest.raises(Later) as later:
        outbox.deliver([str(other.public_id)])
    clock(later.value.at - timezone.now() + timedelta(seconds=1))
    assert tried(other).state == State.SENT


# --- Order ---------------------------------------------------------------------------------------


def test_a_webhook_hears_of_a_ticket_in_the_order_of_its_versions(
    listener: Listener,
    delivery_to: Make,
    webhook_to: Callable[..., Webhook],
    clock: Callable[[timedelta], None],
) -> None:
    listener.reply = lambda _heard: Reply(500)
    webhook, ticket = webhook_to(listener.url), uuid4()
    first = tried(delivery_to(webhook, subject_id=ticket, seq=1))
    second = tried(delivery_to(webhook, subject_id=ticket, seq=2))
    assert (first.attempts, second.attempts) == (1, 0)
    # Another ticket does not wait for this one.
    listener.reply = lambda _heard: Reply(200)
    assert tried(delivery_to(webhook)).state == State.SENT
    assert when_due(first, clock).state == State.SENT
    assert tried(second).state == State.SENT


def test_a_line_goes_on_by_itself(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    webhook, ticket = webhook_to(listener.url), uuid4()
    line = [delivery_to(webhook, subject_id=ticket, seq=number) for number in (1, 2, 3)]
    # Whichever job comes first brings all of them on their way, from the first on.
    tried(line[2])
    assert [heard.headers["webhook-id"] for heard in listener.heard] == [str(one.public_id) for one in line]


def test_nothing_overtakes_what_is_on_its_way(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    webhook, ticket = webhook_to(listener.url), uuid4()
    delivery_to(webhook, subject_id=ticket, seq=1, state=State.SENDING, started_at=timezone.now())
    line = [delivery_to(webhook, subject_id=ticket, seq=number) for number in (2, 3)]
    elsewhere = delivery_to(webhook)
    # It stands in line and needs no job; what goes to the same place about another ticket is taken along.
    assert tried(line[0]).attempts == 0
    assert reread([line[1], elsewhere])[0].attempts == 0
    assert [heard.headers["webhook-id"] for heard in listener.heard] == [str(elsewhere.public_id)]


def test_what_waits_for_the_same_webhook_is_taken_along_as_far_as_its_line_allows(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    webhook, other = webhook_to(listener.url), webhook_to(listener.url)
    tickets = [uuid4() for _number in range(3)]
    lines = [[delivery_to(webhook, subject_id=one, seq=seq) for seq in (1, 2, 3)] for one in tickets]
    Delivery.objects.filter(pk=lines[1][1].pk).update(due_at=timezone.now() + timedelta(minutes=5))
    apart = delivery_to(other)
    tried(delivery_to(webhook))
    assert [[one.attempts for one in reread(line)] for line in lines] == [[1, 1, 1], [1, 0, 0], [1, 1, 1]]
    assert reread([apart])[0].attempts == 0
    order = {heard.headers["webhook-id"]: place for place, heard in enumerate(listener.heard)}
    for line in (lines[0], lines[2]):
        assert [order[str(one.public_id)] for one in line] == sorted(
            order[str(one.public_id)] for one in line
        )


def test_the_jobs_of_what_was_taken_along_are_spared(
    mail_host: MailServer,
    listener: Listener,
    webhook_to: Callable[..., Webhook],
    ticket: Ticket,
    agent: User,
) -> None:
    webhook_to(listener.url)
    for priority in ("HIGH", "LOW", "HIGH"):
        actions.set_priority(ticket, priority=priority, by=web(agent))
    jobs = list(ProcrastinateJob.objects.filter(queue_name="webhook").order_by("id"))
    assert len(jobs) == 3
    # Procrastinate has begun the second, which cannot be taken away any more.
    ProcrastinateJob.objects.filter(pk=jobs[1].pk).update(status="doing")
    outbox.deliver(jobs[0].args["deliveries"])
    assert len(listener.heard) == 3
    # Its own job ends with it.
    left = ProcrastinateJob.objects.filter(queue_name="webhook").order_by("id")
    assert [one.pk for one in left] == [jobs[0].pk, jobs[1].pk]


def test_a_job_stays_as_long_as_one_of_its_mails_waits(
    mail_host: MailServer, employee: User, agent: User, lead: User, ticket: Ticket, delivery_to: Make
) -> None:
    actions.watch(ticket, user=lead, by=SYSTEM)
    ProcrastinateJob.objects.all().delete()
    actions.add_comment(ticket, body="Which cable?", by=web(agent))
    job = ProcrastinateJob.objects.get(queue_name="email")
    shared = list(Delivery.objects.filter(public_id__in=job.args["deliveries"]))
    assert len(shared) > 1
    last = next(one for one in shared if str(one.public_id) != job.args["deliveries"][0])
    Delivery.objects.filter(pk=last.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    tried(delivery_to(employee))
    assert ProcrastinateJob.objects.filter(pk=job.pk).exists()
    Delivery.objects.filter(pk=last.pk).update(due_at=timezone.now())
    tried(delivery_to(employee))
    # The first gives the job its name, and is over: the job finds nothing to do and ends.
    assert {one.state for one in reread(shared)} == {State.SENT}


def test_a_line_that_breaks_off_goes_on_later(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    listener.reply = lambda _heard: Reply(200 if len(listener.heard) == 1 else 500)
    webhook, ticket = webhook_to(listener.url), uuid4()
    line = [delivery_to(webhook, subject_id=ticket, seq=number) for number in (1, 2, 3)]
    outbox.deliver([str(line[0].public_id)])
    assert [jobs_of(one) for one in line] == [0, 1, 0]
    assert ProcrastinateJob.objects.get().scheduled_at is not None


def test_a_long_line_goes_in_pieces(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    webhook, ticket = webhook_to(listener.url), uuid4()
    line = [delivery_to(webhook, subject_id=ticket, seq=number) for number in range(1, attempts.TOGETHER + 3)]
    outbox.deliver([str(line[0].public_id)])
    assert len(listener.heard) == attempts.TOGETHER
    assert [jobs_of(one) for one in line] == [0] * attempts.TOGETHER + [1, 0]
    outbox.deliver([str(line[attempts.TOGETHER].public_id)])
    assert [heard.headers["webhook-id"] for heard in listener.heard] == [str(one.public_id) for one in line]


def test_what_waits_for_its_time_is_not_overtaken_in_its_line(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    webhook, ticket = webhook_to(listener.url), uuid4()
    soon = timezone.now() + timedelta(minutes=5)
    line = [
        delivery_to(webhook, subject_id=ticket, seq=number, due_at=soon if number == 2 else timezone.now())
        for number in (1, 2, 3)
    ]
    assert tried(line[0]).state == State.SENT
    assert len(listener.heard) == 1
    assert [jobs_of(one) for one in line] == [0, 1, 0]


def test_what_was_given_up_holds_nobody_up(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook]
) -> None:
    webhook, ticket = webhook_to(listener.url), uuid4()
    delivery_to(webhook, subject_id=ticket, seq=1, state=State.FAILED)
    assert tried(delivery_to(webhook, subject_id=ticket, seq=2)).state == State.SENT


def test_what_is_sent_again_neither_waits_nor_holds_up(
    listener: Listener, delivery_to: Make, webhook_to: Callable[..., Webhook], admin: User
) -> None:
    webhook, ticket = webhook_to(listener.url), uuid4()
    old = delivery_to(webhook, subject_id=ticket, seq=1, state=State.FAILED)
    waiting = delivery_to(webhook, subject_id=ticket, seq=2)
    outbox.send_again(old, by=web(admin))
    assert tried(waiting).state == State.SENT
    assert tried(old).state == State.SENT


# --- By hand -------------------------------------------------------------------------------------


def test_an_administrator_sends_again_what_failed(
    mail_host: MailServer, employee: User, admin: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    mail_host.behave = lambda number: does.REFUSE if number == 0 else does.TAKE
    delivery = tried(delivery_to(employee))
    clock(timedelta(days=10))
    outbox.send_again(delivery, by=web(admin))
    assert jobs_of(delivery) == 1
    assert tried(delivery).state == State.SENT
    assert mail_host.taken[0].mail["Message-ID"].startswith(f"<{delivery.public_id.hex}@")
    assert Event.objects.get().verb == "delivery.sent_again"


def test_nobody_else_does(employee: User, agent: User, delivery_to: Make) -> None:
    delivery = delivery_to(employee, state=State.FAILED)
    with pytest.raises(Forbidden):
        outbox.send_again(delivery, by=web(agent))
    with pytest.raises(Forbidden):
        outbox.send_test(agent, by=web(agent))


def test_what_waits_is_not_enqueued_twice(employee: User, admin: User, delivery_to: Make) -> None:
    delivery = delivery_to(employee)
    outbox.send_again(delivery, by=web(admin))
    assert jobs_of(delivery) == 0


def test_a_test_message_goes_the_way_of_all(mail_host: MailServer, admin: User) -> None:
    test = outbox.send_test(admin, by=web(admin))
    assert jobs_of(test) == 1
    assert tried(test).state == State.SENT
    assert mail_host.taken[0].to == admin.email


def test_a_secret_that_cannot_be_read_any_more_is_said_at_once(
    delivery_to: Make, admin: User, settings: LazySettings
) -> None:
    channel = Channel(name="Ops", transport="telegram", address="1", topics=["all"])
    channel.token = "1:a"
    channel.save()
    settings.SECRET_KEY = "another" * 10
    done = tried(delivery_to(channel))
    assert (done.state, "secret" in done.said) == (State.FAILED, True)


# --- Too late ------------------------------------------------------------------------------------


def test_what_comes_to_its_turn_too_late_is_given_up(
    mail_host: MailServer, employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    late, again = delivery_to(employee), delivery_to(employee, again_at=timezone.now() + timedelta(days=1))
    clock(GIVE_UP_AFTER + timedelta(minutes=1))
    done = tried(late)
    assert (done.state, done.said) == (State.FAILED, attempts.TOO_LATE)
    assert tried(again).state == State.SENT
    assert len(mail_host.taken) == 1


def test_what_waits_for_a_dead_destination_is_given_up_in_time(
    employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    Rest.objects.create(destination="email", failures=9, until=timezone.now() + timedelta(days=9))
    tried_once = delivery_to(employee, said="No connection: refused.")
    under_way = delivery_to(employee, state=State.SENDING, started_at=timezone.now() + GIVE_UP_AFTER)
    killed = delivery_to(employee, state=State.SENDING, started_at=timezone.now())
    gathered = delivery_to(employee, state=State.GATHERED)
    clock(GIVE_UP_AFTER - timedelta(minutes=1))
    assert upkeep.give_up() == 0
    clock(timedelta(minutes=1, seconds=30))
    assert upkeep.give_up() == 2
    states = [one.state for one in reread([tried_once, under_way, killed, gathered])]
    assert states == [State.FAILED, State.SENDING, State.FAILED, State.GATHERED]
    assert reread([tried_once])[0].said == "No connection: refused."


# --- Upkeep --------------------------------------------------------------------------------------


def jobs_of(delivery: Delivery) -> int:
    return ProcrastinateJob.objects.filter(args={"deliveries": [str(delivery.public_id)]}).count()


def test_a_delivery_that_has_lost_its_job_gets_another(
    employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    lost, stuck = delivery_to(employee), delivery_to(employee, state=State.SENDING, started_at=timezone.now())
    finished, future = (
        delivery_to(employee, state=State.SENT),
        delivery_to(employee, due_at=timezone.now() + timedelta(days=1)),
    )
    clock(timedelta(minutes=10))
    assert upkeep.reconcile(older_than=timedelta(minutes=2)) == 2
    assert [jobs_of(one) for one in (lost, stuck, finished, future)] == [1, 1, 0, 0]
    assert upkeep.reconcile(older_than=timedelta(minutes=2)) == 0


def test_of_a_line_only_the_first_has_to_have_a_job(
    webhook_to: Callable[..., Webhook], delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    line, hook = uuid4(), webhook_to("https://hooks.example.com/")
    waiting = [delivery_to(hook, subject_id=line, seq=seq) for seq in (3, 1, 2)]
    clock(timedelta(minutes=10))
    assert upkeep.reconcile(older_than=timedelta(minutes=2)) == 1
    assert [jobs_of(one) for one in waiting] == [0, 1, 0]


def test_lost_ones_are_found_among_many_that_are_not_when_the_database_does_not_know_of_them(
    employee: User, delivery_to: Make, clock: Callable[[timedelta], None]
) -> None:
    lost = delivery_to(employee)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH many AS (INSERT INTO notifications_delivery (public_id, kind, verb, subject_type, subject_id,
                    subject_name, seq, reason, urgent, transport, recipient_id, state, attempts, created_at, due_at,
                    said)
                SELECT gen_random_uuid(), 'reply', 'test', 'test', gen_random_uuid(), '', 1, 'test', false, 'email', %s,
                    'pending', 0, now(), now(), '' FROM generate_series(1, 20000) RETURNING public_id)
            INSERT INTO procrastinate_jobs (queue_name, task_name, args)
            SELECT 'email', 'notifications.deliver', jsonb_build_object('deliveries', jsonb_build_array(public_id))
            FROM many
            """,
            [employee.pk],
        )
        cursor.execute("SET LOCAL statement_timeout = 5000")  # as a worker's
    clock(timedelta(minutes=10))
    assert upkeep.reconcile(older_than=timedelta(minutes=2)) == 1
    assert jobs_of(lost) == 1


def test_what_is_over_is_forgotten_in_time(settings: LazySettings, employee: User, delivery_to: Make) -> None:
    settings.DELIVERIES_KEPT = 90

    def ended(state: str, days: int) -> Delivery:
        return delivery_to(employee, state=state, finished_at=timezone.now() - timedelta(days=days))

    gone = [ended("sent", 91), ended("skipped", 91), ended("failed", 361), ended("unknown", 361)]
    kept = [ended("sent", 89), ended("failed", 91), ended("unknown", 91), delivery_to(employee)]
    assert upkeep.forget_deliveries() == len(gone)
    assert set(Delivery.objects.all()) == set(kept)


@pytest.fixture
def webhook_to(db: None) -> Callable[..., Webhook]:
    """`webhook_to(url)`"""

    def make(url: str) -> Webhook:
        webhook = Webhook(name="Monitoring", url=url, topics=["all"])
        webhook.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        webhook.save()
        return webhook

    return make


def test_taking_costs_one_statement_and_one_for_the_readers(
    employee: User, agent: User, delivery_to: Make, django_assert_num_queries: Any
) -> None:
    both = delivery_to(employee), delivery_to(agent)
    with django_assert_num_queries(2):
        assert len(taken(*both)) == 2
