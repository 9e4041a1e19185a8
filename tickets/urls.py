"""The addresses of the desk's pages. Every verb of a ticket is a POST below the ticket's own address."""

from django.urls import path, re_path

from tickets.views import bulk, files, portal, queue, ticket

app_name = "tickets"

urlpatterns = [
    path("", portal.start, name="start"),
    path("queue/", queue.queue, name="queue"),
    path("queue/next/", queue.next_one, name="next_one"),
    path("queue/bulk/", bulk.bulk, name="bulk"),
    path("attachments/<uuid:file>/", files.file, name="file"),
    re_path(r"^attachments/(?P<file>[0-9a-f-]{36})/(?P<size>small|large)/$", files.picture, name="picture"),
    path("tickets/new/", portal.new, name="new"),
    path("tickets/<str:reference>/", ticket.detail, name="detail"),
    path("tickets/<str:reference>/history/", ticket.history, name="history"),
    path("tickets/<str:reference>/claim/", ticket.claim, name="claim"),
    path("tickets/<str:reference>/assign/", ticket.assign, name="assign"),
    path("tickets/<str:reference>/hand-over/", ticket.hand_over, name="hand_over"),
    path("tickets/<str:reference>/status/", ticket.status, name="status"),
    path("tickets/<str:reference>/cancel/", ticket.cancel, name="cancel"),
    path("tickets/<str:reference>/reopen/", ticket.reopen, name="reopen"),
    path("tickets/<str:reference>/edit/", ticket.edit, name="edit"),
    path("tickets/<str:reference>/properties/", ticket.properties, name="properties"),
    path("tickets/<str:reference>/comment/", ticket.comment, name="comment"),
    path("tickets/<str:reference>/watch/", ticket.watch, name="watch"),
    path("tickets/<str:reference>/unwatch/", ticket.unwatch, name="unwatch"),
    path("tickets/<str:reference>/mail/<uuid:mail>/", ticket.mail, name="mail"),
    path("tickets/<str:reference>/mail/release/", ticket.release_mail, name="release_mail"),
    path("tickets/<str:reference>/mail/accept/", ticket.accept_sender, name="accept_sender"),
    path("tickets/<str:reference>/mail/refuse/", ticket.refuse_mail, name="refuse_mail"),
    path("tickets/<str:reference>/delete/", ticket.delete, name="delete"),
]
