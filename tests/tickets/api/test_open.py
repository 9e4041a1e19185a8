"""POST /tickets: a program opens a ticket for somebody."""

from typing import Any

from accounts.models import User
from audit.models import Event
from tickets.models import Service, Ticket

TICKETS = "/api/v1/tickets"


def test_anna_s_script_opens_a_ticket_for_her(
    api: Any, key_of: Any, employee: User, service: Service
) -> None:
    response = api(key_of(employee)).post(
        TICKETS,
        {
            "title": "  VPN drops ",
            "description": "At home.",
            "service": str(service.public_id),
            "tags": ["VPN"],
        },
        format="json",
        headers={"x-request-id": "r-1"},
    )
    assert response.status_code == 201
    told = response.json()
    ticket = Ticket.objects.get()
    assert response["Location"] == f"/api/v1/tickets/{ticket.public_id}"
    assert response["ETag"] == '"1"'
    assert told["number"] == ticket.reference
    assert (told["title"], told["status"], told["priority"], told["source"]) == (
        "VPN drops",
        "NEW",
        "NORMAL",
        "API",
    )
    assert told["requester"] == {
        "id": str(employee.public_id),
        "full_name": employee.full_name,
        "email": employee.email,
    }
    assert told["service"] == {"id": str(service.public_id), "name": "VPN access"}
    assert told["team"]["name"] == "IT"
    assert told["tags"] == ["vpn"]
    assert told["assignee"] is None
    assert told["allowed"] == {"verbs": ["cancel_own", "edit", "comment", "manage_watchers"], "statuses": []}
    event = Event.objects.get(subject_id=ticket.public_id)
    assert (event.verb, event.door, event.request_id) == ("ticket.opened", "api", "r-1")
    assert event.api_key_prefix


def test_it_is_there_under_the_address_it_was_given(api: Any, key_of: Any, employee: User) -> None:
    client = api(key_of(employee))
    made = client.post(TICKETS, {"title": "Broken chair"}, format="json")
    assert client.get(made["Location"]).json() == made.json()
    assert client.get(f"{TICKETS}/{made.json()['number']}").json() == made.json()
