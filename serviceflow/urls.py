"""Every address of the desk."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

import accounts.api
import accounts.providers.api
import accounts.views
import notifications.api
import tickets.api
from accounts.rest.calls import Nowhere, routes
from serviceflow import health, probes, schema

handler400 = "serviceflow.errors.bad_request"
handler403 = "serviceflow.errors.permission_denied"
handler404 = "serviceflow.errors.page_not_found"
handler500 = "serviceflow.errors.server_error"

API = [
    *tickets.api.urlpatterns,
    *accounts.api.urlpatterns,
    *accounts.providers.api.urlpatterns,
    *notifications.api.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("health/jobs", health.jobs, name="jobs"),
    path("metrics", probes.metrics, name="metrics"),
    path("api/v1/", include((API, "api"))),
    *routes("api/schema", schema.Schema.as_view(), "schema"),
    *routes("api/docs", schema.Docs.as_view(), "docs"),
    *tickets.api.older_urlpatterns,
    # After all that there is: whoever calls is told in his language that this is nothing.
    path("api/<path:rest>", Nowhere.as_view()),
    path("requests/<path:rest>", Nowhere.as_view()),
    path("account/", include("accounts.urls")),
    # What allauth calls two of these pages.
    path("account/sign-in/", accounts.views.sign_in, name="account_login"),
    path("account/confirm/", accounts.views.confirm, name="account_reauthenticate"),
    path("admin/", admin.site.urls),
    path("", include("notifications.urls")),
    path("", include("tickets.urls")),
]
