"""Fetching: what lies in a mailbox is kept here and committed, and only then touched there.

A mail is known by its mailbox and the generation of that, UIDVALIDITY and UID (RFC 3501, 2.3.1.1), so being cut off at
any point loses nothing and doubles nothing: whatever is not kept yet is fetched at the next visit, whatever is kept is
only put away there.
"""

import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessageFlags
from imap_tools.errors import ImapToolsError
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from accounts.acting import Actor
from audit.models import Door
from tickets.actions.mail import is_this_machine, turn_away
from tickets.inbound_email.troubles import NoFolder, NotPrivate, TooMuch, Trouble, described
from tickets.mail import bounded
from tickets.models import InboundMail, Mailbox
from tickets.models.mail import Fault, Outcome, Security, Why

log = structlog.get_logger("tickets.inbound_email")

LARGEST_MAIL = 25 * 1024 * 1024  # bytes
MOST_MAILS = 200  # of one visit; the next one goes on at once, so that no full folder keeps a worker
LONGEST_HEADER = 64 * 1024  # bytes read of a mail that is too large to keep
PATIENCE = 20.0  # seconds for any answer of the server to begin
MOST_SECONDS = 120.0  # for a mail, or one of the steps around it
LARGEST_ANSWER = LARGEST_MAIL + 1024 * 1024  # bytes; servers may say a size and send another
TASK, VISIT, QUEUE = "tickets.receive_mail", "tickets.collect_mail", "mail"
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
        with suppress(*Trouble):
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
        app.configure_task(VISIT, queue=QUEUE, queueing_lock=lock, lock=lock).defer(mailbox=mailbox.pk)


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
    with _connected(mailbox) as box:
        if mailbox.done_folder and not box.folder.exists(mailbox.done_folder):
            raise NoFolder(mailbox.done_folder)
        return len(box.uids("ALL"))


# --- One visit -----------------------------------------------------------------------------------


def _visit(mailbox: Mailbox) -> int:
    kept, refused = 0, None
    with _connected(mailbox) as box:
        validity = _validity(box)
        with _in_time(box):
            there = [int(uid) for uid in box.uids("ALL")]
            known = _known(mailbox, validity, there)
            refused = _put_away(box, mailbox, [uid for uid in there if uid in known])
        for uid in there:
            if uid in known:
                continue
            if kept >= MOST_MAILS:
                break
            try:
                kept += _fetch(box, mailbox, validity, uid)
            except (*Trouble, OperationalError, InterfaceError):
                raise
            except Exception:
                # A broken message never stops the next one; it stays where it lies and is tried again.
                log.exception("mail_not_fetched", mailbox=mailbox.name, uid=uid)
                continue
            with _in_time(box):
                # Only what is kept: a server may refuse to give a mail out, and give it out the next time.
                refused = _put_away(box, mailbox, sorted(_known(mailbox, validity, [uid]))) or refused
    if refused is not None:
        raise refused
    return kept


@contextmanager
def _in_time(box: BaseMailBox) -> Iterator[None]:
    """Hang up on a server that never ends a mail: a timeout of a socket begins anew with every byte."""
    timer = threading.Timer(MOST_SECONDS, box.client.sock.shutdown, [socket.SHUT_RDWR])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _known(mailbox: Mailbox, validity: int, uids: list[int]) -> set[int]:
    rows = InboundMail.objects.filter(
        mailbox=mailbox, generation=mailbox.generation, uid_validity=validity, uid__in=uids
    )
    return set(rows.values_list("uid", flat=True))


def _fetch(box: BaseMailBox, mailbox: Mailbox, validity: int, uid: int) -> int:
    """Store one mail with its job, or nothing. 0 where somebody has taken it from the folder meanwhile."""
    with _in_time(box):
        size = _size(box, uid)
    if size is None:
        return 0
    if size > LARGEST_MAIL:
        with _in_time(box):
            return _keep_reference(box, mailbox, validity, uid, size)
    with bounded.room_for(size), _in_time(box):
        return _keep(box, mailbox, validity, uid)


def _keep(box: BaseMailBox, mailbox: Mailbox, validity: int, uid: int) -> int:
    raw = _literal(box, uid, "(BODY.PEEK[])")
    if raw is None:
        return 0
    digest = sha256(raw).hexdigest()
    with transaction.atomic():
        same = InboundMail.objects.filter(mailbox=mailbox, sha256=digest)
        moved = same.exclude(generation=mailbox.generation, uid_validity=validity)
        if old := moved.select_for_update().only("pk").first():
            # The server has numbered its mails anew, or the mailbox has moved: it is one that we have.
            InboundMail.objects.filter(pk=old.pk).update(
                generation=mailbox.generation, uid_validity=validity, uid=uid
            )
            return 0
        mail = InboundMail(
            mailbox=mailbox,
            generation=mailbox.generation,
            uid_validity=validity,
            uid=uid,
            raw=raw,
            size=len(raw),
            sha256=digest,
            fetched_at=timezone.now(),
        )
        if not _insert(mail):
            return 0
        ask_to_receive(mail)
    return 1


def _keep_reference(box: BaseMailBox, mailbox: Mailbox, validity: int, uid: int, size: int) -> int:
    """Of a mail that is too large only what it says of itself; it goes on lying in the mailbox."""
    head = _literal(box, uid, f"(BODY.PEEK[HEADER]<0.{LONGEST_HEADER}>)") or b""
    place = mailbox.done_folder or mailbox.folder
    mail = InboundMail(
        mailbox=mailbox,
        generation=mailbox.generation,
        uid_validity=validity,
        uid=uid,
        raw=b"",
        size=size,
        sha256="",
        fetched_at=timezone.now(),
    )
    try:
        read = bounded.read(head)
    except bounded.NotRead:
        pass
    else:
        mail.message_id, mail.subject = read.message_id[:998], read.subject[:998]
        mail.sender, mail.sender_name = read.sender.address[:320], read.sender.name[:200]
    with transaction.atomic():
        if not _insert(mail):
            return 0
        turn_away(
            mail,
            outcome=Outcome.QUARANTINED,
            why=Why.TOO_LARGE,
            by=Actor(None, Door.MAIL),
            most=LARGEST_MAIL >> 20,
            folder=place,
        )
    log.warning("mail_too_large", mailbox=mailbox.name, uid=uid, size=size)
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
    app.configure_task(TASK, queue=QUEUE).defer(mail=str(mail.public_id))


def _put_away(box: BaseMailBox, mailbox: Mailbox, uids: list[int]) -> ImapToolsError | None:
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


# --- The server ----------------------------------------------------------------------------------


@contextmanager
def _connected(mailbox: Mailbox) -> Iterator[BaseMailBox]:
    # The system's certificates, or those of SSL_CERT_FILE; the name of the server is compared.
    trusted = ssl.create_default_context()
    box: BaseMailBox
    match mailbox.security:
        case Security.NONE:
            if not is_this_machine(mailbox.host):
                raise NotPrivate
            box = MailBoxUnencrypted(mailbox.host, mailbox.port, timeout=PATIENCE)
        case Security.STARTTLS:
            box = MailBoxStartTls(mailbox.host, mailbox.port, timeout=PATIENCE, ssl_context=trusted)
        case _:
            box = MailBox(mailbox.host, mailbox.port, timeout=PATIENCE, ssl_context=trusted)
    _bound(box.client)
    try:
        with _in_time(box):
            box.login(mailbox.username, mailbox.password, initial_folder=mailbox.folder)
        yield box
    finally:
        _hang_up(box)


def _bound(client: imaplib.IMAP4) -> None:
    """No literal of any size: the library would read what the server announces."""
    read = client.read

    def read_so_much(size: int) -> bytes:
        if size > LARGEST_ANSWER:
            raise TooMuch
        return read(size)

    client.read = read_so_much  # type: ignore[method-assign]


def _hang_up(box: BaseMailBox) -> None:
    try:
        box.logout()
    except Trouble:
        pass
    finally:
        with suppress(OSError):
            box.client.shutdown()


def _validity(box: BaseMailBox) -> int:
    _name, said = box.client.response("UIDVALIDITY")
    return int(said[0]) if said and said[0] else 0


def _size(box: BaseMailBox, uid: int) -> int | None:
    _status, parts = box.client.uid("FETCH", str(uid), "(RFC822.SIZE)")
    for part in parts:
        line = part[0] if isinstance(part, tuple) else part
        if isinstance(line, bytes) and b"RFC822.SIZE" in line.upper():
            number = line.upper().partition(b"RFC822.SIZE")[2].split()[0].strip(b")")
            return int(number)
    return None


def _literal(box: BaseMailBox, uid: int, what: str) -> bytes | None:
    _status, parts = box.client.uid("FETCH", str(uid), what)
    return next((part[1] for part in parts if isinstance(part, tuple)), None)


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
