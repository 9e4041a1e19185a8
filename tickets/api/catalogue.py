"""What a client needs to fill a form: services, teams, tags."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Team
from accounts.rest import lists
from accounts.rest.calls import Call
from accounts.rest.operations import PAGING, operation, page_example, page_of
from accounts.serializers import TeamShape, team_out
from tickets import reads
from tickets.api._call import EXAMPLE
from tickets.models import Service
from tickets.serializers import ServiceShape, TagShape, service_out, tag_out

CATALOGUE = ("Catalogue",)


class Services(Call):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listServices",
        "List the services on offer",
        gives=page_of(ServiceShape, "ServicePage"),
        parameters=PAGING,
        received=page_example(
            EXAMPLE["service"]
            | {
                "name_en": "VPN access",
                "name_ru": "Доступ по VPN",
                "description": "Work from anywhere.",
                "team": EXAMPLE["team"],
                "confidential": False,
            }
        ),
        tags=CATALOGUE,
    )
    def get(self, request: Request) -> HttpResponse:
        services = Service.objects.filter(is_active=True).select_related("team")
        return lists.listed(request, services, order=("name_en", "public_id"), show=service_out)


class Teams(Call):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listTeams",
        "List the teams in use",
        gives=page_of(TeamShape, "TeamPage"),
        parameters=PAGING,
        received=page_example(EXAMPLE["team"]),
        tags=CATALOGUE,
    )
    def get(self, request: Request) -> HttpResponse:
        return lists.listed(
            request, Team.objects.filter(is_active=True), order=("name", "public_id"), show=team_out
        )


class Tags(Call):
    parameters = {"GET": lists.PARAMETERS}

    @operation(
        "listTags",
        "List the tags of the tickets one may see",
        gives=page_of(TagShape, "TagPage"),
        parameters=PAGING,
        received=page_example({"name": "vpn"}),
        tags=CATALOGUE,
    )
    def get(self, request: Request) -> HttpResponse:
        return lists.listed(request, reads.tags(self.by.person), order=("name",), show=tag_out)
