"""A mail proves nothing by itself: every way to pretend ends as the mail of a stranger."""

import pytest

from accounts import actions as people
from accounts.acting import SYSTEM
from accounts.models import User
from audit.models import Event
from notifications.models import Delivery
from tests.factories import stand
from tests.tickets.mail.post import BELIEVED, arrives, crude
from tickets import actions, correspondence
from tickets.models import Comment, InboundMail, Mailbox, Service, Ticket

PASSES = f"Authentication-Results: {BELIEVED}; dmarc=pass header.from=example.com"
ANNA = "From: Anna Kuznetsova <anna@example.com>"
SUBJECT = "Subject: VPN"


def reply_address(ticket: Ticket, person: User) -> str:
    return correspondence.reply_to(ticket, person)


def is_of_a_stranger(mail: InboundMail) -> bool:
    """Whether nothing was done in anybody's name, and nobody outside is told."""
    if mail.comment is not None or mail.proof:
        return False
    if mail.ticket is not None and mail.outcome == "ticket":
        return mail.ticket.requester.email == mail.ticket.author.email == "unknown@example.com"
    return mail.outcome in {"held", "quarantined"}


# --- Known people ----------------------------------------------------------------------------------


def test_whoever_our_own_host_vouches_for_opens_a_ticket(employee: User, mailbox: Mailbox) -> None:
    mail = arrives(mailbox, proven=True)
    assert (mail.outcome, mail.proof) == ("ticket", "dmarc")
    assert mail.ticket is not None
    assert mail.ticket.requester == employee
    assert (mail.ticket.title, mail.ticket.source) == ("VPN", "mail")
    assert mail.ticket.service == mailbox.service
    assert mail.ticket.description == "The VPN drops every ten minutes."


def test_whoever_answers_to_his_reply_address_comments(
    employee: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = arrives(mailbox, to=reply_address(ticket, employee), text="It is worse now.")
    assert (mail.outcome, mail.proof, mail.ticket) == ("comment", "token", ticket)
    comment = Comment.objects.get()
    assert (comment.body, comment.author, comment.source) == ("It is worse now.", employee, "mail")
    assert not comment.internal


def test_a_proven_sender_is_led_to_his_ticket_by_the_mails_he_answers(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    told = Delivery.objects.filter(subject_id=ticket.public_id).first()
    assert told is None or told.recipient != employee
    root = correspondence.root_of(ticket)
    mail = arrives(mailbox, proven=True, In_Reply_To=root, References=root)
    assert (mail.outcome, mail.ticket) == ("comment", ticket)


def test_an_answer_puts_a_waiting_ticket_back_to_work(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    waiting = stand(ticket, "WAITING", assignee=agent)
    mail = arrives(mailbox, to=reply_address(waiting, employee))
    assert mail.outcome == "comment"
    ticket.refresh_from_db()
    assert ticket.status == "IN_PROGRESS"


def test_a_closed_ticket_is_continued_in_a_new_one(
    employee: User, agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    done = stand(ticket, "DONE", assignee=agent)
    to = reply_address(done, employee)
    Ticket.objects.filter(pk=done.pk).update(closed_at=done.resolved_at)
    mail = arrives(mailbox, to=to)
    assert (mail.outcome, mail.proof) == ("ticket", "token")
    assert mail.ticket is not None
    assert mail.ticket.requester == employee
    assert f"Continues {done.reference}." in mail.ticket.description


def test_a_mailbox_may_be_a_teams(employee: User, mailbox: Mailbox, service: Service) -> None:
    Mailbox.objects.update(service=None, team=service.team)
    mail = arrives(mailbox, proven=True)
    assert mail.ticket is not None
    assert (mail.ticket.team, mail.ticket.service) == (service.team, None)


def test_a_proven_colleague_of_a_trusted_domain_gets_an_account(mailbox: Mailbox) -> None:
    Mailbox.objects.update(trusted_domains=["example.com"])
    mail = arrives(
        mailbox, sender="Вера Новикова <vera@example.com>", text="Не работает принтер", proven=True
    )
    vera = User.objects.get(email="vera@example.com")
    assert (vera.full_name, vera.role, vera.language) == ("Вера Новикова", "EMPLOYEE", "ru")
    assert mail.ticket is not None
    assert mail.ticket.requester == vera
    assert not vera.has_usable_password()


def test_a_proven_address_of_another_domain_stays_a_stranger(mailbox: Mailbox) -> None:
    Mailbox.objects.update(trusted_domains=["example.com"])
    mail = arrives(mailbox, sender="vera@example.org", proven=True)
    assert is_of_a_stranger(mail)
    assert not User.objects.filter(email="vera@example.org").exists()


# --- Those who pretend -----------------------------------------------------------------------------

FORGED = {
    "nothing but From": [ANNA, SUBJECT],
    "a Reply-To": ["From: mallory@evil.example", "Reply-To: anna@example.com", SUBJECT],
    "a Sender": ["From: mallory@evil.example", "Sender: anna@example.com", SUBJECT],
    "a Return-Path": ["Return-Path: <anna@example.com>", ANNA, SUBJECT],
    "results of another host": [
        "Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com",
        ANNA,
    ],
    "results in the name of our host with more behind it": [
        f"Authentication-Results: {BELIEVED}.evil.example; dmarc=pass header.from=example.com",
        ANNA,
    ],
    "results for another domain": [
        f"Authentication-Results: {BELIEVED}; dmarc=pass header.from=evil.example",
        ANNA,
    ],
    "results without a domain": [f"Authentication-Results: {BELIEVED}; dmarc=pass", ANNA],
    "two domains": [
        f"Authentication-Results: {BELIEVED}; dmarc=pass header.from=evil.example header.from=example.com",
        ANNA,
    ],
    "results that came with the mail, below our own": [
        f"Authentication-Results: {BELIEVED}; dmarc=fail header.from=example.com",
        PASSES,
        ANNA,
    ],
    "results that came with the mail, below ours about something else": [
        f"Authentication-Results: {BELIEVED}; spf=pass smtp.mailfrom=evil.example",
        PASSES,
        ANNA,
    ],
    "a pass in a comment": [
        f"Authentication-Results: {BELIEVED}; dmarc=fail (dmarc=pass header.from=example.com) header.from=example.com",
        ANNA,
    ],
    "a pass in the address that SPF speaks of": [
        (
            f"Authentication-Results: {BELIEVED}; spf=pass"
            ' smtp.mailfrom="a;dmarc=pass header.from=example.com;b"@evil.example'
        ),
        ANNA,
    ],
    "a field that begins in the middle of another": [f"Subject: VPN\r{PASSES}", ANNA],
    "a pass between two addresses that swallow the fail": [
        (
            f"Authentication-Results: {BELIEVED};"
            ' spf=pass smtp.mailfrom="; dmarc=pass header.from=example.com; ("@evil.example;'
            ' dmarc=fail header.from=example.com; dkim=none header.i=")"@evil.example'
        ),
        ANNA,
    ],
    "a comment that never ends": [
        f"Authentication-Results: {BELIEVED}; dmarc=pass header.from=example.com (and so on",
        ANNA,
    ],
    "a pass and a fail": [
        f"Authentication-Results: {BELIEVED}; dmarc=fail header.from=example.com; dmarc=pass header.from=example.com",
        ANNA,
    ],
    "only SPF and DKIM": [
        f"Authentication-Results: {BELIEVED}; spf=pass; dkim=pass header.d=example.com",
        ANNA,
    ],
    "ARC in place of it": [
        f"ARC-Authentication-Results: i=1; {BELIEVED}; dmarc=pass header.from=example.com",
        ANNA,
    ],
    "two From fields": [PASSES, ANNA, "From: mallory@example.com"],
    "two From fields the other way round": [PASSES, "From: mallory@example.com", ANNA],
    "two addresses": [PASSES, "From: anna@example.com, mallory@example.com"],
    "a group": [PASSES, "From: Staff: anna@example.com;"],
    "a group of nobody": [PASSES, "From: anna@example.com:;"],
    "an encoded address": [PASSES, "From: =?utf-8?Q?anna?=@example.com"],
    "an encoded address in brackets": [PASSES, "From: <=?utf-8?Q?anna?=@example.com>"],
    "an address in the name": [
        "Authentication-Results: mx; dmarc=pass",
        'From: "anna@example.com" <mallory@evil.example>',
    ],
    "an encoded comma": [PASSES, "From: =?utf-8?Q?anna=40example=2Ecom=3E=2C?= <mallory@evil.example>"],
    "two pairs of brackets": [PASSES, "From: <anna@example.com> <mallory@evil.example>"],
    "a bracket in the wrong place": [PASSES, "From: mallory@evil.example <anna@example.com"],
    "a quoted local part": [PASSES, 'From: "anna"@example.com'],
    "a route": [PASSES, "From: <@evil.example:anna@example.com>"],
    "a comment in the address": [PASSES, "From: anna@(evil.example)example.com"],
    "a homograph": [PASSES, "From: аnna@example.com"],
    "a line break": [PASSES, "From: anna@example.com\r\n\t, mallory@example.com"],
    "no From at all": [PASSES, "Sender: anna@example.com"],
}


@pytest.mark.parametrize("lines", FORGED.values(), ids=FORGED)
def test_whoever_only_says_that_he_is_anna_is_nobody(
    employee: User, mailbox: Mailbox, ticket: Ticket, lines: list[str]
) -> None:
    root = correspondence.root_of(ticket)
    written = [
        *lines,
        f"In-Reply-To: {root}",
        f"References: {root}",
        f"Subject: Re: [{ticket.reference}] VPN",
    ]
    before = Delivery.objects.count()
    alone = arrives(mailbox, crude(*lines))
    pointing = arrives(mailbox, crude(*written))
    assert is_of_a_stranger(alone)
    assert is_of_a_stranger(pointing)
    assert (pointing.outcome, pointing.ticket) == ("held", ticket)
    assert not Comment.objects.exists()
    outside = Delivery.objects.filter(pk__gt=before, recipient__in=[employee.pk], transport="email")
    assert not outside.exists()


def test_the_same_with_the_word_of_our_host_is_anna(employee: User, mailbox: Mailbox) -> None:
    """That the forged ones fail for what is forged, and not for something all of them lack."""
    mail = arrives(mailbox, crude(PASSES, ANNA, SUBJECT))
    assert mail.ticket is not None
    assert mail.ticket.requester == employee


def test_the_token_of_somebody_else_is_no_proof(
    employee: User, colleague: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = arrives(mailbox, sender="boris@example.com", to=reply_address(ticket, employee))
    assert (mail.outcome, mail.ticket, mail.proof) == ("held", ticket, "")
    assert not Comment.objects.exists()


def test_who_found_a_token_and_is_proven_to_be_another_does_not_get_in(
    employee: User, colleague: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = arrives(
        mailbox, sender="boris@example.com", to=reply_address(ticket, employee), text="?", proven=True
    )
    assert mail.outcome == "ticket"
    assert mail.ticket not in {None, ticket}
    assert mail.ticket is not None
    assert mail.ticket.requester == colleague
    assert ticket.title not in mail.ticket.description


def test_a_changed_token_is_no_proof(employee: User, mailbox: Mailbox, ticket: Ticket) -> None:
    right = reply_address(ticket, employee)
    local, _at, domain = right.partition("@")
    wrong = f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    assert arrives(mailbox, to=right).outcome == "comment"
    assert is_of_a_stranger(arrives(mailbox, to=wrong))


def test_a_token_with_a_sender_whom_our_host_disowns_is_no_proof(
    employee: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    fails = f"Authentication-Results: {BELIEVED}; dmarc=fail header.from=example.com"
    mail = arrives(mailbox, crude(fails, ANNA, SUBJECT, f"To: {reply_address(ticket, employee)}"))
    assert (mail.outcome, mail.ticket) == ("held", ticket)


def test_a_token_dies_with_the_account(employee: User, mailbox: Mailbox, ticket: Ticket) -> None:
    to = reply_address(ticket, employee)
    people.deactivate(employee, by=SYSTEM)
    assert is_of_a_stranger(arrives(mailbox, to=to))
    assert is_of_a_stranger(arrives(mailbox, to=to, proven=True))


def test_a_token_dies_with_the_right_to_read(
    employee: User, colleague: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    actions.watch(ticket, user=colleague, by=SYSTEM)
    to = reply_address(ticket, colleague)
    sender = "boris@example.com"
    assert arrives(mailbox, sender=sender, to=to).outcome == "comment"
    actions.unwatch(ticket, user=colleague, by=SYSTEM)
    mail = arrives(mailbox, sender=sender, to=to)
    assert is_of_a_stranger(mail)
    again = arrives(mailbox, sender=sender, to=to, proven=True)
    assert again.outcome == "ticket"
    assert again.ticket != ticket


def test_a_proven_sender_joins_no_ticket_that_he_may_not_see(
    colleague: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    root = correspondence.root_of(ticket)
    mail = arrives(mailbox, sender="boris@example.com", text="?", proven=True, References=root)
    assert mail.outcome == "ticket"
    assert mail.ticket is not None
    assert mail.ticket != ticket
    assert ticket.title not in mail.ticket.title + mail.ticket.description


def test_a_number_in_the_subject_leads_nobody_onto_a_ticket(
    employee: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    mail = arrives(mailbox, subject=f"Re: [{ticket.reference}] VPN", proven=True)
    assert mail.outcome == "ticket"
    assert mail.ticket != ticket
    assert not Comment.objects.filter(ticket=ticket).exists()


def test_without_a_believed_host_nobody_vouches(employee: User, mailbox: Mailbox) -> None:
    Mailbox.objects.update(authserv_id="")
    assert is_of_a_stranger(arrives(mailbox, proven=True))


def test_a_mailbox_may_put_strangers_into_quarantine(
    employee: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    Mailbox.objects.update(unverified="quarantine")
    mail = arrives(mailbox)
    assert (mail.outcome, mail.ticket) == ("quarantined", None)
    assert mail.reason == "nobody vouches for the sender"
    assert Event.objects.filter(verb="mail.quarantined", subject_id=mail.public_id).exists()
    assert Ticket.objects.count() == 1


# --- Who else got it -------------------------------------------------------------------------------


def test_people_of_the_desk_who_got_the_mail_follow_the_ticket(
    employee: User, colleague: User, mailbox: Mailbox
) -> None:
    mail = arrives(mailbox, proven=True, Cc="boris@example.com, desk@example.com, somebody@elsewhere.example")
    assert mail.ticket is not None
    assert [watch.user for watch in mail.ticket.watches.all()] == [colleague]


def test_a_stranger_brings_nobody(employee: User, colleague: User, mailbox: Mailbox) -> None:
    mail = arrives(mailbox, Cc="boris@example.com")
    assert mail.ticket is not None
    assert not mail.ticket.watches.exists()


@pytest.mark.parametrize("policy", ["ticket", "quarantine"])
def test_a_forged_copy_that_came_first_keeps_nobody_out(
    employee: User, mailbox: Mailbox, policy: str
) -> None:
    mailbox.unverified = policy
    mailbox.save()
    same = {"Message_ID": "<one@example.com>", "text": "My screen is black."}
    forged = arrives(mailbox, **same)
    assert not forged.is_proven
    genuine = arrives(mailbox, proven=True, **same)
    assert (genuine.outcome, genuine.proof) == ("ticket", "dmarc")
    assert genuine.ticket is not None
    assert genuine.ticket.requester == employee
    again, forged_again = arrives(mailbox, proven=True, **same), arrives(mailbox, **same)
    assert {again.outcome, forged_again.outcome} == {"ignored"}
