"""The outbox: what is announced inside a verb's transaction is delivered after it, once to each."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Refused
from accounts.actions import require_admin_still
from accounts.models import User
from accounts.sealed import Unreadable
from audit import trail
from notifications import attempts, quiet, rests
from notifications.attempts import Attempt
from notifications.message import Message, NotSent, Passing, Permanent
from notifications.models import Channel, Delivery, Kind, State, Transport, Webhook
from notifications.transports import SEND

TASK = "notifications.deliver"

log = structlog.get_logger("notifications")

# How long deliveries that were taken together may wait for each other, in seconds. With one that takes its whole ten it
# is less than a worker has for its farewell.
SPAN = 8.0

# Puts a delivery into the words of its reader, in the language that is active; None if he may not hear of it any more.
type Compose = Callable[[Delivery], Message | None]
# The same for a webhook: plain values for JSON.
type Tell = Callable[[Delivery], Mapping[str, Any] | None]
# {kind of subject: what reads at once all that some deliveries tell of, and answers what composes them}; filled at
# start-up by the apps whose subjects they are.
COMPOSERS: dict[str, Callable[[Sequence[Delivery]], Compose]] = {}
FACTS: dict[str, Callable[[Sequence[Delivery]], Tell]] = {}
# The verbs a webhook can ask for.
EVENTS: set[str] = set()
# What channels and webhooks can be told of: each answers (topic, name) pairs.
TOPICS: list[Callable[[], Iterable[tuple[str, str]]]] = []


@dataclass(frozen=True)
class Subject:
    """What a notice is about, as plain values; `seq` is the version that the event made."""

    type: str
    id: UUID
    name: str
    seq: int


def announce(
    kind: str,
    verb: str,
    subject: Subject,
    *,
    people: Sequence[tuple[int, str, str]] = (),
    teams: Sequence[int] = (),
    without: int | None = None,
    topics: Sequence[str] = (),
    internal: bool = False,
    urgent: bool = False,
) -> None:
    """Write the deliveries of an event and enqueue their jobs, in the caller's transaction and in one statement.

    `people` are (row id, reason, kind), the first of each counts: the same event is one thing to this and another to
    that person, and `kind` is what it is to channels. `teams` are teams whose agents hear of it, too, as Kind.NEW;
    `without` is the actor. What is `internal` goes to agents only, and to no channel or webhook. What is `urgent` for
    those to whom it brings work is not held back by their quiet hours.
    """
    ids, reasons, kinds = (
        [person[0] for person in people],
        [person[1] for person in people],
        [person[2] for person in people],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _ANNOUNCE,
            {
                "ids": ids,
                "reasons": reasons,
                "kinds": kinds,
                "teams": list(teams),
                "without": without,
                "topics": [] if internal else list(topics),
                "internal": internal,
                "urgent": urgent,
                "kind": kind,
                "verb": verb,
                "type": subject.type,
                "id": subject.id,
                "name": subject.name[:255],
                "seq": subject.seq,
                "now": timezone.now(),
                "task": TASK,
                "together": attempts.TOGETHER,
                "opt_in": OPT_IN,
                "offered": offered(),
            },
        )


def deliver(public_ids: Iterable[str]) -> None:
    """Bring deliveries on their way, or say by raising Later when to try again. May be called by several at once.

    What stands in line behind them goes with them; what is left of a line gets a job if its own has found the line
    closed and gone.
    """
    mine = {UUID(public_id) for public_id in public_ids}
    destination = attempts.destination(mine)
    if destination is None:
        return
    end = time.monotonic() + SPAN
    try:
        with rests.place_at(destination):
            moments = _deliver(mine, until=end)
            while rests.was_asked_for(destination) and time.monotonic() < end:
                moments = _deliver(mine, until=end)
    except rests.Crowded as crowded:
        raise attempts.Later(crowded.at) from None
    if moments:
        raise attempts.Later(min(moments))


def _deliver(mine: Collection[UUID], *, until: float) -> list[datetime]:
    """One round; answers when to try again those of `mine` that are not over."""
    taken, at = attempts.take(mine)
    moments = [] if at is None else [at]
    finished = []
    for delivery, again in _attempted(taken, until):
        if again is None:
            finished.append(delivery)
        elif delivery.public_id in mine:
            moments.append(again)
    attempts.spare_jobs([one for one in finished if one.public_id not in mine])
    for follower in attempts.without_a_job(finished):
        if follower.public_id not in mine:
            enqueue([follower], at=follower.due_at)
    return moments


def _attempted(taken: Sequence[Attempt], end: float) -> Iterator[tuple[Delivery, datetime | None]]:
    """One after the other, each with the time to try it again, if it is not over.

    Untried is given back what goes where one has just failed, and what has waited for long: who may read it was asked
    when it was taken.
    """
    compose = composer([attempt.delivery for attempt in taken])
    closed = set()
    for attempt in taken:
        again = None
        try:
            if attempt.destination in closed or time.monotonic() > end:
                attempt.give_back()
            else:
                _attempt(attempt, compose)
        except attempts.Later as later:
            again = later.at
        if attempt.bodes_ill or (again is not None and attempt.delivery.webhook_id is not None):
            closed.add(attempt.destination)
        yield attempt.delivery, again


def _attempt(attempt: Attempt, compose: Compose) -> None:
    """Try it, and record what became of it. Raises Later."""
    delivery = attempt.delivery
    if timezone.now() > attempt.give_up_at:
        attempt.given_up()
        return
    state, at = quiet.standing(delivery, now=timezone.now())
    if state != State.SENDING:
        attempt.hold(state, at)
        return
    try:
        message = compose(delivery)
        if message is None:
            attempt.skipped("No longer to be told.")
            return
        began = time.monotonic()
        try:
            said = SEND[Transport(delivery.transport)](delivery, message)
        finally:
            rests.took(attempt.destination, time.monotonic() - began)
    except NotSent as trouble:
        attempt.failed(trouble)
    except Unreadable:
        attempt.failed(Permanent("A secret can no longer be read: set or rotate it."))
    except DatabaseError:
        raise
    except Exception:
        # A fault of ours must not leave it between two stools: it is tried again, and in the end seen as failed.
        log.exception("delivery_broken", delivery=str(delivery.public_id))
        attempt.failed(Passing("A fault of the desk: see the log.", about_this=True))
    else:
        attempt.succeeded(said)


@transaction.atomic
def send_again(delivery: Delivery, *, by: Actor) -> Delivery:
    """Try a finished delivery once more from the beginning, with the same id. One that waits is left as it is."""
    require_admin_still(by)
    again = Delivery.objects.select_for_update().get(pk=delivery.pk)
    if again.transport == Transport.INBOX:
        raise Refused("not_sendable", _("What is in an inbox is not sent."))
    if again.state in {State.PENDING, State.SENDING, State.GATHERED}:
        return again
    again.state, again.attempts, again.finished_at = State.PENDING, 0, None
    again.due_at = again.again_at = timezone.now()
    again.save(update_fields=["state", "attempts", "due_at", "finished_at", "again_at"])
    trail.record("delivery.sent_again", trail.Subject("delivery", again.public_id, str(again)), by=by)
    enqueue([again])
    return again


@transaction.atomic
def send_test(to: User | Channel | Webhook, *, by: Actor) -> Delivery:
    """A message that tries a way out: by mail to a person, or to a channel or webhook."""
    require_admin_still(by)
    test = Delivery(
        kind=Kind.CHANGE,
        verb="test",
        subject_type=TEST,
        subject_id=uuid4(),
        seq=0,
        reason="test",
        urgent=True,
    )
    test.subject_name = gettext("Test message")
    if isinstance(to, User):
        test.recipient, test.transport = to, Transport.EMAIL
    elif isinstance(to, Channel):
        test.channel, test.transport = to, to.transport
    else:
        test.webhook, test.transport = to, Transport.WEBHOOK
    test.save(force_insert=True)
    trail.record("delivery.tested", trail.Subject("delivery", test.public_id, str(test)), by=by)
    enqueue([test])
    return test


def enqueue(deliveries: Iterable[Delivery], *, at: datetime | None = None) -> None:
    """Give them jobs, for now or for then."""
    from notifications.tasks import deliver as task

    for one in deliveries:
        task.configure(queue=one.transport, schedule_at=at).defer(deliveries=[str(one.public_id)])


def composer(deliveries: Sequence[Delivery]) -> Compose:
    """What composes these, each when its turn comes; what they need is read once for all of them."""

    @cache
    def words(kind: str) -> Compose:
        return COMPOSERS[kind](
            [one for one in deliveries if one.subject_type == kind and one.webhook_id is None]
        )

    @cache
    def facts(kind: str) -> Tell:
        return FACTS[kind]([one for one in deliveries if one.subject_type == kind and one.webhook_id])

    def compose(delivery: Delivery) -> Message | None:
        whom = delivery.recipient or delivery.channel or delivery.webhook
        if whom is None or not whom.is_active:
            return None
        if delivery.webhook is not None:
            told = facts(delivery.subject_type)(delivery)
            return None if told is None else Message(subject=str(delivery.subject_name), text="", facts=told)
        language = whom.language if isinstance(whom, User | Channel) else "en"
        with translation.override(language):
            return words(delivery.subject_type)(delivery)

    return compose


# --- A test --------------------------------------------------------------------------------------

TEST = "test"


def _test_message(delivery: Delivery) -> Message:
    said = gettext("This is a test message of ServiceFlow. Whoever reads it can be reached this way.")
    return Message(subject=gettext("Test message"), text=f"{said}\n\n{settings.BASE_URL}\n", short=said)


def _test_facts(delivery: Delivery) -> dict[str, Any]:
    return {"message": "This is a test message of ServiceFlow."}


COMPOSERS[TEST] = lambda _deliveries: _test_message
FACTS[TEST] = lambda _deliveries: _test_facts


# --- One announcement ----------------------------------------------------------------------------


def offered() -> list[str]:
    """How people can be told as the desk is set up. What cannot be sent is not kept to flood them later."""
    there = {
        Transport.INBOX: True,
        Transport.EMAIL: bool(settings.MAIL_HOST),
        Transport.SLACK: bool(settings.SLACK_BOT_TOKEN),
        Transport.TELEGRAM: bool(settings.TELEGRAM_BOT_TOKEN),
    }
    return [str(transport) for transport, is_there in there.items() if is_there]


# Nobody is told by these unless he has asked for it: "kind/transport".
OPT_IN = [
    f"{Kind.NEW}/{Transport.EMAIL}",
    f"{Kind.CHANGE}/{Transport.EMAIL}",
    f"{Kind.CHANGE}/{Transport.SLACK}",
    f"{Kind.CHANGE}/{Transport.TELEGRAM}",
]

_ANNOUNCE = """
WITH named AS (
    SELECT n.*, row_number() OVER () AS place
    FROM unnest(%(ids)s::bigint[], %(reasons)s::text[], %(kinds)s::text[]) AS n(id, reason, kind)
    UNION ALL
    SELECT user_id, 'team', 'new', 1000000 FROM accounts_membership WHERE team_id = ANY(%(teams)s::bigint[])
), reader AS (
    SELECT DISTINCT ON (u.id) u.id, named.reason, named.kind
    FROM named JOIN accounts_user u ON u.id = named.id
    WHERE u.is_active AND u.id IS DISTINCT FROM %(without)s::bigint
        AND (u.role <> 'EMPLOYEE' OR NOT (%(internal)s OR named.reason = 'team'))
    ORDER BY u.id, named.place
), target AS (
    SELECT reader.id AS recipient_id, NULL::bigint AS channel_id, NULL::bigint AS webhook_id, reader.reason,
        reader.kind, t.transport
    FROM reader CROSS JOIN unnest(%(offered)s::text[]) AS t(transport)
    LEFT JOIN notifications_preference p
        ON p.user_id = reader.id AND p.kind = reader.kind AND p.transport = t.transport
    WHERE coalesce(p.wanted, reader.kind || '/' || t.transport <> ALL(%(opt_in)s::text[]))
        AND (t.transport IN ('inbox', 'email') OR EXISTS (
            SELECT FROM notifications_contact c WHERE c.user_id = reader.id AND c.transport = t.transport))
        -- A receipt answers a mail by mail: what one did oneself is no news.
        AND (reader.reason <> 'sender' OR t.transport = 'email')
    UNION ALL
    SELECT NULL, c.id, NULL, 'subscribed', %(kind)s, c.transport FROM notifications_channel c
    WHERE c.is_active AND c.topics && %(topics)s::varchar[] AND (c.kinds = '{}' OR %(kind)s = ANY(c.kinds))
    UNION ALL
    SELECT NULL, NULL, w.id, 'subscribed', %(kind)s, 'webhook' FROM notifications_webhook w
    WHERE w.is_active AND w.topics && %(topics)s::varchar[] AND (w.events = '{}' OR %(verb)s = ANY(w.events))
), written AS (
    INSERT INTO notifications_delivery (public_id, kind, verb, subject_type, subject_id, subject_name, seq, reason,
        urgent, transport, recipient_id, channel_id, webhook_id, state, attempts, created_at, due_at, said, finished_at)
    SELECT gen_random_uuid(), kind, %(verb)s, %(type)s, %(id)s, %(name)s, %(seq)s, reason,
        reason = 'sender' OR %(urgent)s AND kind IN ('new', 'assigned'), transport,
        recipient_id, channel_id, webhook_id, CASE transport WHEN 'inbox' THEN 'sent' ELSE 'pending' END, 0,
        %(now)s, %(now)s, '', CASE transport WHEN 'inbox' THEN %(now)s::timestamptz END
    FROM target ON CONFLICT DO NOTHING
    RETURNING public_id, transport
)
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
    transport, %(task)s, 0, NULL, 'delivery:' || (ids->>0),
    jsonb_build_object('deliveries', ids), NULL)::procrastinate_job_to_defer_v1))
FROM (
    SELECT transport, jsonb_agg(public_id) AS ids
    -- Mails go to one server and share what is told; the others have places of their own that may be slow or dead.
    FROM (SELECT *, (row_number() OVER (PARTITION BY transport) - 1)
        / CASE transport WHEN 'email' THEN %(together)s ELSE 1 END AS share FROM written WHERE transport <> 'inbox') w
    GROUP BY transport, share
) shared
"""
