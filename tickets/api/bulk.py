"""One verb for many tickets."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.acting import Invalid
from accounts.rest.calls import Call, answer
from accounts.rest.inputs import Nothing, Shape
from accounts.rest.operations import operation
from tickets import actions, workflow
from tickets.api._call import EXAMPLE, TICKETS
from tickets.serializers import (
    BulkAssignInput,
    BulkDueInput,
    BulkInput,
    BulkMoveInput,
    BulkPriorityInput,
    BulkServiceInput,
    BulkStatusInput,
    BulkTagsInput,
    CommentInput,
    HandOverInput,
    OutcomesShape,
)

# The arguments of each verb of actions.in_bulk.
ARGUMENTS: dict[str, type[Shape]] = {
    "claim": Nothing,
    "assign": BulkAssignInput,
    "hand_over": HandOverInput,
    "change_status": BulkStatusInput,
    "set_priority": BulkPriorityInput,
    "set_tags": BulkTagsInput,
    "set_service": BulkServiceInput,
    "set_due": BulkDueInput,
    "comment": CommentInput,
}
# The verbs of `allowed` that are a change of status: the same as change_status, which status is said already.
MOVES = {verb: str(status) for status, verb in workflow.VERBS.items()}
ARGUMENTS |= dict.fromkeys(MOVES, BulkMoveInput)
# What the API calls otherwise than the verb.
NAMES = {"hand_over": {"assignee": "to", "comment": "note"}}


class Bulk(Call):
    in_steps = True

    @operation(
        "changeManyTickets",
        "Do one verb to many tickets, each in a transaction of its own",
        takes=BulkInput,
        gives=OutcomesShape,
        changes=True,
        resends=True,
        sent={
            "ids": [EXAMPLE["id"]],
            "verb": "set_priority",
            "arguments": {"priority": "HIGH"},
            "dry_run": True,
        },
        received={
            "dry_run": True,
            "results": [{"id": EXAMPLE["id"], "ok": True, "status": 200, "changed": True, "version": 1}],
        },
        tags=TICKETS,
    )
    def post(self, request: Request) -> HttpResponse:
        wanted = self.input(BulkInput)
        verb = wanted["verb"]
        shape = ARGUMENTS.get(verb)
        if shape is None:
            every = ", ".join(ARGUMENTS)
            raise Invalid("verb", "invalid_choice", _("Choose one of: %(all)s.") % {"all": every})
        arguments = self.checked(shape, wanted.get("arguments", {}), within="arguments")
        if verb in MOVES:
            verb, arguments = "change_status", arguments | {"status": MOVES[verb]}
        names = NAMES.get(verb, {})
        outcomes = actions.in_bulk(
            wanted["ids"],
            verb,
            {names.get(name, name): value for name, value in arguments.items()},
            dry_run=wanted["dry_run"],
            by=self.by,
        )
        return answer(
            {"dry_run": wanted["dry_run"], "results": [outcome_out(outcome) for outcome in outcomes]}
        )


def outcome_out(outcome: actions.Outcome) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": str(outcome.id),
        "ok": outcome.ok,
        "status": outcome.status,
        "changed": outcome.changed,
    }
    if not outcome.ok:
        shown |= {"code": outcome.code, "detail": outcome.detail}
    return shown if outcome.version is None else shown | {"version": outcome.version}
