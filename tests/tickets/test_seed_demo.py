"""The demo desk is made by the verbs, is the same for the same day, and is never made where it would do harm."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import ApiKey, Installation, User
from audit.models import Event
from tests.factories import UserFactory
from tickets.demo import seeding
from tickets.demo.catalogue import SERVICES
from tickets.demo.people import PEOPLE
from tickets.demo.planning import DESK, chosen, plan
from tickets.models import Comment, Service, Ticket

SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)
MONDAY = SUNDAY + timedelta(days=1)


def seed(tickets: int = 60) -> str:
    said = StringIO()
    call_command("seed_demo", tickets=tickets, stdout=said)
    return said.getvalue()


def everything() -> list[Any]:
    """All tickets, events and comments, apart from ids and numbers."""
    tickets = Ticket.objects.order_by("number").values_list(
        "title", "status", "waiting_for", "requester__email", "assignee__email", "source", "version", "created_at",
        "updated_at", "first_responded_at", "resolved_at", "due_at",
    )  # fmt: skip
    events = Event.objects.order_by("id").values_list("at", "actor_name", "verb", "seq", "comment", "door")
    comments = Comment.objects.order_by("id").values_list("author__email", "body", "internal", "created_at")
    return [*tickets, *events, *comments]


@pytest.mark.parametrize("until", [SUNDAY, MONDAY, datetime(2026, 3, 5, tzinfo=UTC)])
def test_four_hundred_requests_fit_into_ninety_days(until: datetime) -> None:
    requests, steps = plan(tickets=400, until=until)
    assert len(requests) == 400
    assert steps == sorted(steps)
    assert until - timedelta(days=91) < steps[0].at < steps[-1].at < until
    openings = [step.at for step in steps if step.do == "open"]
    weeks = {(until - at).days // 7 for at in openings}
    assert weeks == set(range(13))
    for number in range(400):
        mine = [step for step in steps if step.request == number]
        assert [step.number for step in mine] == list(range(1, len(mine) + 1))


def test_nobody_works_at_night_or_opens_a_request_at_the_weekend() -> None:
    _requests, steps = plan(tickets=400, until=MONDAY)
    zones = {person.key: person.time_zone for person in PEOPLE}
    for step in steps:
        if step.turn or step.do == "open":
            local = step.at.astimezone(ZoneInfo(zones[step.who]))
            assert local.weekday() < 5
            assert 8 <= local.hour < 19
            assert 9 <= step.at.astimezone(DESK).hour < 18


def test_each_variant_is_told_once() -> None:
    told = [(story.key, number) for story, number in chosen(400)]
    assert len(set(told)) == 400
    with pytest.raises(ValueError, match="1 to"):
        list(chosen(100_000))


@pytest.mark.django_db
def test_the_desk_is_there_in_every_state_and_its_audit_holds() -> None:
    said = seed()
    assert User.objects.count() == 40
    assert Service.objects.count() == len(SERVICES) == 12
    assert Ticket.objects.count() == 60
    states = set(Ticket.objects.values_list("status", "waiting_for"))
    assert states == {
        ("NEW", ""), ("IN_PROGRESS", ""), ("WAITING", "REQUESTER"), ("WAITING", "THIRD_PARTY"), ("DONE", ""),
        ("CANCELED", ""),
    }  # fmt: skip
    assert set(Ticket.objects.values_list("source", flat=True)) == {"web", "api"}
    assert "admin@northwind.example" in said
    assert seeding.PASSWORD in said
    call_command("verify_audit", stdout=StringIO())


@pytest.mark.django_db
def test_ids_numbers_and_times_grow_together_and_none_is_in_the_future() -> None:
    seed()
    for times in (
        list(Event.objects.order_by("id").values_list("at", flat=True)),
        list(Ticket.objects.order_by("number").values_list("created_at", flat=True)),
        list(Comment.objects.order_by("id").values_list("created_at", flat=True)),
    ):
        assert times == sorted(times)
        assert times[-1] <= timezone.now()
    first = Ticket.objects.order_by("number")[0].created_at
    assert max(User.objects.values_list("created_at", flat=True)) < first
    assert max(ApiKey.objects.values_list("created_at", flat=True)) < first
    assert Installation.objects.get().bootstrapped_at < first
    assert not Ticket.objects.filter(updated_at__lt=F("created_at")).exists()
    assert not Ticket.objects.filter(status="DONE", resolved_at=None).exists()


@pytest.mark.django_db
def test_the_same_day_gives_the_same_desk() -> None:
    desks = []
    for _run in range(2):
        with transaction.atomic():
            seed(25)
            desks.append(everything())
            transaction.set_rollback(True)
    assert desks[0] == desks[1]


@pytest.mark.django_db
def test_the_printed_sign_ins_work_and_no_key_is_left_lying_about() -> None:
    seed(1)
    assert authenticate(username="lead@northwind.example", password=seeding.PASSWORD)
    assert not ApiKey.objects.filter(name="bootstrap", revoked_at=None).exists()


@pytest.mark.django_db
def test_the_clock_runs_on_afterwards() -> None:
    seed(1)
    assert datetime.now(UTC) - timezone.now() < timedelta(seconds=5)
    with pytest.raises(ValueError, match="backwards"), seeding.clock_from(MONDAY) as clock:
        clock.move_to(SUNDAY)
    assert datetime.now(UTC) - timezone.now() < timedelta(seconds=5)


@pytest.mark.django_db
def test_it_is_refused_where_others_could_sign_in(settings: LazySettings) -> None:
    settings.DEMO_ALLOWED = False
    with pytest.raises(CommandError, match="password that everybody knows"):
        seed(1)
    assert not User.objects.exists()


@pytest.mark.django_db
def test_it_is_refused_where_people_are_already() -> None:
    UserFactory.create()
    with pytest.raises(CommandError, match="has people already"):
        seed(1)
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_the_sign_ins_of_a_demo_desk_and_of_no_other_can_be_printed_again() -> None:
    said = StringIO()
    call_command("seed_demo", "--sign-ins", stdout=said)
    assert said.getvalue() == ""
    seed(1)
    call_command("seed_demo", "--sign-ins", stdout=said)
    assert said.getvalue().count("@") == 4


@pytest.mark.django_db
def test_it_says_how_many_tickets_there_may_be() -> None:
    with pytest.raises(CommandError, match="1 to 423 tickets"):
        seed(9999)
    assert not User.objects.exists()
