"""Letters about accounts on their way: each once, whatever else there is."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts import letters as words
from accounts.models import User
from notifications import letters
from notifications.models import Delivery


@pytest.fixture(autouse=True)
def told_by_mail(settings: Any) -> None:
    settings.MAIL_HOST = "127.0.0.1"


@pytest.mark.django_db
def test_a_letter_is_the_same_one_after_an_update_that_brings_others(
    employee: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail: with the letter's place in NAMES for its `seq`."""
    thing = uuid4()
    letters.post(employee, "email_asked", about=thing)
    letters.post(employee, "email_confirm", about=thing)
    monkeypatch.setattr(words, "NAMES", {"another": "", **dict(reversed(words.NAMES.items()))})
    for kind in ("email_asked", "email_confirm"):
        with pytest.raises(IntegrityError), transaction.atomic():
            letters.post(employee, kind, about=thing)


@pytest.mark.django_db
def test_about_one_thing_there_may_be_all_of_them(employee: User) -> None:
    """Seen to fail: with one number for all letters."""
    thing = uuid4()
    for kind in words.NAMES:
        letters.post(employee, kind, about=thing)
    assert Delivery.objects.filter(subject_id=thing).count() == len(words.NAMES)
