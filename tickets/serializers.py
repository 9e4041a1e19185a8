"""Tickets, comments and events as the API takes and gives them."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.acting import Invalid
from accounts.models import Team, User
from accounts.rest.inputs import (
    Choice,
    Flag,
    Moment,
    Named,
    Person,
    PublicId,
    Record,
    Several,
    Shape,
    Text,
    TextList,
)
from accounts.serializers import PersonShape, TeamShape, moment_out, person_out, team_out
from audit.models import Door, Event
from tickets.actions.content import check_due
from tickets.models import Attachment, Comment, InboundMail, Priority, Service, Tag, Ticket
from tickets.models.files import FileState
from tickets.models.ticket import LONGEST_TEXT, Status, WaitingFor
from tickets.permissions import TABLE, allowed_verbs, statuses_by

# --- What goes out: plain functions, since a list makes fifty of them in every answer --------------


def ticket_out(ticket: Ticket, viewer: User) -> dict[str, Any]:
    """A ticket as this person sees it; bring `with_people` and `noting_watch_of(viewer)` along."""
    verbs = allowed_verbs(viewer, ticket)
    return ticket_facts(ticket) | {"allowed": {"verbs": verbs, "statuses": statuses_by(verbs, ticket)}}


def ticket_facts(ticket: Ticket) -> dict[str, Any]:
    """What is the same for everybody who may see the ticket; bring `with_people` along."""
    return {
        "id": str(ticket.public_id),
        "number": ticket.reference,
        "title": ticket.title,
        "description": ticket.description,
        "status": ticket.status,
        "waiting_for": ticket.waiting_for or None,
        "priority": ticket.priority,
        "service": {"id": str(ticket.service.public_id), "name": ticket.service.name}
        if ticket.service
        else None,
        "team": team_out(ticket.team) if ticket.team else None,
        "requester": person_out(ticket.requester),
        "author": person_out(ticket.author),
        "assignee": person_out(ticket.assignee) if ticket.assignee else None,
        "tags": ticket.tags,
        "source": ticket.source.upper(),
        "due_at": moment_out(ticket.due_at),
        "created_at": moment_out(ticket.created_at),
        "updated_at": moment_out(ticket.updated_at),
        "first_responded_at": moment_out(ticket.first_responded_at),
        "resolved_at": moment_out(ticket.resolved_at),
        "closed_at": moment_out(ticket.closed_at),
        "version": ticket.version,
    }


def names_in(ticket: Ticket) -> list[object]:
    """What `ticket_out` shows of others, who may be called something else without a new version of the ticket."""
    people = [person for person in (ticket.requester, ticket.author, ticket.assignee) if person]
    return [
        ticket.service and ticket.service.name,
        ticket.team and ticket.team.name,
        *((person.full_name, person.email) for person in people),
    ]


def comment_out(comment: Comment) -> dict[str, Any]:
    """`seq` is the ticket's version since this comment. Bring `attachments` along."""
    return {
        "id": str(comment.public_id),
        "body": comment.shown,
        "internal": comment.internal,
        "author": person_out(comment.author),
        "unverified_sender": comment.claimed_by or None,
        "source": comment.source.upper(),
        "created_at": moment_out(comment.created_at),
        "seq": comment.seq,
        "attachments": [
            file_out(file, uploader=comment.author, comment=comment) for file in comment.attachments.all()
        ],
    }


def file_out(file: Attachment, *, uploader: User, comment: Comment | None) -> dict[str, Any]:
    """Who has sent it is who says something with it."""
    return {
        "id": str(file.public_id),
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "sha256": file.sha256,
        "internal": file.internal,
        "state": file.state.upper(),
        "uploader": person_out(uploader),
        "comment": str(comment.public_id) if comment else None,
        "created_at": moment_out(file.created_at),
    }


def mail_out(mail: InboundMail) -> dict[str, Any]:
    return {
        "id": str(mail.public_id),
        "outcome": mail.outcome.upper(),
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "subject": mail.subject,
        "text": mail.text,
        "files": mail.files,
        "internal": mail.of_note,
        "reason": mail.reason,
        "received_at": moment_out(mail.fetched_at),
    }


def event_out(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": moment_out(event.at),
        "actor": {"id": str(event.actor_id) if event.actor_id else None, "name": event.actor_name},
        "door": event.door.upper(),
        "verb": event.verb,
        "changes": event.changes,
        "comment": event.comment,
        "request_id": event.request_id,
    }


def service_out(service: Service) -> dict[str, Any]:
    return {
        "id": str(service.public_id),
        "name": service.name,
        "name_en": service.name_en,
        "name_ru": service.name_ru,
        "description": service.description,
        "team": team_out(service.team),
        "confidential": service.confidential,
    }


def tag_out(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name}


# --- The same, declared for the schema ------------------------------------------------------------

DOORS = [door.upper() for door in Door.values]
VERBS = list(TABLE)
FILE_STATES = [state.upper() for state in FileState.values]


class ServiceShortShape(serializers.Serializer[Any]):
    """A service, in short; its name in the reader's language."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class AllowedShape(serializers.Serializer[Any]):
    """What the caller may do with the ticket now."""

    verbs = serializers.ListField(child=serializers.ChoiceField(choices=VERBS))
    statuses = serializers.ListField(child=serializers.ChoiceField(choices=Status.choices))


class TicketShape(serializers.Serializer[Any]):
    """A ticket."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=Status.choices)
    waiting_for = serializers.ChoiceField(choices=WaitingFor.choices, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.choices)
    service = ServiceShortShape(allow_null=True)
    team = TeamShape(allow_null=True)
    requester = PersonShape()
    author = PersonShape()
    assignee = PersonShape(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    source = serializers.ChoiceField(choices=DOORS)  # type: ignore[assignment]
    due_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    first_responded_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(help_text="Also the ETag.")
    allowed = AllowedShape()


class AttachmentShape(serializers.Serializer[Any]):
    """A file on a ticket."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    content_type = serializers.CharField(
        help_text="As found by looking; application/octet-stream if in doubt."
    )
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    internal = serializers.BooleanField()
    state = serializers.ChoiceField(choices=FILE_STATES, help_text="Only what is CLEAN is given out.")
    uploader = PersonShape()
    comment = serializers.UUIDField(allow_null=True, help_text="The message it came with, if any.")
    created_at = serializers.DateTimeField()


class AttachmentsShape(serializers.Serializer[Any]):
    """The files of one upload, in their order."""

    results = AttachmentShape(many=True)


class CommentShape(serializers.Serializer[Any]):
    """A message on a ticket."""

    id = serializers.UUIDField()
    body = serializers.CharField()
    internal = serializers.BooleanField()
    author = PersonShape()
    unverified_sender = serializers.CharField(
        allow_null=True, help_text="Who says that they wrote it by mail, where nothing proves it."
    )
    source = serializers.ChoiceField(choices=DOORS)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    seq = serializers.IntegerField(help_text="The ticket's version since.")
    attachments = AttachmentShape(many=True)


class MailFileShape(serializers.Serializer[Any]):
    """A file of a mail, which nobody has checked."""

    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")


class MailShape(serializers.Serializer[Any]):
    """A mail whose sender nothing proves."""

    id = serializers.UUIDField()
    outcome = serializers.ChoiceField(
        choices=["HELD", "TICKET"],
        help_text="HELD: release or refuse it. TICKET: confirm its sender, or not.",
    )
    sender = serializers.CharField(allow_blank=True)
    sender_name = serializers.CharField(allow_blank=True)
    subject = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)
    files = MailFileShape(many=True)
    internal = serializers.BooleanField(help_text="It answers an internal note, and would be one.")
    reason = serializers.CharField(allow_blank=True, help_text="Why nothing is proven, in words.")
    received_at = serializers.DateTimeField()


class ActorShape(serializers.Serializer[Any]):
    """Who did it, by the name of then; no id is the desk itself."""

    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()


class EventShape(serializers.Serializer[Any]):
    """One verb that was done to a ticket."""

    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = ActorShape()
    door = serializers.ChoiceField(choices=DOORS)
    verb = serializers.CharField()
    changes = serializers.DictField(help_text="{field: [old, new]}")
    comment = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(allow_blank=True)


class ServiceShape(ServiceShortShape):
    """An entry of the catalogue."""

    name_en = serializers.CharField()
    name_ru = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    team = TeamShape()
    confidential = serializers.BooleanField()


class TagShape(serializers.Serializer[Any]):
    """A word that tickets are sorted by."""

    name = serializers.CharField()


class OutcomeShape(serializers.Serializer[Any]):
    """What became of one ticket of many; `status` is the answer it would have had alone."""

    id = serializers.UUIDField()
    ok = serializers.BooleanField()
    status = serializers.IntegerField()
    changed = serializers.BooleanField(help_text="False where it was so already.")
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    version = serializers.IntegerField(required=False)


class OutcomesShape(serializers.Serializer[Any]):
    """One result for each ticket, in the order given."""

    dry_run = serializers.BooleanField()
    results = OutcomeShape(many=True)


# --- What comes in --------------------------------------------------------------------------------


def a_service(**more: Any) -> Record:
    return Record(Service.objects.select_related("team"), **more)


def a_team(**more: Any) -> Record:
    return Record(Team.objects.all(), **more)


def a_description(**more: Any) -> Text:
    return Text(max_length=LONGEST_TEXT, allow_blank=True, trim_whitespace=False, **more)


def a_comment(**more: Any) -> Text:
    return Text(max_length=LONGEST_TEXT, allow_blank=True, required=False, **more)


class FormFields(Named):
    """Answers to the fields of the service's form. No service has any yet, so none can be answered."""

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        if given:
            raise serializers.ValidationError(
                _("This service's form has no such fields."), code="unknown_field"
            )
        return given


def _require_due(moment: datetime) -> None:
    """What the verb would say, said by the field that was sent."""
    try:
        check_due(moment)
    except Invalid as no:
        raise serializers.ValidationError(str(no), code=no.code) from None


class DueInput(Shape):
    """Until when. Answers call it `due_at`, and whoever sends back what he has read may call it so, too."""

    due = Moment(required=False, allow_null=True, validators=[_require_due])
    due_at = Moment(
        required=False, allow_null=True, validators=[_require_due], help_text="The same by another name."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "due" in attrs:
            if "due_at" in attrs:
                said = [_("Say due or due_at, not both.")]
                raise serializers.ValidationError({"due": said, "due_at": said}, code="twice")
            attrs["due_at"] = attrs.pop("due")
        return attrs


class TicketInput(DueInput):
    """A ticket to open."""

    elsewhere = {"status": _("A new ticket is NEW; see PATCH /tickets/{id}/status.")}

    title = Text(min_length=3, max_length=255)
    description = a_description(required=False)
    service = a_service(required=False, allow_null=True)
    priority = Choice(choices=Priority.choices, required=False)
    requester = Person(required=False)
    assignee = Person(required=False, allow_null=True)
    team = a_team(required=False, allow_null=True)
    tags = TextList(required=False)
    fields = FormFields(required=False)  # type: ignore[assignment] # the metaclass takes it off the class

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("fields", None)
        return super().validate(attrs)


class TicketChangeInput(DueInput):
    """What of a ticket to change; the rest stays."""

    elsewhere = {
        "status": _("Use PATCH /tickets/{id}/status."),
        "waiting_for": _("Use PATCH /tickets/{id}/status."),
        "assignee": _("Use POST /tickets/{id}/hand-over or /claim."),
        "team": _("Use POST /tickets/{id}/hand-over."),
    }

    title = Text(min_length=3, max_length=255, required=False)
    description = a_description(required=False)
    priority = Choice(choices=Priority.choices, required=False)
    service = a_service(required=False, allow_null=True)
    tags = TextList(required=False)


class StatusInput(Shape):
    """Where the ticket is to go. `waiting_for` goes with WAITING only; cancelling needs a comment, the reason."""

    status = Choice(choices=Status.choices)
    assignee = Person(required=False, allow_null=True)
    waiting_for = Choice(choices=WaitingFor.choices, required=False, allow_null=True)
    comment = a_comment()


class HandOverInput(Shape):
    """To whom, or into which team's queue. The comment is an internal note."""

    assignee = Person(required=False, allow_null=True)
    team = a_team(required=False, allow_null=True)
    comment = a_comment()


class ReopenInput(Shape):
    """Why, said to everyone who sees the ticket."""

    comment = a_comment()


class CancelInput(Shape):
    """Why; staff must say so."""

    reason = a_comment()
    comment = a_comment(help_text="The same by another name.")


class DeletionInput(Shape):
    """Why; also taken as the query parameter `reason`."""

    reason = Text(max_length=2_000, required=False, allow_blank=True)


class CommentInput(Shape):
    """What to say."""

    body = Text(max_length=LONGEST_TEXT)
    internal = Flag(default=False, help_text="A note that only the desk's agents read.")
    attachments = Several(
        child=PublicId(),
        required=False,
        max_length=10,
        help_text="Files that the caller has put on this ticket before and not used yet.",
    )


class ReleaseInput(Shape):
    """Which of the mail's files come along, by their places in `files`, from 0. Its text always does."""

    files = Several(
        child=serializers.IntegerField(min_value=0, max_value=settings.MOST_FILES - 1),
        default=list,
        max_length=settings.MOST_FILES,
    )


class CommentFormInput(CommentInput):
    """What to say, with files."""

    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), required=False, max_length=10
    )


class FilesFormInput(Shape):
    """Files to put on a ticket: `file` comes once for each, up to 10 of 20 MB each."""

    file = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), min_length=1, max_length=10
    )
    internal = Flag(default=False, help_text="For the desk's agents only.")


class BulkInput(Shape):
    """One verb for many tickets."""

    ids = Several(child=PublicId(), allow_empty=False, max_length=500)
    verb = Text(max_length=40)
    arguments = Named(required=False)
    dry_run = Flag(default=False, help_text="Only say what would become of each.")


class BulkAssignInput(Shape):
    assignee = Person()


class BulkPriorityInput(Shape):
    priority = Choice(choices=Priority.choices)


class BulkTagsInput(Shape):
    tags = TextList()


class BulkServiceInput(Shape):
    service = a_service(allow_null=True)


class BulkDueInput(DueInput):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.keys() & {"due", "due_at"}:
            raise serializers.ValidationError({"due": [self.fields["due"].error_messages["required"]]})
        return super().validate(attrs)


class BulkMoveInput(Shape):
    waiting_for = Choice(choices=WaitingFor.choices, required=False)
    comment = a_comment()


class BulkStatusInput(BulkMoveInput):
    status = Choice(choices=Status.choices)
