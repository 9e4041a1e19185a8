"""Writing an event: what it holds, and that what was written reads back as the same."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import api_keys
from accounts.acting import SYSTEM, Actor
from accounts.models import User
from audit import trail
from audit.models import Event

pytestmark = pytest.mark.django_db

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def test_an_event_holds_who_through_which_door_and_with_which_key(admin: User) -> None:
    key, _raw = api_keys.issue(admin, name="Intranet", scopes=["write"], by=SYSTEM)
    actor = Actor(admin, "api", key, request_id="r-1", address="2001:db8::7")
    trail.record("thing.done", trail.Subject("thing", uuid4(), "A thing"), by=actor, changes={"size": (1, 2)})
    event = Event.objects.get(verb="thing.done")
    assert (event.actor_id, event.actor_name) == (admin.public_id, "Maria Petrova")
    assert (event.door, event.api_key_prefix, event.request_id) == ("api", key.prefix, "r-1")
    assert (event.address, event.seq, event.changes) == ("2001:db8::7", None, {"size": [1, 2]})


def test_the_desk_itself_has_a_name_and_no_id() -> None:
    trail.record("thing.done", trail.Subject("thing", None, "A thing"), by=SYSTEM)
    event = Event.objects.get()
    assert (event.actor_id, event.actor_name, event.door) == (None, "ServiceFlow", "system")


def test_a_name_as_of_then_stays(admin: User) -> None:
    trail.record("thing.done", trail.Subject("thing", None, "A thing"), by=Actor(admin, "web"))
    User.objects.filter(pk=admin.pk).update(full_name="Maria Orlova")
    assert Event.objects.get().actor_name == "Maria Petrova"


def test_longer_names_are_cut_to_fit(admin: User) -> None:
    admin.full_name = "M" * 300
    trail.record("thing.done", trail.Subject("thing", None, "ы" * 300), by=Actor(admin, "web"))
    event = Event.objects.get()
    assert (len(event.actor_name), len(event.subject_name)) == (255, 255)
    assert trail.first_fault() is None


def test_a_number_taken_already_is_refused() -> None:
    subject = trail.Subject("thing", uuid4(), "A thing", seq=1)
    trail.record("thing.done", subject, by=SYSTEM)
    with pytest.raises(IntegrityError), transaction.atomic():
        trail.record("thing.done", subject, by=SYSTEM)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(TEXT, st.tuples(VALUE, VALUE), max_size=3),
    comment=TEXT,
    name=TEXT,
    address=st.none() | st.ip_addresses().map(str),
)
def test_whatever_is_written_reads_back_with_the_digest_it_was_written_with(
    db: None, changes: trail.Changes, comment: str, name: str, address: str | None
) -> None:
    actor = Actor(None, "mail", address=address)
    with transaction.atomic():
        written = trail.record(
            "thing.done", trail.Subject("thing", uuid4(), name), by=actor, changes=changes, comment=comment
        )
        read = Event.objects.get(pk=written.pk)
        assert read.digest == read.computed_digest() == written.digest
        assert (read.comment, read.changes) == (
            comment,
            {field: list(pair) for field, pair in changes.items()},
        )
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "address",
    [
        "2001:DB8:0:0::1",
        "::ffff:192.0.2.1",
        "::FFFF:c000:201",
        "::c000:201",
        "2001:db8::",
        "192.0.2.1",
        "fe80::1",
    ],
)
def test_however_an_address_is_written_it_is_no_tampering(address: str) -> None:
    trail.record(
        "thing.done", trail.Subject("thing", None, "A thing"), by=Actor(None, "web", address=address)
    )
    assert trail.first_fault() is None
