"""A mail of an unverified sender: an agent reads it on the ticket and decides, and loses nothing he was writing."""

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import Dialog, FilePayload, expect

from accounts.models import User
from tests.browser.chromium import NARROW, WIDE, Opens
from tests.browser.looking import faults
from tests.factories import opened
from tests.tickets.mail.post import arrives
from tickets.models import Comment, InboundMail, Mailbox, Service, Ticket

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = "It is Anna, from my private address: it is still green."
HISTORY = "On Mon, 3 Mar 2025 at 10:15, Desk <desk@example.com> wrote:\n> Which cable do you use?"


@pytest.mark.parametrize(
    ("scripts", "language", "width"), [(True, "en", WIDE), (False, "ru", NARROW)], ids=["script", "none"]
)
def test_an_agent_puts_a_held_mail_on_the_ticket_and_refuses_another(
    window: Opens, employee: User, agent: User, service: Service, scripts: bool, language: str, width: int
) -> None:
    ticket = opened(by=employee, service=service)
    box = Mailbox(
        name="Desk", address="desk@example.com", host="x", username="x", service=service, stand_in=employee
    )
    box.save()
    tag = f"Re: [{ticket.reference}]"
    arrives(box, sender="Anna <anna@private.example>", subject=tag, text=f"{WORDS}\n\n{HISTORY}")
    arrives(box, sender="shop@evil.example", subject=tag, text="Buy cheap screens!")
    User.objects.update(language=language)
    igor = window(scripts=scripts, language=language, width=width).sign_in(agent)
    igor.open(f"/tickets/{ticket.public_id}/")
    with translation.override(language):
        put, refuse = _("Put on the ticket"), _("Refuse")
    mine = igor.page.locator(".is-held", has_text=WORDS)
    expect(mine).to_contain_text("anna@private.example")
    mine.locator("summary").click()
    expect(mine).to_contain_text("Which cable do you use?")
    if scripts:  # axe is one itself
        assert list(faults(igor, language=language)) == []
    igor.press(mine.get_by_role("button", name=put))
    expect(igor.page.locator(".sf-bubble-body", has_text=WORDS)).to_be_visible()
    igor.press(igor.page.locator(".is-held", has_text="cheap").get_by_role("button", name=refuse))
    expect(igor.page.locator(".is-held")).to_have_count(0)
    anna = window(scripts=scripts, language=language, width=width).sign_in(employee)
    anna.open(f"/tickets/{ticket.public_id}/")
    expect(anna.page.locator(".sf-bubble-body", has_text=WORDS)).to_be_visible()
    expect(anna.page.locator("main")).not_to_contain_text("cheap")
    assert sorted(InboundMail.objects.values_list("outcome", flat=True)) == ["comment", "ignored"]
    assert igor.overflow() <= 0


def test_a_reply_in_progress_outlives_the_other_forms_of_the_page(
    window: Opens, employee: User, agent: User, other_agent: User, service: Service
) -> None:
    ticket = opened(by=employee, service=service)
    other = opened(by=employee, service=service)
    box = Mailbox(
        name="Desk", address="desk@example.com", host="x", username="x", service=service, stand_in=employee
    )
    box.save()
    arrives(box, sender="Anna <a@private.example>", subject=f"Re: [{ticket.reference}]", text=WORDS)
    igor = window().sign_in(agent)
    igor.open(f"/tickets/{ticket.public_id}/")
    area, note = igor.page.locator("#comment_body"), igor.page.locator("#to-team")
    igor.page.locator("label[for=to-team]").click()
    area.fill("Half of a note")
    igor.press(igor.page.locator(".is-held button").first)
    expect(igor.page.locator(".is-held")).to_have_count(0)
    expect(area).to_have_value("Half of a note")
    expect(note).to_be_checked()
    igor.press(igor.page.locator("[data-key=i]"))
    expect(area).to_have_value("Half of a note")
    # It is of this ticket and of this person.
    igor.open(f"/tickets/{other.public_id}/")
    expect(area).to_have_value("")
    igor.context.clear_cookies()
    igor.sign_in(other_agent)
    igor.open(f"/tickets/{ticket.public_id}/")
    expect(area).to_have_value("")
    igor.context.clear_cookies()
    igor.sign_in(agent)
    igor.open(f"/tickets/{ticket.public_id}/")
    expect(area).to_have_value("Half of a note")
    igor.press(igor.page.locator("#composer .sf-composer-foot button").first)
    assert Comment.objects.get(internal=True).body == "Half of a note"
    expect(area).to_have_value("")
    expect(note).not_to_be_checked()


def test_whoever_leaves_without_the_files_he_chose_is_asked(
    window: Opens, employee: User, ticket: Ticket
) -> None:
    anna = window().sign_in(employee)
    anna.open(f"/tickets/{ticket.public_id}/")
    anna.page.locator("#composer input[type=file]").set_input_files(
        FilePayload(name="a.txt", mimeType="text/plain", buffer=b"x")
    )
    anna.page.locator("#comment_body").click()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    anna.page.on("dialog", stay)
    anna.page.get_by_role("link", name="My requests").first.click()
    expect(anna.page.locator("[data-attach-list] li")).to_have_count(1)
    assert asked == ["beforeunload"]
    anna.press(anna.page.locator("#composer button[type=submit]").first)
    expect(anna.page.locator(".sf-file")).to_have_count(1)
    assert asked == ["beforeunload"]
