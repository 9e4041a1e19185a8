"""The door of programs to tickets."""

from django.urls import URLPattern

from accounts.rest.calls import routes
from tickets.api import bulk, catalogue, conversation, files, mails, tickets, verbs

urlpatterns: list[URLPattern] = [
    *routes("tickets", tickets.Tickets.as_view(), "tickets"),
    *routes("tickets/bulk", bulk.Bulk.as_view(), "bulk"),
    *routes("tickets/claim-next", verbs.ClaimNext.as_view(), "claim_next"),
    *routes("tickets/<str:ticket>", tickets.OneTicket.as_view(), "ticket"),
    *routes("tickets/<str:ticket>/status", verbs.ChangeStatus.as_view(), "status"),
    *routes("tickets/<str:ticket>/claim", verbs.Claim.as_view(), "claim"),
    *routes("tickets/<str:ticket>/hand-over", verbs.HandOver.as_view(), "hand_over"),
    *routes("tickets/<str:ticket>/reopen", verbs.Reopen.as_view(), "reopen"),
    *routes("tickets/<str:ticket>/cancel", verbs.Cancel.as_view(), "cancel"),
    *routes("tickets/<str:ticket>/history", conversation.History.as_view(), "history"),
    *routes("tickets/<str:ticket>/comments", conversation.Comments.as_view(), "comments"),
    *routes("tickets/<str:ticket>/attachments", files.Attachments.as_view(), "attachments"),
    *routes("attachments/<uuid:attachment>/content", files.AttachmentContent.as_view(), "attachment_content"),
    *routes("tickets/<str:ticket>/watchers", conversation.Watchers.as_view(), "watchers"),
    *routes("tickets/<str:ticket>/watchers/<str:user>", conversation.OneWatcher.as_view(), "watcher"),
    *routes("tickets/<str:ticket>/mails", mails.Mails.as_view(), "mails"),
    *routes("tickets/<str:ticket>/mails/<uuid:mail>/release", mails.ReleaseMail.as_view(), "release_mail"),
    *routes("tickets/<str:ticket>/mails/<uuid:mail>/refuse", mails.RefuseMail.as_view(), "refuse_mail"),
    *routes(
        "tickets/<str:ticket>/mails/<uuid:mail>/confirm", mails.ConfirmSender.as_view(), "confirm_sender"
    ),
    *routes("services", catalogue.Services.as_view(), "services"),
    *routes("teams", catalogue.Teams.as_view(), "teams"),
    *routes("tags", catalogue.Tags.as_view(), "tags"),
]

# Addresses that older integrations call; left out of the schema.
older_urlpatterns: list[URLPattern] = [
    *routes("requests", tickets.OlderTickets.as_view(), "older_tickets"),
    *routes("requests/<str:ticket>/status", verbs.OlderChangeStatus.as_view(), "older_status"),
]
