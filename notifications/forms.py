"""What somebody chooses on the page about his notices."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from notifications import outbox, preferences
from notifications.models import Digest, Kind, Quiet, Transport

AT_ONCE = "now"
# A person, never a channel or a group: others would read along.
ADDRESSES = {
    Transport.SLACK: RegexValidator(
        r"^[UW][A-Z0-9]{4,30}\Z", _("A member ID begins with U, as in U024BE7LH.")
    ),
    Transport.TELEGRAM: RegexValidator(r"^[1-9][0-9]{3,18}\Z", _("An ID is a number, as in 123456789.")),
}


class PreferencesForm(forms.Form):
    """A tick for each kind of event and transport, and the rest. `save` is the verb's: the view calls it."""

    digest = forms.ChoiceField(
        label=_("Mails"),
        choices=[(digest.value or AT_ONCE, digest.label) for digest in Digest],
        widget=forms.RadioSelect,
        help_text=_("A digest gathers what has happened in one mail."),
    )
    begins = forms.TimeField(
        label=_("Quiet hours from"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    ends = forms.TimeField(
        label=_("Quiet hours until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    slack = forms.CharField(
        label=_("Slack member ID"),
        required=False,
        max_length=100,
        validators=[ADDRESSES[Transport.SLACK]],
        help_text=_("In Slack: your profile, then the three dots, then “Copy member ID”."),
    )
    telegram = forms.CharField(
        label=_("Telegram ID"),
        required=False,
        max_length=100,
        validators=[ADDRESSES[Transport.TELEGRAM]],
        help_text=_(
            "Write to the desk's bot first: it may not write to you before. @userinfobot tells you your ID."
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        self.transports = outbox.offered()
        self.contacts = preferences.contacts_of(user)
        quiet = Quiet.objects.filter(user=user).first() or Quiet(user=user)
        kwargs["initial"] = {
            "digest": quiet.digest or AT_ONCE, "begins": quiet.begins, "ends": quiet.ends, **self.contacts,
        }  # fmt: skip
        super().__init__(*args, **kwargs)
        for chat in preferences.CHATS:
            if chat not in self.transports:
                del self.fields[chat]
        if Transport.EMAIL not in self.transports:
            del self.fields["digest"]
        for (kind, transport), wanted in preferences.wishes_of(user).items():
            name = f"{preferences.words_of(Kind(kind), user)}: {Transport(transport).label}"
            self.fields[f"{kind}-{transport}"] = forms.BooleanField(
                required=False,
                initial=wanted,
                label=name,
                widget=forms.CheckboxInput(attrs={"aria-label": name}),
            )

    @property
    def columns(self) -> list[Transport]:
        return [Transport(transport) for transport in self.transports]

    @property
    def rows(self) -> Iterator[tuple[str, list[tuple[Transport, forms.BoundField]]]]:
        """Of each kind of event the ticks, in the order of the columns."""
        for kind in preferences.kinds_for(self.user):
            yield (
                preferences.words_of(kind, self.user),
                [(column, self[f"{kind}-{column}"]) for column in self.columns],
            )

    @property
    def chats(self) -> list[forms.BoundField]:
        return [self[chat] for chat in preferences.CHATS if chat in self.fields]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        begins, ends = cleaned.get("begins"), cleaned.get("ends")
        if (begins is None) != (ends is None) and not {"begins", "ends"} & set(self.errors):
            self.add_error(
                "ends" if ends is None else "begins", _("Quiet hours need a beginning and an end.")
            )
        return cleaned

    @property
    def chosen(self) -> dict[str, Any]:
        """What the verb takes."""
        sent = self.cleaned_data
        digest = sent.get("digest", self.initial["digest"])
        quiet = (sent["begins"], sent["ends"]) if sent["begins"] is not None else None
        return {
            "wishes": {
                (kind, transport): sent[f"{kind}-{transport}"]
                for kind, transport in preferences.wishes_of(self.user)
            },
            "contacts": {str(chat): sent[chat] for chat in preferences.CHATS if chat in sent},
            "quiet": quiet,
            "digest": "" if digest == AT_ONCE else digest,
        }
