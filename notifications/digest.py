"""The digest: one mail that tells of everything gathered for somebody since the last one."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications import inbox, outbox
from notifications.message import Message
from notifications.models import Delivery, Kind, State, Transport
from notifications.quiet import DIGEST

# In one mail. Nobody reads more; the rest is in the inbox.
MOST = 100


def send_due() -> int:
    """Make a digest for everybody whose gathered mails are due. Answers how many. May run several times at once."""
    due = Delivery.objects.filter(state=State.GATHERED, due_at__lte=timezone.now())
    people = due.order_by().values_list("recipient", flat=True).distinct()
    return sum(_gather(person) for person in people if person is not None)


def compose(delivery: Delivery) -> Message | None:
    """What was gathered, in words of now; None where nothing of it is his to read any more."""
    reader = delivery.recipient
    if reader is None:
        return None
    gathered = list(delivery.gathered.order_by("pk")[: MOST + 1])
    with timezone.override(ZoneInfo(reader.time_zone)):
        told = inbox.tell(gathered[:MOST], reader=reader)
        groups: dict[UUID, list[inbox.Line]] = {}
        for one in gathered[:MOST]:
            if one.pk in told:
                groups.setdefault(one.subject_id, []).append(told[one.pk])
        if not groups:
            return None
        title = ngettext("%(count)d ticket with news", "%(count)d tickets with news", len(groups)) % {
            "count": len(groups)
        }
        link = settings.BASE_URL + reverse("notifications:inbox")
        context = {
            "title": title,
            "groups": list(groups.values()),
            "base_url": settings.BASE_URL,
            "link": link,
            "more": len(gathered) > MOST,
            "why": _("You get this because you have chosen a digest."),
            "preferences": settings.BASE_URL + reverse("notifications:preferences"),
            "preview": ", ".join(lines[0].title for lines in groups.values()),
        }
        html = render_to_string("notifications/digest.html", context)
        return Message(
            subject=title,
            text=render_to_string("notifications/digest.txt", context),
            html=html.replace('href="/', f'href="{settings.BASE_URL}/'),
            link=link,
        )


@transaction.atomic
def _gather(person: int) -> int:
    """One delivery that stands for all that are due. They are told of with it: if it fails, it is what is resent."""
    due = Delivery.objects.filter(recipient=person, state=State.GATHERED, due_at__lte=timezone.now())
    gathered = list(due.select_for_update(skip_locked=True).select_related("recipient").order_by("pk"))
    if not gathered or gathered[0].recipient is None:
        return 0
    now = timezone.now()
    reader = gathered[0].recipient
    digest = Delivery.objects.create(
        kind=Kind.CHANGE,
        verb="digest.sent",
        subject_type=DIGEST,
        subject_id=reader.public_id,
        subject_name=f"Digest {now:%F %H:%M}",
        seq=_number(now),
        reason=DIGEST,
        transport=Transport.EMAIL,
        recipient=reader,
    )
    Delivery.objects.filter(pk__in=[one.pk for one in gathered]).update(
        state=State.SENT, finished_at=now, said="in a digest", digest=digest
    )
    outbox.enqueue([digest])
    return 1


def _number(now: datetime) -> int:
    """Seconds of this century: what tells one digest of a person from another."""
    return int(now.timestamp()) - 946_684_800
