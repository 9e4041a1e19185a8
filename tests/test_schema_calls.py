"""Calls made up from the API's own description, by each role: no 5xx, and no answer that it does not describe."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from audit.models import Event
from tests.factories import web
from tests.invariants import check
from tickets import actions
from tickets.models import Comment, Ticket

pytestmark = pytest.mark.django_db

EXAMPLES = 8  # for each operation and role
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def operations(db: None) -> Iterator[dict[str, Any]]:
    """Everything the API offers, by operation id; called in this very process, inside the test's transaction."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    results = list(schema.get_all_operations())
    found = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(found) == len(results)
    yield {operation.definition.raw["operationId"]: operation for operation in found}
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@pytest.mark.parametrize("role", ["employee", "agent", "admin"])
def test_made_up_calls_are_answered_as_described(
    request: pytest.FixtureRequest,
    operations: dict[str, Any],
    key_of: Callable[..., str],
    ticket: Ticket,
    agent: User,
    role: str,
) -> None:
    key = key_of(request.getfixturevalue(role))
    actions.add_comment(ticket, body="Somebody there?", by=web(agent))
    real = {"ticket": str(ticket.public_id), "user": str(agent.public_id)}
    assert len(operations) > 25
    events = Event.objects.count()
    answered = {status for operation in operations.values() for status in _call(operation, key, real)}
    # Each call was undone, so that the next one finds the same desk.
    assert Event.objects.count() == events
    assert (Ticket.objects.count(), Comment.objects.count()) == (1, 1)
    assert {200, 201, 400, 404} <= answered
    assert check(connection) == []


def _call(operation: Any, key: str, real: dict[str, str]) -> set[int]:
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), is_real=st.sampled_from([True, True, False]))
    def call(case: Any, is_real: bool) -> None:
        if is_real and case.path_parameters:
            case.path_parameters = {
                name: real.get(name, value) for name, value in case.path_parameters.items()
            }
        with transaction.atomic():
            response = case.call(headers={"X-API-Key": key})
            transaction.set_rollback(True)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    call()
    return seen
