"""Django admin as the desk has it: for administrators, and with the desk's own words."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class DeskAdminConfig(AdminConfig):
    default_site = "serviceflow.admin.DeskAdmin"


class DeskAdmin(AdminSite):
    site_header = _("ServiceFlow administration")
    site_title = "ServiceFlow"
    index_title = _("Configuration")
    enable_nav_sidebar = True
