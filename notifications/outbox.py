"""The outbox: what is announced inside a verb's transaction is delivered after it, once to each."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation

from notifications import quiet
from notifications.message import Ambiguous, Message, NotSent, Passing, Permanent
from notifications.models import Delivery, Kind, State, Transport
from notifications.transports import SEND

TASK = "notifications.deliver"
GIVE_UP_AFTER = timedelta(days=3)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)
# An attempt that has not ended by then was killed: transports give up after ten seconds.
ABANDONED_AFTER = timedelta(minutes=2)
# A message that may have arrived is sent so many times at most, always with the same id.
MOST_AMBIGUOUS = 3

# {kind of subject: what puts a delivery into the words of its reader, in the language that is active; None if he may
# not hear of it any more}; filled at start-up by the apps whose subjects they are.
COMPOSERS: dict[str, Callable[[Delivery], Message | None]] = {}
# What channels and webhooks can be told of: each answers (topic, name) pairs.
TOPICS: list[Callable[[], Iterable[tuple[str, str]]]] = []


class Later(Exception):
    """The delivery is to be tried again at this time."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at.isoformat())
        self.at = at


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
                "opt_in": OPT_IN,
                "offered": offered(),
            },
        )


def deliver(public_id: str) -> None:
    """Bring one delivery on its way, or say by raising Later when to try again. May be called by several at once."""
    delivery = _begin(UUID(public_id))
    if delivery is None:
        return
    try:
        message = _composed(delivery)
        said = None if message is None else SEND[Transport(delivery.transport)](delivery, message)
    except NotSent as trouble:
        _end_badly(delivery, trouble)
    else:
        state = State.SKIPPED if said is None else State.SENT
        _end(delivery, state, said or "No longer his to read.")


def redeliver(delivery: Delivery) -> Delivery:
    """Try a finished delivery once more from the beginning, with the same id."""
    with transaction.atomic():
        again = Delivery.objects.select_for_update().get(pk=delivery.pk)
        if again.state in {State.PENDING, State.SENDING, State.GATHERED}:
            return again
        again.state, again.attempts, again.due_at, again.finished_at = State.PENDING, 0, timezone.now(), None
        again.created_at = timezone.now()
        again.save(update_fields=["state", "attempts", "due_at", "finished_at", "created_at"])
        enqueue([again])
    return again


def reconcile(*, older_than: timedelta) -> int:
    """Enqueue deliveries that should have gone out and have no job any more. Answers how many."""
    before = timezone.now() - older_than
    with transaction.atomic():
        lost = list(
            Delivery.objects.filter(state__in=[State.PENDING, State.SENDING], due_at__lt=before)
            .extra(where=[_WITHOUT_JOB], params=[TASK])  # noqa: S610 (a constant)
            .select_for_update(skip_locked=True)[:1000]
        )
        enqueue(lost)
    return len(lost)


# --- One attempt ---------------------------------------------------------------------------------


def _begin(public_id: UUID) -> Delivery | None:
    """Mark the delivery as being sent, so that nobody else sends it; None if there is nothing left to do."""
    now = timezone.now()
    with transaction.atomic():
        delivery = (
            Delivery.objects.select_for_update(of=("self",))
            .select_related("recipient__quiet", "channel", "webhook")
            .filter(public_id=public_id, state__in=[State.PENDING, State.SENDING])
            .first()
        )
        if delivery is None:
            return None
        if (
            delivery.state == State.SENDING
            and delivery.started_at
            and now < delivery.started_at + ABANDONED_AFTER
        ):
            raise Later(delivery.started_at + ABANDONED_AFTER)
        if now < delivery.due_at:
            raise Later(delivery.due_at)
        delivery.state, delivery.due_at = quiet.standing(delivery, now=now)
        if delivery.state == State.SENDING:
            delivery.started_at = now
            delivery.attempts += 1
        delivery.save(update_fields=["state", "due_at", "started_at", "attempts"])
    if delivery.state == State.PENDING:
        raise Later(delivery.due_at)
    return delivery if delivery.state == State.SENDING else None


def _composed(delivery: Delivery) -> Message | None:
    language = (
        delivery.recipient.language if delivery.recipient else getattr(delivery.channel, "language", "en")
    )
    with translation.override(language):
        return COMPOSERS[delivery.subject_type](delivery)


def _end(delivery: Delivery, state: State, said: str) -> None:
    _update(delivery, state=state, said=said[:500], finished_at=timezone.now())


def _end_badly(delivery: Delivery, trouble: NotSent) -> None:
    now = timezone.now()
    if isinstance(trouble, Permanent) or now >= delivery.created_at + GIVE_UP_AFTER:
        _end(delivery, State.FAILED, trouble.said)
        return
    if isinstance(trouble, Ambiguous) and delivery.attempts >= MOST_AMBIGUOUS:
        _end(delivery, State.UNKNOWN, trouble.said)
        return
    at = now + pause_after(delivery.attempts)
    if isinstance(trouble, Passing) and trouble.at is not None:
        at = max(at, trouble.at)
    at = min(at, delivery.created_at + GIVE_UP_AFTER)
    _update(delivery, state=State.PENDING, due_at=at, said=trouble.said)
    raise Later(at)


def pause_after(attempts: int) -> timedelta:
    """Doubles with every attempt, and a fifth more or less, so that many who failed together do not return together."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)


def _update(delivery: Delivery, **values: object) -> None:
    # Only while the attempt is still ours: another worker may have taken it for abandoned.
    ours = Delivery.objects.filter(pk=delivery.pk, state=State.SENDING, started_at=delivery.started_at)
    ours.update(**values)


def enqueue(deliveries: Iterable[Delivery]) -> None:
    from notifications.tasks import deliver as task

    for one in deliveries:
        lock = f"webhook:{one.webhook_id}:{one.subject_id}" if one.webhook_id else None
        task.configure(queue=one.transport, lock=lock).defer(delivery=str(one.public_id))


_WITHOUT_JOB = """NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.task_name = %s AND j.status IN ('todo', 'doing')
    AND j.args->>'delivery' = notifications_delivery.public_id::text)"""


# --- One announcement ----------------------------------------------------------------------------


def offered() -> list[str]:
    """How people can be told as the desk is set up. What cannot be sent is not kept to flood them later."""
    there = {
        Transport.INBOX: True,
        Transport.EMAIL: bool(settings.MAIL_HOST),
        Transport.SLACK: Transport.SLACK in SEND,
        Transport.TELEGRAM: Transport.TELEGRAM in SEND,
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
    RETURNING public_id, subject_id, transport, webhook_id
)
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
    transport, %(task)s, 0, 'webhook:' || webhook_id || ':' || subject_id, NULL,
    jsonb_build_object('delivery', public_id), NULL)::procrastinate_job_to_defer_v1))
FROM written WHERE transport <> 'inbox'
"""
