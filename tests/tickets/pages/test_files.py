"""Files on the pages: with a message, with the description, alone; refused with all that was typed kept."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit.models import Event
from tests.factories import PASSWORD, stand, web
from tests.invariants import check
from tests.tickets.actions.test_attach import kept
from tickets import actions, files
from tickets.models import Attachment, Ticket

TYPED = "Every word of this must stay."


def upload(name: str = "log.txt", content: bytes = b"one") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "text/plain")


def form_name(browser: Any, address: str) -> str:
    page = browser.get(address).content.decode()
    return str(page.split('name="form_name" value="', 1)[1].partition('"')[0])


def said(browser: Any, ticket: Ticket, *uploads: Any, **fields: Any) -> Any:
    address = reverse("tickets:comment", args=[ticket.public_id])
    return browser.post(address, {"body": TYPED, "version": "", **fields, "files": uploads})


def story(browser: Any, ticket: Ticket) -> str:
    return str(browser.get(reverse("tickets:detail", args=[ticket.public_id])).content.decode())


def test_a_reply_brings_its_files(ticket: Ticket, employee: User, agent: User, browser_of: Any) -> None:
    assert said(browser_of(employee), ticket, upload(), upload("Счёт.txt")).status_code == 303
    page = story(browser_of(agent), ticket)
    for file in Attachment.objects.all():
        assert f'<a href="{reverse("tickets:file", args=[file.public_id])}" download>{file.name}</a>' in page
    assert check(connection) == []


def test_files_need_no_words(ticket: Ticket, employee: User, agent: User, browser_of: Any) -> None:
    assert said(browser_of(employee), ticket, upload(), body="").status_code == 303
    assert Event.objects.filter(verb="ticket.attached").count() == 1
    page = story(browser_of(agent), ticket)
    assert "log.txt" in page
    assert page.count('class="sf-message') == 2


def test_neither_words_nor_files_is_nothing(ticket: Ticket, employee: User, browser_of: Any) -> None:
    assert said(browser_of(employee), ticket, body=" ").status_code == 400


def test_a_request_is_opened_with_files(employee: User, browser_of: Any) -> None:
    browser, address = browser_of(employee), reverse("tickets:new")
    sent = {
        "title": "No sound",
        "form_name": form_name(browser, address),
        "files": [upload(), upload("b.txt")],
    }
    assert browser.post(address, sent).status_code == 303
    assert browser.post(address, sent | {"files": [upload()]}).status_code == 303  # sent twice
    ticket = Ticket.objects.get()
    assert [file.name for file in ticket.attachments.all()] == ["log.txt", "b.txt"]
    assert "log.txt" in story(browser, ticket)
    assert kept() >= set(Attachment.objects.values_list("file", flat=True))


def test_a_note_s_files_are_never_an_employee_s_to_see(
    ticket: Ticket, employee: User, agent: User, browser_of: Any
) -> None:
    said(browser_of(agent), ticket, upload("SECRET.txt"), visibility="internal")
    said(browser_of(agent), ticket, upload("SECRET2.txt"), visibility="internal", body="")
    assert story(browser_of(agent), ticket).count("SECRET") == 2
    anna = browser_of(employee)
    for page in ("detail", "history"):
        assert "SECRET" not in anna.get(reverse(f"tickets:{page}", args=[ticket.public_id])).content.decode()
    for file in Attachment.objects.all():
        assert anna.get(reverse("tickets:file", args=[file.public_id])).status_code == 404
        assert anna.get(reverse("tickets:picture", args=[file.public_id, "small"])).status_code == 404


def test_sending_and_resolving_takes_the_files_along(ticket: Ticket, agent: User, browser_of: Any) -> None:
    stand(ticket, "IN_PROGRESS", assignee=agent)
    said(browser_of(agent), ticket, upload("proof.txt"), then="resolve")
    ticket.refresh_from_db()
    [file] = ticket.attachments.all()
    assert (ticket.status, file.seq) == ("DONE", ticket.version)


@pytest.mark.parametrize(
    ("uploads", "limits", "complaint"),
    [
        ([("big.txt", 11)], {"LARGEST_FILE": 10}, "“big.txt” is too large"),
        ([("a.txt", 1)] * 11, {}, "at most 10 files"),
        ([("a.txt", 9), ("b.txt", 9)], {"FILES_PER_TICKET": 10}, "of one ticket together"),
    ],
)
@pytest.mark.parametrize("page", ["reply", "new"])
def test_what_is_too_much_is_said_and_every_word_kept(
    settings: Any,
    ticket: Ticket,
    employee: User,
    browser_of: Any,
    uploads: list[tuple[str, int]],
    limits: dict[str, int],
    complaint: str,
    page: str,
) -> None:
    for name, value in limits.items():
        setattr(settings, name, value)
    browser, before = browser_of(employee), kept()
    sent = [upload(name, b"x" * size) for name, size in uploads]
    if page == "reply":
        answer = said(browser, ticket, *sent)
    else:
        address = reverse("tickets:new")
        fields = {"title": "No sound", "description": TYPED, "form_name": form_name(browser, address)}
        answer = browser.post(address, fields | {"files": sent})
    shown = answer.content.decode()
    assert answer.status_code in {400, 413}
    assert complaint in shown
    assert TYPED in shown
    assert "Choose the files again" in shown
    assert kept() == before
    assert not Attachment.objects.exists()


def test_a_conflict_keeps_the_words_and_says_that_the_files_are_gone(
    ticket: Ticket, employee: User, agent: User, browser_of: Any
) -> None:
    browser, before = browser_of(employee), kept()
    actions.add_comment(ticket, body="Meanwhile.", by=web(agent))
    answer = said(browser, ticket, upload(), version="1")
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert TYPED in shown
    assert "Choose the files again" in shown
    assert 'enctype="multipart/form-data"' in shown
    assert kept() == before


def test_a_session_that_ends_keeps_the_words_and_says_that_the_files_are_gone(
    ticket: Ticket, employee: User, browser_of: Any
) -> None:
    browser = browser_of(employee)
    page = reverse("tickets:detail", args=[ticket.public_id])
    name = form_name(browser, page)
    browser.cookies.pop("session")
    answer = said(browser, ticket, upload(), form_name=name)
    assert answer.status_code == 302
    sign_in = browser.post(
        answer["Location"], {"username": employee.email, "email": employee.email, "password": PASSWORD}
    )
    shown = browser.get(sign_in["Location"]).content.decode()
    assert TYPED in shown
    assert "Choose the files again" in shown


def test_the_queue_shows_a_clip(ticket: Ticket, agent: User, browser_of: Any) -> None:
    browser, address = browser_of(agent), reverse("tickets:queue") + "?view=all"
    assert "sf-has-files" not in browser.get(address).content.decode()
    actions.attach(ticket, files=[files.incoming("a.txt", b"a")], by=web(agent))
    assert "sf-has-files" in browser.get(address).content.decode()


def test_files_cost_one_query_however_many(
    ticket: Ticket, agent: User, employee: User, browser_of: Any
) -> None:
    browser, address = browser_of(agent), reverse("tickets:detail", args=[ticket.public_id])
    counts = []
    for _turn in range(3):
        for number in range(3):
            some = [files.incoming(f"{number}{each}.txt", b"x") for each in range(3)]
            actions.add_comment(ticket, body="x", files=some, by=web(employee))
        with CaptureQueriesContext(connection) as queries:
            browser.get(address)
        counts.append(len(queries))
    assert counts[1] == counts[2]
    assert counts[2] <= 10


def test_who_is_not_signed_in_gets_no_file(ticket: Ticket, employee: User, client: Any) -> None:
    [file] = actions.attach(ticket, files=[files.incoming("a.txt", b"a")], by=web(employee))
    answer = client.get(reverse("tickets:file", args=[file.public_id]))
    assert answer.status_code == 302
    assert "sign-in" in answer["Location"]
