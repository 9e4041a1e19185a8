"""The form that opens a ticket.

It takes in every value of the right shape; whether it is legal the verb says.
"""

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import CharField, Value
from django.utils.translation import gettext_lazy as _

from accounts.checking import is_id
from accounts.models import Team, User
from tickets.forms.files import FilesField
from tickets.models import Priority, Service

FOR_AGENTS = ("assignee", "team", "tags", "due_at")


class _Priority(forms.ChoiceField):
    """Never asked in vain: left out it is the usual one."""

    def clean(self, value: Any) -> Any:
        return super().clean(value or self.initial)


class NewTicketForm(forms.Form):
    """Employees see the first six fields; the others are for agents."""

    service = forms.ModelChoiceField(
        Service.objects.filter(is_active=True).select_related("team"),
        to_field_name="public_id",
        label=_("Service"),
        required=False,
        help_text=_("Not sure? Leave it empty: we will find the right people."),
    )
    title = forms.CharField(
        label=_("Subject"),
        help_text=_("In one line: what is wrong, or what do you need?"),
        widget=forms.TextInput({"maxlength": 255, "autocomplete": "off"}),
    )
    description = forms.CharField(
        label=_("Description"),
        required=False,
        help_text=_(
            "What happened, since when, and what have you tried? Markdown works: **bold**, lists, `code`, links."
        ),
        widget=forms.Textarea({"rows": 8, "class": "form-control", "data-autogrow": True}),
    )
    files = FilesField()  # type: ignore[assignment] # the metaclass takes it off the class
    priority = _Priority(
        label=_("Priority"),
        choices=Priority,
        initial=Priority.NORMAL,
        help_text=_("Urgent: many people cannot work."),
    )
    requester = forms.EmailField(
        label=_("For a colleague"),
        required=False,
        max_length=254,
        help_text=_("Their e-mail address. Leave it empty if it is for you."),
        widget=forms.EmailInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    assignee = forms.CharField(label=_("Assign to"), required=False, widget=forms.Select)
    team = forms.ModelChoiceField(
        Team.objects.filter(is_active=True),
        to_field_name="public_id",
        label=_("Team"),
        required=False,
        empty_label=_("The service's team"),
    )
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        help_text=_("Words with commas between them."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    due_at = forms.DateTimeField(
        label=_("Due"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(
        self, data: Any = None, files: Any = None, *, author: User, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, files, initial=initial)
        self.author = author
        self._offer("service", _services)
        if author.is_agent:
            self._offer("assignee", lambda: _assignees(author))
        else:
            for name in FOR_AGENTS:
                del self.fields[name]

    def clean_requester(self) -> User | None:
        email = self.cleaned_data["requester"]
        if not email:
            return None
        person = self._people.get("requester")
        if person is None:
            raise ValidationError(_("Nobody here has this address."), code="unknown")
        return person

    def clean_assignee(self) -> User | None:
        if not self.cleaned_data["assignee"]:
            return None
        person = self._people.get("assignee")
        if person is None:
            raise ValidationError(
                forms.ModelChoiceField.default_error_messages["invalid_choice"], code="invalid_choice"
            )
        return person

    def clean_tags(self) -> list[str]:
        return [word for word in self.cleaned_data["tags"].split(",") if word.strip()]

    def blame(self, fault: str, message: str) -> None:
        """Put a verb's complaint beside the field it is about."""
        field = "files" if fault == "file" else fault
        self.add_error(field if field in self.fields else None, message)

    @property
    def for_everybody(self) -> list[forms.BoundField]:
        return [self["priority"], self["requester"]]

    @property
    def for_agents(self) -> list[forms.BoundField]:
        return [self[name] for name in FOR_AGENTS if name in self.fields]

    @property
    def chosen(self) -> Service | None:
        """The service the page was asked for, so that it can say what it is about."""
        value = self["service"].value()
        try:
            return Service.objects.filter(is_active=True, public_id=UUID(str(value))).first()
        except ValueError:
            return None

    @cached_property
    def _people(self) -> dict[str, User]:
        """The people named in the fields, by field: one query."""
        people = User.objects.with_teams()
        email, key = (str(self.data.get(name, "")).strip() for name in ("requester", "assignee"))
        found = people.by_email(email).active().annotate(field=_named("requester"))
        if "assignee" in self.fields and is_id(key):
            agent = people.agents().filter(public_id=key).annotate(field=_named("assignee"))
            found = found.union(agent, all=True)
        return {person.field: person for person in found.order_by()}

    def _offer(self, name: str, choices: Callable[[], list[Any]]) -> None:
        # Drawn up once, and only for those who are shown the form.
        self.fields[name].widget.choices = cache(choices)


def _named(field: str) -> Value:
    return Value(field, output_field=CharField())


def _services() -> list[Any]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for service in Service.objects.filter(is_active=True).select_related("team").order_by("team__name"):
        groups.setdefault(service.team.name, []).append((str(service.public_id), service.name))
    ordered = [(team, sorted(rows, key=lambda row: row[1].casefold())) for team, rows in groups.items()]
    return [("", _("Something else, or not sure")), *ordered]


def _assignees(author: User) -> list[Any]:
    """What the author may choose: himself; a lead his teams' agents; an administrator anybody."""
    me = (str(author.public_id), _("Me"))
    led = [team for team, leads in author.team_leads.items() if leads]
    others = User.objects.agents().exclude(pk=author.pk)
    if not author.is_admin:
        others = others.filter(teams__in=led).distinct() if led else others.none()
    return [("", _("Nobody yet")), me, *((str(person.public_id), person.full_name) for person in others)]
