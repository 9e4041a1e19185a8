"""What can be done to many tickets at once, and what has to be said for it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts.acting import Invalid
from accounts.models import Team, User
from tickets.forms.ticket import STATUSES
from tickets.models import Priority
from tickets.models.ticket import LONGEST_TEXT, Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_PICK = re.compile(r"([0-9a-f-]{36})(?::(\d{1,9}))?")


class TakeForm(forms.Form):
    """Nothing has to be said. The forms of the other verbs are this one with fields."""

    def arguments(self) -> dict[str, Any]:
        """What the verb gets."""
        return {}

    def said(self) -> Iterator[tuple[str, str]]:
        """Label and value of what has been filled in, for reading."""
        for bound in self:
            value = self.cleaned_data.get(bound.name)
            if value:
                choices = getattr(bound.field, "choices", ()) if isinstance(value, str) else ()
                yield str(bound.label), str(dict(choices).get(value, value))


class AssignForm(TakeForm):
    assignee = forms.ModelChoiceField(
        User.objects.none(), to_field_name="public_id", label=_("Assignee"), empty_label=_("Choose an agent")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = User.objects.agents()  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        return {"assignee": self.cleaned_data["assignee"]}


class StatusForm(TakeForm):
    to = forms.ChoiceField(choices=STATUSES, label=_("New status"))
    comment = forms.CharField(
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        label=_("Message to the requesters"),
        help_text=_(
            "Every requester reads it on the ticket. For “Canceled” it is the reason and has to be given."
        ),
    )

    def clean(self) -> None:
        sent = self.cleaned_data
        if sent.get("to") == Status.CANCELED and not sent.get("comment"):
            self.add_error("comment", _("Say why the tickets are canceled."))

    def arguments(self) -> dict[str, Any]:
        status, _colon, whom = self.cleaned_data["to"].partition(":")
        return {"status": status, "waiting_for": whom, "comment": self.cleaned_data["comment"]}


class PriorityForm(TakeForm):
    priority = forms.ChoiceField(choices=list(reversed(Priority.choices)), label=_("Priority"))

    def arguments(self) -> dict[str, Any]:
        return {"priority": self.cleaned_data["priority"]}


class TeamForm(TakeForm):
    team = forms.ModelChoiceField(
        Team.objects.none(), to_field_name="public_id", label=_("Team"), empty_label=_("Choose a team")
    )
    note = forms.CharField(
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        label=_("Internal note"),
        help_text=_("Only agents read it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.filter(is_active=True)  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        return {"team": self.cleaned_data["team"], "note": self.cleaned_data["note"]}


@dataclass(frozen=True)
class Action:
    """A button above many tickets: the verb of actions.bulk behind it and the form with its arguments."""

    name: str
    title: "_StrPromise"
    verb: str
    form: type[TakeForm]
    promise: Any  # of %(n)d tickets, and %(what)s is first said in the form

    def sentence(self, form: TakeForm, *, count: int) -> str:
        """What will happen to so many tickets."""
        what = next((text for _label, text in form.said()), "")
        return str(self.promise % {"n": count, "what": what})


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "claim",
            _("Take tickets"),
            "claim",
            TakeForm,
            ngettext_lazy("You will take %(n)d ticket.", "You will take %(n)d tickets.", "n"),
        ),
        Action(
            "assign",
            _("Assign tickets"),
            "assign",
            AssignForm,
            ngettext_lazy(
                "%(n)d ticket will be assigned to %(what)s.",
                "%(n)d tickets will be assigned to %(what)s.",
                "n",
            ),
        ),
        Action(
            "status",
            _("Change the status"),
            "change_status",
            StatusForm,
            ngettext_lazy(
                "%(n)d ticket will get the status “%(what)s”.",
                "%(n)d tickets will get the status “%(what)s”.",
                "n",
            ),
        ),
        Action(
            "priority",
            _("Set the priority"),
            "set_priority",
            PriorityForm,
            ngettext_lazy(
                "%(n)d ticket will get the priority “%(what)s”.",
                "%(n)d tickets will get the priority “%(what)s”.",
                "n",
            ),
        ),
        Action(
            "team",
            _("Hand over to a team"),
            "hand_over",
            TeamForm,
            ngettext_lazy(
                "%(n)d ticket will be handed over to the team “%(what)s”.",
                "%(n)d tickets will be handed over to the team “%(what)s”.",
                "n",
            ),
        ),
    )
}


def picks(values: Iterable[str]) -> dict[UUID, int | None]:
    """{public id: the version seen} of the checkboxes ("id") and of a preview's hidden fields ("id:version")."""
    picked: dict[UUID, int | None] = {}
    for value in values:
        found = _PICK.fullmatch(value.lower())
        try:
            picked[UUID(found[1] if found else value)] = int(found[2]) if found and found[2] else None
        except ValueError:
            raise Invalid("ticket", "invalid", _("This is no selection of tickets.")) from None
    return picked
