"""The ticket: one request and where it stands."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxLengthValidator, MinLengthValidator
from django.db import models
from django.db.models import Case, Q, Value, When
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from uuid_utils.compat import uuid7

from accounts.models import Role, Team, User
from audit.models import Door
from tickets import workflow
from tickets.models.catalogue import Service

LONGEST_TEXT = 20_000  # characters of a description, a comment, a note
# Every zone can show these years.
EARLIEST_DUE = datetime(2000, 1, 1, tzinfo=UTC)
DUE_BEFORE = datetime(2200, 1, 1, tzinfo=UTC)


class Status(models.TextChoices):
    """The words for workflow.Status."""

    NEW = "NEW", _("New")
    IN_PROGRESS = "IN_PROGRESS", _("In progress")
    WAITING = "WAITING", _("Waiting")
    DONE = "DONE", _("Done")
    CANCELED = "CANCELED", _("Canceled")


class WaitingFor(models.TextChoices):
    """The words for workflow.WaitingFor."""

    REQUESTER = "REQUESTER", _("the requester")
    APPROVAL = "APPROVAL", _("an approval")
    THIRD_PARTY = "THIRD_PARTY", _("a third party")


class Priority(models.TextChoices):
    LOW = "LOW", _("Low")
    NORMAL = "NORMAL", _("Normal")
    HIGH = "HIGH", _("High")
    URGENT = "URGENT", _("Urgent")


Source = Door

# As plain words, in one order, so that queries match the conditions of the indexes.
OPEN = [str(status) for status in sorted(workflow.OPEN)]
FINAL = [str(status) for status in sorted(workflow.FINAL)]


# The columns that verbs change, beside version and updated_at.
CHANGING = (
    "title",
    "description",
    "status",
    "waiting_for",
    "priority",
    "service_id",
    "team_id",
    "requester_id",
    "assignee_id",
    "tags",
    "due_at",
    "first_responded_at",
    "resolved_at",
    "finished_at",
    "finished_by_id",
    "closed_at",
    "deleted_at",
)


class NextNumber(models.Func):
    """The next number people say aloud, from a sequence of its own. A number may be skipped, never used twice."""

    template = "nextval('tickets_ticket_number_seq'::regclass)"
    output_field = models.BigIntegerField()


def urgency() -> Case:
    """0 for URGENT to 3 for LOW, for ordering."""
    order = reversed(Priority.values)
    return Case(
        *(When(priority=priority, then=Value(rank)) for rank, priority in enumerate(order)),
        output_field=models.SmallIntegerField(),
    )


def to_be_taken_by(agent: User) -> Q:
    """What nobody holds, of the agent's teams and of no team: a ticket of nobody's is everybody's. All of it, if he
    is in no team.
    """
    teams = Q(team=None) | Q(team__in=list(agent.team_leads)) if agent.team_leads else Q()
    return Q(status=Status.NEW, assignee=None) & teams


def watched_by(user: User) -> models.Func:
    """A condition on tickets: this person watches them.

    Most statements ask it, some twice. Made of a queryset it would cost more than the database needs to answer it.
    """
    return models.Func(
        models.F("pk"),
        Value(user.pk),
        template="EXISTS (SELECT FROM tickets_watch w WHERE w.ticket_id = %(expressions)s)",
        arg_joiner=" AND w.user_id = ",
        output_field=models.BooleanField(),
    )


def among_watched_by(user: User) -> models.Func:
    """The same for people who watch few.

    As an array it can share a scan of several indexes with what it is OR-ed with, or be asked of each row on the way
    through a list in its order, whichever costs less; an IN or EXISTS with a subquery can do neither.
    """
    return models.Func(
        models.F("pk"),
        Value(user.pk),
        template="%(expressions)s))",
        arg_joiner=" = ANY(ARRAY(SELECT w.ticket_id FROM tickets_watch w WHERE w.user_id = ",
        output_field=models.BooleanField(),
    )


class TicketQuerySet(models.QuerySet["Ticket"]):
    def standing(self) -> "TicketQuerySet":
        """Tickets that have not been deleted."""
        return self.filter(deleted_at=None)

    def visible_to(self, user: User) -> "TicketQuerySet":
        """The tickets this person may read: the one definition, for every door, search, count and file.

        `Ticket.is_visible_to` says it of one in hand.
        """
        standing = self.standing()
        if user.role == Role.ADMIN:
            return standing
        if user.role == Role.AGENT:
            return standing.filter(
                Q(service=None)
                | Q(service__confidential=False)
                | Q(team__in=list(user.team_leads))
                | Q(requester=user)
                | Q(watched_by(user))
            )
        return standing.filter(Q(requester=user) | Q(author=user) | Q(among_watched_by(user)))

    def with_people(self) -> "TicketQuerySet":
        """Bring along everything that a line of a list or an answer shows."""
        return self.select_related("service", "team", "requester", "author", "assignee")

    def noting_watch_of(self, user: User) -> "TicketQuerySet":
        """Say of each ticket whether this person watches it, so that asking for rights needs no further query."""
        return self.annotate(noted_watch=watched_by(user))

    def locked(self, pk: int) -> "Ticket":
        """The ticket's row, locked until the transaction ends, with all its people.

        Raises Ticket.DoesNotExist for a deleted ticket. Ticket rows are locked first, in the order of their ids.
        """
        # The search column is large, never read by a verb, and made anew by the database.
        rows = self.standing().with_people().select_related("finished_by").defer("search")
        ticket: Ticket = rows.select_for_update(of=("self",)).get(pk=pk)
        ticket.drop_outdated_people()
        ticket.remember()
        return ticket

    def open(self) -> "TicketQuerySet":
        return self.filter(status__in=OPEN)

    def finished(self) -> "TicketQuerySet":
        return self.filter(status__in=FINAL)

    def to_be_taken_by(self, agent: User) -> "TicketQuerySet":
        """What nobody holds and this agent is to work on."""
        return self.filter(to_be_taken_by(agent))

    def by_urgency(self) -> "TicketQuerySet":
        """Most urgent first, then the longest wait."""
        return self.order_by("urgency", "number")


class Ticket(models.Model):
    """One request and everything that happened to it. `version` is the `seq` of its last event."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    number = models.BigIntegerField(_("number"), db_default=NextNumber(), unique=True, editable=False)
    title = models.CharField(_("title"), max_length=255, validators=[MinLengthValidator(3)])
    description = models.TextField(
        _("description"), blank=True, validators=[MaxLengthValidator(LONGEST_TEXT)]
    )
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.NEW)
    waiting_for = models.CharField(_("waiting for"), max_length=12, choices=WaitingFor, blank=True)
    priority = models.CharField(_("priority"), max_length=8, choices=Priority, default=Priority.NORMAL)
    service = models.ForeignKey(Service, models.PROTECT, null=True, blank=True, verbose_name=_("service"))
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="tickets", verbose_name=_("team")
    )
    requester = models.ForeignKey(
        User,
        models.PROTECT,
        related_name="requests",
        verbose_name=_("requester"),
        db_index=False,  # ticket_of_requester begins with it
    )
    author = models.ForeignKey(User, models.PROTECT, related_name="authored", verbose_name=_("author"))
    assignee = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="assigned", verbose_name=_("assignee")
    )
    source = models.CharField(_("source"), max_length=10, choices=Source)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True, verbose_name=_("tags"))
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    created_at = models.DateTimeField(
        pgettext_lazy("of a ticket", "created"), default=timezone.now, editable=False
    )
    updated_at = models.DateTimeField(_("updated"), default=timezone.now, editable=False)
    first_responded_at = models.DateTimeField(_("first response"), null=True, blank=True, editable=False)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True, editable=False)
    # When and by whom it was resolved or canceled last; empty while it is open.
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)
    finished_by = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="finished",
        verbose_name=_("finished by"),
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=0, editable=False)
    urgency = models.GeneratedField(
        expression=urgency(),
        output_field=models.SmallIntegerField(),
        db_persist=True,
        verbose_name=_("urgency"),
    )
    search = models.GeneratedField(
        # The Russian configuration stems Latin words as English ones.
        expression=SearchVector("title", weight="A", config="russian")
        + SearchVector("description", weight="B", config="russian"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects: ClassVar[Any] = TicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="ticket_status_known"),
            models.CheckConstraint(condition=Q(priority__in=Priority.values), name="ticket_priority_known"),
            models.CheckConstraint(
                condition=Q(status=Status.WAITING, waiting_for__in=WaitingFor.values)
                | (~Q(status=Status.WAITING) & Q(waiting_for="")),
                name="ticket_waits_for_someone",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.IN_PROGRESS) | Q(assignee__isnull=False),
                name="ticket_in_progress_is_assigned",
            ),
            models.CheckConstraint(
                # A due date of none passes: the comparison is unknown, not false.
                condition=Q(due_at__gte=EARLIEST_DUE, due_at__lt=DUE_BEFORE),
                name="ticket_due_in_range",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-updated_at", "-number"], name="ticket_updated"),
            models.Index(fields=["-created_at", "-number"], name="ticket_created"),
            models.Index(fields=["urgency", "number"], name="ticket_by_urgency"),
            models.Index(
                fields=["urgency", "number"],
                condition=Q(status__in=OPEN, deleted_at=None),
                name="ticket_open_by_urgency",
            ),
            models.Index(
                fields=["assignee", "urgency", "number"],
                condition=Q(status__in=OPEN, deleted_at=None),
                name="ticket_open_of_assignee",
            ),
            models.Index(fields=["requester", "-number"], name="ticket_of_requester"),
            models.Index(
                fields=["finished_by", "-finished_at", "-number"],
                condition=Q(finished_at__isnull=False, deleted_at=None),
                name="ticket_finished_by",
            ),
            GinIndex(fields=["search"], name="ticket_search"),
            GinIndex(fields=["tags"], name="ticket_tags"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        """The number people say: SF-1042."""
        return f"SF-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status in workflow.OPEN

    @cached_property
    def watcher_ids(self) -> frozenset[int]:
        """The row ids of everybody who watches."""
        return frozenset(self.watches.values_list("user_id", flat=True))

    def is_visible_to(self, user: User) -> bool:
        """The same as `visible_to`, of a ticket in hand: for many readers of one ticket without a question for each."""
        if self.deleted_at is not None:
            return False
        if user.role == Role.ADMIN:
            return True
        if user.role == Role.AGENT and (
            self.service is None or not self.service.confidential or self.team_id in user.team_leads
        ):
            return True
        own = {self.requester_id} if user.role == Role.AGENT else {self.requester_id, self.author_id}
        return user.pk in own or self.is_watched_by(user)

    def is_watched_by(self, user: User) -> bool:
        noted: bool | None = getattr(self, "noted_watch", None)
        return user.pk in self.watcher_ids if noted is None else noted

    def audited(self) -> dict[str, Any]:
        """The fields whose history is kept, as the plain values that events hold."""
        return {
            "title": self.title,
            "description": self.description,
            "status": str(self.status),
            "waiting_for": str(self.waiting_for) or None,
            "priority": str(self.priority),
            "service": _named(self.service),
            "team": _named(self.team),
            "requester": _named(self.requester),
            "author": _named(self.author),
            "assignee": _named(self.assignee),
            "tags": list(self.tags),
            "source": str(self.source),
            "due_at": _moment(self.due_at),
            "created_at": _moment(self.created_at),
            "first_responded_at": _moment(self.first_responded_at),
            "resolved_at": _moment(self.resolved_at),
            "finished_at": _moment(self.finished_at),
            "finished_by": _named(self.finished_by),
            "closed_at": _moment(self.closed_at),
            "deleted_at": _moment(self.deleted_at),
        }

    def drop_outdated_people(self) -> None:
        """Forget joined rows that no longer belong to the ticket's columns; they are fetched again when asked for.

        PostgreSQL reads a row it had to wait for again, but not the rows joined to it (EvalPlanQual).
        """
        for name in ("service", "team", "requester", "assignee", "finished_by"):
            joined = self._state.fields_cache.get(name)
            if (joined.pk if joined else None) != getattr(self, f"{name}_id"):
                self._state.fields_cache.pop(name, None)

    def remember(self) -> None:
        """Keep the audited fields as they stand, so that the verb's event can say what it changed."""
        self._remembered = self.audited()
        self._columns = {name: self.__dict__.get(name) for name in CHANGING}

    def changed_columns(self) -> list[str]:
        """The columns that differ since `remember`: what is not written makes no index and no search words anew."""
        return [name for name in CHANGING if self.__dict__.get(name) != self._columns[name]]

    @property
    def assignee_before(self) -> int | None:
        """The row id of whoever held it at `remember`."""
        before: int | None = getattr(self, "_columns", {}).get("assignee_id")
        return before

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """{field: (old, new)} of the audited fields since `remember`; all of them for a new ticket."""
        before = getattr(self, "_remembered", None)
        now = self.audited()
        if before is None:
            return {name: (None, value) for name, value in now.items() if value not in (None, "", [])}
        return {name: (before[name], value) for name, value in now.items() if before[name] != value}


def named(record: Service | Team | User) -> dict[str, str]:
    """As events tell of somebody or something: who or what it is, and what it was called then."""
    match record:
        case User():
            name = record.full_name
        case Service():
            name = record.name_en
        case Team():
            name = record.name
    return {"id": str(record.public_id), "name": name}


def _named(record: Service | Team | User | None) -> dict[str, str] | None:
    return None if record is None else named(record)


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
