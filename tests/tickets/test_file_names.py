"""What a file is called and what it is, whatever its sender says: names and contents from lists of hostile ones."""

import json
import unicodedata
from email.message import Message
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import User
from tests.factories import web
from tests.shared import real
from tickets import actions, files
from tickets.file_names import HEAD, LONGEST_NAME, UNKNOWN, kind_of, safe_name
from tickets.models import Attachment, Ticket


def hostile() -> list[str]:
    """Every line of every list of hostile strings."""
    lines = json.loads(real("corpora/strings/blns/blns.json").read_text())
    for path in sorted(real("corpora/strings/fuzzdb").rglob("*.txt")):
        lines += path.read_text(errors="surrogateescape").splitlines()
    return [line for line in lines if line]


def assert_harmless(name: str) -> None:
    assert 1 <= len(name) <= LONGEST_NAME
    assert name not in {".", ".."}
    assert not set(name) & {"/", "\\"}
    assert {unicodedata.category(each) for each in name}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert name == name.strip(". ")
    assert name == unicodedata.normalize("NFC", name)
    name.encode()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../../settings.py", "attachments/ab/../../../x"])
def test_no_row_names_a_file_outside_of_the_store(ticket: Ticket, employee: User, path: str) -> None:
    """Whoever has written it. Seen to fail: without tickets/migrations/0009_file_within.py."""
    actions.attach(ticket, files=[files.incoming("log.txt", b"x")], by=web(employee))
    with pytest.raises(IntegrityError, match="attachment_lies_within"), transaction.atomic():
        Attachment.objects.update(file=path)


def test_no_hostile_name_stays_hostile() -> None:
    names = hostile()
    assert len(names) > 1500
    for name in names:
        assert_harmless(safe_name(name))
        assert_harmless(safe_name(f"{name}.pdf"))
        assert safe_name(safe_name(name)) == safe_name(name)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Счёт №5.pdf", "Счёт №5.pdf"),
        ("Отчет и\u0306.txt", "Отчет й.txt"),  # composed
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\anna\\screen.png", "screen.png"),
        ("a\u202efdp.exe", "afdp.exe"),  # would read as aexe.pdf
        ("zero\u200bwidth.txt", "zerowidth.txt"),
        ("nul\0.txt", "nul.txt"),
        ("line\r\nSet-Cookie: a=b.txt", "lineSet-Cookie: a=b.txt"),
        ("many   spaces\u3000here .txt. ", "many spaces here .txt"),
        ("", "file"),
        ("...", "file"),
        ("\u3164.\u2800", "file"),
        ("emoji 🎉.png", "emoji 🎉.png"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("x" * 300, "x" * 255),
        ("." + "y" * 300, "y" * 255),
        ("half \ud83d.txt", "half .txt"),
    ],
)
def test_a_name_is_what_people_read_of_it(raw: str, name: str) -> None:
    assert safe_name(raw) == name


@pytest.mark.django_db
def test_every_name_comes_out_as_it_went_in(ticket: Ticket, employee: User, browser_of: Any) -> None:
    """Through the header of the download, as a client reads it (RFC 6266), and by the API's form."""
    browser = browser_of(employee)
    strange = [
        'a"b;c.txt',
        "a%20b.txt",
        "a'b.txt",
        "a;filename=b.html",
        "файл.txt",
        "naïve ☕.txt",
        "=?utf-8?q?x?=.txt",
    ]
    names = [*strange, *(safe_name(name) for name in hostile()[::97])]
    for name in names:
        [file] = actions.attach(ticket, files=[files.incoming(name, b"x")], by=web(employee))
        answer = browser.get(reverse("tickets:file", args=[file.public_id]))
        b"".join(answer.streaming_content)
        head = Message()
        head["Content-Disposition"] = answer["Content-Disposition"]
        assert head.get_content_disposition() == "attachment"
        assert head.get_filename() == file.name
        assert "\n" not in answer["Content-Disposition"]


PNG, ZIP, PDF = b"\x89PNG\r\n\x1a\n" + b"\0" * 30, b"PK\x03\x04" + b"\0" * 30, b"%PDF-1.7\n" + b"\0" * 30


@pytest.mark.parametrize(
    ("name", "content", "declared", "kind"),
    [
        ("a.png", PNG, "image/png", "image/png"),
        ("a.PNG", PNG, "", "image/png"),
        ("a.png", PNG, "image/x-png", "image/png"),
        ("a.png", PNG, "application/octet-stream", "image/png"),
        ("a.pdf", PDF, "application/pdf", "application/pdf"),
        ("a.txt", "Привет".encode(), "text/plain; charset=utf-8", "text/plain"),
        ("a.csv", b"a,b\n1,2\n", "application/vnd.ms-excel", "text/csv"),
        ("a.txt", b"", "text/plain", "text/plain"),
        ("cut.txt", "я".encode() * HEAD, "text/plain", "text/plain"),
        ("odd.txt", b"x" + "я".encode() * HEAD, "text/plain", "text/plain"),
        # Content, ending and sender must agree.
        ("a.jpg", PNG, "image/jpeg", UNKNOWN),
        ("a.png", PNG, "text/html", UNKNOWN),
        ("a.pdf", PNG, "application/pdf", UNKNOWN),
        ("a.txt", PDF, "text/plain", UNKNOWN),
        ("a.docx", PNG, "", UNKNOWN),
        ("a.exe", b"MZ" + b"\0" * 60, "application/pdf", UNKNOWN),
        ("a.png.exe", PNG, "image/png", UNKNOWN),
        ("a.txt", b"latin \xe9", "text/plain", UNKNOWN),
        ("a.txt", b"nul \0 nul", "text/plain", UNKNOWN),
        # What a browser would run or draw as a page.
        ("a.html", b"<script>alert(1)</script>", "text/html", UNKNOWN),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", UNKNOWN),
        ("a.xml", b"<?xml version='1.0'?>", "application/xml", UNKNOWN),
        ("a.js", b"alert(1)", "text/javascript", UNKNOWN),
        ("a.txt", b"<script>alert(1)</script>", "text/html", UNKNOWN),
        # Polyglots: a picture to one reader, a page or an archive to another.
        ("a.gif", b"GIF89a=1;/*" + b"\0" * 30, "text/javascript", UNKNOWN),
        ("a.html", b"GIF89a<script>alert(1)</script>", "image/gif", UNKNOWN),
        ("a.jar", ZIP, "application/zip", UNKNOWN),
        ("a.html", PDF, "application/pdf", UNKNOWN),
    ],
)
def test_a_type_is_what_all_agree_on(name: str, content: bytes, declared: str, kind: str) -> None:
    assert kind_of(name, content[:HEAD], declared=declared) == kind


@pytest.mark.django_db
def test_hostile_names_by_the_form_of_a_page(ticket: Ticket, employee: User, browser_of: Any) -> None:
    browser = browser_of(employee)
    address = reverse("tickets:comment", args=[ticket.public_id])
    names = hostile()[::211]
    for name in names:
        upload = SimpleUploadedFile("x", b"x")
        upload.__dict__["_name"] = name  # as a client that knows no rules sends it
        sent = {"body": "x", "version": "", "files": upload}
        assert browser.post(address, sent).status_code in {303, 400}
    kept = list(ticket.attachments.values_list("name", flat=True))
    assert len(kept) > len(names) / 2
    for name in kept:
        assert_harmless(name)
