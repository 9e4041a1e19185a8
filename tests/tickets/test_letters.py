"""The words of mails, chats and the inbox: each reader's own, and nothing that is not his to read."""

import re
from email.headerregistry import Address
from html.parser import HTMLParser
from typing import Any

import pytest
from django.utils import timezone, translation

from accounts.acting import SYSTEM, Actor
from accounts.models import User
from notifications import outbox, webhooks
from notifications.message import Message
from notifications.models import Channel, Delivery, State, Transport
from tests.factories import UserFactory, opened, stand, web
from tickets import actions, correspondence, letters
from tickets.models import Service, Ticket
from tickets.models.mail import InboundMail, Mailbox, Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _post_office(settings: Any) -> None:
    settings.MAIL_HOST = "mail.example.com"
    settings.BASE_URL = "https://desk.example.com"


@pytest.fixture
def mailbox(admin: User) -> Mailbox:
    return Mailbox.objects.create(
        name="Desk", address="desk@example.com", host="localhost", username="desk", stand_in=admin
    )


def composed(delivery: Delivery) -> Message | None:
    """As the outbox does it."""
    return outbox.composer([delivery])(delivery)


def mail(ticket: Ticket, to: User, *, by: str = Transport.EMAIL) -> Message:
    """The latest of this ticket to somebody."""
    delivery = Delivery.objects.filter(subject_id=ticket.public_id, recipient=to, transport=by).latest("pk")
    message = composed(delivery)
    assert message is not None
    return message


@pytest.fixture
def held(ticket: Ticket, agent: User) -> Ticket:
    return stand(ticket, "IN_PROGRESS", assignee=agent)


def test_where_nothing_can_be_bold_the_words_stand_alone(held: Ticket, agent: User, employee: User) -> None:
    channel = Channel(name="Ops", transport="slack", topics=["all"])
    webhooks.save_channel(channel, token="https://hooks.slack.com/services/T0/B0/x", by=SYSTEM)
    actions.add_comment(held, body="Which **cable**?\n\n- `red`\n- blue", by=web(agent))
    told = Delivery.objects.filter(verb="ticket.commented")
    inbox = told.get(recipient=employee, transport=Transport.INBOX)
    assert letters.lines([inbox], reader=employee)[inbox.pk].text == "Which cable? • red • blue"
    message = composed(told.get(channel=channel))
    assert message is not None
    assert "Which cable?\n• red\n• blue" in message.short


def test_a_reply_is_told_with_who_said_what_when_and_why(held: Ticket, agent: User, employee: User) -> None:
    actions.add_comment(held, body="Which **cable**?", by=web(agent))
    message = mail(held, employee)
    assert message.subject == f"[{held.reference}] {held.title}"
    link = f"https://desk.example.com/tickets/{held.public_id}/"
    for said in ("Igor Orlov", "replied", "UTC", "You get this because it is your request.", link):
        assert said in message.text
        assert said in message.html
    assert "Which **cable**?" in message.text
    assert "Which <strong>cable</strong>?" in message.html
    assert "https://desk.example.com/account/notifications/" in message.text
    assert message.list_id.startswith(f"{held.reference} <")


def test_each_reads_his_own_language_and_clock(held: Ticket, agent: User, colleague: User) -> None:
    colleague.time_zone = "Asia/Vladivostok"
    colleague.save()
    actions.watch(held, user=colleague, by=SYSTEM)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    text = mail(held, colleague).text
    assert "Igor Orlov: ответ" in text
    assert "UTC+10" in text
    assert "Статус: В работе" in text


def test_where_nobody_fetches_mail_none_asks_for_an_answer(
    held: Ticket, agent: User, employee: User, admin: User
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    message = mail(held, employee)
    assert message.reply_to == ""
    assert "above this line" not in message.text + message.html


def test_an_answer_goes_to_an_address_of_the_readers_own(
    held: Ticket, agent: User, employee: User, mailbox: Mailbox
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    message = mail(held, employee)
    assert correspondence.person_of(message.reply_to) == (held, employee)
    assert Address(addr_spec=message.reply_to)
    assert message.text.startswith("##- Please type your reply above this line -##")
    assert message.text.splitlines()[0] in correspondence.delimiters()
    assert len(correspondence.delimiters()) == 2


class Links(HTMLParser):
    """Every address that a mail would fetch or open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.fetched: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag in {"img", "link", "script", "iframe", "object", "base", "form"} or named.get("src"):
            self.fetched.append(tag)
        if named.get("href"):
            self.opened.append(str(named["href"]))


HOSTILE = """<script>alert(1)</script><img src=https://evil.example/x.png onerror=alert(1)>
![x](https://evil.example/x.png) [there](/tickets/SF-1/) [bad](javascript:alert(1)) <https://example.com/ok>
</td></tr></table><style>*{display:none}</style>"""


def test_what_somebody_wrote_can_do_nothing_in_a_mail(held: Ticket, agent: User, employee: User) -> None:
    actions.edit(held, title="<b>bold</b> & 'quoted'", by=SYSTEM)
    actions.add_comment(held, body=HOSTILE, by=web(agent))
    html = mail(held, employee).html
    links = Links(html)
    assert links.fetched == []
    assert {link.partition(":")[0] for link in links.opened} == {"https"}
    assert "https://desk.example.com/tickets/SF-1/" in links.opened
    assert "<b>bold</b>" not in html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp;" in html
    assert html.count("<style>") == 1
    assert "url(" not in html


def test_a_subject_is_one_line_whatever_the_title(held: Ticket, agent: User, employee: User) -> None:
    Ticket.objects.filter(pk=held.pk).update(title="First\r\nBcc: all@example.com")
    actions.add_comment(held, body="Which cable?", by=web(agent))
    assert not re.search(r"[\r\n]", mail(held, employee).subject)


def test_a_resolved_ticket_says_how_long_it_can_be_reopened(
    held: Ticket, agent: User, employee: User
) -> None:
    actions.change_status(held, status="DONE", comment="It was the cable.", by=web(agent))
    text = mail(held, employee).text
    assert "It was the cable." in text
    assert "If something is still wrong, you can reopen it on its page until" in text


def test_a_question_says_that_it_is_the_readers_turn(
    held: Ticket, agent: User, employee: User, colleague: User
) -> None:
    actions.watch(held, user=colleague, by=SYSTEM)
    colleague.language = "en"
    colleague.save()
    actions.change_status(held, status="WAITING", comment="Which cable?", by=web(agent))
    assert "The work goes on as soon as you have answered." in mail(held, employee).text
    assert "as soon as you have answered" not in mail(held, colleague).text


# --- What is not his to read -----------------------------------------------------------------------


def test_it_is_asked_again_at_sending_whether_he_may_read_it(
    held: Ticket, agent: User, colleague: User, admin: User
) -> None:
    actions.watch(held, user=colleague, by=SYSTEM)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    delivery = Delivery.objects.filter(recipient=colleague, transport=Transport.EMAIL).latest("pk")
    assert composed(delivery) is not None
    actions.unwatch(held, user=colleague, by=SYSTEM)
    assert composed(Delivery.objects.get(pk=delivery.pk)) is None


def test_a_note_is_not_composed_for_an_agent_who_has_become_an_employee(
    held: Ticket, agent: User, other_agent: User
) -> None:
    actions.watch(held, user=other_agent, by=SYSTEM)
    actions.add_comment(held, body="He always says that.", internal=True, by=web(agent))
    delivery = Delivery.objects.get(recipient=other_agent, transport=Transport.EMAIL, kind="note")
    assert "He always says that." in mail(held, other_agent).text
    User.objects.filter(pk=other_agent.pk).update(role="EMPLOYEE")
    assert composed(Delivery.objects.get(pk=delivery.pk)) is None
    other_agent.refresh_from_db()
    assert letters.lines([delivery], reader=other_agent) == {}


def test_a_channel_that_may_no_longer_hear_of_it_is_told_nothing(
    held: Ticket, agent: User, confidential: Service
) -> None:
    room = Channel.objects.create(name="Room", transport=Transport.SLACK, topics=["all"], language="ru")
    actions.add_comment(held, body="Which cable?", by=web(agent))
    delivery = Delivery.objects.get(channel=room)
    message = composed(delivery)
    assert message is not None
    assert message.text == f"{held.reference} {held.title}\nIgor Orlov: ответ\nWhich cable?"
    Ticket.objects.filter(pk=held.pk).update(service=confidential, assignee=None, status="NEW")
    assert composed(Delivery.objects.get(pk=delivery.pk)) is None


# --- Receipts --------------------------------------------------------------------------------------


def arrived(
    mailbox: Mailbox, sender: User, *, proof: str = "token", machine: str = "", words: str = "My words"
) -> Delivery:
    """A mail has become a ticket; the receipt that is to go out."""
    ticket = actions.open_ticket(title="By mail", description=words, by=Actor(sender, "mail"))
    InboundMail.objects.create(
        mailbox=mailbox, uid_validity=1, uid=ticket.number, raw=b"x", size=1, sha256="0" * 64, ticket=ticket,
        outcome=Outcome.TICKET, proof=proof, machine=machine,
    )  # fmt: skip
    return Delivery.objects.get(subject_id=ticket.public_id, reason="sender")


def test_a_receipt_quotes_nothing(mailbox: Mailbox, employee: User) -> None:
    receipt = arrived(mailbox, employee, words="My words")
    message = composed(receipt)
    assert message is not None
    assert f"Your mail has arrived: it is request {receipt.subject_name.split()[0]}." in message.text
    assert message.text.count("received") == 1
    assert "My words" not in message.text + message.html


def test_whoever_has_shown_nothing_gets_no_receipt(mailbox: Mailbox, employee: User) -> None:
    assert composed(arrived(mailbox, employee, proof="")) is None


def test_the_desk_does_not_write_to_itself(
    mailbox: Mailbox, held: Ticket, agent: User, employee: User
) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    mail(held, employee)
    User.objects.filter(pk=employee.pk).update(email="Desk+SF@Example.com")
    assert (
        composed(Delivery.objects.filter(recipient=employee, transport=Transport.EMAIL).latest("pk")) is None
    )


def test_a_program_gets_no_receipt(mailbox: Mailbox, employee: User) -> None:
    assert composed(arrived(mailbox, employee, machine="auto")) is None


def test_ten_receipts_an_hour_are_enough(mailbox: Mailbox, employee: User) -> None:
    given = []
    for _mail in range(12):
        receipt = arrived(mailbox, employee)
        given.append(composed(receipt) is not None)
        if given[-1]:
            Delivery.objects.filter(pk=receipt.pk).update(state=State.SENT, finished_at=timezone.now())
    assert given == [True] * 10 + [False] * 2


def test_every_reason_has_its_words_in_both_languages() -> None:
    for language in ("en", "ru"):
        with translation.override(language):
            assert all(str(words).strip() for words in letters.REASONS.values())


@pytest.mark.parametrize("transport", [Transport.EMAIL, Transport.TELEGRAM])
def test_every_verb_has_words(
    ticket: Ticket, employee: User, agent: User, lead: User, transport: str
) -> None:
    """Whatever is done to a ticket, its requester could be told in words that say more than that something changed."""
    actions.claim(ticket, by=web(agent))
    actions.change_status(ticket, status="IN_PROGRESS", by=web(agent))
    actions.set_priority(ticket, priority="HIGH", by=web(agent))
    actions.set_due(ticket, due_at=None, by=web(agent))
    actions.edit(ticket, title="Another title", by=web(agent))
    actions.change_status(ticket, status="DONE", by=web(agent))
    actions.reopen(ticket, by=web(agent))
    ticket.refresh_from_db()
    for seq in range(1, ticket.version + 1):
        delivery = Delivery(
            verb="x", subject_type="ticket", subject_id=ticket.public_id, seq=seq, reason="requester",
            transport=transport, recipient=employee, pk=10**9,
        )  # fmt: skip
        message = composed(delivery)
        assert message is not None
        assert "changed the ticket" not in message.text


def test_a_line_of_the_inbox_costs_three_queries_however_many_there_are(
    employee: User, agent: User, service: Service, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        actions.add_comment(opened(by=employee, service=service), body=f"Reply {number}", by=web(agent))
    mine = list(Delivery.objects.filter(recipient=employee, transport=Transport.INBOX))
    assert len(mine) == 6
    with django_assert_max_num_queries(3):
        told = letters.lines(mine, reader=employee)
    assert {line.text for line in told.values()} == {f"Reply {number}" for number in range(6)}


# --- Many at once ----------------------------------------------------------------------------------


def composed_together(ticket: Ticket) -> dict[User, Message | None]:
    """What each of those says who were told last, composed as one job does."""
    last = Delivery.objects.filter(subject_id=ticket.public_id).latest("seq").seq
    mails = list(
        Delivery.objects.filter(
            subject_id=ticket.public_id, transport=Transport.EMAIL, seq=last
        ).select_related("recipient")
    )
    compose = outbox.composer(mails)
    return {one.recipient: compose(one) for one in mails if one.recipient}


def test_together_each_reads_what_he_would_read_alone(
    held: Ticket, agent: User, employee: User, colleague: User, other_agent: User, mailbox: Mailbox
) -> None:
    for watcher in (colleague, other_agent):
        actions.watch(held, user=watcher, by=SYSTEM)
    User.objects.filter(pk=colleague.pk).update(language="ru", time_zone="Asia/Vladivostok")
    for body in ("Which cable?", "The white one?"):
        actions.add_comment(held, body=body, by=web(agent))
        together = composed_together(held)
        assert set(together) >= {employee, colleague, other_agent}
        for reader, message in together.items():
            assert message == mail(held, reader)
        Delivery.objects.update(state=State.SENT)
    assert len({message.reply_to for message in together.values() if message}) == len(together)


def test_together_each_is_asked_for_whether_he_may_still_read_it(
    held: Ticket, agent: User, employee: User, colleague: User, other_agent: User
) -> None:
    for watcher in (colleague, other_agent):
        actions.watch(held, user=watcher, by=SYSTEM)
    actions.add_comment(held, body="Only for us.", internal=True, by=web(agent))
    assert set(composed_together(held)) >= {other_agent}
    User.objects.filter(pk=other_agent.pk).update(role="EMPLOYEE")
    assert composed_together(held)[other_agent] is None  # a follower still, of what is not internal
    actions.add_comment(held, body="Which cable?", by=web(agent))
    held.watches.filter(user=colleague).delete()
    together = composed_together(held)
    assert together[colleague] is None
    assert together[employee] is not None


def test_ten_cost_hardly_more_questions_than_one(
    held: Ticket, employee: User, agent: User, django_assert_max_num_queries: Any
) -> None:
    for _number in range(9):
        actions.watch(held, user=UserFactory.create(), by=SYSTEM)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    with django_assert_max_num_queries(11):
        assert len(composed_together(held)) == 10
