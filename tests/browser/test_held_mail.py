"""A mail of an unverified sender: an agent reads it on the ticket and decides. With and without scripts."""

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.chromium import NARROW, WIDE, Opens
from tests.browser.looking import faults
from tests.factories import opened
from tests.tickets.mail.post import arrives
from tickets.models import InboundMail, Mailbox, Service

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
