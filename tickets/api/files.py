"""Files on a ticket."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.rest import lists
from accounts.rest.calls import Call, answer
from accounts.rest.operations import PAGING, operation, page_example, page_of
from tickets import actions, reads, serving
from tickets.api._call import EXAMPLE, TICKET_IN_PATH, TICKETS, UploadCall
from tickets.models import Attachment
from tickets.serializers import AttachmentShape, AttachmentsShape, FilesFormInput, file_out

FILE = {
    "id": "0198f1a2-c41d-7b60-8d20-5e0f6a7b8c9d",
    "name": "screenshot.png",
    "content_type": "image/png",
    "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "internal": False,
    "state": "CLEAN",
    "uploader": EXAMPLE["author"],
    "comment": None,
    "created_at": "2026-03-02T08:18:00Z",
}


def _out(file: Attachment) -> dict[str, Any]:
    return file_out(file, uploader=file.uploader, comment=file.comment)


class Attachments(UploadCall):
    parameters = {"GET": lists.PARAMETERS}
    needs_files = True

    @operation(
        "listAttachments",
        "List the files of a ticket, oldest first; internal ones for agents only",
        gives=page_of(AttachmentShape, "AttachmentPage"),
        finds=True,
        parameters=[TICKET_IN_PATH, *PAGING],
        received=page_example(FILE),
        tags=TICKETS,
    )
    def get(self, request: Request, ticket: str) -> HttpResponse:
        files = Attachment.objects.filter(ticket=self.found(ticket)).readable_by(self.by.person)
        told = files.select_related("uploader", "comment").defer("comment__search")
        return lists.listed(request, told, order=("seq", "public_id"), show=_out)

    @operation(
        "attachFiles",
        "Put files on a ticket, for everyone who sees it or for its agents only",
        uploads=FilesFormInput,
        gives=AttachmentsShape,
        status=201,
        changes=True,
        resends=True,
        finds=True,
        parameters=[TICKET_IN_PATH],
        sent={"file": ["(the bytes of screenshot.png)"], "internal": False},
        received={"results": [FILE]},
        tags=TICKETS,
    )
    def post(self, request: Request, ticket: str) -> HttpResponse:
        found = self.to_change(ticket)
        internal = self.input(FilesFormInput)["internal"]
        files = actions.attach(found, files=self.arrived, internal=internal, by=self.by)
        return answer({"results": [_out(file) for file in files]}, 201)


class AttachmentContent(Call):
    @operation(
        "getAttachmentContent",
        "Take away a file; 409 while it is being checked, and for good if it was found harmful",
        gives=OpenApiTypes.BINARY,
        as_kind="application/octet-stream",
        finds=True,
        refuses=[409],
        parameters=[OpenApiParameter("attachment", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        received="(the bytes)",
        tags=TICKETS,
    )
    def get(self, request: Request, attachment: UUID) -> HttpResponseBase:
        file = reads.find_file(attachment, reader=self.by.person)
        return serving.content(file, by=self.by, audited=request.method == "GET")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        return response
