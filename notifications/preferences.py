"""What each person decides: of which events he hears by what, when he is left alone, where he is found."""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import Actor, Forbidden, Invalid
from accounts.models import User
from audit import trail
from notifications import outbox
from notifications.models import Contact, Delivery, Digest, Kind, Preference, Quiet, State, Transport
from notifications.quiet import DISTURBING

type Choice = tuple[str, str]  # kind, transport

CHATS = (Transport.SLACK, Transport.TELEGRAM)
# What only comes to those who work on tickets.
_WORK = {Kind.NEW, Kind.NOTE}


def kinds_for(user: User) -> list[Kind]:
    return [kind for kind in Kind if user.is_agent or kind not in _WORK]


def words_of(kind: Kind, user: User) -> str:
    """What it is to this person: nobody gives tickets to an employee, or takes them from him."""
    if kind == Kind.ASSIGNED and not user.is_agent:
        return gettext("I am added to a ticket")
    return str(kind.label)


def by_default(kind: str, transport: str) -> bool:
    return f"{kind}/{transport}" not in outbox.OPT_IN


def wishes_of(user: User) -> dict[Choice, bool]:
    """For every kind of event and transport whether this person wants to hear of it."""
    chosen = {(row.kind, row.transport): row.wanted for row in Preference.objects.filter(user=user)}
    return {
        (str(kind), transport): chosen.get((kind, transport), by_default(kind, transport))
        for kind in kinds_for(user)
        for transport in outbox.offered()
    }


def contacts_of(user: User) -> dict[str, str]:
    return {row.transport: row.address for row in Contact.objects.filter(user=user)}


@transaction.atomic
def choose(
    user: User,
    *,
    wishes: Mapping[Choice, bool],
    contacts: Mapping[str, str],
    quiet: tuple[time, time] | None,
    digest: str,
    by: Actor,
) -> None:
    """Store all of it in one go; what is not among `wishes` or `contacts` stays as it is. No change records nothing."""
    if by.user is None or by.user.pk != user.pk:
        raise Forbidden("not_permitted", _("Everybody decides this for himself."))
    if digest not in Digest.values:
        raise Invalid("digest", "invalid_choice", _("There is no such choice."))
    if quiet is not None and quiet[0] == quiet[1]:
        raise Invalid("ends", "empty", _("Quiet hours end at another time than they begin."))
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    everybody = _chosen(User.objects.filter(pk=user.pk))
    before = _told(everybody.get())
    for (kind, transport), wanted in wishes.items():
        row: dict[str, Any] = {"user": user, "kind": kind, "transport": transport}
        if wanted == by_default(kind, transport):
            Preference.objects.filter(**row).delete()
        else:
            Preference.objects.update_or_create(**row, defaults={"wanted": wanted})
    for transport, address in contacts.items():
        if address:
            Contact.objects.update_or_create(user=user, transport=transport, defaults={"address": address})
        else:
            Contact.objects.filter(user=user, transport=transport).delete()
    begins, ends = quiet or (None, None)
    Quiet.objects.update_or_create(user=user, defaults={"begins": begins, "ends": ends, "digest": digest})
    after = _told(everybody.get())
    if any(before[name] != after[name] for name in ("quiet_hours", "digest")):
        let_go(user)
    changes = {name: (before[name], value) for name, value in after.items() if before[name] != value}
    if changes:
        subject = trail.Subject("notices", user.public_id, user.email)
        trail.record("notices.chosen", subject, by=by, changes=changes)


def let_go(user: User) -> None:
    """What his quiet hours or a digest have held back is looked at anew, by what he has chosen now."""
    now = timezone.now()
    held = Delivery.objects.filter(
        recipient=user,
        transport__in=DISTURBING,
        state__in=[State.PENDING, State.GATHERED],
        due_at__gt=now,
        attempts=0,
    )
    free = list(held.select_for_update(skip_locked=True, of=["self"]).order_by("pk"))
    Delivery.objects.filter(pk__in=[one.pk for one in free]).update(state=State.PENDING, due_at=now)
    outbox.enqueue(free)


def present() -> Iterator[trail.Present]:
    """What everybody has chosen by now, for the proof of the audit."""
    for user in _chosen(User.objects.order_by("pk")).iterator(chunk_size=1000):
        yield trail.Present(user.public_id, _told(user))


def _chosen(users: QuerySet[User]) -> QuerySet[User]:
    return users.select_related("quiet").prefetch_related("notification_preferences", "contacts")


def _told(user: User) -> dict[str, Any]:
    """What is chosen, as plain values: what differs from the defaults."""
    rows = sorted((row.kind, row.transport, row.wanted) for row in user.notification_preferences.all())
    quiet = getattr(user, "quiet", None) or Quiet()
    contacts = {row.transport: row.address for row in user.contacts.all()}
    return {
        "notices": [f"{'+' if wanted else '-'}{kind}/{transport}" for kind, transport, wanted in rows],
        "quiet_hours": f"{quiet.begins:%H:%M}-{quiet.ends:%H:%M}" if quiet.begins and quiet.ends else "",
        "digest": quiet.digest,
        **{str(chat): contacts.get(chat, "") for chat in CHATS},
    }
