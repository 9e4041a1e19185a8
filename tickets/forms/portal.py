"""The form that opens a ticket.

It takes in every value of the right shape; whether it is legal the verb says.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Team, User
from tickets.models import Priority, Service

FOR_AGENTS = ("assignee", "team", "tags", "due_at")


class _Priority(forms.ChoiceField):
    """Never asked in vain: left out it is the usual one."""

    def clean(self, value: Any) -> Any:
        return super().clean(value or self.initial)


class NewTicketForm(forms.Form):
    """Employees see the first five fields; the others are for agents."""

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
    assignee = forms.ModelChoiceField(
        User.objects.agents().with_teams(),
        to_field_name="public_id",
        label=_("Assign to"),
        required=False,
    )
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

    def __init__(self, data: Any = None, *, author: User, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.author = author
        self._offer("service", _services())
        if author.is_agent:
            self._offer("assignee", _assignees(author))
        else:
            for name in FOR_AGENTS:
                del self.fields[name]

    def clean_requester(self) -> User | None:
        email = self.cleaned_data["requester"]
        if not email:
            return None
        person: User | None = User.objects.by_email(email).active().first()
        if person is None:
            raise ValidationError(_("Nobody here has this address."), code="unknown")
        return person

    def clean_tags(self) -> list[str]:
        return [word for word in self.cleaned_data["tags"].split(",") if word.strip()]

    def blame(self, fault: str, message: str) -> None:
        """Put a verb's complaint beside the field it is about."""
        self.add_error(fault if fault in self.fields else None, message)

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

    def _offer(self, name: str, choices: list[Any]) -> None:
        self.fields[name].widget.choices = choices


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
