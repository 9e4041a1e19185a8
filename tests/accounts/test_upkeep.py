"""What is over is forgotten, what is in use stays, and running it twice does no more than once."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event as Signal

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import upkeep
from accounts.allowances import WINDOW, spend
from accounts.models import Allowance, StoredAnswer, User
from tests.racing import at_once

pytestmark = pytest.mark.django_db


def kept(user: User, name: str, *, age: timedelta) -> StoredAnswer:
    answer: StoredAnswer = StoredAnswer.objects.create(
        user=user, key=name, request="", status=201, created_at=timezone.now() - age
    )
    return answer


def test_answers_are_kept_for_a_day_and_no_longer(employee: User) -> None:
    young = kept(employee, "young", age=timedelta(hours=23, minutes=59))
    kept(employee, "old", age=timedelta(hours=24, seconds=1))
    assert upkeep.forget_answers() == 1
    assert list(StoredAnswer.objects.all()) == [young]
    assert upkeep.forget_answers() == 0


def test_only_counters_of_windows_that_are_over_go() -> None:
    spend({"ada": 10, "bob": 10}, now=time.time() - WINDOW)
    [standing] = spend({"bob": 10})
    upkeep.forget_allowances()
    assert set(Allowance.objects.values_list("name", flat=True)) <= {"bob"}
    [after] = spend({"ada": 10})
    assert (standing.used, after.used) == (1, 1)


def test_tries_of_a_longer_window_stay_counted() -> None:
    later = time.time() + 60  # so that it cannot end while we look
    spend({"eve": 5}, window=15 * 60, now=later)
    assert upkeep.forget_allowances() == 0
    [standing] = spend({"eve": 5}, window=15 * 60, now=later)
    assert standing.used == 2


def test_sessions_that_are_over_go_and_the_others_stay_signed_in(
    employee: User, browser_of: Callable[[User], Client]
) -> None:
    gone, here = browser_of(employee), browser_of(employee)
    Session.objects.filter(pk=gone.session.session_key).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    assert upkeep.forget_sessions() == 1
    assert list(Session.objects.values_list("pk", flat=True)) == [here.session.session_key]
    assert here.get(reverse("accounts:profile")).status_code == 200


def test_many_go_in_batches(employee: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 3)
    for number in range(10):
        kept(employee, str(number), age=timedelta(days=2))
    assert upkeep.forget_answers() == 10
    assert not StoredAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_about_to_fill_is_left_to_him(employee: User) -> None:
    """A call with an old key has the row: upkeep neither waits for it nor takes it away."""
    row = kept(employee, "again", age=timedelta(days=2))
    kept(employee, "old", age=timedelta(days=2))
    locked, looked = Signal(), Signal()

    def call() -> None:
        with transaction.atomic():
            StoredAnswer.objects.select_for_update().get(pk=row.pk)
            locked.set()
            assert looked.wait(20)
            StoredAnswer.objects.filter(pk=row.pk).update(created_at=timezone.now())

    def clean() -> int:
        assert locked.wait(20)
        try:
            return upkeep.forget_answers()
        finally:
            looked.set()

    assert at_once(call, clean) == [None, 1]
    assert list(StoredAnswer.objects.all()) == [row]


def test_the_command_does_all_of_it_and_says_so(
    employee: User, browser_of: Callable[[User], Client], capsys: pytest.CaptureFixture[str]
) -> None:
    kept(employee, "old", age=timedelta(days=2))
    spend({"ada": 10}, now=time.time() - 2 * WINDOW)
    browser_of(employee)
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    call_command("upkeep")
    assert "answers 1, counters 1, sessions 1" in capsys.readouterr().out
    call_command("upkeep")
    assert "answers 0, counters 0, sessions 0" in capsys.readouterr().out
