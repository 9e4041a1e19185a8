"""Webhooks over the API."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from audit.models import Event
from notifications import outbox, webhooks
from notifications.models import Delivery, State, Webhook
from tests.factories import opened, web
from tests.program import Program

WISH = {"name": "Monitoring", "url": "https://hooks.example.com/desk", "topics": ["all"]}
URL = "/api/v1/webhooks"


@pytest.fixture
def program(admin: User, program_of: Callable[..., Program]) -> Program:
    return program_of(admin)


@pytest.fixture
def made(program: Program) -> dict[str, Any]:
    answer = program.post(URL, WISH)
    assert answer.status_code == 201
    return answer.json()  # type: ignore[no-any-return]


def test_the_secret_is_shown_once(program: Program, made: dict[str, Any]) -> None:
    assert made["secret"].startswith("whsec_")
    shown = program.get(f"{URL}/{made['id']}")
    assert shown.json() == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in program.get(URL).content.decode()


def test_sent_twice_it_is_made_once(program: Program) -> None:
    answers = [program.post(URL, WISH, HTTP_IDEMPOTENCY_KEY="one") for _time in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Webhook.objects.count() == 1


def test_it_is_changed_if_nobody_else_has(program: Program, made: dict[str, Any]) -> None:
    where = f"{URL}/{made['id']}"
    tag = program.get(where)["ETag"]
    changed = program.patch(where, {"is_active": False, "events": ["ticket.opened"]}, HTTP_IF_MATCH=tag)
    assert (changed.status_code, changed.json()["is_active"], changed.json()["events"]) == (
        200,
        False,
        ["ticket.opened"],
    )
    assert program.patch(where, {"name": "x"}, HTTP_IF_MATCH=tag).status_code == 412


def test_its_secret_is_replaced(program: Program, made: dict[str, Any]) -> None:
    rotated = program.post(f"{URL}/{made['id']}/rotate-secret").json()
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"]


def test_it_is_dropped(program: Program, made: dict[str, Any]) -> None:
    where = f"{URL}/{made['id']}"
    assert program.delete(where).status_code == 204
    assert program.get(where).status_code == 404
    assert program.get(URL).json()["results"] == []
    assert list(
        Event.objects.filter(subject_type="webhook").order_by("pk").values_list("verb", flat=True)
    ) == [
        "webhook.created",
        "webhook.deleted",
    ]


def test_what_it_was_told_is_listed_and_sent_again(
    program: Program, made: dict[str, Any], employee: User
) -> None:
    for _number in range(3):
        opened(by=employee)
    where = f"{URL}/{made['id']}/deliveries"
    page = program.get(f"{where}?limit=2").json()
    assert [one["state"] for one in page["results"]] == ["PENDING", "PENDING"]
    assert len(program.get(page["next"]).json()["results"]) == 1
    last = page["results"][0]["id"]
    Delivery.objects.filter(public_id=last).update(state=State.FAILED, attempts=20)
    again = program.post(f"{where}/{last}/redeliver")
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "PENDING", 0)
    assert Event.objects.latest("pk").verb == "delivery.sent_again"


def test_another_webhooks_delivery_is_not_found(program: Program, made: dict[str, Any], admin: User) -> None:
    other, _secret = webhooks.create(**WISH, by=web(admin))  # type: ignore[arg-type]
    test = outbox.send_test(other, by=web(admin))
    assert program.post(f"{URL}/{made['id']}/deliveries/{test.public_id}/redeliver").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        (WISH | {"url": "https://127.0.0.1/"}, "url"),
        (WISH | {"topics": ["moon"]}, "topics"),
        (WISH | {"topics": []}, "topics"),
        (WISH | {"events": ["x"]}, "events"),
        (WISH | {"secret": "mine"}, "secret"),
        (WISH | {"name": "x" * 101}, "name"),
        (WISH | {"url": "https://example.com/\u2028x"}, "url"),
    ],
)
def test_what_will_not_do_is_named(program: Program, body: dict[str, Any], field: str) -> None:
    answer = program.post(URL, body)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_nobody_else_hears_of_them(
    made: dict[str, Any], agent: User, employee: User, admin: User, program_of: Callable[..., Program]
) -> None:
    where = f"{URL}/{made['id']}"
    for program in (program_of(agent), program_of(employee), program_of(admin, "read", "write")):
        answers = [
            program.get(URL),
            program.post(URL, WISH),
            program.get(where),
            program.patch(where, {"name": "x"}),
            program.delete(where),
            program.post(f"{where}/rotate-secret"),
            program.get(f"{where}/deliveries"),
        ]
        assert {answer.status_code for answer in answers} == {403}
    assert program_of().get(URL).status_code == 401
