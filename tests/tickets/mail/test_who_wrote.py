"""A mail proves nothing by itself: every way to pretend ends as the mail of a stranger."""

import re

import pytest
from django.utils import timezone

from accounts import actions as people
from accounts.acting import SYSTEM
from accounts.models import Team, User
from audit.models import Event
from notifications.message import message_id
from notifications.models import Delivery
from tests.factories import ServiceFactory, UserFactory, opened, stand, web
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


# --- Answers to internal notes ---------------------------------------------------------------------


@pytest.fixture
def bella(team: Team) -> User:
    return UserFactory.create(email="bella@example.com", full_name="Bella", role="AGENT", in_teams=[team])


def noted(ticket: Ticket, *, by: User, to: User) -> dict[str, str]:
    """The header fields of an answer to the mail with which somebody was told of a note."""
    actions.claim(ticket, by=web(to))
    actions.add_comment(ticket, body="He has quit.", internal=True, by=web(by))
    told = Delivery.objects.get(recipient=to, verb="ticket.noted", transport="email")
    name = message_id(told.public_id)
    return {"In_Reply_To": name, "References": f"{correspondence.root_of(ticket)} {name}"}


def test_a_note_is_answered_by_a_note_whoever_was_told_of_it(
    agent: User, bella: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    to = correspondence.reply_to(ticket, agent, note=True)
    passed_on = arrives(mailbox, sender=bella.email, to=to, proven=True)
    own = arrives(mailbox, sender=agent.email, to=to)
    gone = arrives(
        mailbox,
        sender=bella.email,
        to=re.sub("n-.*@", f"n-{'a' * 26}@", to),  # of somebody who is gone by now
        proven=True,
        References=correspondence.root_of(ticket),
    )
    assert [mail.proof for mail in (passed_on, own, gone)] == ["dmarc", "token", "dmarc"]
    for mail in (passed_on, own, gone):
        assert mail.comment is not None
        assert mail.comment.internal


def test_an_agents_answer_to_what_is_forgotten_is_a_note(
    employee: User, agent: User, bella: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    answer = noted(ticket, by=bella, to=agent)
    known = arrives(mailbox, sender=agent.email, proven=True, text="1", **answer)
    Delivery.objects.all().delete()
    forgotten = arrives(mailbox, sender=agent.email, proven=True, text="2", **answer)
    for mail in (known, forgotten):
        assert mail.comment is not None
        assert mail.comment.internal
    # Who was never told of a note answers what everybody may read, and so does whose reply address says so.
    hers = arrives(mailbox, sender=employee.email, proven=True, text="3", **answer)
    his = arrives(mailbox, sender=agent.email, to=reply_address(ticket, agent), text="4", **answer)
    for mail in (hers, his):
        assert mail.comment is not None
        assert not mail.comment.internal


def test_an_agent_answers_a_ticket_for_everybody_by_its_thread(
    agent: User, mailbox: Mailbox, ticket: Ticket
) -> None:
    root = correspondence.root_of(ticket)
    mail = arrives(mailbox, sender=agent.email, proven=True, In_Reply_To=root, References=root)
    assert mail.comment is not None
    assert not mail.comment.internal


@pytest.mark.parametrize("way", ["by its reply address", "by its reply address and DMARC", "by its thread"])
def test_who_is_no_agent_any_more_answers_no_note_in_public(
    agent: User, bella: User, mailbox: Mailbox, service: Service, way: str
) -> None:
    own = opened(by=agent, service=service)
    answer = noted(own, by=bella, to=agent)
    to = correspondence.reply_to(own, agent, note=True)
    User.objects.filter(pk=agent.pk).update(role="EMPLOYEE")
    if way == "by its thread":
        mail = arrives(mailbox, sender=agent.email, proven=True, **answer)
    else:
        mail = arrives(mailbox, sender=agent.email, to=to, proven="DMARC" in way)
    assert (mail.outcome, mail.ticket, mail.of_note) == ("held", own, True)
    assert "its sender is no agent" in mail.reason
    assert Comment.objects.filter(internal=False).count() == 0


# --- Confidential tickets ----------------------------------------------------------------------------


def closed(ticket: Ticket) -> Ticket:
    ended = stand(ticket, "CANCELED")
    Ticket.objects.filter(pk=ended.pk).update(closed_at=timezone.now())
    return ended


@pytest.mark.parametrize("proof", ["token", "dmarc", "dmarc and a subject"])
def test_what_continues_a_confidential_ticket_is_as_confidential(
    employee: User, agent: User, mailbox: Mailbox, confidential: Service, proof: str
) -> None:
    before = closed(opened(by=employee, service=confidential, title="Payroll question"))
    fields = {"to": reply_address(before, employee)}
    if proof == "dmarc":
        fields = {"References": correspondence.root_of(before)}
    if proof == "dmarc and a subject":
        fields = {"subject": f"Re: [{before.reference}] Payroll question"}
    mail = arrives(mailbox, text="5000", proven=proof != "token", **fields)
    assert (mail.outcome, mail.proof) == ("ticket", proof[:5])
    assert mail.ticket is not None
    assert mail.ticket != before
    assert (mail.ticket.service, mail.ticket.team) == (confidential, confidential.team)
    assert not Ticket.objects.visible_to(agent).filter(pk=mail.ticket.pk).exists()
    told = Delivery.objects.filter(subject_id=mail.ticket.public_id)
    assert not told.filter(recipient=agent).exists()


def test_what_continues_a_ticket_goes_to_the_team_that_had_it(
    employee: User, mailbox: Mailbox, other_team: Team
) -> None:
    before = opened(by=employee)
    Ticket.objects.filter(pk=before.pk).update(team=other_team)
    mail = arrives(mailbox, to=reply_address(closed(before), employee))
    assert mail.ticket is not None
    assert mail.ticket != before
    assert (mail.ticket.service, mail.ticket.team) == (None, other_team)


def test_what_cannot_be_continued_where_it_was_goes_to_the_mailbox_or_is_kept_from_everybody(
    employee: User, mailbox: Mailbox, confidential: Service
) -> None:
    retired = ServiceFactory.create(name_en="Pager")
    plain, secret = (opened(by=employee, service=one) for one in (retired, confidential))
    Service.objects.filter(pk__in=[retired.pk, confidential.pk]).update(is_active=False)
    mail = arrives(mailbox, to=reply_address(closed(plain), employee))
    assert mail.ticket is not None
    assert mail.ticket.service == mailbox.service
    mail = arrives(mailbox, to=reply_address(closed(secret), employee))
    assert (mail.outcome, mail.ticket) == ("quarantined", None)


def test_who_may_not_see_a_confidential_ticket_continues_it_nowhere_else(
    employee: User, colleague: User, mailbox: Mailbox, confidential: Service
) -> None:
    secret = opened(by=employee, service=confidential)
    root = correspondence.root_of(secret)
    mail = arrives(mailbox, sender="boris@example.com", text="> 5000", proven=True, References=root)
    assert (mail.outcome, mail.ticket) == ("held", secret)


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
    "a From field with a blank before the colon": [PASSES, ANNA, "From : mallory@evil.example"],
    "the same with a tab": [PASSES, ANNA, "from\t: mallory@evil.example"],
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
