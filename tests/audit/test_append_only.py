"""What happened cannot be made not to have happened: the database refuses."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit.models import Event
from tests.factories import opened
from tickets.models import Ticket


def by_raw_sql(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor_name = 'Somebody else'",
        "UPDATE audit_event SET id = id + 1000000",
        "UPDATE audit_event SET digest = digest",
        "DELETE FROM audit_event",
        "DELETE FROM audit_event WHERE id = (SELECT max(id) FROM audit_event)",
        "TRUNCATE audit_event",
        "TRUNCATE audit_event CASCADE",
        "INSERT INTO audit_event SELECT * FROM audit_event ON CONFLICT (id) DO UPDATE SET actor_name = 'Somebody'",
    ],
)
def test_no_event_is_changed_or_deleted_by_raw_sql(ticket: Ticket, statement: str) -> None:
    before = list(Event.objects.order_by("id").values())
    with pytest.raises(IntegrityError, match="append-only"):
        by_raw_sql(statement)
    assert list(Event.objects.order_by("id").values()) == before


def test_nor_by_the_models(ticket: Ticket) -> None:
    event = Event.objects.get()
    event.comment = "Added later."
    for deed in (event.save, event.delete, Event.objects.all().delete):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            deed()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Event.objects.update(comment="Added later.")


def test_a_number_in_a_history_is_given_once(employee: User) -> None:
    ticket = opened(by=employee)
    with pytest.raises(IntegrityError, match="event_seq_once"):
        by_raw_sql(
            "INSERT INTO audit_event (at, actor_name, door, api_key_prefix, request_id, verb, subject_type, subject_id,"
            " subject_name, seq, changes, comment, internal, digest)"
            f" VALUES (now(), '', 'web', '', '', 'ticket.claimed', 'ticket', '{ticket.public_id}', '', 1, '{{}}', '',"
            " false, '')"
        )
