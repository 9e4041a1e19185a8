"""What people type into the pages about themselves."""

import zoneinfo
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.acting import Invalid
from accounts.api_keys import USUAL_OVERLAP
from accounts.changing import check_password
from accounts.checking import validate_visible
from accounts.models import Language, Scope, User
from accounts.moments import from_utc

REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
LONGEST_PASSWORD = 1024

type Zones = list[tuple[str, list[tuple[str, str]]]]


def focus_first_fault(form: forms.BaseForm) -> None:
    """Have the browser start at the first field in fault, without a script too."""
    for name, field in form.fields.items():
        if name in form.errors:
            field.widget.attrs["autofocus"] = True
            return


class SignInForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True, "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ConfirmForm(forms.Form):
    """Whoever does what matters shows once more that it is he who sits there."""

    password = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class CodeForm(forms.Form):
    """A code of an app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autofocus": True,
                "spellcheck": "false",
                "autocapitalize": "off",
            }
        ),
    )


class PasskeyForm(forms.Form):
    """What somebody calls a passkey, and what his browser says of it."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("To know it by, for example “My telephone” or “Blue key”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        validators=[validate_visible],
    )
    credential = forms.CharField(widget=forms.HiddenInput, max_length=20_000, required=False)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[("light", ""), ("dark", ""), ("system", "")])


class LanguageForm(forms.Form):
    language = forms.ChoiceField(choices=Language)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, language, time zone, and for agents the keys. `save` is the verbs': the view calls them."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"), help_text=_("Type the first letters of a city. Times are shown in this zone.")
    )

    class Meta:
        model = User
        fields = ["full_name", "language", "time_zone", "shortcuts"]
        labels = {"shortcuts": _("Keyboard shortcuts")}
        help_texts = {
            "shortcuts": _(
                "Single keys such as j, k and i move through the queue and the ticket. ? lists them."
            )
        }
        widgets = {"full_name": forms.TextInput(attrs={"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].choices = zone_choices(self.initial.get("time_zone", ""))  # type: ignore[attr-defined]
        if not self.instance.is_agent:  # the keys are for the desk's pages
            del self.fields["shortcuts"]

    def clean_full_name(self) -> str:
        return " ".join(self.cleaned_data["full_name"].split())


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        help_text=_("At least 12 characters. A few unrelated words are easy to remember and hard to guess."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    repeated = forms.CharField(
        label=_("New password again"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> None:
        new, again = self.cleaned_data.get("password"), self.cleaned_data.get("repeated")
        # Both faults at once; what it has in common with its owner's name the verb finds.
        try:
            if new:
                check_password(new, None)
        except Invalid as no:
            self.add_error("password", str(no))
        if new and again and new != again:
            self.add_error("repeated", _("This is not the same as the new password."))


class PasswordForm(NewPasswordForm):
    """Whoever changes his own password shows that he knows the present one."""

    current_password = forms.CharField(
        label=_("Current password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("current_password", "password", "repeated")


class ForgotForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("The address that you sign in with."),
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True, "spellcheck": "false"}),
    )


class BeginForm(NewPasswordForm):
    """Whoever was invited says how he is called and in which language, and chooses a password."""

    full_name = forms.CharField(
        label=_("Full name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    language = forms.ChoiceField(label=_("Language"), choices=Language)
    field_order = ("full_name", "language", "password", "repeated")

    def clean_full_name(self) -> str:
        return " ".join(self.cleaned_data["full_name"].split())


class AddressForm(forms.Form):
    email = forms.EmailField(
        label=_("New e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True, "spellcheck": "false"}),
    )


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is for, for example “Backup script on srv-04”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), choices=Scope, widget=forms.CheckboxSelectMultiple, initial=[Scope.READ]
    )
    days = forms.IntegerField(
        label=_("Valid for, in days"),
        min_value=1,
        max_value=365,
        initial=90,
        help_text=_("At most 365. Expired keys stop working by themselves."),
    )

    def __init__(self, *args: Any, owner: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if owner is not None and not owner.is_admin:
            # A scope only narrows what the role allows: offering this one would promise too much.
            self.fields["scopes"].choices = [  # type: ignore[attr-defined]
                (value, label) for value, label in Scope.choices if value != Scope.ADMIN
            ]

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class ReplaceKeyForm(forms.Form):
    overlap = forms.ChoiceField(
        label=_("The old key stops working"),
        choices=[("0", _("at once")), ("24", _("in a day")), ("168", _("in a week"))],
        initial="24",
        required=False,
    )

    def clean_overlap(self) -> timedelta:
        hours = self.cleaned_data["overlap"]
        return timedelta(hours=int(hours)) if hours else USUAL_OVERLAP


def zone_choices(present: str = "") -> list[tuple[str, Any]]:
    """Every zone people live in, and the present one should it be another."""
    zones = time_zones(timezone.localdate().isoformat())
    known = {name for _region, cities in zones for name, _city in cities}
    return [*([(present, present)] if present and present not in known else []), *zones]


@lru_cache(maxsize=4)
def time_zones(day: str) -> Zones:
    """Choices of a select, by part of the world; a city comes first, so that typing its name finds it."""
    groups: dict[str, list[tuple[str, str]]] = {region: [] for region in REGIONS}
    for name in sorted(zoneinfo.available_timezones()):
        region, _slash, city = name.partition("/")
        if city and region in groups:
            # "America/Argentina/Buenos_Aires": the city, and the land where it says one.
            *land, town = city.replace("_", " ").split("/")
            place = f"{town}, {land[0]}" if land else town
            noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(name))
            groups[region].append((name, f"{place} ({from_utc(noon)})"))
    ordered = {region: sorted(cities, key=lambda city: city[1]) for region, cities in groups.items()}
    return [("UTC", [("UTC", "UTC")]), *ordered.items()]
