"""Who hears of what, and why; and who does not."""

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.acting import SYSTEM, Actor
from accounts.models import Team, User
from notifications import attempts
from notifications.models import Channel, Delivery, Preference, Transport, Webhook
from tests.factories import ServiceFactory, UserFactory, opened, stand, web
from tickets import actions, notices
from tickets.apps import TICKET_VERBS
from tickets.models import Service, Ticket
from tickets.models.mail import InboundMail, Mailbox, Why

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _post_office(settings: Any) -> None:
    settings.MAIL_HOST = "mail.example.com"


def told(ticket: Ticket, *, by: str = Transport.INBOX) -> dict[str, str]:
    """Who was told of the ticket's last event: {first name: reason}."""
    ticket.refresh_from_db()
    rows = Delivery.objects.filter(subject_id=ticket.public_id, seq=ticket.version, transport=by)
    return {row.recipient.full_name.split()[0]: row.reason for row in rows if row.recipient}


@pytest.fixture
def held(ticket: Ticket, agent: User, other_agent: User, colleague: User) -> Ticket:
    """In progress with Igor; Boris, an employee, and Olga, an agent, follow it."""
    ticket = stand(ticket, "IN_PROGRESS", assignee=agent)
    actions.watch(ticket, user=colleague, by=SYSTEM)
    return actions.watch(ticket, user=other_agent, by=SYSTEM)


def test_a_new_ticket_is_told_to_the_agents_of_its_team(
    employee: User, agent: User, stranger: User, service: Service, team: Team
) -> None:
    gone = UserFactory.create(role="AGENT", in_teams=[team], is_active=False)
    demoted = UserFactory.create(role="EMPLOYEE", in_teams=[team])
    ticket = opened(by=employee, service=service)
    assert told(ticket) == {"Igor": "team"}
    assert told(ticket, by=Transport.EMAIL) == {}
    assert not Delivery.objects.filter(recipient__in=[gone, demoted, stranger]).exists()


def test_whoever_opens_it_for_somebody_is_not_told_and_the_other_is(
    employee: User, colleague: User, service: Service
) -> None:
    ticket = opened(by=employee, requester=colleague, service=service)
    assert told(ticket) == told(ticket, by=Transport.EMAIL) == {"Борис": "requester"}


def test_a_ticket_that_is_held_from_the_beginning_is_no_news_for_the_team(
    lead: User, agent: User, other_agent: User, employee: User, service: Service
) -> None:
    ticket = opened(by=lead, requester=employee, service=service, assignee=agent)
    assert told(ticket) == {"Igor": "assignee", "Anna": "requester"}


def test_a_mail_is_answered_by_mail_alone(employee: User, service: Service) -> None:
    ticket = actions.open_ticket(title="By mail", service=service, by=Actor(employee, "mail"))
    assert told(ticket) == {}
    assert told(ticket, by=Transport.EMAIL) == {"Anna": "sender"}


def test_a_reply_of_the_desk_reaches_everybody_but_its_writer(held: Ticket, agent: User) -> None:
    actions.add_comment(held, body="Which cable?", by=web(agent))
    everybody = {"Anna": "requester", "Борис": "watcher", "Olga": "watcher"}
    assert told(held) == told(held, by=Transport.EMAIL) == everybody


def test_an_answer_of_the_requester_reaches_who_works_on_it(held: Ticket, employee: User) -> None:
    actions.add_comment(held, body="The white one.", by=web(employee))
    assert told(held) == {"Igor": "assignee", "Борис": "watcher", "Olga": "watcher"}


def test_an_answer_that_nobody_would_read_reaches_the_team(
    ticket: Ticket, employee: User, agent: User, other_agent: User
) -> None:
    actions.add_comment(ticket, body="Still broken.", by=web(employee))
    assert told(ticket) == {"Igor": "team", "Olga": "team"}


def test_an_internal_note_is_for_agents(held: Ticket, other_agent: User) -> None:
    actions.add_comment(held, body="He always says that.", internal=True, by=web(other_agent))
    assert told(held) == told(held, by=Transport.EMAIL) == {"Igor": "assignee"}


def test_a_note_reaches_no_channel_and_a_reply_does(held: Ticket, agent: User) -> None:
    room = Channel.objects.create(name="Room", transport=Transport.SLACK, topics=["all"])
    actions.add_comment(held, body="A note", internal=True, by=web(agent))
    assert not Delivery.objects.filter(channel=room).exists()
    actions.add_comment(held, body="A reply", by=web(agent))
    assert [row.verb for row in Delivery.objects.filter(channel=room)] == ["ticket.commented"]


def test_a_confidential_ticket_reaches_the_channels_of_its_team_and_no_general_one(
    employee: User, confidential: Service, other_team: Team
) -> None:
    Channel.objects.create(name="All", transport=Transport.SLACK, topics=["all"])
    Channel.objects.create(name="HR", transport=Transport.SLACK, topics=[f"team:{other_team.public_id}"])
    opened(by=employee, service=confidential)
    assert [row.channel.name for row in Delivery.objects.filter(channel__isnull=False) if row.channel] == [
        "HR"
    ]


def test_whoever_gets_and_whoever_loses_it_hear_of_a_new_assignee(
    held: Ticket, lead: User, agent: User, other_agent: User
) -> None:
    actions.hand_over(held, to=other_agent, by=web(lead))
    assert told(held) == {"Olga": "assignee", "Igor": "before", "Anna": "requester"}
    # It is work for the one and no more for the other; the requester finds it in his inbox.
    assert told(held, by=Transport.EMAIL) == {"Olga": "assignee", "Igor": "before"}


def test_a_note_at_handing_over_keeps_it_from_the_requester(
    held: Ticket, lead: User, other_agent: User
) -> None:
    actions.hand_over(held, to=other_agent, note="He is rude.", by=web(lead))
    assert told(held) == {"Olga": "assignee", "Igor": "before"}


def test_a_ticket_given_back_to_a_team_is_told_to_that_team(
    held: Ticket, agent: User, other_team: Team, stranger: User
) -> None:
    actions.hand_over(held, team=other_team, by=web(agent))
    assert told(held) == {"Sam": "team", "Anna": "requester"}


def test_what_a_leaver_held_is_told_to_his_team_and_not_to_him(
    held: Ticket, agent: User, other_agent: User, admin: User
) -> None:
    from accounts import actions as people

    people.deactivate(agent, by=web(admin))
    assert told(held) == {"Olga": "team", "Anna": "requester"}


@pytest.mark.parametrize(
    ("verb", "status"), [("waiting", "WAITING"), ("resolved", "DONE"), ("canceled", "CANCELED")]
)
def test_everybody_hears_where_it_stands(held: Ticket, agent: User, verb: str, status: str) -> None:
    actions.change_status(held, status=status, comment="Because.", by=web(agent))
    everybody = {"Anna": "requester", "Борис": "watcher", "Olga": "watcher"}
    assert told(held, by=Transport.EMAIL) == everybody
    assert Delivery.objects.filter(verb=f"ticket.{verb}").exists()


def test_small_changes_send_no_mail(held: Ticket, agent: User, lead: User) -> None:
    actions.set_priority(held, priority="LOW", by=web(lead))
    assert told(held) == {"Igor": "assignee", "Anna": "requester"}
    assert told(held, by=Transport.EMAIL) == {}
    actions.set_tags(held, tags=["vpn"], by=web(lead))
    assert told(held) == {"Igor": "assignee"}


def test_whoever_is_added_hears_of_it_and_whoever_is_removed_does_not(
    ticket: Ticket, employee: User, colleague: User
) -> None:
    actions.watch(ticket, user=colleague, by=web(employee))
    assert told(ticket, by=Transport.EMAIL) == {"Борис": "added"}
    actions.unwatch(ticket, user=colleague, by=web(employee))
    assert told(ticket) == {}


def test_every_verb_says_who_hears_of_it() -> None:
    """A verb without an audience would fail at its first use; here it is named."""
    assert set(notices.AUDIENCES) == {f"ticket.{verb}" for verb in TICKET_VERBS}


def test_a_held_mail_waits_for_the_assignee_or_else_for_the_team(
    ticket: Ticket, agent: User, other_agent: User, admin: User
) -> None:
    mailbox = Mailbox.objects.create(
        name="Desk", address="desk@example.com", host="localhost", username="desk", stand_in=admin
    )
    for uid, expected in ((1, {"Igor": "team", "Olga": "team"}), (2, {"Igor": "assignee"})):
        mail = InboundMail.objects.create(
            mailbox=mailbox, uid_validity=1, uid=uid, raw=b"x", size=1, sha256="0" * 64
        )
        actions.hold_mail(mail, ticket, why=Why.UNVOUCHED, by=SYSTEM)
        assert told(ticket) == expected
        InboundMail.objects.update(outcome="ignored")  # of several that wait they hear once
        ticket = actions.give(ticket, to=agent, by=SYSTEM)


def test_nobody_is_told_of_a_deleted_ticket(held: Ticket, admin: User) -> None:
    actions.delete(held, reason="A doublet.", by=web(admin))
    assert not Delivery.objects.filter(verb="ticket.deleted").exists()


def test_everybody_decides_what_he_hears_of(
    held: Ticket, agent: User, employee: User, colleague: User
) -> None:
    Preference.objects.create(user=employee, kind="reply", transport=Transport.EMAIL, wanted=False)
    Preference.objects.create(user=colleague, kind="reply", transport=Transport.INBOX, wanted=False)
    actions.add_comment(held, body="Which cable?", by=web(agent))
    assert told(held, by=Transport.EMAIL) == {"Борис": "watcher", "Olga": "watcher"}
    assert told(held) == {"Anna": "requester", "Olga": "watcher"}


def test_the_kind_of_an_event_is_each_readers_own(
    held: Ticket, lead: User, agent: User, other_agent: User
) -> None:
    """Igor has switched off what is given to him, Anna wants mails of every change."""
    Preference.objects.create(user=agent, kind="assigned", transport=Transport.EMAIL, wanted=False)
    Preference.objects.create(user=held.requester, kind="change", transport=Transport.EMAIL, wanted=True)
    actions.hand_over(held, to=other_agent, by=web(lead))
    assert told(held, by=Transport.EMAIL) == {"Olga": "assignee", "Anna": "requester"}


def test_a_desk_without_a_mail_server_keeps_no_mails(held: Ticket, agent: User, settings: Any) -> None:
    settings.MAIL_HOST = ""
    actions.add_comment(held, body="Which cable?", by=web(agent))
    assert told(held, by=Transport.EMAIL) == {}
    assert told(held)


def test_urgent_work_is_marked_as_such_and_talk_about_it_is_not(
    employee: User, agent: User, lead: User, service: Service
) -> None:
    ticket = opened(by=employee, service=service, priority="URGENT")
    assert set(Delivery.objects.values_list("urgent", flat=True)) == {True}
    actions.assign(ticket, assignee=agent, by=web(lead))
    actions.add_comment(ticket, body="Hurry.", by=web(employee))
    assert set(
        Delivery.objects.filter(verb="ticket.assigned", recipient=agent).values_list("urgent", flat=True)
    ) == {True}
    assert set(Delivery.objects.filter(verb="ticket.commented").values_list("urgent", flat=True)) == {False}


def test_telling_costs_one_statement_and_one_for_the_followers(
    employee: User, agent: User, django_assert_num_queries: Any
) -> None:
    ticket = opened(by=employee, service=ServiceFactory.create())
    held = Ticket.objects.locked(ticket.pk)
    held.version += 1
    with django_assert_num_queries(2):
        notices.announce("ticket.commented", held, by=web_actor(agent))
    held.version += 1
    with django_assert_num_queries(1):
        notices.announce("ticket.priority_set", held, by=web_actor(agent))


def web_actor(user: User) -> Any:
    return Actor(user, "web")


def test_mails_of_an_event_share_jobs_and_nothing_else_does(
    held: Ticket, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "TOGETHER", 10)
    for _number in range(9):
        actions.watch(held, user=UserFactory.create(), by=SYSTEM)
    webhooks = [webhook_of(f"Monitoring {number}") for number in range(2)]
    ProcrastinateJob.objects.all().delete()
    actions.add_comment(held, body="Which cable?", by=web(agent))
    announced = Delivery.objects.filter(subject_id=held.public_id).exclude(transport=Transport.INBOX)
    of_this = announced.filter(seq=announced.latest("seq").seq)
    jobs = list(ProcrastinateJob.objects.values_list("queue_name", "args"))
    shares = sorted((queue, len(args["deliveries"])) for queue, args in jobs)
    assert shares == [("email", 2), ("email", 10), *[("webhook", 1)] * len(webhooks)]
    assert sorted(one for _queue, args in jobs for one in args["deliveries"]) == sorted(
        str(one) for one in of_this.values_list("public_id", flat=True)
    )


def webhook_of(name: str) -> Webhook:
    webhook = Webhook(name=name, url="https://example.com/hook", topics=["all"])
    webhook.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook.save()
    return webhook
