"""One thread in every mail client, and answers that are nobody else's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import actions as people
from accounts.acting import SYSTEM
from accounts.models import User
from notifications.message import message_id
from notifications.models import Delivery, State, Transport
from tests.factories import opened, stand, web
from tickets import actions, correspondence, reply_address
from tickets.models import Service, Ticket
from tickets.models.mail import InboundMail, Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(admin: User) -> Mailbox:
    return Mailbox.objects.create(
        name="Desk", address="desk@example.com", host="localhost", username="desk", stand_in=admin
    )


def mailed(ticket: Ticket, to: User, *, state: str = State.SENT) -> Delivery:
    """A mail about the ticket's present version."""
    return Delivery.objects.create(
        kind="reply", verb="ticket.commented", subject_type="ticket", subject_id=ticket.public_id, seq=ticket.version,
        subject_name=str(ticket), reason="requester", transport=Transport.EMAIL, recipient=to, state=state,
    )  # fmt: skip


# --- Whose an answer is ----------------------------------------------------------------------------


def test_an_answer_is_its_readers_own(ticket: Ticket, employee: User, agent: User) -> None:
    mailed(ticket, agent)
    addresses = {correspondence.reply_to(ticket, one): one for one in (employee, agent)}
    assert len(addresses) == 2
    for address, person in addresses.items():
        assert correspondence.person_of(address) == (ticket, person)
        assert correspondence.person_of(address.upper()) == (ticket, person)


def test_a_reply_address_fits_into_mail(ticket: Ticket, employee: User, settings: Any) -> None:
    settings.MAIL_FROM = f"Desk <{'d' * 25}@example.com>"
    ticket.number = 9_999_999_999  # the longest number there can be
    local = correspondence.reply_to(ticket, employee).partition("@")[0]
    assert len(local) <= 64
    assert len(local.rpartition("-")[2]) * 5 >= 128
    settings.MAIL_FROM = f"Desk <{'d' * 26}@example.com>"
    assert correspondence.reply_to(ticket, employee) == ""


def forged(address: str) -> list[str]:
    local, _at, domain = address.partition("@")
    desk, _plus, tag = local.partition("+")
    number, _dash, mac = tag.partition("-")
    other = "a" if mac[0] != "a" else "b"
    return [
        f"{desk}@{domain}",
        f"{desk}+{number}@{domain}",
        f"{desk}+{number}-{other}{mac[1:]}@{domain}",
        f"{desk}+{int(number) + 1}-{mac}@{domain}",
        f"{desk}+{number}-{mac[:-1]}@{domain}",
        f"{desk}+{number}-{mac}a@{domain}",
        f"{desk}+{number}-@{domain}",
        f"{desk}+99999999999999999999-{mac}@{domain}",
        f"{mac}@{domain}",
        "",
        "@",
    ]


def test_forged_addresses_are_nobodys(ticket: Ticket, employee: User, service: Service) -> None:
    opened(by=employee, service=service)  # the next number exists
    good = correspondence.reply_to(ticket, employee)
    assert correspondence.person_of(good)
    for bad in forged(good):
        assert correspondence.person_of(bad) is None, bad


def test_a_token_of_one_ticket_is_none_for_another(ticket: Ticket, employee: User, service: Service) -> None:
    other = opened(by=employee, service=service)
    mac = correspondence.reply_to(ticket, employee).partition("-")[2]
    assert correspondence.person_of(f"desk+{other.number}-{mac}") is None


Ending = Callable[[User, User], object]
ENDINGS: dict[str, Ending] = {
    "another address": lambda user, admin: people.change_email(user, email="new@example.com", by=web(admin)),
    "another password": lambda user, admin: people.change_password(
        user, password="a very different password", by=web(user)
    ),
    "shut out": lambda user, admin: people.deactivate(user, by=web(admin)),
    "shut out and let in again": lambda user, admin: people.activate(
        people.deactivate(user, by=web(admin)), by=web(admin)
    ),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_token_dies_with_what_it_stands_for(
    ticket: Ticket, employee: User, admin: User, ending: Ending
) -> None:
    address = correspondence.reply_to(ticket, employee)
    assert correspondence.person_of(address)
    ending(employee, admin)
    assert correspondence.person_of(address) is None


def test_a_token_dies_with_the_right_to_read(
    ticket: Ticket, employee: User, colleague: User, admin: User
) -> None:
    actions.watch(ticket, user=colleague, by=SYSTEM)
    mailed(ticket, colleague)
    address = correspondence.reply_to(ticket, colleague)
    assert correspondence.person_of(address) == (ticket, colleague)
    actions.unwatch(ticket, user=colleague, by=SYSTEM)
    assert correspondence.person_of(address) is None
    own = correspondence.reply_to(ticket, employee)
    actions.delete(ticket, reason="A doublet.", by=web(admin))
    assert correspondence.person_of(own) is None


def test_a_token_outlives_a_new_secret_as_long_as_the_old_one_counts(
    ticket: Ticket, employee: User, settings: Any
) -> None:
    address = correspondence.reply_to(ticket, employee)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [settings.SECRET_KEY]
    assert correspondence.person_of(address) == (ticket, employee)
    settings.SECRET_KEY_FALLBACKS = []
    assert correspondence.person_of(address) is None


def test_an_agent_who_was_never_written_to_has_no_token(ticket: Ticket, agent: User) -> None:
    Delivery.objects.filter(recipient=agent).delete()
    assert correspondence.person_of(correspondence.reply_to(ticket, agent)) is None
    mailed(ticket, agent)
    assert correspondence.person_of(correspondence.reply_to(ticket, agent)) == (ticket, agent)


def test_the_mac_has_no_other_form() -> None:
    assert reply_address.read("desk+1042-" + "a" * 26 + "@example.com") == ("1042", "a" * 26)
    assert reply_address.read("Desk+1042-" + "A" * 26 + "@EXAMPLE.com") == ("1042", "a" * 26)
    assert reply_address.read("desk+1042-" + "1" * 26 + "@example.com") is None


# --- The thread ------------------------------------------------------------------------------------


def came(
    mailbox: Mailbox, ticket: Ticket, name: str, *, author: User, uid: int, before: bool = False
) -> InboundMail:
    """A mail of somebody's that became the ticket or a comment of it."""
    comment = None if before else actions.add_comment(ticket, body="By mail", by=web(author))
    moment = timezone.now() - timedelta(minutes=5) if before else timezone.now()
    return InboundMail.objects.create(
        mailbox=mailbox, uid_validity=1, uid=uid, raw=b"x", size=1, sha256="0" * 64, message_id=name,
        sender=author.email, ticket=ticket, comment=comment, fetched_at=moment,
        outcome="comment" if comment else "ticket", proof="token",
    )  # fmt: skip


def thread(ticket: Ticket, mail: Delivery) -> tuple[str, ...]:
    return correspondence.Post([mail], {ticket.public_id: ticket}).thread(mail)


def test_all_mails_to_one_reader_hang_below_one_root(ticket: Ticket, employee: User) -> None:
    first, second = mailed(ticket, employee), None
    assert thread(ticket, first) == (correspondence.root_of(ticket),)
    ticket = stand(ticket, "CANCELED")
    second = mailed(ticket, employee)
    assert thread(ticket, second) == (
        correspondence.root_of(ticket),
        message_id(first.public_id),
    )


def test_a_ticket_that_came_by_mail_hangs_below_that_mail(
    ticket: Ticket, employee: User, mailbox: Mailbox
) -> None:
    """His mail, our receipt, our answer, his answer, our answer: five of them, one chain in his mailbox."""
    came(mailbox, ticket, "<his-1@laptop>", author=employee, uid=1, before=True)
    receipt = mailed(ticket, employee)
    answer = mailed(stand(ticket, "CANCELED"), employee)
    came(mailbox, ticket, "<his-2@laptop>", author=employee, uid=2)
    ticket.refresh_from_db()
    last = mailed(ticket, employee)
    names = thread(ticket, last)
    assert names == (
        "<his-1@laptop>",
        correspondence.root_of(ticket),
        message_id(receipt.public_id),
        message_id(answer.public_id),
        "<his-2@laptop>",
    )


def test_nobody_learns_of_others_mails(
    ticket: Ticket, employee: User, colleague: User, mailbox: Mailbox
) -> None:
    actions.watch(ticket, user=colleague, by=SYSTEM)
    came(mailbox, ticket, "<his@laptop>", author=employee, uid=1)
    mailed(ticket, employee)
    mine = mailed(ticket, colleague)
    assert thread(ticket, mine) == (correspondence.root_of(ticket),)


def test_a_long_thread_names_its_beginning_and_its_end(ticket: Ticket, employee: User) -> None:
    sent = []
    for seq in range(100, 150):
        ticket.version = seq
        sent.append(mailed(ticket, employee))
    names = thread(ticket, sent[-1])
    assert len(names) == 11
    assert names[0] == correspondence.root_of(ticket)
    assert names[-1] == message_id(sent[-2].public_id)


def test_a_message_id_that_no_header_may_carry_is_left_out(
    ticket: Ticket, employee: User, mailbox: Mailbox
) -> None:
    for number, name in enumerate(["<a@b>\r\nBcc: all@example.com", "<a b@c>", "<ä@b>", "", "<>"]):
        came(mailbox, ticket, name, author=employee, uid=number)
    assert thread(ticket, mailed(ticket, employee)) == (correspondence.root_of(ticket),)


def test_references_lead_back_to_the_ticket(
    ticket: Ticket, employee: User, admin: User, service: Service
) -> None:
    sent, other = mailed(ticket, employee), opened(by=employee, service=service)
    assert correspondence.continued([correspondence.root_of(ticket)]) == ticket
    assert correspondence.continued(["<x@y>", message_id(sent.public_id).upper(), "<z@y>"]) == ticket
    assert correspondence.continued([correspondence.root_of(ticket), correspondence.root_of(other)]) == other
    for foreign in (
        f"<{uuid4().hex}@{settings.MAIL_DOMAIN}>",
        f"<{ticket.public_id.hex}@elsewhere>",
    ):
        assert correspondence.continued([foreign]) is None
    assert correspondence.continued([]) is None
    actions.delete(ticket, reason="A doublet.", by=web(admin))
    assert correspondence.continued([message_id(sent.public_id)]) is None
