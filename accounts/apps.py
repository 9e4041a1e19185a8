"""The accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

USER_VERBS = {
    "bootstrapped": _("First administrator made"),
    "created": _("Person added"),
    "profile_changed": _("Profile changed"),
    "email_changed": _("E-mail address changed"),
    "password_changed": _("Password changed"),
    "role_changed": _("Role changed"),
    "teams_changed": _("Teams changed"),
    "activated": _("Person let in again"),
    "deactivated": _("Person deactivated"),
    "signed_in": _("Signed in"),
    "signed_out": _("Signed out"),
    "sign_in_refused": _("Sign-in refused"),
    "denied": _("Access denied"),
    "factor_added": _("Second factor added"),
    "factor_removed": _("Second factor removed"),
    "factors_reset": _("Second factors reset"),
    "factor_shown": _("Second factor shown"),
    "factor_refused": _("Second factor refused"),
    "recovery_codes_made": _("Recovery codes made"),
    "recovery_code_used": _("Recovery code used"),
    "session_ended": _("Signed out in one place"),
    "sessions_ended": _("Signed out in all other places"),
    "invited": _("Invitation sent"),
    "invitation_accepted": _("Invitation accepted"),
    "reset_asked": _("New password asked for"),
    "reset_refused": _("New password refused"),
    "password_reset": _("Forgotten password replaced"),
    "email_change_asked": _("Change of e-mail address asked for"),
    "email_change_stopped": _("Change of e-mail address stopped"),
    "signed_out_everywhere": _("Signed out everywhere"),
    "identity_linked": _("Account of a provider connected"),
    "identity_unlinked": _("Account of a provider disconnected"),
}
USER_FIELDS = {
    "teams": _("teams"),
    "factors": _("second factors"),
    "recovery_codes": _("recovery codes left"),
    "identities": _("accounts at providers"),
}
TEAM_VERBS = {"created": _("Team added"), "changed": _("Team changed")}
KEY_VERBS = {
    "issued": _("API key issued"),
    "replaced": _("API key replaced"),
    "revoked": _("API key revoked"),
    "refused": _("API key refused"),
}
# What people do to themselves every day.
EVERYDAY = {"profile_changed"}


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from accounts import present, reasons
        from accounts.models import ApiKey, Team, User
        from audit import trail, words

        trail.TOLD.update(user=present.users, team=present.teams, api_key=present.keys)
        words.teach(
            "user",
            User,
            verbs=USER_VERBS,
            fields=USER_FIELDS,
            security=USER_VERBS.keys() - EVERYDAY,
            comments={"sign_in_refused": reasons.in_words},
        )
        words.teach("team", Team, verbs=TEAM_VERBS)
        words.teach("api_key", ApiKey, verbs=KEY_VERBS, fields={"owner": _("owner")}, security=KEY_VERBS)
