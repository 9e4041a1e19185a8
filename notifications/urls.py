"""The addresses of the pages about one's own notices."""

from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/read/", views.read_all, name="read_all"),
    path("account/notifications/", views.preferences, name="preferences"),
]
