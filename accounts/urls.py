"""The addresses of the pages about oneself."""

from django.urls import path

from accounts import second_factor_views, views, views_by_mail, views_of_sessions, ways_in

app_name = "accounts"

urlpatterns = [
    path("", views.profile, name="profile"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("sign-out-everywhere/", views.sign_out_everywhere, name="sign_out_everywhere"),
    path("with/<slug:provider>/", ways_in.leave, name="leave_for"),
    path("with/<slug:provider>/callback/", ways_in.come_back, name="come_back"),
    path("with/<slug:provider>/disconnect/", ways_in.disconnect, name="disconnect"),
    path("confirm/", views.confirm, name="confirm"),
    path("password/", views.change_password, name="change_password"),
    path("second-factor/", second_factor_views.second_factors, name="second_factors"),
    path("second-factor/app/", second_factor_views.add_app, name="add_app"),
    path("second-factor/passkey/", second_factor_views.add_passkey, name="add_passkey"),
    path("second-factor/passkey/ask/", second_factor_views.ask_passkey, name="ask_passkey"),
    path("second-factor/codes/", second_factor_views.renew_codes, name="renew_codes"),
    path("second-factor/<slug:which>/remove/", second_factor_views.remove_factor, name="remove_factor"),
    path("sign-in/second-factor/", second_factor_views.show_factor, name="show_factor"),
    path("sign-in/passkey/", second_factor_views.sign_in_by_passkey, name="sign_in_by_passkey"),
    path("forgot/", views_by_mail.forgot, name="forgot"),
    path("forgot/sent/", views_by_mail.forgot_sent, name="forgot_sent"),
    path("link/<str:token>/", views_by_mail.arrive, name="arrive"),
    path("invitation/", views_by_mail.invitation, name="invitation"),
    path("new-password/", views_by_mail.new_password, name="new_password"),
    path("email/", views_by_mail.email, name="email"),
    path("email/confirm/", views_by_mail.confirm_email, name="confirm_email"),
    path("email/stop/", views_by_mail.stop_email, name="stop_email"),
    path("sessions/", views_of_sessions.sessions, name="sessions"),
    path("sessions/<slug:name>/end/", views_of_sessions.end_session, name="end_session"),
    path("sessions/end-others/", views_of_sessions.end_other_sessions, name="end_other_sessions"),
    path("keys/", views.api_keys, name="api_keys"),
    path("keys/<uuid:public_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("keys/<uuid:public_id>/rotate/", views.rotate_key, name="rotate_key"),
    path("theme/", views.choose_theme, name="choose_theme"),
    path("language/", views.choose_language, name="choose_language"),
]
