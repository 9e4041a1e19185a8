"""The addresses of the pages about oneself."""

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.profile, name="profile"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("confirm/", views.confirm, name="confirm"),
    path("password/", views.change_password, name="change_password"),
    path("keys/", views.api_keys, name="api_keys"),
    path("keys/<uuid:public_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("keys/<uuid:public_id>/rotate/", views.rotate_key, name="rotate_key"),
    path("theme/", views.choose_theme, name="choose_theme"),
    path("language/", views.choose_language, name="choose_language"),
]
