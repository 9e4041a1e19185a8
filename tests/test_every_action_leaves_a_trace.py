"""Every verb leaves exactly one event for each thing it changed, or, if the event cannot be written, nothing at all."""

import inspect
import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts import actions as people
from accounts import api_keys, configuration, denials, reauthentication, sessions
from accounts.acting import SYSTEM, Actor
from accounts.factors import actions as factors
from accounts.factors import passkeys
from accounts.factors.passkeys import Shown
from accounts.links import actions as link_actions
from accounts.links import tokens as link_tokens
from accounts.models import ApiKey, Link, Purpose, Team, User
from audit import trail
from audit.models import Event
from notifications import outbox, preferences, webhooks
from notifications.models import Channel, Delivery, Webhook
from tests.authenticators import with_app, with_key
from tests.factories import ServiceFactory, TeamFactory, UserFactory, opened, stand, web
from tests.invariants import check
from tests.served import CHECKOUT
from tickets import actions, files
from tickets.actions import assigning
from tickets.models import Attachment, InboundMail, Mailbox, Service, Ticket
from tickets.models.mail import Outcome as MailOutcome
from tickets.models.mail import Why


@dataclass
class Desk:
    """Who and what the verbs are done to."""

    employee: User
    colleague: User
    agent: User
    helper: User
    admin: User
    service: Service
    new: Ticket  # nobody's
    held: Ticket  # the agent's, in progress
    done: Ticket
    key: ApiKey

    @property
    def he(self) -> Actor:
        return web(self.agent)

    @property
    def boss(self) -> Actor:
        return web(self.admin)


@pytest.fixture
def desk(
    employee: User, colleague: User, agent: User, other_agent: User, admin: User, service: Service
) -> Desk:
    return Desk(
        employee,
        colleague,
        agent,
        other_agent,
        admin,
        service,
        new=opened(by=employee, service=service),
        held=stand(opened(by=employee, service=service), "IN_PROGRESS", assignee=agent),
        done=stand(opened(by=employee, service=service), "DONE", assignee=agent),
        key=api_keys.issue(employee, name="Script", scopes=["read"], by=SYSTEM)[0],
    )


def renamed(row: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(row, name, value)
    return row


def made_confidential(desk: Desk) -> Service:
    """A service whose ticket is held by an agent of another team: he will have to let go."""
    service: Service = ServiceFactory.create(team=TeamFactory.create())
    stand(opened(by=desk.employee, service=service), "IN_PROGRESS", assignee=desk.agent)
    return renamed(service, confidential=True)  # type: ignore[no-any-return]


def _watched(desk: Desk) -> Ticket:
    return actions.watch(desk.held, user=desk.colleague, by=desk.boss)


def _attached(desk: Desk) -> Attachment:
    [file] = actions.attach(desk.held, files=[files.incoming("a.txt", b"a")], by=web(desk.employee))
    return file


def _held(desk: Desk) -> Attachment:
    file = _attached(desk)
    Attachment.objects.update(state="held")
    return file


def _lost(desk: Desk) -> Ticket:
    """A ticket whose holder has just been shut out."""
    leaving = UserFactory.create(role="AGENT", in_teams=[desk.service.team])
    ticket = stand(opened(by=desk.employee, service=desk.service), "IN_PROGRESS", assignee=leaving)
    User.objects.filter(pk=leaving.pk).update(is_active=False)
    return ticket


def _unseen(desk: Desk) -> Service:
    service = made_confidential(desk)
    service.save()
    return service


def _link(user: User, purpose: Purpose) -> Link:
    return link_tokens.make(user, purpose, email="new@example.com", former_email=user.email)


def _invited(desk: Desk) -> Link:
    return _link(UserFactory.create(has_password=False), Purpose.INVITATION)


def _signed_in(desk: Desk) -> UserSession:
    browser = Client()
    browser.force_login(desk.employee)
    browser.get("/account/")
    return UserSession.objects.get(user=desk.employee)


def _mailbox(desk: Desk) -> Mailbox:
    box = Mailbox(
        name="Desk",
        address="desk@example.com",
        host="imap.example.com",
        username="desk",
        service=desk.service,
        stand_in=desk.employee,
    )
    box.password = "secret"
    return box


def _mail(desk: Desk, **more: Any) -> InboundMail:
    box = _mailbox(desk)
    box.save()
    return InboundMail.objects.create(
        mailbox=box,
        uid_validity=1,
        uid=1,
        raw=b"From: x",
        size=7,
        sha256="0" * 64,
        sender="x@example.com",
        text="Hello",
        **more,
    )


def _held_mail(desk: Desk) -> InboundMail:
    return actions.hold_mail(_mail(desk), desk.held, why=Why.UNVOUCHED, by=SYSTEM)


def _unproven_mail(desk: Desk) -> InboundMail:
    mail = _mail(desk, outcome="ticket", ticket=desk.held)
    mail.sender = desk.colleague.email.upper()
    mail.save()
    return mail


@dataclass(frozen=True)
class After:
    """A deed to something that is made for it first, with events of its own."""

    ready: Callable[[Desk], Any]
    deed: Callable[[Desk, Any], Any]


Deed = Callable[[Desk], Any] | After
MONDAY = datetime(2031, 5, 5, tzinfo=UTC)

# A verb → how to do it, and the events that it leaves: one for each thing that was changed.
TICKETS: dict[str, tuple[Deed, list[str]]] = {
    "accept_sender": (
        After(_unproven_mail, lambda d, mail: actions.accept_sender(mail, by=d.he)),
        ["ticket.sender_accepted"],
    ),
    "add_comment": (
        lambda d: actions.add_comment(d.held, body="Any news?", by=web(d.employee)),
        ["ticket.commented"],
    ),
    "attach": (
        lambda d: actions.attach(d.held, files=[files.incoming("a.txt", b"a")], by=web(d.employee)),
        ["ticket.attached"],
    ),
    "note_download": (
        After(_attached, lambda d, file: actions.note_download(file, by=d.he)),
        ["attachment.downloaded"],
    ),
    "settle": (
        After(_held, lambda d, file: actions.settle(file, threat="Eicar", by=SYSTEM)),
        ["attachment.checked"],
    ),
    "assign": (lambda d: actions.assign(d.new, assignee=d.helper, by=d.boss), ["ticket.assigned"]),
    "cancel": (lambda d: actions.cancel(d.new, by=web(d.employee)), ["ticket.canceled"]),
    "change_status": (
        lambda d: actions.change_status(d.held, status="WAITING", comment="Which cable?", by=d.he),
        ["ticket.waiting"],
    ),
    "claim": (lambda d: actions.claim(d.new, by=d.he), ["ticket.claimed"]),
    "claim_next": (lambda d: actions.claim_next(by=d.he), ["ticket.claimed"]),
    "delete": (lambda d: actions.delete(d.new, reason="A doublet.", by=d.boss), ["ticket.deleted"]),
    "edit": (lambda d: actions.edit(d.new, title="Something better", by=web(d.employee)), ["ticket.edited"]),
    "give": (lambda d: actions.give(d.held, to=d.helper, by=d.he), ["ticket.handed_over"]),
    "hand_over": (
        lambda d: actions.hand_over(d.held, to=d.helper, note="Yours.", by=d.he),
        ["ticket.handed_over"],
    ),
    "hold_mail": (
        After(_mail, lambda d, mail: actions.hold_mail(mail, d.held, why=Why.UNVOUCHED, by=SYSTEM)),
        ["ticket.mail_held"],
    ),
    "in_bulk": (
        lambda d: actions.in_bulk(
            [d.new.public_id, d.held.public_id], "set_tags", {"tags": ["vpn"]}, by=d.he
        ),
        ["ticket.tags_set", "ticket.tags_set"],
    ),
    "note_evidence": (lambda d: actions.note_evidence(d.new, by=d.boss), ["evidence.taken"]),
    "note_source_read": (
        After(_mail, lambda d, mail: actions.note_source_read(mail, by=d.boss)),
        ["mail.source_read"],
    ),
    "open_ticket": (
        lambda d: actions.open_ticket(title="No sound", tags=["audio"], by=web(d.employee)),
        ["ticket.opened"],
    ),
    "read_again": (
        After(lambda d: _mail(d, outcome="quarantined"), lambda d, mail: actions.read_again(mail, by=d.boss)),
        ["mail.read_again"],
    ),
    "refuse_mail": (
        After(_held_mail, lambda d, mail: actions.refuse_mail(mail, by=d.he)),
        ["ticket.mail_refused"],
    ),
    "release": (After(_lost, lambda d, ticket: assigning.release(ticket, by=d.boss)), ["ticket.released"]),
    "release_mail": (
        After(_held_mail, lambda d, mail: actions.release_mail(mail, by=d.he)),
        ["ticket.mail_released"],
    ),
    "release_what_is_lost": (
        After(_lost, lambda d, ticket: actions.release_what_is_lost(ticket.assignee, by=d.boss)),
        ["ticket.released"],
    ),
    "release_what_is_unseen": (
        After(_unseen, lambda d, service: actions.release_what_is_unseen(service, by=d.boss)),
        ["ticket.released"],
    ),
    "reopen": (
        lambda d: actions.reopen(d.done, comment="It is back.", by=web(d.employee)),
        ["ticket.reopened"],
    ),
    "save_mailbox": (
        After(_mailbox, lambda d, box: actions.save_mailbox(box, password="new", by=d.boss)),
        ["mailbox.created"],
    ),
    "save_service": (
        After(made_confidential, lambda d, service: actions.save_service(service, by=d.boss)),
        ["service.changed", "ticket.released"],
    ),
    "set_due": (lambda d: actions.set_due(d.held, due_at=MONDAY, by=d.he), ["ticket.due_set"]),
    "set_priority": (
        lambda d: actions.set_priority(d.held, priority="HIGH", by=d.he),
        ["ticket.priority_set"],
    ),
    "set_service": (
        lambda d: actions.set_service(d.held, service=ServiceFactory.create(), by=d.he),
        ["ticket.service_set"],
    ),
    "set_tags": (lambda d: actions.set_tags(d.held, tags=["vpn"], by=d.he), ["ticket.tags_set"]),
    "turn_away": (
        After(
            _mail,
            lambda d, mail: actions.turn_away(mail, outcome=MailOutcome.IGNORED, why=Why.LOOP, by=SYSTEM),
        ),
        ["mail.ignored"],
    ),
    "unwatch": (
        After(_watched, lambda d, ticket: actions.unwatch(ticket, user=d.colleague, by=d.he)),
        ["ticket.unwatched"],
    ),
    "watch": (lambda d: actions.watch(d.held, user=d.colleague, by=d.he), ["ticket.watched"]),
}
PEOPLE: dict[str, tuple[Deed, list[str]]] = {
    "activate": (
        lambda d: people.activate(UserFactory.create(is_active=False), by=d.boss),
        ["user.activated"],
    ),
    "bootstrap_admin": (
        lambda d: people.bootstrap_admin(email="first@example.com", full_name="First", by=Actor(None, "api")),
        ["user.bootstrapped", "api_key.issued"],
    ),
    "change_email": (
        lambda d: people.change_email(d.employee, email="new@example.com", by=d.boss),
        ["user.email_changed"],
    ),
    "change_password": (
        lambda d: people.change_password(d.employee, password="correct horse battery", by=web(d.employee)),
        ["user.password_changed"],
    ),
    "change_profile": (
        lambda d: people.change_profile(
            d.employee, full_name="A. B.", language="ru", time_zone="UTC", shortcuts=False, by=d.boss
        ),
        ["user.profile_changed"],
    ),
    "change_role": (
        lambda d: people.change_role(d.agent, role="EMPLOYEE", by=d.boss),
        ["user.role_changed", "ticket.released"],
    ),
    "choose_language": (
        lambda d: people.choose_language(d.employee, language="ru", by=web(d.employee)),
        ["user.profile_changed"],
    ),
    "choose_theme": (
        lambda d: people.choose_theme(d.employee, theme="dark", by=web(d.employee)),
        ["user.profile_changed"],
    ),
    "create_user": (
        lambda d: people.create_user(
            email="new@example.com", full_name="New", teams={d.service.team: True}, by=d.boss
        ),
        ["user.created"],
    ),
    "deactivate": (lambda d: people.deactivate(d.agent, by=d.boss), ["user.deactivated", "ticket.released"]),
    "link_identity": (
        lambda d: people.link_identity(
            d.employee, issuer="https://id.example.com", uid="7", about={}, by=web(d.employee)
        ),
        ["user.identity_linked"],
    ),
    "set_teams": (lambda d: people.set_teams(d.agent, teams={}, by=d.boss), ["user.teams_changed"]),
    "sign_out_everywhere": (
        lambda d: people.sign_out_everywhere(d.employee, by=web(d.employee)),
        ["user.signed_out_everywhere"],
    ),
    "unlink_identity": (
        After(
            lambda d: people.link_identity(
                d.employee, issuer="https://id.example.com", uid="7", about={}, by=SYSTEM
            ),
            lambda d, _linked: people.unlink_identity(
                d.employee, issuer="https://id.example.com", by=web(d.employee)
            ),
        ),
        ["user.identity_unlinked"],
    ),
    "sign_in_refused": (
        lambda d: people.sign_in_refused("x@example.com", by=SYSTEM),
        ["user.sign_in_refused"],
    ),
    "signed_in": (lambda d: people.signed_in(d.employee, by=web(d.employee)), ["user.signed_in"]),
    "signed_out": (lambda d: people.signed_out(d.employee, by=web(d.employee)), ["user.signed_out"]),
}


class _WithApp:
    """Somebody who has an app, and its secret."""

    def __init__(self, desk: Desk) -> None:
        self.secret, self.codes = with_app(desk.employee)


def _shown_key(desk: Desk) -> Shown:
    browser = Client()
    browser.force_login(desk.employee)
    session = browser.session
    session[reauthentication.SHOWN] = int(time.time())
    session.save()
    return Shown(with_key(browser).credential_id, counter=1)


def _new_key(desk: Desk) -> dict[str, Any]:
    shown = _shown_key(desk)
    [row] = factors.of(desk.employee)
    kept: dict[str, Any] = row.data["credential"]
    assert passkeys.data_of(kept).credential_id == shown.credential_id
    factors.remove(desk.employee, which=factors.handle(row), by=web(desk.employee))
    return kept


FACTORS: dict[str, tuple[Deed, list[str]]] = {
    "add_app": (lambda d: with_app(d.employee), ["user.factor_added"]),
    "add_passkey": (
        After(
            _new_key,
            lambda d, kept: factors.add_passkey(d.employee, name="Key", credential=kept, by=web(d.employee)),
        ),
        ["user.factor_added"],
    ),
    "remove": (
        After(_WithApp, lambda d, _app: factors.remove(d.employee, which="app", by=web(d.employee))),
        ["user.factor_removed"],
    ),
    "renew_codes": (
        After(_WithApp, lambda d, _app: factors.renew_codes(d.employee, by=web(d.employee))),
        ["user.recovery_codes_made"],
    ),
    "reset": (
        After(_WithApp, lambda d, _app: factors.reset(d.employee, by=d.boss)),
        ["user.factors_reset"],
    ),
    "show_code": (
        After(
            _WithApp,
            lambda d, app: factors.show_code(d.employee, code=app.codes[0], by=web(d.employee)),
        ),
        ["user.recovery_code_used"],
    ),
    "show_passkey": (
        After(
            _shown_key,
            lambda d, shown: factors.show_passkey(d.employee, shown=shown, by=web(d.employee)),
        ),
        ["user.factor_shown"],
    ),
    "refused": (lambda d: factors.refused(d.employee, by=SYSTEM), ["user.factor_refused"]),
}
LINKED: dict[str, tuple[Deed, list[str]]] = {
    "accept_invitation": (
        After(
            _invited,
            lambda d, link: link_actions.accept_invitation(
                link, full_name="A. B.", language="ru", password="correct horse battery", by=web(link.user)
            ),
        ),
        ["user.invitation_accepted"],
    ),
    "ask_for_address": (
        lambda d: link_actions.ask_for_address(d.employee, email="new@example.com", by=web(d.employee)),
        ["user.email_change_asked"],
    ),
    "ask_for_password": (
        lambda d: link_actions.ask_for_password(d.employee.email, name=uuid4(), by=Actor(None, "web")),
        ["user.reset_asked"],
    ),
    "invite": (
        lambda d: link_actions.invite(UserFactory.create(has_password=False), by=d.boss),
        ["user.invited"],
    ),
    "reset_password": (
        After(
            lambda d: _link(d.employee, Purpose.RESET),
            lambda d, link: link_actions.reset_password(
                link, password="correct horse battery", by=web(d.employee)
            ),
        ),
        ["user.password_reset"],
    ),
    "stop_address": (
        After(
            lambda d: _link(d.employee, Purpose.EMAIL),
            lambda d, link: link_actions.stop_address(link, by=web(d.employee)),
        ),
        ["user.email_change_stopped"],
    ),
    "take_address": (
        After(
            lambda d: _link(d.employee, Purpose.EMAIL),
            lambda d, link: link_actions.take_address(link, by=web(d.employee)),
        ),
        ["user.email_changed"],
    ),
}
SESSIONS: dict[str, tuple[Deed, list[str]]] = {
    "end": (
        After(
            _signed_in,
            lambda d, listed: sessions.end(d.employee, sessions.name_of(listed), by=web(d.employee)),
        ),
        ["user.session_ended"],
    ),
    "end_others": (
        After(_signed_in, lambda d, _listed: sessions.end_others(d.employee, here="", by=web(d.employee))),
        ["user.sessions_ended"],
    ),
}
KEYS: dict[str, tuple[Deed, list[str]]] = {
    "issue": (
        lambda d: api_keys.issue(d.employee, name="Another", scopes=["read"], by=d.boss),
        ["api_key.issued"],
    ),
    "revoke": (lambda d: api_keys.revoke(d.key, by=d.boss), ["api_key.revoked"]),
    "rotate": (lambda d: api_keys.rotate(d.key, by=d.boss), ["api_key.issued", "api_key.replaced"]),
}
DENIALS: dict[str, tuple[Deed, list[str]]] = {
    "denied": (lambda d: denials.denied(d.employee, what="GET /admin/", by=web(d.employee)), ["user.denied"]),
    "key_refused": (lambda d: denials.key_refused("sf_wrong", by=SYSTEM), ["api_key.refused"]),
}
CONFIGURATION: dict[str, tuple[Deed, list[str]]] = {
    "save": (lambda d: configuration.save(Team(name="Facilities"), by=d.boss), ["team.created"]),
}


def _webhook(desk: Desk) -> Webhook:
    hears = {"name": "Monitoring", "url": "https://hooks.example.com/x", "topics": ["all"]}
    return webhooks.create(**hears, by=desk.boss)[0]  # type: ignore[arg-type]


def _failed(desk: Desk) -> Delivery:
    test = outbox.send_test(desk.employee, by=desk.boss)
    test.state = "failed"
    test.save()
    return test


def _made_channel(desk: Desk, **more: Any) -> Channel:
    return Channel(name="Ops", transport="telegram", address="-100", topics=["all"], **more)


WEBHOOKS: dict[str, tuple[Deed, list[str]]] = {
    "create": (_webhook, ["webhook.created"]),
    "change": (
        After(_webhook, lambda d, webhook: webhooks.change(renamed(webhook, is_active=False), by=d.boss)),
        ["webhook.changed"],
    ),
    "rotate_secret": (
        After(_webhook, lambda d, webhook: webhooks.rotate_secret(webhook, by=d.boss)),
        ["webhook.secret_rotated"],
    ),
    "delete": (After(_webhook, lambda d, webhook: webhooks.delete(webhook, by=d.boss)), ["webhook.deleted"]),
    "save_channel": (
        lambda d: webhooks.save_channel(_made_channel(d), token="1:abc", by=d.boss),
        ["channel.created"],
    ),
}
OUTBOX: dict[str, tuple[Deed, list[str]]] = {
    "send_again": (
        After(_failed, lambda d, delivery: outbox.send_again(delivery, by=d.boss)),
        ["delivery.sent_again"],
    ),
    "send_test": (lambda d: outbox.send_test(d.employee, by=d.boss), ["delivery.tested"]),
}
PREFERENCES: dict[str, tuple[Deed, list[str]]] = {
    "choose": (
        lambda d: preferences.choose(
            d.employee,
            wishes={("reply", "email"): False},
            contacts={},
            quiet=None,
            digest="daily",
            by=web(d.employee),
        ),
        ["notices.chosen"],
    ),
}

VERBS: dict[str, tuple[Deed, list[str]]] = {
    f"{module}.{name}": verb
    for module, verbs in (
        ("tickets", TICKETS),
        ("people", PEOPLE),
        ("factors", FACTORS),
        ("by mail", LINKED),
        ("sessions", SESSIONS),
        ("keys", KEYS),
        ("configuration", CONFIGURATION),
        ("webhooks", WEBHOOKS),
        ("outbox", OUTBOX),
        ("preferences", PREFERENCES),
        ("denials", DENIALS),
    )
    for name, verb in verbs.items()
}
# What takes an actor and is none: `expect` and `hold` only lock, `require_admin` and `require_admin_still` ask,
# `revoke_all` is a part of `deactivate`; `named_in` only looks who it is.
NO_VERBS = {"expect", "hold", "named_in", "require_admin", "require_admin_still", "revoke_all"}

each_verb = pytest.mark.parametrize(("deed", "events"), VERBS.values(), ids=VERBS)


def verbs_of(module: ModuleType) -> set[str]:
    """Whatever of it somebody does: every verb says by whom."""
    return {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and "by" in inspect.signature(function).parameters
    }


def modules_of(package: ModuleType) -> list[ModuleType]:
    return [import_module(module.name) for module in iter_modules(package.__path__, f"{package.__name__}.")]


def test_nobody_writes_events_beside_the_verbs() -> None:
    """Whatever may write one is among the modules that are searched for verbs here."""
    writers = {
        str(path.relative_to(CHECKOUT))
        for app in ("serviceflow", "tickets", "notifications", "accounts", "audit")
        for path in (CHECKOUT / app).rglob("*.py")
        if re.search(
            r"\btrail\.record\(|(?<!\.)\bEvent\(|\bEvent\.objects\.(create|bulk_create)", path.read_text()
        )
    }
    assert writers == {
        "accounts/actions.py",
        "accounts/api_keys.py",
        "accounts/links/actions.py",
        "accounts/changing.py",
        "accounts/configuration.py",
        "accounts/factors/actions.py",
        "accounts/sessions.py",
        "accounts/denials.py",
        "audit/models.py",  # the class itself
        "audit/trail.py",
        "notifications/outbox.py",
        "notifications/preferences.py",
        "notifications/webhooks.py",
        "tickets/actions/_record.py",
        "tickets/actions/evidence.py",
        "tickets/actions/mail.py",
    }


def test_every_verb_there_is_has_its_case_here() -> None:
    of_tickets = {
        name for module in modules_of(actions) if "._" not in module.__name__ for name in verbs_of(module)
    }
    assert set(TICKETS) == of_tickets - NO_VERBS
    assert set(TICKETS) >= set(actions.__all__) - NO_VERBS - {"Outcome", "look_at"}
    assert set(PEOPLE) == verbs_of(people) - NO_VERBS
    assert set(FACTORS) == verbs_of(factors) - NO_VERBS
    assert set(LINKED) == verbs_of(link_actions) - NO_VERBS
    assert set(SESSIONS) == verbs_of(sessions) - NO_VERBS
    assert set(KEYS) == verbs_of(api_keys) - NO_VERBS
    assert set(CONFIGURATION) == verbs_of(configuration) - NO_VERBS
    assert set(WEBHOOKS) == verbs_of(webhooks) - NO_VERBS
    assert set(OUTBOX) == verbs_of(outbox) - NO_VERBS
    assert set(PREFERENCES) == verbs_of(preferences) - NO_VERBS
    assert set(DENIALS) == verbs_of(denials) - NO_VERBS
    assert {*TICKETS, *PEOPLE, *KEYS, *CONFIGURATION, *PREFERENCES}.isdisjoint(NO_VERBS)


def prepared(deed: Deed, desk: Desk) -> Callable[[], Any]:
    """The deed, with all made that it is done to."""
    if isinstance(deed, After):
        return partial(deed.deed, desk, deed.ready(desk))
    return partial(deed, desk)


@each_verb
def test_a_verb_leaves_one_event_for_each_thing_it_changed(desk: Desk, deed: Deed, events: list[str]) -> None:
    do = prepared(deed, desk)
    before = set(Event.objects.values_list("id", flat=True))
    do()
    left = Event.objects.exclude(id__in=before).order_by("id")
    assert list(left.values_list("verb", flat=True)) == events
    assert {event.subject_type for event in Event.objects.all()} <= {*trail.KEPT, *trail.TOLD}
    assert trail.first_fault() is None
    assert check(connection) == []


@each_verb
def test_what_an_event_says_of_its_subject_can_be_compared_with_it(
    desk: Desk, deed: Deed, events: list[str]
) -> None:
    """Or `verify_audit` would pass over the field."""
    prepared(deed, desk)()
    fields: defaultdict[str, set[str]] = defaultdict(set)
    for event in Event.objects.exclude(subject_id=None):
        fields[event.subject_type] |= set(event.changes) - trail.ADDITIONS
    for kind, spoken_of in fields.items():
        if not spoken_of:
            continue  # a message was sent once more, a file was taken away: nothing is another for it
        present = next(iter((trail.KEPT | trail.TOLD)[kind]()))
        assert spoken_of <= set(present.state), kind


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
    }


@each_verb
def test_a_verb_whose_event_cannot_be_written_leaves_nothing(
    desk: Desk, deed: Deed, events: list[str]
) -> None:
    do = prepared(deed, desk)
    verb = events[-1]
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # or the table could not be altered in this transaction
        cursor.execute(f"ALTER TABLE audit_event ADD CONSTRAINT not_today CHECK (verb <> '{verb}') NOT VALID")
    before = everything()
    with pytest.raises(IntegrityError, match="not_today"), transaction.atomic():
        do()
    assert everything() == before


def test_a_number_that_somebody_else_has_taken_leaves_nothing_either(desk: Desk) -> None:
    forged = trail.Subject("ticket", desk.new.public_id, desk.new.reference, desk.new.version + 1)
    trail.record("ticket.forged", forged, by=SYSTEM)
    before = everything()
    with pytest.raises(IntegrityError, match="event_seq_once"), transaction.atomic():
        actions.claim(desk.new, by=desk.he)
    assert everything() == before
