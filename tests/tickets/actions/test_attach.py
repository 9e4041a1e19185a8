"""Files come with a message, with the description or by themselves: one version, one event."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from accounts.acting import Forbidden, Invalid
from accounts.models import User
from audit import trail
from audit.models import Event
from tests.factories import opened, stand, web
from tests.invariants import check
from tickets import actions, files
from tickets.models import Attachment, Ticket

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def some(*names: str, content: bytes = b"hello") -> list[files.Incoming]:
    return [files.incoming(name, content) for name in names]


def kept() -> set[str]:
    """Every file in the store."""
    folder = settings.FILES_FOLDER / "kept" / "attachments"
    return {
        str(Path("attachments") / path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(autouse=True)
def sound(db: None) -> Iterator[None]:
    yield
    assert check(connection) == []
    assert trail.first_fault() is None


def test_a_comment_brings_its_files_in_one_event(ticket: Ticket, employee: User) -> None:
    with files.stored(some("a.txt", "b.txt")) as arrived:
        comment = actions.add_comment(ticket, body="See these.", files=arrived, by=web(employee))
    event = Event.objects.get(subject_id=ticket.public_id, seq=2)
    first, second = comment.attachments.all()
    assert (first.name, first.size, first.seq, first.internal) == ("a.txt", 5, 2, False)
    assert [told["id"] for told in event.changes["attachments"][1]] == [
        str(first.public_id),
        str(second.public_id),
    ]
    assert event.changes["attachments"][1][0]["sha256"] == first.sha256
    with first.file.open("rb") as content:
        assert content.read() == b"hello"


def test_they_come_with_the_description_too(employee: User) -> None:
    ticket = opened(by=employee, files=some("screen.png", content=PNG))
    [file] = ticket.attachments.all()
    assert (file.seq, file.comment, file.content_type) == (1, None, "image/png")


def test_a_file_alone_is_an_answer(ticket: Ticket, employee: User, agent: User) -> None:
    stand(ticket, "WAITING", assignee=agent)
    [file] = actions.attach(ticket, files=some("log.txt"), by=web(employee))
    ticket.refresh_from_db()
    assert (ticket.status, file.seq) == ("IN_PROGRESS", ticket.version)
    assert Event.objects.get(subject_id=ticket.public_id, seq=ticket.version).verb == "ticket.attached"


def test_a_status_change_says_something_with_files(ticket: Ticket, agent: User) -> None:
    held = stand(ticket, "IN_PROGRESS", assignee=agent)
    actions.change_status(held, status="DONE", comment="Done.", files=some("proof.txt"), by=web(agent))
    [file] = ticket.attachments.all()
    assert file.comment is not None
    assert file.comment.body == "Done."


def test_a_note_s_files_are_as_internal_as_it(ticket: Ticket, agent: User, employee: User) -> None:
    actions.add_comment(ticket, body="Secret.", internal=True, files=some("s.txt"), by=web(agent))
    [file] = ticket.attachments.all()
    assert file.internal
    assert list(Attachment.objects.visible_to(web(agent).person)) == [file]
    assert not Attachment.objects.visible_to(employee).exists()
    assert Event.objects.get(subject_id=ticket.public_id, seq=2).internal


def test_a_file_that_is_there_joins_a_comment(ticket: Ticket, employee: User) -> None:
    [file] = actions.attach(ticket, files=some("log.txt"), by=web(employee))
    comment = actions.add_comment(ticket, body="That log.", attachments=[file.public_id], by=web(employee))
    assert list(comment.attachments.all()) == [file]


def test_only_one_s_own_files_join_and_once_and_to_the_same_readers(
    ticket: Ticket, employee: User, agent: User
) -> None:
    [file] = actions.attach(ticket, files=some("log.txt"), by=web(employee))
    [hidden] = actions.attach(ticket, files=some("memo.txt"), internal=True, by=web(agent))
    with pytest.raises(Invalid) as foreign:
        actions.add_comment(ticket, body="Mine.", attachments=[file.public_id], by=web(agent))
    assert (foreign.value.field, foreign.value.code) == ("attachments", "unknown")
    with pytest.raises(Invalid, match="internal") as public:
        actions.add_comment(ticket, body="For all.", attachments=[hidden.public_id], by=web(agent))
    assert public.value.code == "other_readers"
    actions.add_comment(ticket, body="Once.", attachments=[file.public_id], by=web(employee))
    with pytest.raises(Invalid):
        actions.add_comment(ticket, body="Twice.", attachments=[file.public_id], by=web(employee))


def test_who_may_not_comment_may_not_attach(ticket: Ticket, colleague: User, employee: User) -> None:
    with pytest.raises(Forbidden):
        actions.attach(ticket, files=some("a.txt"), by=web(colleague))
    with pytest.raises(Forbidden):
        actions.attach(ticket, files=some("a.txt"), internal=True, by=web(employee))


def test_nothing_is_no_file(ticket: Ticket, employee: User) -> None:
    with pytest.raises(Invalid) as none:
        actions.attach(ticket, files=[], by=web(employee))
    assert none.value.code == "required"


# --- Limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("over", "taken"), [(-1, True), (0, True), (1, False)])
def test_a_file_has_a_largest_size(settings: Any, over: int, taken: bool) -> None:
    content = b"x" * (settings.LARGEST_FILE + over)
    if taken:
        assert files.incoming("a.txt", content).size == len(content)
    else:
        with pytest.raises(files.TooLarge) as refused:
            files.incoming("a.txt", content)
        assert (refused.value.status, refused.value.code) == (413, "file_too_large")


@pytest.mark.parametrize(("number", "taken"), [(9, True), (10, True), (11, False)])
def test_a_message_brings_so_many(ticket: Ticket, employee: User, number: int, taken: bool) -> None:
    arrived = some(*(f"{each}.txt" for each in range(number)))
    if taken:
        assert len(actions.attach(ticket, files=arrived, by=web(employee))) == number
    else:
        with pytest.raises(files.TooLarge, match="10") as refused:
            actions.attach(ticket, files=arrived, by=web(employee))
        assert refused.value.code == "too_many_files"
        assert not Attachment.objects.exists()


def test_what_is_on_the_ticket_already_counts_for_the_message_it_joins(
    ticket: Ticket, employee: User
) -> None:
    before = actions.attach(ticket, files=some(*(f"{each}.txt" for each in range(6))), by=web(employee))
    ids = [each.public_id for each in before]
    with pytest.raises(files.TooLarge, match="10"):
        actions.add_comment(
            ticket,
            body="Here",
            attachments=ids,
            files=some(*(f"{each}.log" for each in range(5))),
            by=web(employee),
        )
    actions.add_comment(
        ticket,
        body="Here",
        attachments=ids,
        files=some(*(f"{each}.log" for each in range(4))),
        by=web(employee),
    )
    assert Attachment.objects.filter(comment__isnull=False).count() == 10


@pytest.mark.parametrize(("over", "taken"), [(-1, True), (0, True), (1, False)])
def test_a_ticket_holds_so_much(
    settings: Any, ticket: Ticket, employee: User, over: int, taken: bool
) -> None:
    settings.FILES_PER_TICKET = 1000
    actions.attach(ticket, files=some("a.txt", content=b"x" * 400), by=web(employee))
    more = some("b.txt", "c.txt", content=b"x" * 300)
    more[1] = files.incoming("c.txt", b"x" * (300 + over))
    if taken:
        actions.attach(ticket, files=more, by=web(employee))
    else:
        with pytest.raises(files.TooLarge) as refused:
            actions.attach(ticket, files=more, by=web(employee))
        assert refused.value.code == "ticket_full"
    assert ticket.attachments.count() == (3 if taken else 1)


# --- No row without a file, no file without a row ------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_file(ticket: Ticket, employee: User) -> None:
    before = kept()
    with files.stored(some("a.txt")) as arrived, transaction.atomic():
        actions.attach(ticket, files=arrived, by=web(employee))
        assert len(kept() - before) == 1
        transaction.set_rollback(True)
    assert kept() == before
    assert not Attachment.objects.exists()


def test_what_is_refused_leaves_no_file(ticket: Ticket, colleague: User) -> None:
    before = kept()
    with pytest.raises(Forbidden), files.stored(some("a.txt")) as arrived:
        actions.attach(ticket, files=arrived, by=web(colleague))
    assert kept() == before


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file grows beyond so many bytes meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_the_whole(ticket: Ticket, employee: User) -> None:
    before = kept()
    arriving = [*some("a.txt"), *some("b.txt", content=b"y" * 100_000)]
    with pytest.raises(files.StoreAway) as away, full_disk(50_000), files.stored(arriving) as arrived:
        actions.attach(ticket, files=arrived, by=web(employee))
    assert away.value.status == 503
    assert kept() == before
    assert not Attachment.objects.exists()
