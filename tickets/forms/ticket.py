"""The forms of the ticket page, one for each verb that needs words.

A form takes in every value that has the right shape; whether it is legal the verb says. What it *offers* is only
what is legal now, and what was typed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf
from django.utils.choices import BaseChoiceIterator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.checking import is_id
from accounts.models import Membership, Role, Team, User
from accounts.visitors import local
from tickets import permissions
from tickets.forms.files import FilesField
from tickets.models import Priority, Service, Ticket
from tickets.models.ticket import Status, WaitingFor

NOT_CHOSEN = ("", "—")
_YES = Value(True, output_field=BooleanField())


@dataclass(frozen=True)
class _Row:
    """Somebody or something by name; `fits` if he is of the ticket's team, or it may be chosen."""

    kind: str
    pk: int
    public_id: UUID
    name: str
    fits: bool

    @property
    def choice(self) -> tuple[str, str]:
        return str(self.public_id), self.name


def _named(kind: str, found: QuerySet[Any], name: Any, *, fits: Any = _YES) -> QuerySet[Any, Any]:
    return found.order_by().values_list(Value(kind), "pk", "public_id", name, fits)


class Offers:
    """What the page of one ticket lets its reader choose from, and who follows: one query, asked when needed."""

    def __init__(self, ticket: Ticket, reader: User) -> None:
        self.ticket, self.reader = ticket, reader

    @property
    def watchers(self) -> list[User]:
        """Who follows the ticket, as far as the page shows them: by name."""
        return [User(pk=row.pk, public_id=row.public_id, full_name=row.name) for row in self._rows["watcher"]]

    @property
    def agents(self) -> list[tuple[str, str]]:
        """Everybody who may be given the ticket."""
        return [row.choice for row in self._rows["agent"]]

    @property
    def agents_to_assign(self) -> list[tuple[str, str]]:
        """A lead assigns within the team, an administrator to anybody."""
        return [row.choice for row in self._rows["agent"] if row.fits or self.reader.is_admin]

    @property
    def teams(self) -> list[tuple[str, str]]:
        """Every team in use but the one in whose queue the ticket is already."""
        return [row.choice for row in self._rows["team"]]

    @property
    def services(self) -> list[tuple[str, str]]:
        """Every service in use, and the ticket's own."""
        return [row.choice for row in self._rows["service"] if row.fits]

    @property
    def service_names(self) -> dict[str, str]:
        """{id: name} of every service there has been, as far as it has been read anyway."""
        return dict(row.choice for row in self._rows["service"])

    @cached_property
    def statuses(self) -> list[tuple[str, Any]]:
        legal = permissions.allowed_statuses(self.reader, self.ticket)
        return [(word, label) for word, label in STATUSES if word.partition(":")[0] in legal]

    @cached_property
    def _rows(self) -> dict[str, list[_Row]]:
        """By kind, each in the order of the names. An employee chooses from none of it."""
        found = _named("watcher", User.objects.filter(watches__ticket=self.ticket), F("full_name"))
        if self.reader.is_agent:
            found = found.union(self._agents(), self._teams(), self._services(), all=True).order_by()
        rows: dict[str, list[_Row]] = defaultdict(list)
        for row in sorted((_Row(*values) for values in found), key=lambda row: (row.name.casefold(), row.pk)):
            rows[row.kind].append(row)
        return rows

    def _agents(self) -> QuerySet[Any, Any]:
        members = Membership.objects.filter(team=self.ticket.team_id).values("user")
        people = User.objects.agents().exclude(pk=self.ticket.assignee_id)
        if self.ticket.service and self.ticket.service.confidential:
            people = people.filter(
                Q(role=Role.ADMIN)
                | Q(pk__in=members)
                | Q(pk=self.ticket.requester_id)
                | Q(pk__in=self.ticket.watches.values("user"))
            )
        of_team = Case(When(pk__in=members, then=True), default=False)
        return _named("agent", people, F("full_name"), fits=of_team)

    def _teams(self) -> QuerySet[Any, Any]:
        here = None if self.ticket.assignee_id else self.ticket.team_id
        return _named("team", Team.objects.filter(~Q(pk=here), is_active=True), F("name"))

    def _services(self) -> QuerySet[Any, Any]:
        offered = Case(When(Q(is_active=True) | Q(pk=self.ticket.service_id), then=True), default=False)
        english = F("name_en")
        name = Coalesce(NullIf("name_ru", Value("")), english) if get_language() == "ru" else english
        return _named("service", Service.objects.all(), name, fits=offered)


# Where one goes next, and whom one then waits for.
STATUSES: list[tuple[str, Any]] = [
    (Status.IN_PROGRESS.value, Status.IN_PROGRESS.label),
    (f"{Status.WAITING}:{WaitingFor.REQUESTER}", _("Waiting for requester")),
    (f"{Status.WAITING}:{WaitingFor.APPROVAL}", _("Waiting for approval")),
    (f"{Status.WAITING}:{WaitingFor.THIRD_PARTY}", _("Waiting for third party")),
    (Status.DONE.value, Status.DONE.label),
    (Status.CANCELED.value, Status.CANCELED.label),
]


class TicketForm(forms.Form):
    """What every form of the page carries: the version it was drawn from and where to go afterwards."""

    name: ClassVar[str] = "plain"
    # The fields of the verb that go by another name here.
    faults: ClassVar[dict[str, str]] = {}

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    next = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        ticket: Ticket,
        reader: User,
        offers: Offers | None = None,
    ) -> None:
        super().__init__(
            data, files, auto_id=f"{self.name}_%s", initial=self.found(ticket) | {"version": ticket.version}
        )
        self.ticket, self.reader = ticket, reader
        self.offers = offers or Offers(ticket, reader)

    def found(self, ticket: Ticket) -> dict[str, Any]:
        """What the fields hold before anybody has typed."""
        return {}

    def offer(self, field: str, choices: Callable[[], list[Any]]) -> None:
        """Let people choose from these; what they have sent already stays among them."""
        self.fields[field].widget.choices = _Kept(self, field, choices)

    def blame(self, fault: str, message: str) -> None:
        """Put a verb's complaint beside the field it is about."""
        field = self.faults.get(fault, fault)
        self.add_error(field if field in self.fields else None, message)

    @property
    def came_from(self) -> str:
        """The page of the desk that it is on, or was on when it was sent; empty if that is just the ticket's."""
        return local(self["next"].value())

    @property
    def shown(self) -> list[forms.BoundField]:
        return self.visible_fields()

    @property
    def has_words(self) -> bool:
        """Whether somebody has typed something that must not get lost. A choice is made again with a click."""
        typed = (field for field in self.visible_fields() if not getattr(field.field.widget, "choices", None))
        return any(field.data for field in typed)


class _Kept(BaseChoiceIterator):
    """Choices drawn up only when the page is, with the sent one added should it no longer be among them."""

    def __init__(self, form: TicketForm, field: str, choices: Callable[[], list[Any]]) -> None:
        self.form, self.field, self.choices = form, field, choices

    def __iter__(self) -> Iterator[Any]:
        choices = self.choices()
        known = {str(value) for value, label in choices if not isinstance(label, list)}
        known |= {
            str(value) for _group, label in choices if isinstance(label, list) for value, _word in label
        }
        sent = self.form.data.get(self.field, "") if self.form.is_bound else ""
        if sent and sent not in known:
            choices.append((sent, self.word(sent)))
        return iter(choices)

    def word(self, sent: str) -> Any:
        field = self.form.fields[self.field]
        if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
            return field.queryset.filter(public_id=sent).first() if is_id(sent) else sent
        return dict(getattr(field, "choices", ())).get(sent, sent)


def _words(label: Any, *, rows: int = 3, required: bool = False, help_text: Any = "") -> forms.CharField:
    # Lengths are the verbs' to judge: they say so in words.
    return forms.CharField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.Textarea({"rows": rows, "class": "form-control", "data-autogrow": True}),
    )


class ClaimForm(TicketForm):
    name = "claim"


class AssignForm(TicketForm):
    name = "assign"
    assignee = forms.ModelChoiceField(
        User.objects.agents().with_teams(), to_field_name="public_id", label=_("Assign to")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("assignee", lambda: [NOT_CHOSEN, *self.offers.agents_to_assign])


class HandOverForm(TicketForm):
    name = "hand_over"
    faults: ClassVar[dict[str, str]] = {"assignee": "to", "team": "to", "body": "note"}
    to = forms.CharField(label=_("Hand over to"), widget=forms.Select({"class": "form-select"}))
    note = _words(_("Internal note"), help_text=_("Only agents will read it."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("to", self.agents_and_teams)

    def agents_and_teams(self) -> list[Any]:
        groups: list[Any] = [NOT_CHOSEN]
        groups.append((_("Teams"), [(f"team:{key}", name) for key, name in self.offers.teams]))
        if permissions.can(self.reader, "hand_over", self.ticket):
            groups.append((_("Agents"), [(f"agent:{key}", name) for key, name in self.offers.agents]))
        return groups

    def clean_to(self) -> User | Team:
        kind, _colon, key = self.cleaned_data["to"].partition(":")
        rows = {"agent": User.objects.agents().with_teams(), "team": Team.objects.all()}.get(kind)
        found: User | Team | None = (
            rows.filter(public_id=key).first() if rows is not None and is_id(key) else None
        )
        if found is None:
            raise ValidationError(_("Choose an agent or a team."), code="invalid_choice")
        return found


class StatusForm(TicketForm):
    name = "status"
    faults: ClassVar[dict[str, str]] = {"status": "to", "waiting_for": "to", "body": "comment"}
    # NEW is on no list; who sends it hears from the workflow that it is no legal change.
    to = forms.ChoiceField(choices=[(Status.NEW.value, Status.NEW.label), *STATUSES], label=_("New status"))
    comment = _words(
        _("Message"),
        help_text=_("The requester and everybody who follows will read it. Canceling needs a reason."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("to", lambda: self.offers.statuses)


class CancelForm(TicketForm):
    name = "cancel"
    faults: ClassVar[dict[str, str]] = {"comment": "reason", "body": "reason"}
    reason = _words(_("Why is it no longer needed?"))


class ReopenForm(TicketForm):
    name = "reopen"
    faults: ClassVar[dict[str, str]] = {"body": "comment"}
    comment = _words(_("What is still wrong?"))


class EditForm(TicketForm):
    name = "edit"
    title = forms.CharField(label=_("Subject"), widget=forms.TextInput({"maxlength": 255}))
    description = _words(_("Description"), rows=8)

    def found(self, ticket: Ticket) -> dict[str, Any]:
        return {"title": ticket.title, "description": ticket.description}


class PropertiesForm(TicketForm):
    """How the ticket is sorted. The values it was drawn with travel along, so that only what was changed is set."""

    name = "properties"
    priority = forms.ChoiceField(
        choices=Priority, label=_("Priority"), required=False, show_hidden_initial=True
    )
    service = forms.ModelChoiceField(
        Service.objects.select_related("team"),
        to_field_name="public_id",
        label=_("Service"),
        required=False,
        show_hidden_initial=True,
    )
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        show_hidden_initial=True,
        help_text=_("Words with commas between them."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    due_at = forms.DateTimeField(
        label=_("Due"),
        required=False,
        show_hidden_initial=True,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("service", lambda: [NOT_CHOSEN, *self.offers.services])

    def found(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "priority": ticket.priority,
            "service": ticket.service and str(ticket.service.public_id),
            "tags": ", ".join(ticket.tags),
            "due_at": ticket.due_at and ticket.due_at.replace(second=0, microsecond=0),
        }

    def clean(self) -> dict[str, Any]:
        # The service last: with it the ticket may pass to another team, and out of the reader's hands.
        order = ("priority", "tags", "due_at", "service")
        return self.cleaned_data | {"changed": [field for field in order if field in self.changed_data]}


class CommentForm(TicketForm):
    name = "comment"
    faults: ClassVar[dict[str, str]] = {"file": "files"}
    visibility = forms.ChoiceField(
        label=_("Who will read it"),
        choices=[("public", _("Reply")), ("internal", _("Internal note"))],
        initial="public",
        required=False,
        widget=forms.RadioSelect,
    )
    body = _words(_("Message"), rows=4)
    files = FilesField()  # type: ignore[assignment] # the metaclass takes it off the class
    then = forms.ChoiceField(
        label=_("And then"),
        choices=[
            ("", _("leave the status")),
            ("start", _("start")),
            ("wait", _("wait for the requester")),
            ("resolve", _("resolve")),
        ],
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("then", self.steps)

    def clean(self) -> dict[str, Any]:
        # What is wrong with the files is said by their field; that they are missing, too, would only confuse.
        if not self.cleaned_data.get("body", "").strip() and not self.cleaned_data.get("files", True):
            self.add_error("body", self.fields["body"].error_messages["required"])
        return self.cleaned_data

    def steps(self) -> list[Any]:
        stay, *steps = self.fields["then"].choices  # type: ignore[attr-defined]
        return [stay, *(step for step in steps if permissions.can(self.reader, step[0], self.ticket))]

    @property
    def shown(self) -> list[forms.BoundField]:
        """An employee has neither notes nor statuses to choose."""
        return [field for field in super().shown if self.reader.is_agent or field.name in {"body", "files"}]


class WatchForm(TicketForm):
    name = "watch"
    faults: ClassVar[dict[str, str]] = {"user": "email"}
    email = forms.EmailField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "off"})
    )

    def clean_email(self) -> User:
        person: User | None = User.objects.by_email(self.cleaned_data["email"]).active().first()
        if person is None:
            raise ValidationError(_("Nobody here has this address."), code="unknown")
        return person


class UnwatchForm(TicketForm):
    name = "unwatch"
    person = forms.ModelChoiceField(
        User.objects.all(), to_field_name="public_id", label=_("Person"), widget=forms.HiddenInput
    )


class HeldMailForm(TicketForm):
    """Names one of the mails that wait. Whatever else happens to the ticket, the mail stays what it is."""

    name = "held_mail"
    mail = forms.UUIDField(widget=forms.HiddenInput)


class ReleaseMailForm(HeldMailForm):
    """A mail with none of its files, or with those whose places in it are named."""

    name = "release_mail"
    chosen = forms.TypedMultipleChoiceField(
        coerce=int, required=False, choices=lambda: [(place, place) for place in range(settings.MOST_FILES)]
    )


class DeleteForm(TicketForm):
    name = "delete"
    reason = _words(_("Why is it to be deleted?"), required=True)


FORMS: tuple[type[TicketForm], ...] = (
    ClaimForm,
    AssignForm,
    HandOverForm,
    StatusForm,
    CancelForm,
    ReopenForm,
    EditForm,
    PropertiesForm,
    CommentForm,
    WatchForm,
    UnwatchForm,
    HeldMailForm,
    DeleteForm,
)
