"""Letters about accounts on their way: a delivery each, which names the letter and holds nothing of what it says."""

from uuid import UUID
from zlib import crc32
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from accounts import letters
from accounts.models import User
from notifications import outbox
from notifications.message import Message
from notifications.models import Delivery, Kind, Transport

ACCOUNT = "account"


def post(to: User, kind: str, *, about: UUID) -> None:
    """Write the delivery of a letter, in the caller's transaction. Without a mail server there is none."""
    if not settings.MAIL_HOST:
        return
    letter = Delivery.objects.create(
        kind=Kind.CHANGE,
        verb=f"{ACCOUNT}.{kind}",
        subject_type=ACCOUNT,
        subject_id=about,
        subject_name=to.email,
        # One thing may be told to somebody by several letters, but by each of them once.
        seq=crc32(kind.encode()) & 0x7FFFFFFF,
        reason=ACCOUNT,
        urgent=True,  # quiet hours are no time to be locked out
        transport=Transport.EMAIL,
        recipient=to,
    )
    outbox.enqueue([letter])


def compose(delivery: Delivery) -> Message | None:
    """In words of now, with a link that is made now."""
    reader = delivery.recipient
    if reader is None:
        return None
    with timezone.override(ZoneInfo(reader.time_zone)):
        letter = letters.compose(delivery.verb.partition(".")[2], delivery.subject_id, to=reader)
    if letter is None:
        return None
    return Message(subject=letter.subject, text=letter.text, html=letter.html, to=letter.to)
