"""Mails that cost much to read are read within their bounds, or set aside, and stop no other."""

import base64
import os
import threading
from email.message import EmailMessage

import pytest

from tests.tickets.mail.post import fetched
from tickets import inbound_email
from tickets.mail import bounded
from tickets.models import Mailbox


def with_pictures(number: int, size: int) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "anna@example.com", "Pictures"
    mail.set_content("See below.")
    for place in range(number):
        mail.add_attachment(os.urandom(size), maintype="image", subtype="png", filename=f"{place}.png")
    return mail.as_bytes()


@pytest.mark.parametrize(("number", "size"), [(5, 15_000), (20, 16_000), (40, 2_000), (3, 300_000)])
def test_pictures_of_any_size_are_read(number: int, size: int) -> None:
    read = bounded.read(with_pictures(number, size))
    assert [len(file.content) for file in read.files] == number * [size]
    assert read.text == "See below."


@pytest.mark.parametrize(
    "piece", [b"<!--", b"<!-- x ", b"<![CDATA[", b"<a ", b"&#x", b"<p><b>", b"<table><td>"]
)
def test_html_that_opens_and_never_closes_stops_nobody(piece: bytes) -> None:
    head = b"From: anna@example.com\r\nContent-Type: text/html\r\n\r\nHello<br>"
    try:
        read = bounded.read(head + piece * 100_000)
    except bounded.NotRead as why:
        assert why.code in {"slow", "memory"}  # noqa: PT017 (either is well)
    else:
        assert read.text.startswith("Hello")


def test_comments_cost_nothing() -> None:
    head = b"From: anna@example.com\r\nContent-Type: text/html\r\n\r\n"
    assert bounded.read(head + b"a<!-- -->b" * 1000 + b"<!--" * 100_000).text == 1000 * "ab"


def test_one_line_of_base64_without_an_end_is_read() -> None:
    head = (
        b"From: anna@example.com\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    [file] = bounded.read(head + base64.b64encode(bytes(3_000_000))).files
    assert len(file.content) == 3_000_000


def test_a_reader_that_was_killed_is_replaced_and_the_mail_read() -> None:
    bounded.read(b"From: anna@example.com\r\n\r\nThe first one.")
    for reader in bounded._idle:
        reader.process.kill()
        reader.process.wait(10)
    assert bounded.read(b"From: anna@example.com\r\n\r\nInnocent.").text == "Innocent."


def test_a_reader_that_is_killed_each_time_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = bounded._Reader.ask

    def dies(reader: bounded._Reader, raw: bytes, seconds: float) -> tuple[int, memoryview]:
        reader.process.kill()
        return ask(reader, raw, seconds)

    monkeypatch.setattr(bounded._Reader, "ask", dies)
    with pytest.raises(bounded.NotRead) as no:
        bounded.read(b"From: anna@example.com\r\n\r\nHello")
    assert no.value.code == "broke_off"


def test_large_mails_wait_for_each_other_and_small_ones_for_nobody() -> None:
    came: list[str] = []

    def comes(name: str, size: int) -> threading.Thread:
        def work() -> None:
            with bounded.room_for(size):
                came.append(name)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    with bounded.room_for(bounded.LARGE + 1):
        second = comes("large", bounded.LARGE + 1)
        comes("small", bounded.LARGE).join(60)
        assert came == ["small"]
    second.join(60)
    assert came == ["small", "large"]


COSTLY = b"From: " + b"a:;" * 4_000_000 + b" anna@example.com"  # linear: it takes its time by being long


def test_a_header_that_costs_much_is_not_read_for_as_long_again(mailbox: Mailbox) -> None:
    """Both readings together have the five seconds that a mail may take."""
    mail = fetched(mailbox, COSTLY + b"\r\nSubject: Costly\r\n\r\nHello")
    asked: list[float] = []
    ask = bounded._Reader.ask

    def noted(reader: bounded._Reader, raw: bytes, seconds: float) -> tuple[int, memoryview]:
        asked.append(seconds)
        return ask(reader, raw, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded._Reader, "ask", noted)
        inbound_email.receive(str(mail.public_id))
    mail.refresh_from_db()
    assert mail.outcome == "quarantined"
    assert len(asked) == 2
    assert sum(asked) <= 5


def test_a_reading_has_no_more_time_than_it_is_given() -> None:
    with pytest.raises(bounded.NotRead) as no:
        bounded.read(COSTLY + b"\r\n\r\n", seconds=0.2)
    assert no.value.code == "slow"
