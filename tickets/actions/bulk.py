"""One verb on many tickets: each in a transaction of its own, with an answer of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _
from psycopg.errors import DeadlockDetected, LockNotAvailable

from accounts.acting import Actor, Invalid, Refused
from accounts.models import User
from tickets.actions._record import expect, locked
from tickets.actions.assigning import claim, give, hand_over
from tickets.actions.content import set_due, set_priority, set_service, set_tags
from tickets.actions.conversation import add_comment
from tickets.actions.progress import change_status
from tickets.models import Ticket

# More would hold the caller's connection for longer than a browser waits.
MOST = 500


@dataclass(frozen=True)
class Outcome:
    """What became of one ticket.

    `status` is the answer it would have had alone (200, 400, 403, 404, 409, 412, 503), `code` and `detail` say why
    not. `changed` is False where the ticket was so already. `version` is the ticket's after the verb, or, where
    nothing was stored, the one that stands; None for a ticket the actor does not see. `ticket` is as it was before.
    """

    id: UUID
    ticket: Ticket | None
    status: int = 200
    code: str = ""
    detail: str = ""
    version: int | None = None
    changed: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def reference(self) -> str:
        return self.ticket.reference if self.ticket else ""


def in_bulk(
    ids: Sequence[UUID],
    verb: str,
    arguments: Mapping[str, Any],
    *,
    versions: Mapping[UUID, int] | None = None,
    dry_run: bool = False,
    by: Actor,
) -> list[Outcome]:
    """Do one of VERBS to each of the tickets with these public ids, in their order, each once.

    `arguments` are those of the verb (domain objects, not ids). A ticket with a version in `versions` is refused if
    it has another one by now. With `dry_run` every verb really runs and is then rolled back, so the preview knows
    what the real run would say. Raises Invalid for an unknown verb and for more than MOST tickets.
    """
    if verb not in VERBS:
        raise Invalid("verb", "invalid_choice", _("This cannot be done to many tickets at once."))
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST:
        raise Invalid("ids", "too_many", _("At most %(most)d tickets at once.") % {"most": MOST})
    visible = Ticket.objects.visible_to(by.person).with_people()
    tickets = {ticket.public_id: ticket for ticket in visible.filter(public_id__in=wanted)}
    run = _Run(VERBS[verb], dict(arguments), dict(versions or {}), dry_run, by)
    return [run.on(tickets[one]) if one in tickets else _unseen(one) for one in wanted]


@dataclass(frozen=True)
class _Run:
    verb: Callable[..., int]
    arguments: dict[str, Any]
    versions: dict[UUID, int]
    dry: bool
    by: Actor

    def on(self, ticket: Ticket) -> Outcome:
        try:
            before, after = self._do(ticket)
        except Refused as refused:
            return Outcome(
                ticket.public_id, ticket, refused.status, refused.code, str(refused), ticket.version
            )
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected | LockNotAvailable):
                raise
            detail = _("Somebody is changing this ticket right now. Try again.")
            return Outcome(ticket.public_id, ticket, 503, "busy", detail, ticket.version)
        version = before if self.dry else after
        return Outcome(ticket.public_id, ticket, version=version, changed=after != before)

    @transaction.atomic
    def _do(self, ticket: Ticket) -> tuple[int, int]:
        seen = self.versions.get(ticket.public_id)
        found = locked(ticket) if seen is None else expect(ticket, version=seen)
        before = found.version
        after = self.verb(found, **self.arguments, by=self.by)
        if self.dry:
            transaction.set_rollback(True)
        return before, after


def _unseen(public_id: UUID) -> Outcome:
    return Outcome(public_id, None, 404, "not_found", _("There is no such ticket, or you may not see it."))


def _assign(ticket: Ticket, *, assignee: User, by: Actor) -> int:
    return give(ticket, to=assignee, by=by).version


def _comment(ticket: Ticket, *, body: str, internal: bool = False, by: Actor) -> int:
    return add_comment(ticket, body=body, internal=internal, by=by).seq


def _version_after(verb: Callable[..., Ticket]) -> Callable[..., int]:
    return lambda ticket, **arguments: verb(ticket, **arguments).version


# Name → the verb, which answers the version of the ticket afterwards.
VERBS: dict[str, Callable[..., int]] = {
    "claim": _version_after(claim),  #
    "assign": _assign,  # assignee
    "hand_over": _version_after(hand_over),  # to, team, note
    "change_status": _version_after(change_status),  # status, waiting_for, comment
    "set_priority": _version_after(set_priority),  # priority
    "set_tags": _version_after(set_tags),  # tags
    "set_service": _version_after(set_service),  # service
    "set_due": _version_after(set_due),  # due_at
    "comment": _comment,  # body, internal
}
