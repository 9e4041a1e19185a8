"""Fetching: what lies in a mailbox is kept here and committed, and only then touched there.

A mail is known by its mailbox and the generation of that, UIDVALIDITY and UID (RFC 3501, 2.3.1.1), so being cut off at
any point loses nothing and doubles nothing: whatever is not kept yet is fetched at the next visit, whatever is kept is
only put away there.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from imap_tools import MailMessageFlags
from imap_tools.errors import ImapToolsError
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from accounts.acting import Actor
from audit.models import Door
from tickets.actions.mail import turn_away
from tickets.inbound_email.header import LONGEST_HEADER, note_header
from tickets.inbound_email.server import LARGEST_MAIL, SECONDS_TO_BEGIN, Box, connected
from tickets.inbound_email.troubles import NoFolder, NotGiven, Trouble, described
from tickets.mail import bounded
from tickets.models import InboundMail, Mailbox
from tickets.models.mail import Fault, Outcome, Why

log = structlog.get_logger("tickets.inbound_email")

MOST_MAILS = 200  # of one visit; the next one goes on at once, so that no full folder keeps a worker
LONGEST_VISIT = 300.0  # seconds until no further mail is begun; the next visit goes on
MOST_TRIES = 5  # at a mail that breaks off
FIRST_REST = timedelta(minutes=2)  # before it is tried again; twice as long after each further time
TASK, QUEUE = "tickets.receive_mail", "mail"
# With threads of their own: a server that keeps somebody waiting keeps no mail from being read.
VISIT, VISITS = "tickets.collect_mail", "mailboxes"
LOST_AFTER = timedelta(minutes=5)


def collect(mailbox: Mailbox) -> int:
    """Fetch what is new, up to MOST_MAILS. Answers how many mails were kept; 0 if somebody else is at it.

    Raises what the connection raises (Trouble), having kept what had come until then.
    """
    with _alone_with(mailbox) as alone:
        if not alone:
            return 0
        try:
            kept = _visit(mailbox)
        except Trouble as trouble:
            _note(mailbox, *described(trouble))
            raise
        _note(mailbox)
        return kept


def visit(mailbox: int) -> None:
    """Collect from the mailbox with this row id. What goes wrong stands beside it; the next visit is in a minute."""
    box = Mailbox.objects.filter(pk=mailbox, is_active=True).first()
    if box is not None:
        with suppress(*Trouble, OperationalError, InterfaceError):
            if collect(box) >= MOST_MAILS:
                _ask_to_visit(box)


def visit_all() -> None:
    """Enqueue a visit to every mailbox that has none waiting, and the reading of mails whose job was lost."""
    for mailbox in Mailbox.objects.filter(is_active=True):
        _ask_to_visit(mailbox)
    for mail in _lost():
        ask_to_receive(mail)


def _ask_to_visit(mailbox: Mailbox) -> None:
    lock = f"collect_mail:{mailbox.pk}"
    with suppress(AlreadyEnqueued):
        app.configure_task(VISIT, queue=VISITS, queueing_lock=lock, lock=lock).defer(mailbox=mailbox.pk)


def _lost() -> list[InboundMail]:
    """Mails that wait and that no job will read, among those that have waited longest."""
    long_ago = timezone.now() - LOST_AFTER
    waiting = InboundMail.objects.filter(outcome=Outcome.FETCHED, fetched_at__lt=long_ago)
    mails = {str(mail.public_id): mail for mail in waiting.only("public_id").order_by("fetched_at")[:1000]}
    if mails:
        with connection.cursor() as cursor:
            cursor.execute(_WITH_JOB, [TASK, list(mails)])
            for (public_id,) in cursor:
                mails.pop(public_id, None)
    return list(mails.values())


_WITH_JOB = """SELECT args->>'mail' FROM procrastinate_jobs
    WHERE task_name = %s AND status IN ('todo', 'doing') AND args->>'mail' = ANY(%s)"""


def try_out(mailbox: Mailbox) -> int:
    """Sign in and look into the folder; how many mails lie there. Raises Trouble, and touches nothing."""
    with connected(mailbox) as box, box.in_time(SECONDS_TO_BEGIN):
        if mailbox.done_folder and not box.folder.exists(mailbox.done_folder):
            raise NoFolder(mailbox.done_folder)
        return len(box.uids("ALL"))


# --- One visit -----------------------------------------------------------------------------------


def _visit(mailbox: Mailbox) -> int:
    kept, refused = 0, None
    until = monotonic() + LONGEST_VISIT
    with connected(mailbox) as box:
        validity = box.validity()
        with box.in_time():
            there = [int(uid) for uid in box.uids("ALL")]
        known = _known(mailbox, validity, there)
        new = [uid for uid in there if uid not in known]
        stumbles = _Stumbles(mailbox, validity, new)
        for uid in stumbles.last(new):
            if kept >= MOST_MAILS or monotonic() > until:
                break
            try:
                kept += _fetch(box, mailbox, validity, uid, given_up=stumbles.are_enough(uid))
            except (OperationalError, InterfaceError):
                raise
            except Exception as broken:
                # A broken message never stops the next ones: not those of this visit, and where it takes the
                # connection with it not those of the next visit, which goes round it.
                stumbles.note(uid)
                if isinstance(broken, Trouble):
                    raise
                told = None if isinstance(broken, NotGiven) else broken
                log.warning("mail_not_fetched", mailbox=mailbox.name, uid=uid, exc_info=told)
                continue
            with box.in_time():
                # Only what is kept: a server may refuse to give a mail out, and give it out the next time.
                refused = _put_away(box, mailbox, _to_put_away(mailbox, validity, [uid])) or refused
        # What is left of earlier visits comes last, so that it stops nothing either.
        with box.in_time():
            refused = _put_away(box, mailbox, _to_put_away(mailbox, validity, known)) or refused
    if refused is not None:
        raise refused
    return kept


class _Stumbles:
    """Which mails of a folder could not be fetched, how often, and when they are tried again."""

    def __init__(self, mailbox: Mailbox, validity: int, there: Iterable[int]) -> None:
        self._mailbox = mailbox
        self._name = f"{mailbox.generation}.{validity}.%d"
        noted = Mailbox.objects.values_list("stumbles", flat=True).get(pk=mailbox.pk)
        names = {self._name % uid for uid in there}
        self._noted: dict[str, tuple[int, float]] = {name: noted[name] for name in noted if name in names}
        if len(self._noted) != len(noted):
            self._store()

    def last(self, uids: Iterable[int]) -> list[int]:
        """What is to be fetched now: these mails in their order, behind them those that have stumbled."""
        now = timezone.now().timestamp()
        return sorted(
            (uid for uid in uids if self._of(uid)[1] <= now), key=lambda uid: (self._of(uid)[0], uid)
        )

    def are_enough(self, uid: int) -> bool:
        return self._of(uid)[0] >= MOST_TRIES

    def note(self, uid: int) -> None:
        times = self._of(uid)[0] + 1
        # Only after several minutes is it the mail that is broken, and not the server that is being repaired.
        again = timezone.now() + FIRST_REST * 2 ** (times - 1)
        self._noted[self._name % uid] = (times, again.timestamp())
        self._store()

    def _of(self, uid: int) -> tuple[int, float]:
        return self._noted.get(self._name % uid, (0, 0))

    def _store(self) -> None:
        Mailbox.objects.filter(pk=self._mailbox.pk).update(stumbles=self._noted)


def _known(mailbox: Mailbox, validity: int, uids: Iterable[int]) -> set[int]:
    return set(_rows(mailbox, validity, uids).values_list("uid", flat=True))


def _rows(mailbox: Mailbox, validity: int, uids: Iterable[int]) -> QuerySet[InboundMail]:
    return InboundMail.objects.filter(
        mailbox=mailbox, generation=mailbox.generation, uid_validity=validity, uid__in=uids
    )


def _to_put_away(mailbox: Mailbox, validity: int, uids: Iterable[int]) -> list[int]:
    """What is known, but for what the server does not give out: it stays where it lies, and may break off here, too."""
    rows = _rows(mailbox, validity, uids).exclude(sha256="", reasons__0__0=Why.NOT_GIVEN)
    return sorted(rows.values_list("uid", flat=True))


def _fetch(box: Box, mailbox: Mailbox, validity: int, uid: int, *, given_up: bool = False) -> int:
    """Store one mail with its job, or nothing. 0 where somebody has taken it from the folder meanwhile."""
    if given_up:
        return _keep_reference(
            box, mailbox, validity, uid, 0, Why.NOT_GIVEN, times=MOST_TRIES, folder=mailbox.folder
        )
    with box.in_time():
        size = box.size(uid)
    if size is None:
        return 0
    if size > LARGEST_MAIL:
        place = mailbox.done_folder or mailbox.folder
        return _keep_reference(
            box, mailbox, validity, uid, size, Why.TOO_LARGE, most=LARGEST_MAIL >> 20, folder=place
        )
    with _room if size > bounded.LARGE else nullcontext(), box.in_time():
        return _keep(box, mailbox, validity, uid)


# One large mail at a time, as where they are read; a lock of its own, for a server may take its time.
_room = threading.Lock()


def _keep(box: Box, mailbox: Mailbox, validity: int, uid: int) -> int:
    raw = box.literal(uid, "(BODY.PEEK[])")
    if raw is None:
        return 0
    mail = _found(mailbox, validity, uid, raw=raw, size=len(raw), sha256=sha256(raw).hexdigest())
    with transaction.atomic():
        if _is_known_elsewhere(mail, sha256=mail.sha256) or not _insert(mail):
            return 0
        ask_to_receive(mail)
    return 1


def _found(mailbox: Mailbox, validity: int, uid: int, **what: Any) -> InboundMail:
    return InboundMail(
        mailbox=mailbox,
        generation=mailbox.generation,
        uid_validity=validity,
        uid=uid,
        fetched_at=timezone.now(),
        **what,
    )


def _is_known_elsewhere(mail: InboundMail, **same: Any) -> bool:
    """Whether the server has numbered its mails anew, or the mailbox has moved, and it is one that we have."""
    rows = InboundMail.objects.filter(mailbox=mail.mailbox, **same)
    moved = rows.exclude(generation=mail.generation, uid_validity=mail.uid_validity)
    old = moved.select_for_update().only("pk").first()
    if old is not None:
        InboundMail.objects.filter(pk=old.pk).update(
            generation=mail.generation, uid_validity=mail.uid_validity, uid=mail.uid
        )
    return old is not None


def _keep_reference(
    box: Box, mailbox: Mailbox, validity: int, uid: int, size: int, why: Why, **details: Any
) -> int:
    """Of a mail that cannot be kept only what it says of itself; it goes on lying in the mailbox."""
    head, broken = b"", None
    try:
        with box.in_time():
            head = box.literal(uid, f"(BODY.PEEK[HEADER]<0.{LONGEST_HEADER}>)") or b""
    except (*Trouble, NotGiven) as trouble:
        broken = trouble
    mail = _found(mailbox, validity, uid, raw=b"", size=size, sha256="")
    note_header(mail, head)
    named = {name: getattr(mail, name) for name in ("message_id", "sender", "subject")}
    with transaction.atomic():
        moved = any(named.values()) and _is_known_elsewhere(mail, sha256="", size=size, **named)
        if moved or not _insert(mail):
            return 0
        turn_away(mail, outcome=Outcome.QUARANTINED, why=why, by=Actor(None, Door.MAIL), **details)
    log.warning("mail_kept_by_reference", mailbox=mailbox.name, uid=uid, size=size, why=str(why))
    if isinstance(broken, Trouble):
        raise broken
    return 1


def _insert(mail: InboundMail) -> bool:
    """Whether it was not there yet: somebody else may be fetching the same."""
    made = InboundMail.objects.bulk_create([mail], ignore_conflicts=True)
    found = InboundMail.objects.filter(
        mailbox=mail.mailbox, uid_validity=mail.uid_validity, uid=mail.uid, public_id=made[0].public_id
    )
    mail.pk = found.values_list("pk", flat=True).first()
    return mail.pk is not None


def ask_to_receive(mail: InboundMail) -> None:
    """Enqueue its job, in the transaction that brings it."""
    # Small ones first: a mail that takes long to read is mostly a large one.
    app.configure_task(TASK, queue=QUEUE, priority=-(mail.size >> 18)).defer(mail=str(mail.public_id))


def _put_away(box: Box, mailbox: Mailbox, uids: list[int]) -> ImapToolsError | None:
    """Move or mark what is kept. Answers what the server has against it, which keeps nobody from fetching the rest."""
    if not uids:
        return None
    names = [str(uid) for uid in uids]
    try:
        if mailbox.done_folder:
            box.move(names, mailbox.done_folder, chunks=100)
        elif unread := set(box.uids("UNSEEN")) & set(names):
            box.flag(sorted(unread), MailMessageFlags.SEEN, value=True, chunks=100)
    except ImapToolsError as refused:
        return refused
    return None


# --- What is noted -------------------------------------------------------------------------------


@contextmanager
def _alone_with(mailbox: Mailbox) -> Iterator[bool]:
    """Whether nobody else visits this mailbox meanwhile. It ends with the connection to the database, too."""
    key = f"tickets.collect {mailbox.pk}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _note(mailbox: Mailbox, fault: Fault | None = None, said: str = "") -> None:
    trouble = fault or ""
    Mailbox.objects.filter(pk=mailbox.pk).update(
        visited_at=timezone.now(), trouble=trouble, trouble_said=said[:300]
    )
    if fault:
        log.warning("mailbox_not_visited", mailbox=mailbox.name, trouble=trouble, said=said)
