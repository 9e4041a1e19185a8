"""Every address of the desk."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

handler400 = "serviceflow.errors.bad_request"
handler403 = "serviceflow.errors.permission_denied"
handler404 = "serviceflow.errors.page_not_found"
handler500 = "serviceflow.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("", include("tickets.urls")),
]
