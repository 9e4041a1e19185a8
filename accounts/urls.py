"""The addresses of the pages about oneself."""

from django.urls import path

from accounts import views, views_of_sessions
from accounts.factors import views as factor_views
from accounts.links import views as link_views
from accounts.providers import views as provider_views

app_name = "accounts"

urlpatterns = [
    path("", views.profile, name="profile"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("sign-out-everywhere/", views.sign_out_everywhere, name="sign_out_everywhere"),
    path("with/<slug:provider>/", provider_views.leave, name="leave_for"),
    path("with/<slug:provider>/callback/", provider_views.come_back, name="come_back"),
    path("with/<slug:provider>/disconnect/", provider_views.disconnect, name="disconnect"),
    path("confirm/", views.confirm, name="confirm"),
    path("password/", views.change_password, name="change_password"),
    path("second-factor/", factor_views.second_factors, name="second_factors"),
    path("second-factor/app/", factor_views.add_app, name="add_app"),
    path("second-factor/passkey/", factor_views.add_passkey, name="add_passkey"),
    path("second-factor/passkey/ask/", factor_views.ask_passkey, name="ask_passkey"),
    path("second-factor/codes/", factor_views.renew_codes, name="renew_codes"),
    path("second-factor/<slug:which>/remove/", factor_views.remove_factor, name="remove_factor"),
    path("sign-in/second-factor/", factor_views.show_factor, name="show_factor"),
    path("sign-in/passkey/", factor_views.sign_in_by_passkey, name="sign_in_by_passkey"),
    path("forgot/", link_views.forgot, name="forgot"),
    path("forgot/sent/", link_views.forgot_sent, name="forgot_sent"),
    path("link/<str:token>/", link_views.arrive, name="arrive"),
    path("invitation/", link_views.invitation, name="invitation"),
    path("new-password/", link_views.new_password, name="new_password"),
    path("email/", link_views.email, name="email"),
    path("email/confirm/", link_views.confirm_email, name="confirm_email"),
    path("email/stop/", link_views.stop_email, name="stop_email"),
    path("sessions/", views_of_sessions.sessions, name="sessions"),
    path("sessions/<slug:name>/end/", views_of_sessions.end_session, name="end_session"),
    path("sessions/end-others/", views_of_sessions.end_other_sessions, name="end_other_sessions"),
    path("keys/", views.api_keys, name="api_keys"),
    path("keys/<uuid:public_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("keys/<uuid:public_id>/rotate/", views.rotate_key, name="rotate_key"),
    path("theme/", views.choose_theme, name="choose_theme"),
    path("language/", views.choose_language, name="choose_language"),
]
