"""The description of the API says what the API does, and the page that shows it is our own."""

import json
from functools import cache
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework import serializers

from accounts import serializers as people_shapes
from accounts.models import ApiKey, User
from audit.models import Event
from tests.factories import opened, stand, web
from tests.program import Program, program_of
from tickets import actions
from tickets import serializers as shapes
from tickets.models import Service, Ticket

__all__ = ["program_of"]

# A state and a code are good for one sign-in of one session.
ONCE_BY_THEMSELVES = {"createSignInLink", "completeSignIn"}
CHANGES = {"post", "patch", "put", "delete"}


@cache
def schema() -> dict[str, Any]:
    written = StringIO()
    call_command("spectacular", format="openapi-json", validate=True, fail_on_warn=True, stdout=written)
    described: dict[str, Any] = json.loads(written.getvalue())
    return described


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, each)
        for path, methods in schema()["paths"].items()
        for method, each in methods.items()
    ]


def test_it_is_openapi_3_1_of_v1_alone() -> None:
    assert schema()["openapi"] == "3.1.0"
    assert all(path.startswith("/api/v1/") and not path.endswith("/") for path in schema()["paths"])


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [each["operationId"] for _path, _method, each in operations()]
    assert len(names) == len(set(names))
    for path, method, each in operations():
        assert each["summary"], (path, method)
        assert each["tags"], (path, method)
        assert {"ApiKey", "BearerKey", "Session"} <= {name for way in each["security"] for name in way}


def test_every_operation_names_its_errors_with_examples() -> None:
    for path, method, each in operations():
        expected = {"400", "401", "403", "406", "429", "503"}
        expected |= {"409", "412", "413", "415"} if method in CHANGES else set()
        expected |= {"404"} if "{" in path else set()
        assert expected <= each["responses"].keys(), (path, method)
        for status in expected:
            problem = each["responses"][status]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert problem["examples"]


def test_every_body_has_an_example() -> None:
    for path, method, each in operations():
        for status, answer in each["responses"].items():
            for content in answer.get("content", {}).values():
                assert content.get("examples"), (path, method, status)
        for content in each.get("requestBody", {}).get("content", {}).values():
            assert content.get("examples"), (path, method)


def test_every_change_may_be_conditional_and_sent_twice() -> None:
    for path, method, each in operations():
        names = {parameter["name"] for parameter in each.get("parameters", [])}
        assert ("If-Match" in names) == (method in CHANGES), (path, method)
        resends = method in {"post", "patch"} and each["operationId"] not in ONCE_BY_THEMSELVES
        assert ("Idempotency-Key" in names) == resends, (path, method)


def test_a_body_holds_nothing_beyond_its_fields() -> None:
    inputs = {
        name: each for name, each in schema()["components"]["schemas"].items() if name.endswith("Input")
    }
    assert {"TicketInput", "TicketChangeInput", "StatusInput", "UserInput"} <= inputs.keys()
    assert all(each["additionalProperties"] is False for each in inputs.values())


# --- What is declared is what is given ------------------------------------------------------------


def check(
    shape: serializers.BaseSerializer[Any] | serializers.Field[Any, Any, Any, Any], given: Any, where: str
) -> None:
    """Whether plain output has the fields, the nulls and the words that its serializer declares."""
    if given is None:
        assert shape.allow_null, where
    elif isinstance(shape, serializers.ListSerializer):
        for each in given:
            assert shape.child is not None
            check(shape.child, each, where)
    elif isinstance(shape, serializers.Serializer):
        required = {name for name, field in shape.fields.items() if field.required}
        assert required <= given.keys() <= shape.fields.keys(), where
        for name, value in given.items():
            check(shape.fields[name], value, f"{where}.{name}")
    elif isinstance(shape, serializers.ListField):
        for each in given:
            check(shape.child, each, where)
    elif isinstance(shape, serializers.DictField):
        assert isinstance(given, dict), where
    else:
        shape.run_validation(given)


@pytest.mark.parametrize("status", ["NEW", "WAITING", "DONE", "CANCELED"])
def test_what_goes_out_is_what_is_declared(
    status: str, agent: User, lead: User, employee: User, service: Service
) -> None:
    ticket = stand(opened(by=employee, service=service, tags=["vpn"]), status, assignee=agent)
    bare = opened(by=employee)
    comment = actions.add_comment(ticket, body="A note.", internal=True, by=web(agent))
    for each in (ticket, bare):
        for viewer in (employee, agent, lead):
            check(shapes.TicketShape(), shapes.ticket_out(each, web(viewer).person), "ticket")
    check(shapes.CommentShape(), shapes.comment_out(comment), "comment")
    for event in Event.objects.filter(subject_type="ticket"):
        check(shapes.EventShape(), shapes.event_out(event), "event")
    check(shapes.ServiceShape(), shapes.service_out(service), "service")
    check(people_shapes.UserShape(), people_shapes.user_out(lead), "user")


@pytest.mark.django_db
def test_keys_too(program_of: Any, employee: User) -> None:
    program_of(employee)
    check(people_shapes.KeyShape(), people_shapes.key_out(ApiKey.objects.get()), "key")


def test_every_answer_of_a_get_without_arguments_is_as_described(
    program_of: Any, admin: User, ticket: Ticket
) -> None:
    program = program_of(admin)
    for path, method, each in operations():
        if method != "get" or "{" in path:
            continue
        response = program.get(path)
        name = each["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        properties = schema()["components"]["schemas"][name]["properties"]
        assert response.json().keys() <= properties.keys(), path


# --- The page -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs", "/api/docs/?script=", "/api/schema/"])
def test_docs_are_open_on_a_developer_s_machine_and_for_staff(
    settings: Any, browser_of: Any, path: str, agent: User, employee: User
) -> None:
    settings.API_DOCS_OPEN = True
    assert Client().get(path).status_code == 200
    settings.API_DOCS_OPEN = False
    assert Client().get(path).status_code == 401
    assert browser_of(employee).get(path).status_code == 403
    assert browser_of(agent).get(path).status_code == 200


@pytest.mark.django_db
def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script() -> None:
    response = Client().get("/api/docs/")
    page = response.content.decode()
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "unsafe" not in policy
    assert "<style" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("<script") == page.count("<script src=")
    script = Client().get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")


@pytest.mark.django_db
def test_the_schema_comes_as_json_for_asking() -> None:
    response = Program().get("/api/schema/", headers={"accept": "application/vnd.oai.openapi+json"})
    assert json.loads(response.content)["openapi"] == "3.1.0"
