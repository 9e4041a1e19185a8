"""Acting on what one has seen: a stale version is refused."""

from functools import partial

import pytest
from django.db import transaction

from accounts.acting import Stale
from accounts.models import User
from tests.factories import web
from tests.racing import at_once
from tickets import actions
from tickets.models import Service, Ticket


def test_the_version_that_stands_is_accepted(ticket: Ticket) -> None:
    with transaction.atomic():
        assert actions.expect(ticket, version=1) == ticket


@pytest.mark.parametrize("version", [0, 1, 3])
def test_any_other_is_stale(agent: User, ticket: Ticket, version: int) -> None:
    actions.claim(ticket, by=web(agent))
    with pytest.raises(Stale) as refusal, transaction.atomic():
        actions.expect(ticket, version=version)
    assert refusal.value.status == 412
    assert refusal.value.details == {"seen": version, "version": 2}


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_change_what_they_saw_one_does(agent: User, service: Service, ticket: Ticket) -> None:
    actor = web(agent)

    def set_tag(n: int) -> Ticket:
        with transaction.atomic():
            seen = actions.expect(ticket, version=1)
            return actions.set_tags(seen, tags=[f"tag{n}"], by=actor)

    results = at_once(*[partial(set_tag, n) for n in range(8)])
    assert sum(isinstance(result, Ticket) for result in results) == 1, results
    assert sum(isinstance(result, Stale) for result in results) == 7
    assert Ticket.objects.get().version == 2
