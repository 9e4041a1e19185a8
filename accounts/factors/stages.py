"""What stands between the first proof of a sign-in and the session."""

from allauth.account.stages import LoginStage
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from accounts.factors import required as second_factor
from accounts.models import User

# In the state of a sign-in that began with a passkey: that is both factors at once.
BY_PASSKEY = "by_passkey"


class SecondFactor(AuthenticateStage):  # type: ignore[misc]
    """Whoever has a second factor shows it, whichever way he came and whether or not his role asks for it."""

    urlname = "accounts:show_factor"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        if self.login.state.get(BY_PASSKEY):
            return None, True
        second_factor.forget(self.request)
        if not self._should_handle(self.request):
            return None, True
        # What the first proof was good for: it is not any more once his password or his factors have changed.
        self.state["as_of"] = self.login.user.get_session_auth_hash()
        return redirect(self.urlname), True


def waiting(request: HttpRequest) -> tuple[LoginStage, User] | None:
    """The sign-in that waits for a factor in this browser, and whose; None where there is none, or none any more."""
    from allauth.account.stages import LoginStageController

    stage = LoginStageController.enter(request, SecondFactor.key)
    if stage is None:
        return None
    user = User.objects.active().filter(pk=stage.login.user.pk).first()
    if user is None or not constant_time_compare(stage.state.get("as_of", ""), user.get_session_auth_hash()):
        stage.abort()
        return None
    return stage, user
