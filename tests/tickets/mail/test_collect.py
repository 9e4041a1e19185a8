"""Fetching from a real IMAP server: nothing lost, nothing doubled, whatever breaks in between."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from django.db import OperationalError, connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from accounts.acting import Invalid
from accounts.models import User
from serviceflow.jobs import groups
from tests.factories import web
from tests.tickets.mail import imap
from tests.tickets.mail.post import fetched, letter
from tickets import actions, inbound_email, tasks
from tickets.inbound_email import collecting, server, troubles
from tickets.inbound_email.troubles import TooMuch
from tickets.models import InboundMail, Mailbox, Ticket


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with imap.server() as port:
        yield port


@pytest.fixture
def own_port() -> Iterator[int]:
    """A server with an INBOX that nobody else writes to."""
    with imap.server() as port:
        yield port


def read_all() -> None:
    for mail in InboundMail.objects.filter(outcome="fetched"):
        inbound_email.receive(str(mail.public_id))


def test_a_mail_is_kept_as_it_came_with_a_job_to_read_it(mailbox: Mailbox, own_port: int) -> None:
    raw = letter(proven=True)
    imap.put(own_port, [raw])
    assert inbound_email.collect(imap.points_at(mailbox, own_port)) == 1
    mail = InboundMail.objects.get()
    sent = raw.replace(b"\r\n", b"\n")
    assert bytes(mail.raw).replace(b"\r\n", b"\n") == sent
    assert mail.sha256 == sha256(bytes(mail.raw)).hexdigest()
    job = ProcrastinateJob.objects.get(task_name="tickets.receive_mail")
    assert job.args == {"mail": str(mail.public_id)}
    mailbox.refresh_from_db()
    assert mailbox.visited_at is not None
    assert mailbox.trouble == ""


def test_what_is_kept_is_marked_and_not_fetched_again(mailbox: Mailbox, own_port: int) -> None:
    imap.put(own_port, [letter(), letter()])
    box = imap.points_at(mailbox, own_port)
    assert inbound_email.collect(box) == 2
    assert imap.lying_in(own_port, criterion="SEEN") == 2
    assert inbound_email.collect(box) == 0
    assert InboundMail.objects.count() == 2


def test_what_is_kept_is_moved_where_the_mailbox_says_so(mailbox: Mailbox, own_port: int) -> None:
    imap.make_folder(own_port, "Done")
    imap.put(own_port, [letter(), letter()])
    box = imap.points_at(mailbox, own_port, done_folder="Done")
    assert inbound_email.collect(box) == 2
    assert (imap.lying_in(own_port), imap.lying_in(own_port, "Done")) == (0, 2)


def test_what_somebody_has_read_in_his_mail_program_is_fetched_too(mailbox: Mailbox, own_port: int) -> None:
    imap.put(own_port, [letter()])
    with imap.client(own_port) as there:
        there.select("INBOX")
        there.store("1", "+FLAGS", r"(\Seen)")
    assert inbound_email.collect(imap.points_at(mailbox, own_port)) == 1


def test_a_mail_that_was_kept_but_not_put_away_is_put_away_at_the_next_visit(
    mailbox: Mailbox, own_port: int
) -> None:
    imap.put(own_port, [letter()])
    box = imap.points_at(mailbox, own_port)
    inbound_email.collect(box)
    with imap.client(own_port) as there:
        there.select("INBOX")
        there.store("1", "-FLAGS", r"(\Seen)")
    inbound_email.collect(box)
    assert imap.lying_in(own_port, criterion="SEEN") == 1
    assert InboundMail.objects.count() == 1


def test_a_server_that_numbers_its_mails_anew_doubles_nothing(
    employee: User, mailbox: Mailbox, own_port: int
) -> None:
    imap.put(own_port, [letter(proven=True), letter(proven=True, subject="Other")])
    box = imap.points_at(mailbox, own_port)
    inbound_email.collect(box)
    read_all()
    InboundMail.objects.update(uid_validity=1)  # as if the present number were another
    inbound_email.collect(box)
    read_all()
    assert InboundMail.objects.count() == 2
    assert Ticket.objects.count() == 2
    assert not InboundMail.objects.filter(uid_validity=1).exists()


def test_a_mail_that_is_too_large_stays_there_and_is_reported(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, own_port: int
) -> None:
    monkeypatch.setattr(collecting, "LARGEST_MAIL", 2000)
    imap.put(own_port, [letter(text="x" * 4000, subject="Large"), letter(subject="Small")])
    assert inbound_email.collect(imap.points_at(mailbox, own_port)) == 2
    large = InboundMail.objects.get(subject="Large")
    assert (large.outcome, bytes(large.raw), large.sender) == ("quarantined", b"", "anna@example.com")
    assert large.size > 4000
    assert "it lies in the folder INBOX" in large.reason
    assert imap.lying_in(own_port) == 2
    assert InboundMail.objects.filter(outcome="fetched").count() == 1


# --- Mails that break ------------------------------------------------------------------------------


class Faulty:
    """Stands in front of a server and spoils the mail with some words in it: hangs up in the middle, or says no."""

    def __init__(self, port: int, *, words: bytes, refuses: bool = False) -> None:
        self.target, self.words, self.refuses = port, words, refuses
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                caller = self.listener.accept()[0]
                threading.Thread(target=self._serve, args=[caller], daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError), caller, socket.create_connection(("127.0.0.1", self.target)) as there:
            commands, answers = caller.makefile("rb"), there.makefile("rb")
            caller.sendall(answers.readline())
            while command := commands.readline():
                self.asked.append(command)
                there.sendall(command)
                tag = command.split()[0]
                answer = b""
                while line := answers.readline():
                    answer += line
                    if line.startswith(tag):
                        break
                if self.words and b"BODY" in command.upper() and self.words in answer:
                    if not self.refuses:
                        caller.sendall(answer[: len(answer) // 2])
                        return
                    answer = tag + b" NO it cannot be read\r\n"
                caller.sendall(answer)


@pytest.fixture(params=[False, True], ids=["hangs up", "refuses"])
def faulty(request: pytest.FixtureRequest, own_port: int) -> Iterator[Faulty]:
    proxy = Faulty(own_port, words=b"broken words", refuses=request.param)
    yield proxy
    with suppress(OSError):
        proxy.listener.shutdown(socket.SHUT_RDWR)
    proxy.listener.close()


def visits(box: Mailbox, number: int) -> list[int]:
    kept = []
    for _visit in range(number):
        try:
            kept.append(inbound_email.collect(box))
        except inbound_email.Trouble:
            kept.append(-1)
    return kept


def test_a_mail_that_breaks_off_does_not_stop_the_others(
    mailbox: Mailbox, own_port: int, faulty: Faulty
) -> None:
    imap.put(
        own_port, [letter(text="broken words", subject="One"), letter(subject="Two"), letter(subject="3")]
    )
    box = imap.points_at(mailbox, faulty.port)
    visits(box, 2)
    assert InboundMail.objects.count() == 2
    mailbox.refresh_from_db()
    assert mailbox.trouble == ""
    # And whatever comes later passes it by.
    imap.put(own_port, [letter(subject="Four")])
    assert visits(box, 1) == [1]
    faulty.words = b""  # the server was repaired
    Mailbox.objects.update(stumbles=dict.fromkeys(Mailbox.objects.get().stumbles, (1, 0)))
    assert visits(box, 1) == [1]
    assert InboundMail.objects.filter(outcome="fetched").count() == 4
    visits(box, 1)
    assert Mailbox.objects.get().stumbles == {}


def test_a_mail_that_breaks_off_again_and_again_is_set_aside_where_it_lies(
    monkeypatch: pytest.MonkeyPatch, admin: User, mailbox: Mailbox, own_port: int, faulty: Faulty
) -> None:
    monkeypatch.setattr(collecting, "FIRST_REST", timedelta(0))
    imap.make_folder(own_port, "Done")
    imap.put(own_port, [letter(text="broken words", subject="One")])
    box = imap.points_at(mailbox, faulty.port, done_folder="Done")
    visits(box, collecting.MOST_TRIES)
    assert not InboundMail.objects.exists()
    visits(box, 1)
    mail = InboundMail.objects.get()
    assert (mail.outcome, mail.subject, bytes(mail.raw)) == ("quarantined", "One", b"")
    assert (
        mail.reason
        == "the server did not give it out, asked 5 times: it lies in the folder INBOX of the mailbox"
    )
    faulty.asked.clear()
    imap.put(own_port, [letter(subject="Two")])
    assert visits(box, 2) == [1, 0]
    assert (imap.lying_in(own_port), imap.lying_in(own_port, "Done")) == (1, 1)
    assert sum(b"BODY" in command for command in faulty.asked) == 1
    # An administrator who has repaired the server has it fetched once more.
    faulty.words = b""
    actions.read_again(mail, by=web(admin))
    assert visits(box, 1) == [1]
    assert InboundMail.objects.filter(outcome="fetched").count() == 2


def test_a_mail_that_breaks_off_is_given_time(mailbox: Mailbox, own_port: int, faulty: Faulty) -> None:
    imap.put(own_port, [letter(text="broken words")])
    box = imap.points_at(mailbox, faulty.port)
    rests = []
    for times in range(1, collecting.MOST_TRIES + 1):
        before = timezone.now().timestamp()
        visits(box, 2)  # at the second it rests
        [(name, (tried, again))] = Mailbox.objects.get().stumbles.items()
        assert tried == times
        rests.append(round((again - before) / 60))
        Mailbox.objects.update(stumbles={name: (tried, 0)})
    assert rests == [2, 4, 8, 16, 32]


def test_a_mail_that_is_too_large_is_reported_once_though_its_mailbox_is_numbered_anew(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, own_port: int
) -> None:
    monkeypatch.setattr(collecting, "LARGEST_MAIL", 2000)
    large = letter(text="x" * 4000, subject="Large")
    imap.put(own_port, [large, letter(text="x" * 4000, subject="Large")])
    box = imap.points_at(mailbox, own_port)
    assert inbound_email.collect(box) == 2
    InboundMail.objects.update(uid_validity=1)
    assert inbound_email.collect(box) == 0
    assert InboundMail.objects.count() == 2
    Mailbox.objects.update(generation=2)
    box.refresh_from_db()
    assert inbound_email.collect(box) == 0
    assert InboundMail.objects.filter(generation=2).exclude(uid_validity=1).count() == 2


# --- Mailboxes that move ---------------------------------------------------------------------------


def test_a_mailbox_that_points_elsewhere_now_fetches_what_lies_there(
    monkeypatch: pytest.MonkeyPatch, admin: User, mailbox: Mailbox, own_port: int
) -> None:
    # Servers choose UIDVALIDITY as they like; both of these begin with 1, and with the same UIDs.
    monkeypatch.setattr(server.Box, "validity", lambda box: 1)
    imap.put(own_port, [letter(subject="One"), letter(subject="Two")])
    assert inbound_email.collect(imap.points_at(mailbox, own_port)) == 2
    with imap.server() as port:
        imap.put(port, [letter(subject="Three"), letter(subject="Four")])
        mailbox.port = port
        box = actions.save_mailbox(mailbox, password=imap.PASSWORD, by=web(admin))
        assert inbound_email.collect(box) == 2
        assert imap.lying_in(port, criterion="SEEN") == 2
        assert inbound_email.collect(box) == 0
    # And back: what lies there is known, whatever it is called now.
    mailbox.port = own_port
    box = actions.save_mailbox(mailbox, password=imap.PASSWORD, by=web(admin))
    assert inbound_email.collect(box) == 0
    assert InboundMail.objects.count() == 4
    generations = InboundMail.objects.order_by("pk").values_list("generation", flat=True)
    assert list(generations) == [3, 3, 2, 2]


def test_another_password_or_name_makes_no_other_mailbox(admin: User, mailbox: Mailbox) -> None:
    for name, value, generation in (
        ("name", "Helpdesk", 1),
        ("folder", "Desk", 2),
        ("username", "other", 3),
        ("host", "localhost", 4),
        ("port", 994, 5),
    ):
        setattr(mailbox, name, value)
        assert actions.save_mailbox(mailbox, password="new", by=web(admin)).generation == generation


def test_a_mail_that_the_server_does_not_give_out_is_not_put_away(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, own_port: int
) -> None:
    imap.put(own_port, [letter()])
    box = imap.points_at(mailbox, own_port)
    with monkeypatch.context() as once:
        once.setattr(server.Box, "literal", lambda *asked: None)
        assert inbound_email.collect(box) == 0
    assert imap.lying_in(own_port, criterion="UNSEEN") == 1
    assert inbound_email.collect(box) == 1


def test_a_full_folder_is_fetched_in_several_visits_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, own_port: int
) -> None:
    monkeypatch.setattr(collecting, "MOST_MAILS", 2)
    imap.put(own_port, [letter(subject=f"Number {number}") for number in range(3)])
    box = imap.points_at(mailbox, own_port)
    inbound_email.visit(box.pk)
    visits = ProcrastinateJob.objects.filter(task_name=inbound_email.VISIT, status="todo")
    assert (InboundMail.objects.count(), visits.count()) == (2, 1)
    ProcrastinateJob.objects.filter(pk__in=visits).update(status="doing")
    inbound_email.visit(box.pk)
    assert (InboundMail.objects.count(), visits.count()) == (3, 0)


def test_a_mail_whose_job_was_lost_is_read_all_the_same(mailbox: Mailbox) -> None:
    long_ago = timezone.now() - collecting.LOST_AFTER - timedelta(seconds=1)
    lost, waits, new = (fetched(mailbox, letter()) for _number in range(3))
    InboundMail.objects.filter(pk__in=[lost.pk, waits.pk]).update(fetched_at=long_ago)
    inbound_email.ask_to_receive(waits)
    Mailbox.objects.update(is_active=False)
    for _time in range(2):
        inbound_email.visit_all()
    jobs = ProcrastinateJob.objects.filter(task_name=inbound_email.TASK)
    assert sorted(job.args["mail"] for job in jobs) == sorted([str(lost.public_id), str(waits.public_id)])
    assert not jobs.filter(args__mail=str(new.public_id)).exists()


# --- Cut off ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("done_folder", ["", "Done"], ids=["marked", "moved"])
def test_a_connection_cut_at_fifty_points_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, employee: User, mailbox: Mailbox, own_port: int, done_folder: str
) -> None:
    # Within a minute: as if each mail had had its rest.
    monkeypatch.setattr(collecting, "FIRST_REST", timedelta(0))
    monkeypatch.setattr(collecting, "MOST_TRIES", 50)
    if done_folder:
        imap.make_folder(own_port, done_folder)
    proxy = imap.Proxy(own_port)
    box = imap.points_at(mailbox, proxy.port, done_folder=done_folder)
    mails = [letter(proven=True, subject=f"Number {number}") for number in range(25)]
    try:
        imap.put(own_port, mails[:1])
        inbound_email.collect(box)  # how much a visit says
        step = max(proxy.passed // 10, 1)
        cuts = 0
        for place in range(50):
            if place % 10 == 0:
                imap.put(own_port, mails[1:][place // 2 : place // 2 + 5])
            proxy.cut_after = step * (place % 12) + place
            try:
                inbound_email.collect(box)
            except troubles.Trouble:
                cuts += 1
        imap.put(own_port, mails[1:][25:])
        proxy.cut_after = -1
        inbound_email.collect(box)
    finally:
        proxy.close()
    read_all()
    assert cuts >= 40
    assert InboundMail.objects.count() == 25
    assert sorted(Ticket.objects.values_list("title", flat=True)) == sorted(
        f"Number {number}" for number in range(25)
    )
    mailbox.refresh_from_db()
    assert mailbox.trouble == ""


# --- Several at once -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_same_mail_five_times_through_four_collectors_is_one_ticket(
    employee: User, mailbox: Mailbox, own_port: int
) -> None:
    mails = [letter(proven=True, subject=f"Number {number}") for number in range(4)]
    imap.put(own_port, [mail for mail in mails for _copy in range(5)])
    box = imap.points_at(mailbox, own_port)
    start = threading.Barrier(4)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            start.wait()
            for _visit in range(3):
                # Each as if it had the mailbox for itself: the rows alone must keep them apart.
                with suppress(*troubles.Trouble):
                    collecting._visit(box)
                read_all()
        except BaseException as fault:  # noqa: BLE001 (told by the test)
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    inbound_email.collect(box)
    read_all()
    assert faults == []
    assert InboundMail.objects.count() == 20
    assert Ticket.objects.count() == 4
    assert InboundMail.objects.filter(outcome="ignored", reasons__0__0="again").count() == 16


@pytest.mark.django_db(transaction=True)
def test_a_second_collector_leaves_a_mailbox_alone_while_the_first_is_there(
    mailbox: Mailbox, own_port: int
) -> None:
    imap.put(own_port, [letter()])
    box = imap.points_at(mailbox, own_port)
    answers: list[int] = []

    def second() -> None:
        answers.append(inbound_email.collect(box))
        connection.close()

    with collecting._alone_with(box) as alone:
        assert alone
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(60)
    assert answers == [0]
    assert inbound_email.collect(box) == 1


# --- Privacy ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(authority: trustme.CA, folder: Path, name: str) -> Path:
    path = folder / "server.pem"
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("name", "is_trusted", "kept"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("elsewhere.example", True, False)],
    ids=["a trusted certificate", "an unknown authority", "another name"],
)
def test_only_a_server_that_shows_who_it_is_gets_the_password(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mailbox: Mailbox,
    authority: trustme.CA,
    security: str,
    name: str,
    is_trusted: bool,
    kept: bool,
) -> None:
    cert = certificate(authority, tmp_path, name)
    if is_trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with imap.server(cert=cert if security == "starttls" else None) as port:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert)
        proxy = imap.Proxy(port, tls=context if security == "tls" else None)
        box = imap.points_at(mailbox, proxy.port)
        box.security = security
        try:
            if kept:
                assert inbound_email.collect(box) == 0
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    inbound_email.collect(box)
        finally:
            proxy.close()
    mailbox.refresh_from_db()
    wrong = "certificate_unknown" if not is_trusted else "certificate_of_another"
    assert mailbox.trouble == ("" if kept else wrong)


def test_without_encryption_only_this_machine_is_asked(mailbox: Mailbox) -> None:
    mailbox.security, mailbox.host = "none", "192.0.2.1"
    with pytest.raises(troubles.NotPrivate):
        inbound_email.collect(mailbox)


def test_a_wrong_password_is_told_without_the_password(mailbox: Mailbox, port: int) -> None:
    box = imap.points_at(mailbox, port, password="the wrong one")
    with pytest.raises(troubles.Trouble):
        inbound_email.collect(box)
    mailbox.refresh_from_db()
    assert mailbox.fault == "The server does not take the user name and the password."


def test_a_folder_that_is_not_there_stops_no_mail(mailbox: Mailbox, own_port: int) -> None:
    box = imap.points_at(mailbox, own_port, done_folder="Nowhere")
    with pytest.raises(troubles.NoFolder):
        collecting.try_out(box)
    imap.put(own_port, [letter(text=f"Mail {number}") for number in range(3)])
    with pytest.raises(troubles.Trouble):
        inbound_email.collect(box)
    assert InboundMail.objects.count() == 3
    mailbox.refresh_from_db()
    assert mailbox.fault == "The server does not know the folder, or the one for fetched mail."
    with pytest.raises(troubles.Trouble):
        inbound_email.collect(box)
    assert InboundMail.objects.count() == 3


@pytest.mark.parametrize("field", ["host", "username", "folder", "done_folder", "password"])
@pytest.mark.parametrize("broken", ["a\r\nX1 DELETE INBOX", "a\nb", "a\rb", "a\x00b", "a\x85b"])
def test_nothing_ends_a_line_that_is_said_to_the_server(
    admin: User, mailbox: Mailbox, field: str, broken: str
) -> None:
    password = broken if field == "password" else "new"
    if field != "password":
        setattr(mailbox, field, broken)
    with pytest.raises(Invalid) as no:
        actions.save_mailbox(mailbox, password=password, by=web(admin))
    assert (no.value.field, no.value.code) == (field, "control_character")


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "localhost"), ("port", 994), ("username", "other"), ("security", "starttls")],
)
def test_the_password_is_shown_to_nobody_but_the_server_it_was_set_for(
    admin: User, mailbox: Mailbox, field: str, value: str | int
) -> None:
    setattr(mailbox, field, value)
    with pytest.raises(Invalid) as no:
        actions.save_mailbox(mailbox, by=web(admin))
    assert no.value.field == "password"
    mailbox.refresh_from_db()
    assert getattr(mailbox, field) != value
    setattr(mailbox, field, value)
    actions.save_mailbox(mailbox, password="new", by=web(admin))
    mailbox.folder, mailbox.name = "Desk", "Helpdesk"
    actions.save_mailbox(mailbox, by=web(admin))


DRIP = 0.05  # seconds between two bytes


@pytest.mark.parametrize(
    ("security", "when"),
    [("none", "at once"), ("starttls", "at once"), ("tls", "at once"), ("none", "at the end")],
)
def test_a_server_that_never_ends_keeps_nobody(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, security: str, when: str
) -> None:
    """A byte now and then: no answer is ever late, and none is ever complete."""
    monkeypatch.setattr(server, "SECONDS_TO_BEGIN", 0.5)
    monkeypatch.setattr(server, "SECONDS_TO_PART", 0.5)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_drip, args=[listener, when, ended], daemon=True).start()
        box = imap.points_at(mailbox, listener.getsockname()[1])
        box.security = security
        if when == "at once":
            with pytest.raises(TimeoutError):
                inbound_email.collect(box)
        else:
            inbound_email.collect(box)
        assert ended.wait(60)
    mailbox.refresh_from_db()
    assert mailbox.trouble == ("silent" if when == "at once" else "")


def _drip(listener: socket.socket, when: str, ended: threading.Event) -> None:
    with suppress(OSError), listener.accept()[0] as caller:
        if when == "at the end":
            lines = caller.makefile("rb")
            caller.sendall(b"* OK\r\n")
            while b"LOGOUT" not in (line := lines.readline()):
                caller.sendall(b"* CAPABILITY IMAP4rev1\r\n* SEARCH\r\n* OK [UIDVALIDITY 1]\r\n")
                caller.sendall(line.split()[0] + b" OK done\r\n")
        # The beginning of a record of TLS that is to be long, or of a greeting.
        caller.sendall(b"\x16\x03\x03\x3f\xff")
        while True:
            caller.sendall(b"x")
            ended.wait(DRIP)
    ended.set()


def test_a_server_that_keeps_visitors_waiting_keeps_no_mail_from_being_read() -> None:
    visits = next(group for group in groups() if inbound_email.VISITS in group.queues)
    assert inbound_email.QUEUE not in visits.queues
    assert tasks.collect_mail.queue == inbound_email.VISITS
    assert tasks.receive_mail.queue == inbound_email.QUEUE


def test_a_visit_ends_for_a_database_that_is_away_and_the_next_one_follows(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    def away(box: Mailbox) -> int:
        raise OperationalError("the database was away")

    monkeypatch.setattr(collecting, "collect", away)
    inbound_email.visit(mailbox.pk)


def test_what_was_away_is_not_asked_by_all_jobs_at_once() -> None:
    rests: list[list[float]] = []
    now = timezone.now()
    for attempts in range(1, 12):
        job = Job(id=1, queue="mail", lock=None, queueing_lock=None, task_name="t", attempts=attempts)
        decided = [tasks.Soon().get_retry_decision(exception=OSError(), job=job) for _job in range(20)]
        rests.append([(one.retry_at - now).total_seconds() for one in decided if one and one.retry_at])
    for attempts, rest in enumerate(rests, 1):
        assert len(set(rest)) > 1
        assert 0.8 * min(2**attempts, 300) <= min(rest) <= max(rest) <= 1.2 * min(2**attempts, 300) + 60
    job = Job(id=1, queue="mail", lock=None, queueing_lock=None, task_name="t", attempts=12)
    assert tasks.Soon().get_retry_decision(exception=OSError(), job=job) is None


def test_small_mails_are_read_before_large_ones(mailbox: Mailbox) -> None:
    large, small = fetched(mailbox, letter(text="x" * 1_000_000)), fetched(mailbox, letter())
    for mail in (large, small):
        inbound_email.ask_to_receive(mail)
    jobs = ProcrastinateJob.objects.filter(task_name=inbound_email.TASK).order_by("-priority")
    assert [job.args["mail"] for job in jobs] == [str(small.public_id), str(large.public_id)]


def test_a_server_that_sends_more_than_a_mail_may_have_is_not_read(mailbox: Mailbox) -> None:
    """It says that the mail is small, and announces a gigabyte."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_boast, args=[listener], daemon=True).start()
        box = imap.points_at(mailbox, listener.getsockname()[1])
        with pytest.raises(TooMuch):
            inbound_email.collect(box)
    assert not InboundMail.objects.exists()


def _boast(listener: socket.socket) -> None:
    caller = listener.accept()[0]
    with caller, caller.makefile("rwb") as lines:
        lines.write(b"* OK\r\n")
        lines.flush()
        for line in lines:
            tag, _space, command = line.strip().partition(b" ")
            word = command.upper()
            if word.startswith(b"CAPABILITY"):
                lines.write(b"* CAPABILITY IMAP4rev1\r\n")
            elif b"SEARCH" in word:
                lines.write(b"* SEARCH 1\r\n")
            elif b"RFC822.SIZE" in word:
                lines.write(b"* 1 FETCH (UID 1 RFC822.SIZE 100)\r\n")
            elif b"BODY" in word:
                lines.write(b"* 1 FETCH (UID 1 BODY[] {1000000000}\r\n")
                lines.flush()
                continue
            elif word.startswith(b"SELECT"):
                lines.write(b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n")
            lines.write(tag + b" OK done\r\n")
            lines.flush()
