"""Administrators set mailboxes up, and look at what has become of every mail."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from audit.models import Event
from tests.served import forms
from tests.tickets.mail import imap
from tests.tickets.mail.post import arrives, letter
from tickets import inbound_email
from tickets.models import InboundMail, Mailbox, Service

BrowserOf = Callable[[User], Client]
SECRET = "correct horse of the mailbox"


def form(service: Service, stand_in: User, **more: Any) -> dict[str, Any]:
    return {
        "name": "Support",
        "address": "support@example.com",
        "host": "127.0.0.1",
        "port": "993",
        "security": "tls",
        "username": "support",
        "password": SECRET,
        "folder": "INBOX",
        "service": service.pk,
        "trusted_domains": "Example.com, example.org",
        "unverified": "ticket",
        "stand_in": stand_in.pk,
        "is_active": "on",
        **more,
    }


def test_a_mailbox_is_added_and_its_password_is_shown_nowhere(
    admin: User, service: Service, stand_in: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(admin)
    answer = browser.post(reverse("admin:tickets_mailbox_add"), form(service, stand_in))
    assert answer.status_code == 302
    box = Mailbox.objects.get()
    assert box.password == SECRET
    assert box.trusted_domains == ["example.com", "example.org"]
    page = browser.get(reverse("admin:tickets_mailbox_change", args=[box.pk])).content.decode()
    assert SECRET not in page
    assert box.password_sealed not in page
    event = Event.objects.get(verb="mailbox.created")
    assert SECRET not in str(event.changes)
    assert event.changes["password_set"][1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM tickets_mailbox m")
        assert SECRET not in cursor.fetchone()[0]


def test_a_password_left_empty_stays(
    admin: User, mailbox: Mailbox, service: Service, stand_in: User, browser_of: BrowserOf
) -> None:
    page = reverse("admin:tickets_mailbox_change", args=[mailbox.pk])
    browser_of(admin).post(page, form(service, stand_in, username="desk", password=""))
    mailbox.refresh_from_db()
    assert (mailbox.name, mailbox.password) == ("Support", "secret of the mailbox")
    browser_of(admin).post(page, form(service, stand_in, password="another one"))
    mailbox.refresh_from_db()
    assert mailbox.password == "another one"
    told = [set(event.changes) for event in Event.objects.filter(verb="mailbox.changed").order_by("pk")]
    assert ["password_set" in changes for changes in told] == [False, True]


def test_a_new_mailbox_needs_a_password(
    admin: User, service: Service, stand_in: User, browser_of: BrowserOf
) -> None:
    answer = browser_of(admin).post(
        reverse("admin:tickets_mailbox_add"), form(service, stand_in, password="")
    )
    assert answer.status_code == 200
    assert not Mailbox.objects.exists()


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of a page: as it came, but for what a password field never repeats."""
    [form] = forms(page, name="authserv_id")
    return form.fields


WORKS = "The connection works: 1 mail lies in the folder."
AS_TYPED = "What you have typed is not saved yet."


def test_the_connection_is_tried_as_it_is_typed(admin: User, mailbox: Mailbox, browser_of: BrowserOf) -> None:
    browser = browser_of(admin)
    page = reverse("admin:tickets_mailbox_change", args=[mailbox.pk])
    with imap.server() as port:
        imap.points_at(mailbox, port)
        imap.put(port, [letter()])
        typed = fields_of(browser.get(page).content.decode()) | {"_try": "1"}
        works = browser.post(page, typed).content.decode()
        assert WORKS in works
        assert AS_TYPED not in works
        assert imap.lying_in(port, criterion="UNSEEN") == 1
        # What is saved works, what is typed does not: the latter is told of, and stays.
        nobody = imap.free_port()
        wrong = browser.post(
            page, typed | {"port": nobody, "password": SECRET, "name": "New"}
        ).content.decode()
        assert "Nothing answers at this port of the server." in wrong
        assert SECRET not in wrong
        assert (fields_of(wrong)["port"], fields_of(wrong)["name"]) == (str(nobody), "New")
        refused = browser.post(page, typed | {"password": SECRET}).content.decode()
        assert "does not take the user name and the password" in refused
    mailbox.refresh_from_db()
    assert (mailbox.name, mailbox.port, mailbox.password) == ("Desk", port, imap.PASSWORD)
    assert not InboundMail.objects.exists()
    assert not Event.objects.filter(subject_type="mailbox").exists()


def test_a_new_mailbox_is_tried_before_it_is_saved(
    admin: User, service: Service, stand_in: User, browser_of: BrowserOf
) -> None:
    browser, page = browser_of(admin), reverse("admin:tickets_mailbox_add")
    with imap.server() as port:
        imap.put(port, [letter()])
        blank = fields_of(browser.get(page).content.decode())
        server = blank | {"host": "127.0.0.1", "port": port, "security": "none", "folder": "INBOX"}
        sign_in = {"username": imap.USER, "password": imap.PASSWORD}
        tried = browser.post(page, {**server, **sign_in, "_try": "1"}).content.decode()
        assert WORKS in tried
        assert AS_TYPED in tried
        assert "errornote" not in tried
        assert imap.PASSWORD not in tried
        assert not Mailbox.objects.exists()
        # It is saved with the password that was typed before.
        more = {"name": "Support", "address": "support@example.com", "service": service.pk}
        answer = browser.post(page, fields_of(tried) | more | {"stand_in": stand_in.pk, "is_active": "on"})
        assert answer.status_code == 302
    assert Mailbox.objects.get().password == imap.PASSWORD
    browser.post(page, {**server, "_try": "1"})
    assert Mailbox.objects.count() == 1


@pytest.mark.parametrize(
    "elsewhere", [{"host": "localhost"}, {"port": ""}, {"security": "starttls"}, {"username": "somebody"}]
)
def test_a_kept_password_is_shown_to_no_other_server(
    admin: User, mailbox: Mailbox, browser_of: BrowserOf, elsewhere: dict[str, str]
) -> None:
    browser = browser_of(admin)
    page = reverse("admin:tickets_mailbox_change", args=[mailbox.pk])
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_listen, args=[listener, heard], daemon=True).start()
        port = str(listener.getsockname()[1])
        mailbox.port, mailbox.security = int(port), "none"
        if elsewhere.get("port") == "":
            mailbox.port, elsewhere = 143, {"port": port}
        mailbox.save()
        typed = fields_of(browser.get(page).content.decode()) | elsewhere
        for button in ({"_try": "1"}, {"_save": "1"}):
            said = browser.post(page, typed | button).content.decode()
            assert "the one that is set is for another server" in said
        # Nor is what was typed for one server sent to the next.
        typed_for_it = browser.post(page, typed | {"password": SECRET, "_try": "1"}).content.decode()
        sent = fields_of(typed_for_it)
        assert sent["waiting"]
        heard.clear()
        assert (
            "the one that is set"
            in browser.post(page, sent | {"username": "x", "_try": "1"}).content.decode()
        )
    assert not heard
    mailbox.refresh_from_db()
    assert mailbox.password == "secret of the mailbox"


def _listen(listener: socket.socket, heard: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            caller = listener.accept()[0]
            heard.append(b"somebody came")
            caller.close()


def test_what_was_typed_outlives_a_refusal(admin: User, mailbox: Mailbox, browser_of: BrowserOf) -> None:
    browser = browser_of(admin)
    page = reverse("admin:tickets_mailbox_change", args=[mailbox.pk])
    typed = fields_of(browser.get(page).content.decode())
    refused = browser.post(page, typed | {"password": SECRET, "service": ""}).content.decode()
    assert "errornote" in refused
    assert SECRET not in refused
    browser.post(page, fields_of(refused) | {"service": str(mailbox.service_id)})
    mailbox.refresh_from_db()
    assert mailbox.password == SECRET


def test_a_mail_that_came_to_nothing_is_read_again(
    admin: User, employee: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    Mailbox.objects.update(unverified="quarantine")
    mail = arrives(mailbox)
    assert mail.outcome == "quarantined"
    Mailbox.objects.update(unverified="ticket")
    listed = reverse("admin:tickets_inboundmail_changelist")
    browser_of(admin).post(listed, {"action": "read_again", "_selected_action": [mail.pk]})
    mail.refresh_from_db()
    assert mail.outcome == "fetched"
    assert ProcrastinateJob.objects.filter(task_name="tickets.receive_mail").exists()
    inbound_email.receive(str(mail.public_id))
    inbound_email.receive(str(mail.public_id))
    mail.refresh_from_db()
    assert mail.outcome == "ticket"
    assert Event.objects.filter(verb="mail.read_again").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_being_dealt_with_is_left_alone(
    admin: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    Mailbox.objects.update(unverified="quarantine")
    busy, idle = arrives(mailbox), arrives(mailbox)
    listed = reverse("admin:tickets_inboundmail_changelist")
    asked = {"action": "read_again", "_selected_action": [busy.pk, idle.pk]}
    with connections["default"].copy().cursor() as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM tickets_inboundmail WHERE id = %s FOR UPDATE", [busy.pk])
        page = browser_of(admin).post(listed, asked, follow=True).content.decode()
        other.connection.close()
    assert "1 mail is read again." in page
    assert "1 mail is not read again" in page
    assert list(InboundMail.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "quarantined",
        "fetched",
    ]


def test_a_mail_is_read_again_from_its_own_page(admin: User, mailbox: Mailbox, browser_of: BrowserOf) -> None:
    Mailbox.objects.update(unverified="quarantine")
    mail = arrives(mailbox)
    page = reverse("admin:tickets_inboundmail_change", args=[mail.pk])
    browser = browser_of(admin)
    assert 'value="read_again"' in browser.get(page).content.decode()
    browser.post(page, {"CHANGE_FORM-action": "read_again", "_selected_action": [mail.pk]})
    mail.refresh_from_db()
    assert mail.outcome == "fetched"


def test_what_became_a_ticket_is_not_read_again(
    admin: User, employee: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    mail = arrives(mailbox, proven=True)
    listed = reverse("admin:tickets_inboundmail_changelist")
    asked = {"action": "read_again", "_selected_action": [mail.pk]}
    page = browser_of(admin).post(listed, asked, follow=True).content.decode()
    assert "1 mail is not read again" in page
    assert "0 mails" not in page
    mail.refresh_from_db()
    assert mail.outcome == "ticket"


def test_the_source_is_given_out_as_it_came_and_never_as_a_page(
    admin: User, agent: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    raw = letter(text="<script>alert(1)</script>", subject="<b>")
    mail = arrives(mailbox, raw)
    page = reverse("admin:tickets_inboundmail_source", args=[mail.pk])
    answer = browser_of(admin).get(page)
    assert answer.content == raw
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert browser_of(agent).get(page).status_code == 403


def test_a_mail_is_shown_with_what_became_of_it(
    admin: User, employee: User, mailbox: Mailbox, browser_of: BrowserOf
) -> None:
    mail = arrives(mailbox, proven=True, subject="<script>VPN")
    page = browser_of(admin).get(reverse("admin:tickets_inboundmail_change", args=[mail.pk])).content.decode()
    assert "became a ticket" in page
    assert mail.sha256 in page
    assert "<script>VPN" not in page
    listed = browser_of(admin).get(reverse("admin:tickets_inboundmail_changelist")).content.decode()
    assert "anna@example.com" in listed


def test_it_says_when_the_password_was_set_as_people_say_it(
    admin: User, browser_of: BrowserOf, mailbox: Mailbox
) -> None:
    Mailbox.objects.filter(pk=mailbox.pk).update(password_set="2026-03-02T08:15:00+00:00")
    shown = browser_of(admin).get(f"/admin/tickets/mailbox/{mailbox.pk}/change/").content.decode()
    assert "2026-03-02T08" not in shown
    assert "2 Mar 2026" in shown


def test_mails_of_programs_are_sifted_out(admin: User, mailbox: Mailbox, browser_of: BrowserOf) -> None:
    arrives(mailbox, subject="From a person")
    arrives(mailbox, subject="From a program", Auto_Submitted="auto-generated")
    browser, address = browser_of(admin), reverse("admin:tickets_inboundmail_changelist")
    for wanted, seen in (("yes", "From a program"), ("no", "From a person")):
        page = browser.get(address, {"program": wanted}).content.decode()
        assert seen in page
        assert ("From a person" in page) != ("From a program" in page)
