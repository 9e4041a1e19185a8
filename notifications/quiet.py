"""When somebody is left alone: his quiet hours, and the digest that gathers his mails."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from notifications.models import Delivery, Digest, Quiet, State, Transport

# Where nothing says when somebody's day begins.
MORNING = time(9)
DISTURBING = {Transport.EMAIL, Transport.SLACK, Transport.TELEGRAM}
# What a digest is to the outbox: a delivery that tells of other deliveries.
DIGEST = "digest"


def standing(delivery: Delivery, *, now: datetime) -> tuple[State, datetime]:
    """What becomes of a delivery whose time has come: SENDING, PENDING until later, or GATHERED until then."""
    person = delivery.recipient
    wish = getattr(person, "quiet", None)
    if person is None or wish is None or delivery.urgent or delivery.transport not in DISTURBING:
        return State.SENDING, delivery.due_at
    zone = ZoneInfo(person.time_zone)
    if wish.digest and delivery.transport == Transport.EMAIL and delivery.subject_type != DIGEST:
        return State.GATHERED, next_digest(wish, zone, now=now)
    until = quiet_until(wish, zone, now=now)
    return (State.SENDING, delivery.due_at) if until is None else (State.PENDING, until)


def quiet_until(wish: Quiet, zone: ZoneInfo, *, now: datetime) -> datetime | None:
    """When the quiet hours end that this moment falls into; None outside of them."""
    if wish.begins is None or wish.ends is None:
        return None
    here = now.astimezone(zone).time()
    if wish.begins <= wish.ends:
        within = wish.begins <= here < wish.ends
    else:  # over midnight
        within = here >= wish.begins or here < wish.ends
    return _next(wish.ends, zone, now=now) if within else None


def next_digest(wish: Quiet, zone: ZoneInfo, *, now: datetime) -> datetime:
    """When the mails that gather now are told of: at the full hour, or in the morning; never in quiet hours."""
    if wish.digest == Digest.HOURLY:
        at = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return quiet_until(wish, zone, now=at) or at
    return _next(wish.ends if wish.begins and wish.ends else MORNING, zone, now=now)


def _next(clock: time, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The next time that a clock in this zone shows it."""
    today = now.astimezone(zone).date()
    days = (datetime.combine(today + timedelta(days=ahead), clock, zone) for ahead in range(3))
    return next(day for day in days if day > now)
